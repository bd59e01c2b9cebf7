"""Real stores behind a bad connection, for tests of whoever sends to them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import (
    APPLIED,
    DUPLICATE,
    Batch,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    Store,
    Totals,
)


class FlakyStore:
    """A store whose connection fails as a test says; what it applied is in `applied`."""

    def __init__(self, store: Store | None = None) -> None:
        self.inner: Any = MemoryStore() if store is None else store
        self.is_away = False
        self.lose_requests = 0  # of the next batches: the store never sees them
        self.lose_replies = 0  # of the next batches: they are applied, but nobody is told
        self.repeat_requests = False  # another layer sends each batch twice
        self.applied: list[Batch] = []
        self.attempts = 0

    @property
    def shown(self) -> str:
        return str(self.inner.shown)

    def definition(self, group: str, **options: Any) -> Definition | None:
        self._reach()
        return self.inner.definition(group, **options)

    def define(self, wanted: Definition, **options: Any) -> Definition:
        self._reach()
        return self.inner.define(wanted, **options)

    def apply(self, batch: Batch, **options: Any) -> Reply:
        self.attempts += 1
        self._reach()
        if self.lose_requests:
            self.lose_requests -= 1
            raise StoreUnavailable("memory://: Connection refused")
        if self.repeat_requests:
            self.inner.apply(batch, **options)
        reply = self.inner.apply(batch, **options)
        if reply.status in {APPLIED, DUPLICATE}:
            self.applied.append(batch)
        if self.lose_replies:
            self.lose_replies -= 1
            raise StoreUnavailable("memory://: Connection reset by peer")
        return reply

    def groups(self) -> list[str]:
        self._reach()
        return self.inner.groups()

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        self._reach()
        return self.inner.read(group, interval, ages)

    def sources(self, group: str) -> list[Source]:
        self._reach()
        return self.inner.sources(group)

    def rotate(self, group: str) -> list[Finished]:
        self._reach()
        return self.inner.rotate(group)

    def totals(self, group: str) -> Totals | None:
        self._reach()
        return self.inner.totals(group)

    def marks(self, group: str, reader: str) -> dict[str, int]:
        self._reach()
        return self.inner.marks(group, reader)

    def mark(self, group: str, reader: str, interval: Interval, start: int) -> None:
        self._reach()
        self.inner.mark(group, reader, interval, start)

    def advice(self, **options: Any) -> str | None:
        self._reach()
        return self.inner.advice(**options)

    def close(self) -> None:
        self.inner.close()

    def after_fork(self) -> None:
        self.inner.after_fork()

    def _reach(self) -> None:
        if self.is_away:
            raise StoreUnavailable("memory://: Connection refused")


class HangingStore(FlakyStore):
    """A store that, until `let_go` is set, answers no batch before the time-out."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.is_waiting = threading.Event()

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        self.is_waiting.set()
        if not self.let_go.wait(timeout):
            raise StoreUnavailable("memory://: timed out")
        return super().apply(batch, timeout=timeout)
