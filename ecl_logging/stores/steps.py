"""The atomic steps of the protocol, written once for every store that runs them in Python.

A store opens a transaction, hands its tables to one of these functions, and commits. Each
reads everything first and writes last, so an error in between leaves nothing behind.

They ask the tables few questions, however many IDs and intervals there are. Each call of SQLite
lets go of Python's global lock, and in a process that computes it comes back milliseconds later;
meanwhile all other processes wait for the file.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ecl_logging.errors import StoreError
from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import (
    AHEAD_SECONDS,
    APPLIED,
    DUPLICATE,
    GAP,
    INVALID,
    LATE,
    MAX_BAD_CELLS,
    MAX_CELL,
    MIN_CELL,
    OTHER,
    PRUNE_SECONDS,
    SOURCE_SECONDS,
    UNDEFINED,
    Batch,
    Definition,
    Finished,
    Reply,
    Source,
    Totals,
    events_in,
)

__all__ = [
    "Addition",
    "Tables",
    "apply",
    "begin_totals",
    "changed",
    "define",
    "mark",
    "rotate",
    "totals_of",
    "united",
]

TOTALS = "@totals", 0
"""Where totals are, among the buckets: no interval has this name."""

SINCE = "@since"
"""The cell of the totals that says when they began."""

Addition = tuple[str, int, Mapping[str, int]]
"""An interval's text, the start of a bucket, and what is added to its cells."""


class Tables(Protocol):
    """What the steps need of a store, within one transaction."""

    def definition(self, group: str) -> Definition | None: ...
    def save_definition(self, definition: Definition) -> None: ...
    def source(self, group: str, source: str) -> Source | None: ...
    def save_source(self, group: str, source: Source) -> None: ...
    def cells(
        self, group: str, buckets: Sequence[tuple[str, int]], ids: Collection[str]
    ) -> list[Mapping[str, object] | None]:
        """What of these IDs is in each bucket, by interval and start; None for an empty one.

        A cell that holds no number has a value that is none.
        """

    def bucket(self, group: str, interval: str, start: int) -> Mapping[str, int]: ...
    def count_undeclared(self, group: str, interval: str, start: int) -> int: ...
    def add(self, group: str, additions: Iterable[Addition]) -> None: ...
    def drop_before(self, group: str, interval: str, start: int) -> None: ...
    def stored_intervals(self, group: str) -> Iterable[str]: ...
    def rotated(self, group: str, interval: str) -> int | None: ...
    def save_rotated(self, group: str, interval: str, start: int) -> None: ...
    def marks(self, group: str, reader: str) -> dict[str, int]: ...
    def pruned(self, group: str) -> float: ...
    def prune_sources(self, group: str, *, now: float, silent_since: float) -> None: ...


def united(known: Definition, wanted: Definition) -> Definition:
    """Return the union of two definitions; the version stays that of `known`."""
    intervals = {interval.seconds: interval for interval in known.intervals}
    for interval in wanted.intervals:
        intervals.setdefault(interval.seconds, interval)
    return dataclasses.replace(
        known,
        intervals=tuple(intervals.values()),
        events=known.events if wanted.events <= known.events else known.events | wanted.events,
        measures=known.measures | wanted.measures,
        history=max(known.history, wanted.history),
        max_events=max(known.max_events, wanted.max_events),
        cur_last_keys=known.cur_last_keys or wanted.cur_last_keys,
    )


def _replaced(known: Definition, wanted: Definition) -> Definition:
    """Return the wanted definition, with the text of each interval as it was."""
    texts = {interval.seconds: interval for interval in known.intervals}
    intervals = tuple(texts.get(interval.seconds, interval) for interval in wanted.intervals)
    return dataclasses.replace(wanted, intervals=intervals, version=known.version)


def changed(known: Definition | None, wanted: Definition, *, replace: bool) -> Definition:
    """Return what becomes of a known definition; see `Store.define`. Its version is the old one."""
    if known is None:
        return wanted
    return _replaced(known, wanted) if replace else united(known, wanted)


def define(tables: Tables, wanted: Definition, *, replace: bool, now: float) -> Definition:
    """Unite or replace a group's definition; see `Store.define`."""
    known = tables.definition(wanted.group)
    definition = changed(known, wanted, replace=replace)
    if known is not None and definition == known:
        return known
    # Also larger than any version from before the store was emptied, so that a program
    # which slept through that cannot take the new definition for the one it knows.
    version = max(known.version + 1 if known else 1, int(now * 1000))
    definition = dataclasses.replace(definition, version=version)
    tables.save_definition(definition)
    return definition


def apply(tables: Tables, batch: Batch, *, now: float) -> Reply:
    """Judge a batch, then count it; see `Store.apply`."""
    definition = tables.definition(batch.group)
    if definition is None:
        return Reply(UNDEFINED)
    known = tables.source(batch.group, batch.source)
    number, total = (known.number, known.total) if known else (0, 0)
    if known and batch.number <= number:
        return dataclasses.replace(known.reply, status=DUPLICATE, version=definition.version)
    if batch.number != number + 1:
        counted = total - known.reply.dropped if known else 0
        return Reply(GAP, definition.version, number, counted)
    additions = _Additions(tables, batch, definition, now)
    reply = additions.reply()
    additions.write()
    tables.save_source(batch.group, Source(batch.source, batch.number, batch.total, now, reply))
    _prune(tables, definition, now)
    return reply


class _Place(NamedTuple):
    """A bucket, and what of the batch is to go there."""

    interval: Interval
    start: int
    cells: Mapping[str, int]


class _Additions:
    """What one batch adds to each bucket: worked out whole, then written."""

    def __init__(self, tables: Tables, batch: Batch, definition: Definition, now: float) -> None:
        self._tables, self._batch, self._definition = tables, batch, definition
        self._now = now
        self._additions: list[Addition] = []
        self._opened: list[Interval] = []  # those with a bucket that is new
        self._late = self._ahead = False
        self._other: set[str] = set()
        self._bad: list[str] = []
        self._taken: set[str] = set()
        places = [self._place(interval) for interval in batch.intervals]
        buckets = [*((place.interval.text, place.start) for place in places), TOTALS]
        *found, totals = tables.cells(batch.group, buckets, (*batch.counts, LATE, OTHER))
        for place, existing in zip(places, found, strict=True):
            self._plan(place, existing)
        if totals is not None:
            self._additions.append((*TOTALS, self._added_to_totals(totals)))

    def _place(self, interval: Interval) -> _Place:
        start = interval.start_of(self._batch.start)
        current = interval.start_of(int(self._now))
        cells: Mapping[str, int] = self._batch.counts
        if start < current - self._definition.history * interval.seconds:
            # A measure's values are late events, too; its sum would be one of other values.
            invalid = {INVALID: cells[INVALID]} if INVALID in cells else {}
            start, cells = current, {LATE: events_in(cells), **invalid}
        elif start > self._now + AHEAD_SECONDS:
            self._ahead = True
            start = current
        return _Place(interval, start, cells)

    def _plan(self, place: _Place, existing: Mapping[str, object] | None) -> None:
        if existing is None:
            self._opened.append(place.interval)
        additions = self._checked(place, existing or {})
        if LATE in additions:
            self._late = True
            self._taken.update(self._batch.counts)
        self._additions.append((place.interval.text, place.start, additions))

    def _added_to_totals(self, existing: Mapping[str, object]) -> dict[str, int]:
        """Return what is added to the totals, of which no reply tells: who asks for them sees."""
        counts = self._batch.counts
        beyond_cap = self._beyond_cap(*TOTALS, counts, existing)
        additions: Counter[str] = Counter()
        for event_id, n in counts.items():
            cell = OTHER if event_id in beyond_cap else event_id
            if _has_room(existing.get(cell, 0), additions[cell] + n):
                additions[cell] += n
        return additions

    def _checked(self, place: _Place, existing: Mapping[str, object]) -> dict[str, int]:
        """Return the cells as they can be added: capped, and without those that are spoilt."""
        text, start, cells = place.interval.text, place.start, place.cells
        beyond_cap = self._beyond_cap(text, start, cells, existing)
        additions: dict[str, int] = {}
        for event_id, n in cells.items():
            cell = OTHER if event_id in beyond_cap else event_id
            sum_so_far = additions.get(cell, 0) + n
            if not _has_room(existing.get(cell, 0), sum_so_far):
                self._bad.append(f"{text} {cell}")
                continue
            if n:
                additions[cell] = sum_so_far
            self._taken.add(event_id)
            if cell == OTHER:
                self._other.add(event_id)
        return additions

    def _beyond_cap(
        self, text: str, start: int, cells: Iterable[str], existing: Mapping[str, object]
    ) -> set[str]:
        undeclared = [
            cell
            for cell in cells
            if cell not in existing and cell[0] != "@" and cell not in self._definition.events
        ]
        if not undeclared:
            return set()
        present = self._tables.count_undeclared(self._batch.group, text, start)
        return set(undeclared[max(0, self._definition.max_events - present) :])

    def reply(self) -> Reply:
        counts = self._batch.counts
        events = events_in(counts)
        taken = {cell: n for cell, n in counts.items() if cell in self._taken}
        return Reply(
            APPLIED,
            self._definition.version,
            self._batch.number,
            self._batch.total,
            late=events if self._late else 0,
            ahead=events if self._ahead else 0,
            other=sum(counts.get(event_id, 0) for event_id in self._other),
            dropped=events - events_in(taken),
            bad_cells=tuple(dict.fromkeys(self._bad))[:MAX_BAD_CELLS],
            token=self._batch.token,
        )

    def write(self) -> None:
        group = self._batch.group
        for interval in self._opened:
            # A new bucket opens, so an old one has had its time.
            oldest = _oldest(interval, self._definition, self._now)
            self._tables.drop_before(group, interval.text, oldest)
        self._tables.add(group, self._additions)


def _has_room(value: object, n: int) -> bool:
    return isinstance(value, int) and MIN_CELL <= value + n <= MAX_CELL


def _oldest(interval: Interval, definition: Definition, now: float) -> int:
    """Start of the oldest bucket that is still kept: history + 2 intervals after its end."""
    return interval.start_of(int(now)) - (definition.history + 2) * interval.seconds


def _prune(tables: Tables, definition: Definition, now: float) -> None:
    """Hourly: forget silent sources, and buckets of intervals that are defined no more."""
    group = definition.group
    if 0 <= now - tables.pruned(group) < PRUNE_SECONDS:
        return
    tables.prune_sources(group, now=now, silent_since=now - SOURCE_SECONDS)
    for text in tables.stored_intervals(group):
        try:
            interval = Interval.parse(text)
        except ValueError:
            continue  # the totals, or somebody else's row
        tables.drop_before(group, text, _oldest(interval, definition, now))


def totals_of(cells: Mapping[str, object]) -> Totals | None:
    """Return the totals that a group's cells at TOTALS are; None where they have no beginning."""
    counts = {cell: n for cell, n in cells.items() if isinstance(n, int)}
    since = counts.pop(SINCE, None)
    return None if since is None else Totals(since, counts)


def begin_totals(tables: Tables, group: str, *, now: float) -> Totals | None:
    """Have the group's totals kept from now on, unless they are already; see `Store.totals`."""
    if tables.definition(group) is None:
        return None
    [known] = tables.cells(group, [TOTALS], [SINCE])
    if known is None:
        tables.add(group, [(*TOTALS, {SINCE: int(now)})])
    totals = totals_of(tables.bucket(group, *TOTALS))
    if totals is None:
        raise StoreError(f"the totals of group {group} are spoilt: {SINCE} is no number")
    return totals


def mark(tables: Tables, group: str, reader: str, interval: Interval, start: int) -> None:
    """Remember how far a reader has come, where rotations are remembered; see `Store.mark`."""
    known = tables.marks(group, reader).get(interval.text)
    if known is None or known < start:
        tables.save_rotated(group, f"{interval.text} {reader}", start)


def rotate(tables: Tables, group: str, *, now: float) -> list[Finished]:
    """Return the buckets that ended since the last call; see `Store.rotate`."""
    definition = tables.definition(group)
    if definition is None:
        return []
    finished: list[Finished] = []
    for interval in definition.intervals:
        last = interval.start_of(int(now)) - interval.seconds
        rotated = tables.rotated(group, interval.text)
        if rotated is not None and rotated >= last:
            continue  # by somebody else, or before the clock stepped back
        first = last
        if rotated is not None:
            kept = last - (definition.history - 1) * interval.seconds
            first = max(kept, rotated + interval.seconds)
        starts = range(first, last + 1, interval.seconds)
        finished += [Finished(interval, start) for start in starts]
        tables.save_rotated(group, interval.text, last)
    _prune(tables, definition, now)
    return sorted(finished, key=lambda one: (one.start + one.interval.seconds, one.start))
