"""What a store hands out as its `records` and `messages`, where it keeps them in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from ecl_logging.stores.keeping import (
    CLAIM_SECONDS,
    Common,
    Entry,
    MessageBatch,
    Receipt,
    RecordBatch,
    Waiting,
)
from ecl_logging.stores.sql import entries, hours, lines, messages
from ecl_logging.stores.sql.speakers import speakers as all_speakers
from ecl_logging.stores.sql.tables import KEPT

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SqlMessages", "SqlRecords", "Transactions"]


class Transactions(Protocol):
    """Where the steps are taken. What is raised inside a transaction takes it back."""

    def writing(self, timeout: float) -> AbstractContextManager[sqlite3.Connection]: ...
    def reading(self, timeout: float) -> AbstractContextManager[sqlite3.Connection]: ...


class SqlRecords:
    """See `KeepsRecords`. Thread safe."""

    def __init__(self, transactions: Transactions, clock: Callable[[], float]) -> None:
        self._transactions, self._clock = transactions, clock

    def put(self, batch: RecordBatch, *, timeout: float = 5.0) -> Receipt:
        with self._transactions.writing(timeout) as connection:
            return entries.put(connection, batch, now=self._clock())

    def claim(
        self, limit: int, *, seconds: float = CLAIM_SECONDS, timeout: float = 5.0
    ) -> list[Entry]:
        if limit <= 0 or not self._can_claim(timeout):
            return []
        with self._transactions.writing(timeout) as connection:
            return entries.claim(connection, limit, seconds=seconds, now=self._clock())

    def _can_claim(self, timeout: float) -> bool:
        """Gatherers ask again and again: where there is nothing, no writer waits for them."""
        with self._transactions.reading(timeout) as connection:
            is_there = KEPT.are_there(connection)
            return is_there and entries.can_claim(connection, now=self._clock())

    def ack(self, ids: Collection[str], *, timeout: float = 5.0) -> int:
        if not ids:
            return 0
        with self._transactions.writing(timeout) as connection:
            return entries.ack(connection, ids) if KEPT.are_there(connection) else 0

    def waiting(self, *, timeout: float = 5.0) -> Waiting:
        with self._transactions.reading(timeout) as connection:
            if not KEPT.are_there(connection):
                return Waiting()
            return entries.waiting(connection, now=self._clock())


class SqlMessages:
    """See `KeepsMessages`. Thread safe."""

    def __init__(self, transactions: Transactions, clock: Callable[[], float]) -> None:
        self._transactions, self._clock = transactions, clock

    def say(self, batch: MessageBatch, *, timeout: float = 5.0) -> Receipt:
        with self._transactions.writing(timeout) as connection:
            return messages.say(connection, batch, now=self._clock())

    def speakers(self, *, timeout: float = 5.0) -> list[tuple[str, str]]:
        with self._transactions.reading(timeout) as connection:
            return all_speakers(connection) if KEPT.are_there(connection) else []

    def recent(
        self, speakers: Sequence[tuple[str, str]], limit: int, *, timeout: float = 5.0
    ) -> list[list[str]]:
        with self._transactions.reading(timeout) as connection:
            if not KEPT.are_there(connection):
                return [[] for _ in speakers]
            return lines.recent(connection, speakers, limit)

    def common(self, speakers: Sequence[tuple[str, str]], *, timeout: float = 5.0) -> list[Common]:
        with self._transactions.reading(timeout) as connection:
            if not KEPT.are_there(connection):
                return [Common() for _ in speakers]
            return hours.common(connection, speakers)

    def now(self, *, timeout: float = 5.0) -> float:
        return self._clock()
