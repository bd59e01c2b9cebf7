"""Which buckets a command shows, and what it shows of them: plain values, of no format yet."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ecl_logging.errors import ConfigError
from ecl_logging.intervals import Interval
from ecl_logging.settings import find_interval
from ecl_logging.stores.protocols import Definition, Finished, Store
from ecl_logging.tools.command import Context
from ecl_logging.views import CURRENT, LAST, View, read_starts, read_views

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

_Shown = TypeVar("_Shown")  # a count, or a distribution


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
    """Which IDs are shown, or which measures."""

    patterns: tuple[str, ...] = ()
    top: int | None = None
    nonzero: bool = False
    of_measures: bool = False

    def ids_of(self, block: Sequence[Report]) -> list[str]:
        """Return the IDs that are wanted of a block, sorted; with `top`, the largest first.

        Of measures their names, ranked by how many values they have.

        A block of several buckets is ranked by their sums.
        """
        totals: Counter[str] = Counter()
        for report in block:
            amounts = self._amounts(report)
            totals.update({i: n for i, n in amounts.items() if n} if self.nonzero else amounts)
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
        reports = (report for block in blocks for report in block)
        ids = {event_id for report in reports for event_id in self._amounts(report)}
        both = zip(self.patterns, self._matchers(), strict=True)
        return [pattern for pattern, matches in both if not any(map(matches, ids))]

    def _amounts(self, report: Report) -> Mapping[str, int]:
        """What is chosen from."""
        if not self.of_measures:
            return report.view.counts
        return {name: one.count for name, one in report.view.measures.items()}

    def _matchers(self) -> list[Callable[[str], object]]:
        return [re.compile(fnmatch.translate(pattern)).match for pattern in self.patterns]

    def _only(self, ids: Iterable[str], report: Report) -> Report:
        view = report.view
        if self.of_measures:
            view = dataclasses.replace(view, measures=self._kept(ids, view.measures))
        else:
            view = dataclasses.replace(view, counts=self._kept(ids, view.counts))
        return dataclasses.replace(report, view=view)

    def _kept(self, ids: Iterable[str], found: Mapping[str, _Shown]) -> dict[str, _Shown]:
        return {i: found[i] for i in ids if i in found and (found[i] or not self.nonzero)}


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
        """Return the blocks with the IDs, or the measures, that are wanted."""
        return [selection.of(block) for block in self.blocks]


def read(context: Context, query: Query) -> Reading:
    """Read what is asked for, and select. Raises ConfigError and StoreError."""
    notes, selection = [], query.selection
    if not context.store.groups():
        notes.append(f"nothing counted in {context.store.shown}; choose with --store or ECL_STORE")
    blocks = _blocks(context, query)
    if selection.of_measures and not selection.patterns and not notes:
        notes += _note_unmeasured(blocks)
    notes += _note_unmatched(
        selection.unmatched(blocks), "measure" if selection.of_measures else "ID"
    )
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
    interval, start = finished.interval, finished.start
    starts = range(start, start + interval.seconds, interval.seconds)
    [view] = read_starts(store, definition, interval, starts)
    word = "last" if is_newest else "past"
    return Report(definition.group, interval, word, view.in_order())


# --- what is said beside the counts


def _note_unmeasured(blocks: Iterable[Block]) -> list[str]:
    if any(report.view.measures for block in blocks for report in block):
        return []
    return ["nothing is measured there; `measure` in a rule does so, and `observe` in a program"]


def _note_unmatched(patterns: Sequence[str], what: str) -> list[str]:
    if not patterns:
        return []
    texts = " or ".join(map(repr, patterns))
    hint = "capitals matter; a first word is CONFIG where it is a file, or ends in .yaml or .yml"
    return [f"no {what} matches {texts} ({hint})"]


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
