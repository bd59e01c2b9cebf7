"""A store in the memory of one process: for tests, and for programs that look at themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stores import steps
from ecl_logging.stores.protocols import (
    SOURCE_SECONDS,
    Batch,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    Totals,
)
from ecl_logging.stores.sql.in_memory import InMemory
from ecl_logging.stores.sql.kept import KeptInSql

__all__ = ["MemoryStore"]


_T = TypeVar("_T")


class _MemoryTables:
    """The tables as dicts, which are replaced and never changed once a step is over.

    So a copy costs little, and a step works on one: it becomes the store's in one assignment.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.sources: dict[str, dict[str, Source]] = {}
        self.buckets: dict[tuple[str, str], dict[int, dict[str, int]]] = {}
        self._rotated: dict[tuple[str, str], int] = {}
        self._pruned: dict[str, float] = {}

    def copied(self) -> _MemoryTables:
        """Return tables of their own with the same content."""
        copy = _MemoryTables()
        for name, table in vars(self).items():
            setattr(copy, name, table.copy())
        return copy

    def definition(self, group: str) -> Definition | None:
        return self.definitions.get(group)

    def save_definition(self, definition: Definition) -> None:
        self.definitions[definition.group] = definition

    def source(self, group: str, source: str) -> Source | None:
        return self.sources.get(group, {}).get(source)

    def save_source(self, group: str, source: Source) -> None:
        self.sources[group] = self.sources.get(group, {}) | {source.source: source}

    def cells(
        self, group: str, buckets: Sequence[tuple[str, int]], ids: Collection[str]
    ) -> list[Mapping[str, object] | None]:
        found = [self.bucket(group, interval, start) for interval, start in buckets]
        return [
            {cell: bucket[cell] for cell in ids if cell in bucket} if bucket else None
            for bucket in found
        ]

    def bucket(self, group: str, interval: str, start: int) -> dict[str, int]:
        return self.buckets.get((group, interval), {}).get(start, {})

    def count_undeclared(self, group: str, interval: str, start: int) -> int:
        declared = self.definitions[group].events
        bucket = self.bucket(group, interval, start)
        return sum(1 for cell in bucket if cell[0] != "@" and cell not in declared)

    def add(self, group: str, additions: Iterable[steps.Addition]) -> None:
        for interval, start, counts in additions:
            bucket = self.bucket(group, interval, start).copy()
            for cell, n in counts.items():
                bucket[cell] = bucket.get(cell, 0) + n
            buckets = self.buckets.get((group, interval), {})
            self.buckets[group, interval] = buckets | {start: bucket}

    def drop_before(self, group: str, interval: str, start: int) -> None:
        buckets = self.buckets.get((group, interval), {})
        self.buckets[group, interval] = {at: buckets[at] for at in buckets if at >= start}

    def stored_intervals(self, group: str) -> Iterable[str]:
        return [text for name, text in self.buckets if name == group]

    def rotated(self, group: str, interval: str) -> int | None:
        return self._rotated.get((group, interval))

    def save_rotated(self, group: str, interval: str, start: int) -> None:
        self._rotated[group, interval] = start

    def marks(self, group: str, reader: str) -> dict[str, int]:
        end = f" {reader}"
        places = ((name, text) for name, text in self._rotated if name == group)
        return {
            text.removesuffix(end): self._rotated[group, text]
            for _, text in places
            if text.endswith(end)
        }

    def pruned(self, group: str) -> float:
        return self._pruned.get(group, 0.0)

    def prune_sources(self, group: str, *, now: float, silent_since: float) -> None:
        self._pruned[group] = now
        kept = {n: s for n, s in self.sources.get(group, {}).items() if s.at >= silent_since}
        self.sources[group] = kept


class MemoryStore(KeptInSql):
    """`memory://`: private to whoever opened it; `memory://NAME`: shared in the process.

    A forked child goes on with a copy of its own. Thread safe. A `Keeper` and a `QueueKeeper`, too.
    """

    def __init__(self, shown: str = "memory://", clock: Callable[[], float] = time.time) -> None:
        self.shown = shown
        self._clock = clock
        self._lock = threading.RLock()
        self._tables = _MemoryTables()
        self._transactions = InMemory(shown)

    def _write(self, step: Callable[[_MemoryTables], _T]) -> _T:
        """Take one atomic step, which takes microseconds whatever a `timeout` would allow."""
        with self._lock:
            before = self._tables
            tables = before.copied()
            result = step(tables)
            if self._tables is not before:
                raise StoreUnavailable(f"{self.shown}: a signal handler wrote in between")
            self._tables = tables
        return result

    def define(
        self, wanted: Definition, *, replace: bool = False, timeout: float = 5.0
    ) -> Definition:
        return self._write(
            lambda tables: steps.define(tables, wanted, replace=replace, now=self._clock())
        )

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        return self._write(lambda tables: steps.apply(tables, batch, now=self._clock()))

    def groups(self) -> list[str]:
        return sorted(self._tables.definitions)

    def definition(self, group: str, *, timeout: float = 5.0) -> Definition | None:
        return self._tables.definition(group)

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        tables = self._tables
        current = interval.start_of(int(self._clock()))
        starts = [current - age * interval.seconds for age in ages]
        buckets = [(at, tables.bucket(group, interval.text, at)) for at in starts]
        return [
            Bucket(at, {cell: n for cell, n in cells.items() if isinstance(n, int)})
            for at, cells in buckets
        ]

    def sources(self, group: str) -> list[Source]:
        since = self._clock() - SOURCE_SECONDS
        return [s for s in self._tables.sources.get(group, {}).values() if s.at >= since]

    def rotate(self, group: str) -> list[Finished]:
        return self._write(lambda tables: steps.rotate(tables, group, now=self._clock()))

    def totals(self, group: str) -> Totals | None:
        tables = self._tables
        known = steps.totals_of(tables.bucket(group, *steps.TOTALS))
        if known is not None or tables.definition(group) is None:
            return known
        return self._write(lambda tables: steps.begin_totals(tables, group, now=self._clock()))

    def marks(self, group: str, reader: str) -> dict[str, int]:
        return self._tables.marks(group, reader)

    def mark(self, group: str, reader: str, interval: Interval, start: int) -> None:
        self._write(lambda tables: steps.mark(tables, group, reader, interval, start))

    def advice(self, *, timeout: float = 5.0) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to let go of: what was counted stays for as long as the object."""

    def after_fork(self) -> None:
        self._lock = threading.RLock()
