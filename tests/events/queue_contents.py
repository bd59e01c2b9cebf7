"""What is in a queue, as a consumer finds it; and a queue that goes wrong as a test says."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ecl_logging.errors import StoreUnavailable
from ecl_logging.events.envelope import parse
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import EventBatch

__all__ = ["FlakyQueue", "bodies_in", "events_in"]


def bodies_in(queue: object, topic: str = "events") -> list[bytes]:
    """The bodies of all messages of a topic in their order, which are acknowledged with that."""
    opened = open_queue(queue)
    found: list[bytes] = []
    with contextlib.ExitStack() as stack:
        if opened is not queue:
            stack.callback(opened.close)
        while messages := opened.receive(topic, 500, seconds=60, wait=0):
            found += [message.body for message in messages]
            opened.ack(messages)
    return found


def events_in(queue: object, topic: str = "events") -> list[dict[str, Any]]:
    return [parse(body) for body in bodies_in(queue, topic)]


class FlakyQueue:
    """A queue whose connection fails; each batch that came is in `batches`."""

    empty_after = 0.0
    most_in_batch = 500

    def __init__(self, queue: Queue | None = None) -> None:
        self.inner: Any = open_queue("memory://") if queue is None else queue
        self.is_away = False
        self.lose_replies = 0  # of the next batches: they are taken in, but nobody is told
        self.refuse: set[str] = set()  # IDs of events that it can never take
        self.seconds = 0.0  # that a batch takes
        self.batches: list[EventBatch] = []
        self.touched = 0

    @property
    def shown(self) -> str:
        return "flaky://"

    def forget(self) -> None:
        """Be as if nothing had come."""
        bodies_in(self.inner)
        self.batches.clear()

    def publish(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        self.touched += 1
        time.sleep(self.seconds)
        if self.is_away:
            raise StoreUnavailable("flaky://: Connection refused")
        self.batches.append(batch)
        receipt = self.inner.publish(batch, timeout=timeout)
        if self.lose_replies:
            self.lose_replies -= 1
            raise StoreUnavailable("flaky://: Connection reset")
        if self.refuse:
            bad = tuple(event.id for event in batch.events if event.id in self.refuse)
            receipt = Receipt(
                receipt.status, receipt.number, receipt.total, token=receipt.token, bad=bad
            )
        return receipt

    def advice(self, *, timeout: float = 5.0) -> str | None:
        self.touched += 1
        return None

    def close(self) -> None:
        self.inner.close()

    def after_fork(self) -> None:
        self.inner.after_fork()


def _passed_on(name: str) -> Any:
    return lambda self, *args, **named: getattr(self.inner, name)(*args, **named)


for _name in (
    *("receive", "ack", "put_back", "extend", "bury"),
    *("dead_letters", "replay", "drop", "backlog"),
):
    # By name and not by __getattr__: a queue is told by what its class has.
    setattr(FlakyQueue, _name, _passed_on(_name))
