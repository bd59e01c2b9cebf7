"""Events and queues for tests, and consumers that note what they were called with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ecl_logging.events.consumers import Consumer, ConsumerHub
from ecl_logging.events.engines.base import Engine
from ecl_logging.events.envelope import encode, new_event
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores.queueing import EventBatch, Published

__all__ = ["Noted", "an_event", "hub_of", "publish", "publish_bodies", "ran_until"]


def an_event(number: int = 0, *, channel: str = "shop.sold", cls_type: str = "sale") -> Any:
    return new_event({"cls_type": cls_type, "number": number}, channel)


def publish(queue: Queue, topic: str, events: Iterable[Any]) -> None:
    """Have events in a queue, as a program puts them there."""
    listed = [Published(e["header"]["id"], e["header"]["channel"], encode(e)) for e in events]
    _put(queue, topic, listed)


def publish_bodies(queue: Queue, topic: str, *bodies: str) -> None:
    """Have anything in a queue, as foreign programs put it there."""
    _put(queue, topic, [Published(f"LG{n}", "foreign", body) for n, body in enumerate(bodies)])


def _put(queue: Queue, topic: str, listed: list[Published]) -> None:
    source = os.urandom(16).hex()
    for number, at in enumerate(range(0, len(listed), 200), 1):
        some = tuple(listed[at : at + 200])
        queue.publish(EventBatch(source, number, at + len(some), topic, some, token="aa"))


class Noted:
    """A consumer's function: notes events, and fails as it is told to."""

    def __init__(self, fail: Callable[[dict[str, Any]], bool] = lambda event: False) -> None:
        self.events: list[dict[str, Any]] = []
        self._fail = fail

    def __call__(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if self._fail(event):
            raise ValueError(f"no number {event['payload']['number']}")

    @property
    def numbers(self) -> list[int]:
        return [event["payload"]["number"] for event in self.events]

    @property
    def deliveries(self) -> list[int]:
        return [event["header"]["deliveries"] for event in self.events]


def hub_of(*functions: Callable[..., Any], topic: str = "sales", **wanted: Any) -> ConsumerHub:
    hub = ConsumerHub()
    for function in functions:
        name = getattr(function, "__name__", type(function).__name__)
        hub.add_consumer(Consumer(function, topic, name=name, **wanted))
    return hub


def ran_until(engine: Engine, is_enough: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Run an engine in a thread until there is enough; then it is stopped, and has ended."""
    thread = threading.Thread(target=engine.run)
    thread.start()
    give_up = time.monotonic() + seconds
    try:
        while not is_enough() and time.monotonic() < give_up and thread.is_alive():
            time.sleep(0.01)
        assert is_enough()
    finally:
        engine.stop()
        thread.join(seconds)
    assert not thread.is_alive()
