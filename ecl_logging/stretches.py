"""Counts kept apart by stretches of time, in bounded memory. Not thread safe: see `batches`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from ecl_logging.intervals import Interval, bucket_start, stretch_around, whole_seconds
from ecl_logging.stores.protocols import INVALID, MAX_BATCH_IDS, OTHER

__all__ = ["Frozen", "Stretch", "Stretches"]


class Stretch:
    """Counts of one stretch of time."""

    __slots__ = (
        "counts",
        "cut_by",
        "end",
        "invalid",
        "merged",
        "moved",
        "other",
        "start",
        "unsure",
    )

    def __init__(self, start: int, end: int, cut_by: tuple[Interval, ...]) -> None:
        self.start, self.end, self.cut_by = start, end, cut_by
        self.counts: dict[str, int] = {}
        self.unsure: dict[str, int] = {}  # IDs that nobody here knows; the store is asked
        self.other = 0  # events of IDs for which there was no room
        self.invalid = 0  # notes of invalid values; these are in no sum of events
        self.merged = False  # several stretches of an outage that outlasted the memory
        self.moved = 0  # events in it that are from an earlier one

    def events(self) -> int:
        """How many events are in it."""
        return sum(self.counts.values()) + sum(self.unsure.values()) + self.other

    def cells(self) -> int:
        """How many counts it keeps apart."""
        return len(self.counts) + len(self.unsure)

    def take(self) -> dict[str, int]:
        """Take out the cells of one batch: all that are sure, or as many as a batch may have."""
        counts = self.counts
        if len(counts) > MAX_BATCH_IDS:
            taken = {event_id: counts.pop(event_id) for event_id in list(counts)[:MAX_BATCH_IDS]}
        else:
            taken, self.counts = counts, {}
        notes = {OTHER: self.other, INVALID: self.invalid}
        self.other = self.invalid = 0
        return taken | {cell: n for cell, n in notes.items() if n}


@dataclass(frozen=True, slots=True)
class Frozen:
    """Counts taken out for one batch, and the stretch that they belong to."""

    start: int
    end: int
    cut_by: tuple[Interval, ...]
    merged: bool
    counts: dict[str, int]

    def intervals_among(self, intervals: Iterable[Interval]) -> tuple[Interval, ...]:
        """Those of `intervals` of which one bucket holds the whole stretch.

        The stretch may have been cut before the program knew of all intervals, or by ones
        that are defined no more. Where none of today's holds it, those that cut it do.
        """
        fitting = tuple(i for i in intervals if self.merged or i.contains(self.start, self.end))
        return fitting or self.cut_by


_NONE = Stretch(0, 0, ())  # holds no time, so nothing is ever added to it


class Stretches:
    """The stretches of one group that have counts."""

    def __init__(self, max_cells: int) -> None:
        """Beyond `max_cells` counts, old stretches are merged."""
        self.latest = _NONE  # the one that was asked for last
        self.is_full = False  # and merging has not helped
        self.blurred = 0  # events that merging has moved to a later stretch
        self._max_cells = max_cells
        self._cells = 0
        self._by_edges: dict[tuple[int, int], Stretch] = {}
        self._edges: list[tuple[int, int]] = []  # a heap; some may be gone from the dict

    def at(self, created: object, intervals: tuple[Interval, ...]) -> Stretch:
        """Return the stretch that a time lies in, which is the latest from now on."""
        edges = stretch_around(whole_seconds(created), (i.seconds for i in intervals))
        stretch = self._by_edges.get(edges)
        if stretch is None:
            stretch = self._by_edges[edges] = Stretch(*edges, intervals)
            heappush(self._edges, edges)
            self.is_full = False  # those before it can be merged now
        self.latest = stretch
        if len(self._by_edges) > self._max_cells:
            self._make_room()  # times without end, as of forged records, take memory, too
        return stretch

    def forget_latest(self) -> None:
        """Have the next time looked up: the intervals have changed."""
        self.latest = _NONE

    def add_cell(self, counts: dict[str, int], event_id: str, n: int) -> None:
        """Add an ID to `counts` or `unsure` of a stretch, which do not have it."""
        counts[event_id] = n
        self._cells += 1

    def has_room(self) -> bool:
        """Whether one more cell has room. Merges stretches where that makes some."""
        if self._cells >= self._max_cells and not self.is_full:
            self._make_room()
        return not self.is_full

    def events(self) -> int:
        """How many events are in all of them."""
        return sum(stretch.events() for stretch in list(self._by_edges.values()))

    def has_any(self) -> bool:
        """Whether there is anything to send, events or notes."""
        return any(s.cells() or s.other or s.invalid for s in self._by_edges.values())

    def has_unsure(self) -> bool:
        """Whether there are IDs of which the store has to be asked."""
        return any(stretch.unsure for stretch in self._by_edges.values())

    def settle_unsure(self, known: Collection[str]) -> dict[str, int]:
        """Count the IDs that are known by now; take out and return the others."""
        undeclared: dict[str, int] = {}
        for stretch in self._by_edges.values():
            unsure, stretch.unsure = stretch.unsure, {}
            self._cells -= len(unsure) + len(stretch.counts)
            for event_id, n in unsure.items():
                counts = stretch.counts if event_id in known else undeclared
                counts[event_id] = counts.get(event_id, 0) + n
            self._cells += len(stretch.counts)
        return undeclared

    def freeze_oldest(self) -> Frozen | None:
        """Take out what one batch can carry of the oldest stretch."""
        unsure = []
        frozen = None
        while self._edges and frozen is None:
            edges = self._edges[0]
            stretch = self._by_edges.get(edges)
            counts = self._take(stretch) if stretch is not None else {}
            if stretch is not None and counts:
                frozen = Frozen(*edges, stretch.cut_by, stretch.merged, counts)
            if stretch is None or not stretch.cells():
                heappop(self._edges)
            elif not counts:
                unsure.append(heappop(self._edges))
        for edges in unsure:
            heappush(self._edges, edges)
        return frozen

    def _take(self, stretch: Stretch) -> dict[str, int]:
        before = stretch.cells()
        counts = stretch.take()
        self._cells -= before - stretch.cells()
        self.is_full = self._cells >= self._max_cells
        if not stretch.cells():
            del self._by_edges[stretch.start, stretch.end]
            if stretch is self.latest:
                self.forget_latest()
        return counts

    def _make_room(self) -> None:
        """Merge the oldest stretches, those within one bucket of the longest interval first."""
        longest = max(interval.seconds for interval in self.latest.cut_by)
        for within_one_bucket in (True, False):
            older: Stretch | None = None
            for stretch in sorted(self._by_edges.values(), key=lambda one: one.start):
                if max(self._cells, len(self._by_edges)) <= self._max_cells * 0.9:
                    return
                if stretch is self.latest:
                    continue
                if older is not None and (
                    not within_one_bucket
                    or bucket_start(older.start, longest) == bucket_start(stretch.start, longest)
                ):
                    self._merge(older, stretch)
                older = stretch
        self.is_full = self._cells >= self._max_cells

    def _merge(self, older: Stretch, newer: Stretch) -> None:
        events = older.events()
        self.blurred += max(0, events - older.moved)  # the others were told before
        newer.moved += events
        before = older.cells() + newer.cells()
        newer.counts = _sums(older.counts, newer.counts)
        newer.unsure = _sums(older.unsure, newer.unsure)
        newer.other += older.other
        newer.invalid += older.invalid
        newer.merged = True
        del self._by_edges[older.start, older.end]
        self._cells -= before - newer.cells()


def _sums(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Add the smaller to the larger: what has been merged over and over is not copied again."""
    small, large = sorted((one, other), key=len)
    for event_id, n in small.items():
        large[event_id] = large.get(event_id, 0) + n
    return large
