"""Counts kept apart by stretches of time, in bounded memory. Not thread safe: see `batches`.

There it is also said why counts move by assignments that call nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from ecl_logging.intervals import Interval, bucket_start, stretch_around, whole_seconds
from ecl_logging.stores.protocols import INVALID, MAX_BATCH_IDS, OTHER, events_in

__all__ = ["Frozen", "Stretch", "Stretches"]


MOST_TIMES = 20
"""So many times more than usual are kept apart while the store takes what is sent."""


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
        "parts",
        "start",
        "sums",
        "unsure",
    )

    def __init__(self, start: int, end: int, cut_by: tuple[Interval, ...]) -> None:
        self.start, self.end, self.cut_by = start, end, cut_by
        self.counts: dict[str, int] = {}
        self.parts: list[dict[str, int]] = []  # cut for batches already; the last goes first
        self.unsure: dict[str, int] = {}  # IDs that nobody here knows; the store is asked
        self.sums: dict[str, int] = {}  # digits of measures' sums; these are no events
        self.other = 0  # events of IDs for which there was no room
        self.invalid = 0  # notes of invalid values; these are in no sum of events
        self.merged = False  # several stretches of an outage that outlasted the memory
        self.moved = 0  # events in it that are from an earlier one

    def events(self) -> int:
        """How many events are in it."""
        return sum(self._events_by_place()) + self.other

    def _events_by_place(self) -> Iterator[int]:
        return (sum(counts.values()) for counts in (self.counts, self.unsure, *self.parts))

    def has_sure(self) -> bool:
        """Whether a batch can carry something of it."""
        return bool(self.counts or self.parts or self.other or self.invalid or self.sums)

    def cut(self) -> None:
        """Cut counts that no batch can carry, all at once: many are not gone through for each."""
        if len(self.counts) > MAX_BATCH_IDS:
            items, parts = iter(self.counts.items()), []
            while part := dict(islice(items, MAX_BATCH_IDS)):
                parts.append(part)
            parts = parts[::-1] + self.parts
            self.parts, self.counts = parts, {}

    def split_sums(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return those that go with the next batch, once it is cut, and those that wait."""
        cells = self.parts[-1] if self.parts else self.counts
        if len(cells) + len(self.sums) <= MAX_BATCH_IDS:
            return self.sums, {}
        if cells:
            return {}, self.sums
        items = iter(self.sums.items())  # of many measures
        return dict(islice(items, MAX_BATCH_IDS)), dict(items)

    def frozen(self, sums: dict[str, int]) -> Frozen:
        """Return what one batch can carry of what is sure, once it is cut, and these sums."""
        cells = self.parts[-1] if self.parts else self.counts
        notes = {OTHER: self.other, INVALID: self.invalid}
        counts = cells | {cell: n for cell, n in notes.items() if n} | sums
        return Frozen(self.start, self.end, self.cut_by, self.merged, counts, events_in(counts))


@dataclass(frozen=True, slots=True)
class Frozen:
    """Counts taken out for one batch, and the stretch that they belong to."""

    start: int
    end: int
    cut_by: tuple[Interval, ...]
    merged: bool
    counts: dict[str, int]
    events: int

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
        """Beyond `max_cells` counts, old stretches are merged; see `make_way`."""
        self.latest = _NONE  # the one that was asked for last
        self.is_full = False  # and merging has not helped
        self.frozen: Frozen | None = None  # what has been taken out for a batch
        self.blurred = 0  # events that merging has moved to a later stretch
        self._usual = self._max_cells = max_cells
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

    def is_crowded(self) -> bool:
        """Whether so many counts are here that they should be sent before there is no room."""
        return self._cells >= self._usual // 2

    def make_way(self) -> None:
        """Take more counts than usual: those before them are being sent."""
        most = min(self._usual * MOST_TIMES, self._cells + self._usual)
        self._max_cells = max(self._usual, most)
        self.is_full = self._cells >= self._max_cells

    def room(self) -> int:
        """For so many cells there is room as it is."""
        return self._max_cells - self._cells

    def has_room(self) -> bool:
        """Whether one more cell has room. Merges stretches where that makes some."""
        if self._cells >= self._max_cells and not self.is_full:
            self._make_room()
        return not self.is_full

    def events(self) -> int:
        """How many events are in all of them, and in what is frozen."""
        frozen = self.frozen
        events = sum(stretch.events() for stretch in list(self._by_edges.values()))
        return events + (frozen.events if frozen is not None else 0)

    def has_any(self) -> bool:
        """Whether there is anything to send, events or notes."""
        return self.frozen is not None or any(
            stretch.unsure or stretch.has_sure() for stretch in self._by_edges.values()
        )

    def has_unsure(self) -> bool:
        """Whether there are IDs of which the store has to be asked."""
        return any(stretch.unsure for stretch in self._by_edges.values())

    def settle_unsure(self, known: Collection[str], dropped: dict[str, int]) -> list[str]:
        """Count the IDs that are known by now; note the others in `dropped`, and return them."""
        undeclared: list[str] = []
        for stretch in list(self._by_edges.values()):
            undeclared += [event_id for event_id in stretch.unsure if event_id not in known]
            for event_id in list(stretch.unsure):
                if event_id in known:
                    self._move(event_id, stretch.unsure, stretch.counts)
                else:
                    dropped["undeclared"] += stretch.unsure[event_id]
                    del stretch.unsure[event_id]
                    self._cells -= 1
        return list(dict.fromkeys(undeclared))

    def freeze_oldest(self) -> None:
        """Take out what one batch can carry of the oldest stretch, into `frozen`."""
        stretch = self._oldest()
        if stretch is None:
            return
        stretch.cut()
        sums, waiting = stretch.split_sums()
        frozen = stretch.frozen(sums)
        cells = self._cells - len(stretch.parts[-1] if stretch.parts else stretch.counts)
        # These call nothing.
        self.frozen = frozen
        stretch.other, stretch.invalid, stretch.sums = 0, 0, waiting
        if stretch.parts:
            del stretch.parts[-1]
        else:
            stretch.counts = {}
        self._cells, self.is_full = cells, cells >= self._max_cells
        if not stretch.has_sure() and not stretch.unsure:
            self._forget(stretch)

    def _oldest(self) -> Stretch | None:
        """Return the oldest stretch of which a batch can carry something; forget empty ones."""
        while self._edges:
            stretch = self._by_edges.get(self._edges[0])
            if stretch is None:
                heappop(self._edges)
            elif stretch.has_sure():
                return stretch
            elif not stretch.unsure:
                self._forget(stretch)
            else:
                break
        in_order = map(self._by_edges.get, sorted(self._edges))
        return next((stretch for stretch in in_order if stretch and stretch.has_sure()), None)

    def _forget(self, stretch: Stretch) -> None:
        del self._by_edges[stretch.start, stretch.end]
        if stretch is self.latest:
            self.latest = _NONE

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
        newer.merged = True
        newer.other, older.other = newer.other + older.other, 0
        newer.invalid, older.invalid = newer.invalid + older.invalid, 0
        for part in older.parts:
            for event_id in list(part):
                self._move(event_id, part, older.counts)
        older.parts = []
        # The smaller is added to the larger: what has been merged over and over is not moved
        # again.
        if len(older.counts) > len(newer.counts):
            older.counts, newer.counts = newer.counts, older.counts
        if len(older.unsure) > len(newer.unsure):
            older.unsure, newer.unsure = newer.unsure, older.unsure
        for cell in list(older.sums):
            if cell in newer.sums:
                newer.sums[cell] += older.sums[cell]
            else:
                newer.sums[cell] = older.sums[cell]
            del older.sums[cell]
        for event_id in list(older.counts):
            self._move(event_id, older.counts, newer.counts)
        for event_id in list(older.unsure):
            self._move(event_id, older.unsure, newer.unsure)
        self._forget(older)

    def _move(self, event_id: str, source: dict[str, int], target: dict[str, int]) -> None:
        """Move a count to where there may be one of the same ID."""
        if event_id in target:
            target[event_id] += source[event_id]
            self._cells -= 1
        else:
            target[event_id] = source[event_id]
        del source[event_id]
