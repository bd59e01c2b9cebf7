"""A store in the memory of one process: for tests, and for programs that look at themselves."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stores import steps
from ecl_logging.stores.protocols import Batch, Bucket, Definition, Finished, Reply, Source

__all__ = ["MemoryStore"]


class _MemoryTables:
    """The tables as dicts. The steps write only when nothing can fail any more."""

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.sources: dict[str, dict[str, Source]] = {}
        self.buckets: dict[tuple[str, str], dict[int, dict[str, int]]] = {}
        self._rotated: dict[tuple[str, str], int] = {}
        self._pruned: dict[str, float] = {}

    def definition(self, group: str) -> Definition | None:
        return self.definitions.get(group)

    def save_definition(self, definition: Definition) -> None:
        self.definitions[definition.group] = definition

    def declared(self, group: str, ids: Collection[str]) -> set[str]:
        return set(self.definitions[group].events.intersection(ids))

    def source(self, group: str, source: str) -> Source | None:
        return self.sources.get(group, {}).get(source)

    def save_source(self, group: str, source: Source) -> None:
        self.sources.setdefault(group, {})[source.source] = source

    def cells(
        self, group: str, interval: str, start: int, ids: Collection[str]
    ) -> Mapping[str, object]:
        bucket = self.bucket(group, interval, start)
        return {cell: bucket[cell] for cell in ids if cell in bucket}

    def bucket(self, group: str, interval: str, start: int) -> dict[str, int]:
        return self.buckets.get((group, interval), {}).get(start, {})

    def is_empty(self, group: str, interval: str, start: int) -> bool:
        return not self.bucket(group, interval, start)

    def count_undeclared(self, group: str, interval: str, start: int) -> int:
        declared = self.definitions[group].events
        bucket = self.bucket(group, interval, start)
        return sum(1 for cell in bucket if cell[0] != "@" and cell not in declared)

    def add(self, group: str, interval: str, start: int, counts: Mapping[str, int]) -> None:
        buckets = self.buckets.setdefault((group, interval), {})
        bucket = buckets.setdefault(start, {})
        for cell, n in counts.items():
            bucket[cell] = bucket.get(cell, 0) + n

    def drop_before(self, group: str, interval: str, start: int) -> None:
        buckets = self.buckets.get((group, interval), {})
        for old in [at for at in buckets if at < start]:
            del buckets[old]

    def stored_intervals(self, group: str) -> Iterable[str]:
        return [text for name, text in self.buckets if name == group]

    def rotated(self, group: str, interval: str) -> int | None:
        return self._rotated.get((group, interval))

    def save_rotated(self, group: str, interval: str, start: int) -> None:
        self._rotated[group, interval] = start

    def pruned(self, group: str) -> float:
        return self._pruned.get(group, 0.0)

    def prune_sources(self, group: str, *, now: float, silent_since: float) -> None:
        self._pruned[group] = now
        kept = {n: s for n, s in self.sources.get(group, {}).items() if s.at >= silent_since}
        self.sources[group] = kept


class MemoryStore:
    """`memory://`: private to whoever opened it; `memory://NAME`: shared in the process.

    A forked child goes on with a copy of its own. Thread safe.
    """

    def __init__(self, shown: str = "memory://", clock: Callable[[], float] = time.time) -> None:
        self.shown = shown
        self._clock = clock
        self._lock = threading.RLock()
        self._is_busy = False
        self._tables = _MemoryTables()

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        """One atomic step. Takes microseconds, whatever a `timeout` would allow."""
        with self._lock:
            if self._is_busy:
                raise StoreUnavailable(f"{self.shown}: is in use by what a signal interrupted")
            try:
                self._is_busy = True
                yield
            finally:
                self._is_busy = False

    def define(
        self, wanted: Definition, *, replace: bool = False, timeout: float = 5.0
    ) -> Definition:
        with self._step():
            return steps.define(self._tables, wanted, replace=replace, now=self._clock())

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        with self._step():
            return steps.apply(self._tables, batch, now=self._clock())

    def groups(self) -> list[str]:
        with self._step():
            return sorted(self._tables.definitions)

    def definition(self, group: str, *, timeout: float = 5.0) -> Definition | None:
        with self._step():
            return self._tables.definition(group)

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        with self._step():
            current = interval.start_of(int(self._clock()))
            starts = [current - age * interval.seconds for age in ages]
            return [
                Bucket(at, dict(self._tables.bucket(group, interval.text, at))) for at in starts
            ]

    def sources(self, group: str) -> list[Source]:
        with self._step():
            since = self._clock() - steps.SOURCE_SECONDS
            return [s for s in self._tables.sources.get(group, {}).values() if s.at >= since]

    def rotate(self, group: str) -> list[Finished]:
        with self._step():
            return steps.rotate(self._tables, group, now=self._clock())

    def close(self) -> None:
        """Nothing to let go of: what was counted stays for as long as the object."""

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        self._is_busy = False
