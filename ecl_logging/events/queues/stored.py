"""StoredQueue: the queue that a store of ours keeps: an SQLite file, Redis Streams, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from ecl_logging.errors import ConfigError
from ecl_logging.stores.queueing import AT_ONCE, QueueKeeper

if TYPE_CHECKING:
    from ecl_logging.stores.keeping import Receipt
    from ecl_logging.stores.protocols import Store
    from ecl_logging.stores.queueing import Backlog, DeadLetter, EventBatch, Message

__all__ = ["StoredQueue"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25  # seconds between two looks while there is nothing


class StoredQueue:
    """See `Queue`. Everything is one atomic step of the store. Thread safe."""

    empty_after = 0.0
    most_in_batch = AT_ONCE

    def __init__(self, store: Store) -> None:
        """Raise ConfigError for a store that keeps no queues."""
        if not isinstance(store, QueueKeeper):
            raise ConfigError(f"queue: {type(store).__name__} keeps counts, and no queues")
        self.store = store
        # Loaded here and not with the first use, which is in a thread: a lock of the import system
        # that a fork finds taken stays taken in the child.
        self._events = store.events

    @property
    def shown(self) -> str:
        return self.store.shown

    def publish(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        return self._events.put(batch, timeout=timeout)

    def receive(self, topic: str, limit: int, *, seconds: float, wait: float) -> list[Message]:
        give_up, pause = time.monotonic() + wait, _FIRST_PAUSE
        while True:
            messages = self._events.claim(topic, min(limit, AT_ONCE), seconds=seconds)
            left = give_up - time.monotonic()
            if messages or left <= 0:
                return messages
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def ack(self, messages: Collection[Message]) -> None:
        for topic, some in _by_topic(messages):
            self._events.ack(topic, some)

    def put_back(
        self, messages: Collection[Message], *, pause: float, counted: bool = True
    ) -> None:
        for topic, some in _by_topic(messages):
            self._events.put_back(topic, some, pause=pause, counted=counted)

    def extend(self, messages: Collection[Message], *, seconds: float) -> None:
        for topic, some in _by_topic(messages):
            self._events.extend(topic, some, seconds=seconds)

    def bury(self, message: Message, reason: str) -> None:
        self._events.bury(message.topic, [message], reason)

    def dead_letters(self, topic: str, limit: int) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        while len(found) < limit:
            after = found[-1].id if found else ""
            some = self._events.dead_letters(topic, min(limit - len(found), AT_ONCE), after=after)
            found += some
            if not some:
                break
        return found

    def replay(self, topic: str) -> int:
        return self._with_dead_letters(topic, self._events.replay)

    def drop(self, topic: str) -> int:
        return self._with_dead_letters(topic, self._events.drop)

    def _with_dead_letters(self, topic: str, do: Callable[[str, list[str]], int]) -> int:
        """Do something with all that are there now: some may come back at once."""
        left, done = self._events.backlog(topic).dead_letters, 0
        while left > 0:
            some = self._events.dead_letters(topic, min(left, AT_ONCE))
            if not some:
                break
            done += do(topic, [one.id for one in some])
            left -= len(some)
        return done

    def backlog(self, topic: str) -> Backlog:
        return self._events.backlog(topic)

    def advice(self, *, timeout: float = 5.0) -> str | None:
        return self.store.advice(timeout=timeout)

    def close(self) -> None:
        self.store.close()

    def after_fork(self) -> None:
        self.store.after_fork()


def _by_topic(messages: Collection[Message]) -> list[tuple[str, list[Message]]]:
    """Messages of each topic, at most AT_ONCE together."""
    topics: dict[str, list[Message]] = {}
    for message in messages:
        topics.setdefault(message.topic, []).append(message)
    return [
        (topic, some[at : at + AT_ONCE])
        for topic, some in topics.items()
        for at in range(0, len(some), AT_ONCE)
    ]
