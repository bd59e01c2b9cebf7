"""Which buckets a command shows, and what it shows of them: plain values, of no format yet."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ecl_logging.errors import ConfigError, StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.settings import find_interval
from ecl_logging.stores.protocols import Definition, Finished, Store
from ecl_logging.tools.command import Context
from ecl_logging.views import CURRENT, LAST, View, read_views, store_second

__all__ = [
    "Block",
    "Query",
    "Reading",
    "Report",
    "Selection",
    "read",
    "report_finished",
]

_MOST_PLACES = 5  # that the note on `@` cells names


@dataclass(frozen=True, slots=True)
class Report:
    """One bucket of one group and interval."""

    group: str
    interval: Interval
    bucket: str  # last, current or past
    view: View


Block: TypeAlias = tuple[Report, ...]
"""What is shown together: one bucket, or a history, oldest first."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which IDs are shown."""

    patterns: tuple[str, ...] = ()
    top: int | None = None
    nonzero: bool = False

    def ids_of(self, block: Sequence[Report]) -> list[str]:
        """Return the IDs that are wanted of a block, sorted; with `top`, the largest first.

        A block of several buckets is ranked by their sums.
        """
        totals: Counter[str] = Counter()
        for report in block:
            counts = report.view.counts
            totals.update({i: n for i, n in counts.items() if n} if self.nonzero else counts)
        ids = sorted(totals)
        if self.patterns:
            matchers = self._matchers()
            ids = [i for i in ids if any(matches(i) for matches in matchers)]
        if self.top is not None:
            ids = sorted(ids, key=lambda event_id: -totals[event_id])[: self.top]
        return ids

    def of(self, block: Sequence[Report]) -> Block:
        """Return the block with these IDs only, in their order: the same in all its buckets."""
        ids = self.ids_of(block)
        return tuple(self._only(ids, report) for report in block)

    def unmatched(self, blocks: Iterable[Block]) -> list[str]:
        """Return the patterns that match no ID of any block."""
        ids = {event_id for block in blocks for report in block for event_id in report.view.counts}
        both = zip(self.patterns, self._matchers(), strict=True)
        return [pattern for pattern, matches in both if not any(map(matches, ids))]

    def _matchers(self) -> list[Callable[[str], object]]:
        return [re.compile(fnmatch.translate(pattern)).match for pattern in self.patterns]

    def _only(self, ids: Iterable[str], report: Report) -> Report:
        counts = report.view.counts
        kept = {i: counts[i] for i in ids if i in counts and (counts[i] or not self.nonzero)}
        return dataclasses.replace(report, view=dataclasses.replace(report.view, counts=kept))


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    group: str | None = None  # else all of them
    interval: str | None = None  # else all of them
    ages: tuple[int, ...] = (LAST, CURRENT)
    history: int | None = None  # so many finished buckets instead, as far as there are
    one_interval: bool = False  # a group that has several is an error
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, all IDs in it, and what is to be said beside it."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...]

    def selected(self, selection: Selection) -> list[Block]:
        """Return the blocks with the IDs that are wanted."""
        return [selection.of(block) for block in self.blocks]


def read(context: Context, query: Query) -> Reading:
    """Read what is asked for, and select. Raises ConfigError and StoreError."""
    notes = []
    if not context.store.groups():
        notes.append(f"nothing counted in {context.store.shown}; choose with --store or ECL_STORE")
    blocks = _blocks(context, query)
    notes += _note_unmatched(query.selection.unmatched(blocks))
    notes += _note_own_cells(blocks)
    return Reading(tuple(blocks), tuple(notes))


def _blocks(context: Context, query: Query) -> list[Block]:
    if query.group is not None:
        definitions = [context.definition(query.group)]
    else:
        definitions = list(context.definitions().values())
    blocks: list[Block] = []
    for definition in definitions:
        for interval in _intervals(definition, query):
            reports = _reports(context.store, definition, interval, _ages(definition, query))
            blocks += [reports] if query.history is not None else [(one,) for one in reports]
    if definitions and not blocks:
        raise ConfigError(f"no group has an interval {query.interval!r}")
    return blocks


def _ages(definition: Definition, query: Query) -> Sequence[int]:
    if query.history is None:
        return query.ages
    return range(min(query.history, definition.history), 0, -1)


def _intervals(definition: Definition, query: Query) -> Sequence[Interval]:
    intervals = definition.intervals
    if query.interval is None:
        if query.one_interval and len(intervals) > 1:
            known = ", ".join(interval.text for interval in intervals)
            raise ConfigError(
                f"group {definition.group} has several intervals ({known}); choose one with -i"
            )
        return intervals
    try:
        return [find_interval(query.interval, intervals, definition.group)]
    except ConfigError:
        if query.group is not None:
            raise
        return []


def _reports(
    store: Store, definition: Definition, interval: Interval, ages: Sequence[int]
) -> Block:
    views = read_views(store, definition, interval, ages)
    return tuple(
        Report(definition.group, interval, _word(age), view.in_order())
        for age, view in zip(ages, views, strict=True)
    )


def _word(age: int) -> str:
    return {CURRENT: "current", LAST: "last"}.get(age, "past")


# --- buckets that a rotation has finished


def report_finished(
    store: Store, definition: Definition, finished: Finished, *, is_newest: bool
) -> Report:
    """Return a bucket by its start, however long ago that was. Raises StoreError."""
    interval, word = finished.interval, "last" if is_newest else "past"
    for _ in range(10):
        now = store_second(store, definition.group)
        age = (interval.start_of(now) - finished.start) // interval.seconds
        # An edge may pass before the bucket is read, and make it one older.
        for report in _reports(store, definition, interval, (age, age + 1)):
            if report.view.start == finished.start:
                return dataclasses.replace(report, bucket=word)
    raise StoreUnavailable(f"{store.shown}: too slow for intervals of {interval.text}")


# --- what is said beside the counts


def _note_unmatched(patterns: Sequence[str]) -> list[str]:
    if not patterns:
        return []
    texts = " or ".join(map(repr, patterns))
    hint = "capitals matter; a first word is CONFIG where it is a file, or ends in .yaml or .yml"
    return [f"no ID matches {texts} ({hint})"]


def _note_own_cells(blocks: Iterable[Block]) -> list[str]:
    """One note for all blocks: what is in no ID's count."""
    places = []
    for block in blocks:
        own: Counter[str] = Counter()
        for report in block:
            own.update(report.view.own)
        if own:
            first = block[0]
            bucket = "history" if len(block) > 1 else first.bucket
            cells = ", ".join(f"{cell} {n}" for cell, n in sorted(own.items()))
            places.append(f"{first.group} {first.interval.text} {bucket}: also {cells}")
    if not places:
        return []
    if len(places) > _MOST_PLACES:
        places[_MOST_PLACES:] = [f"and in {len(places) - _MOST_PLACES} more (see `own` in --json)"]
    return ["; ".join(places)]
