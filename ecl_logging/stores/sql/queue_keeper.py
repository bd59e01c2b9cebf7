"""What a store hands out as its `events`, where it keeps them in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import Backlog, DeadLetter, EventBatch, Message
from ecl_logging.stores.sql import dead_letters, handed_out, queues
from ecl_logging.stores.sql.queue_tables import QUEUES

if TYPE_CHECKING:
    import sqlite3

    from ecl_logging.stores.sql.keepers import Transactions

__all__ = ["SqlEvents"]


class SqlEvents:
    """See `KeepsEvents`. Thread safe."""

    def __init__(self, transactions: Transactions, clock: Callable[[], float]) -> None:
        self._transactions, self._clock = transactions, clock

    def put(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        with self._transactions.writing(timeout) as connection:
            return queues.put(connection, batch, now=self._clock())

    # --- handing out

    def claim(
        self, topic: str, limit: int, *, seconds: float, timeout: float = 5.0
    ) -> list[Message]:
        if limit <= 0 or not self._can_claim(topic, timeout):
            return []
        with self._transactions.writing(timeout) as connection:
            now = self._clock()
            if not self._is_claimable(connection, topic, now):
                return []  # another one was faster
            return queues.claim(connection, topic, limit, seconds=seconds, now=now)

    def _can_claim(self, topic: str, timeout: float) -> bool:
        """Engines ask again and again: where there is nothing, no writer waits for them."""
        with self._transactions.reading(timeout) as connection:
            return self._is_claimable(connection, topic, self._clock())

    def _is_claimable(self, connection: sqlite3.Connection, topic: str, now: float) -> bool:
        return QUEUES.are_there(connection) and queues.can_claim(connection, topic, now=now)

    # --- what becomes of what was handed out

    def ack(self, topic: str, messages: Collection[Message], *, timeout: float = 5.0) -> int:
        return self._write(
            messages, timeout, lambda connection: handed_out.ack(connection, topic, messages)
        )

    def put_back(
        self,
        topic: str,
        messages: Collection[Message],
        *,
        pause: float,
        counted: bool = True,
        timeout: float = 5.0,
    ) -> int:
        def step(connection: sqlite3.Connection) -> int:
            due = self._clock() + max(0.0, pause)
            return handed_out.put_back(connection, topic, messages, due=due, counted=counted)

        return self._write(messages, timeout, step)

    def extend(
        self, topic: str, messages: Collection[Message], *, seconds: float, timeout: float = 5.0
    ) -> int:
        def step(connection: sqlite3.Connection) -> int:
            return handed_out.extend(connection, topic, messages, due=self._clock() + seconds)

        return self._write(messages, timeout, step)

    def bury(
        self, topic: str, messages: Collection[Message], reason: str, *, timeout: float = 5.0
    ) -> int:
        def step(connection: sqlite3.Connection) -> int:
            return handed_out.bury(connection, topic, messages, reason, now=self._clock())

        return self._write(messages, timeout, step)

    # --- dead letters

    def dead_letters(
        self, topic: str, limit: int, *, after: str = "", timeout: float = 5.0
    ) -> list[DeadLetter]:
        with self._transactions.reading(timeout) as connection:
            if limit <= 0 or not QUEUES.are_there(connection):
                return []
            return dead_letters.dead_letters(connection, topic, limit, after=after)

    def replay(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        def step(connection: sqlite3.Connection) -> int:
            return dead_letters.replay(connection, topic, ids, now=self._clock())

        return self._write(ids, timeout, step)

    def drop(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        return self._write(
            ids, timeout, lambda connection: dead_letters.drop(connection, topic, ids)
        )

    # --- how much there is

    def topics(self, *, timeout: float = 5.0) -> list[str]:
        with self._transactions.reading(timeout) as connection:
            return queues.topics(connection) if QUEUES.are_there(connection) else []

    def backlog(self, topic: str, *, timeout: float = 5.0) -> Backlog:
        with self._transactions.reading(timeout) as connection:
            if not QUEUES.are_there(connection):
                return Backlog()
            return queues.backlog(connection, topic, now=self._clock())

    def _write(
        self,
        given: Collection[object],
        timeout: float,
        step: Callable[[sqlite3.Connection], int],
    ) -> int:
        """Do something with what was given, where there is anything."""
        if not given:
            return 0
        with self._transactions.writing(timeout) as connection:
            return step(connection) if QUEUES.are_there(connection) else 0
