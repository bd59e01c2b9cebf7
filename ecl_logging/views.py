"""Ways of reading: what users are shown of a group's buckets. Nothing here writes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ecl_logging.distributions import Distribution, distributions_in
from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.measures import is_of_a_measure
from ecl_logging.stores.protocols import Bucket, Definition, Store

__all__ = ["CURRENT", "LAST", "View", "read_starts", "read_views", "store_second", "view_of"]

CURRENT, LAST = 0, 1  # ages of buckets

_SECOND = Interval("1s", 1)
_TRIES = 10  # to read before an edge passes

_MANY = 10_000  # IDs; so many take longer to sort than to read, and nobody looks through them


@dataclass(frozen=True, slots=True)
class View:
    """One bucket as it is shown."""

    start: int
    counts: dict[str, int]  # declared IDs also at zero; sorted by ID where they are not many
    own: dict[str, int]  # `@` cells: late, other, invalid
    measures: dict[str, Distribution] = field(default_factory=dict)  # sorted by name

    def in_order(self) -> View:
        """Return it sorted by ID, however many there are."""
        counts = self.counts
        if len(counts) <= _MANY:
            return self
        return replace(self, counts=_sorted(counts))


def read_views(
    store: Store, definition: Definition, interval: Interval, ages: Sequence[int]
) -> list[View]:
    """Return the buckets of these ages as they are shown. Raises StoreError."""
    buckets = store.read(definition.group, interval, ages)
    return [view_of(bucket, definition) for bucket in buckets]


def store_second(store: Store, group: str) -> int:
    """Return the whole second that the store's clock is in. Raises StoreError."""
    [now] = store.read(group, _SECOND, [CURRENT])
    return now.start


def view_of(bucket: Bucket, definition: Definition) -> View:
    """Return a bucket as it is shown."""
    declared = definition.events
    cells = dict(bucket.cells)
    if len(cells) > _MANY:
        counts = cells | dict.fromkeys(declared.difference(cells), 0)
        own = [cell for cell in counts if "@" <= cell < "A"]
    else:
        counts = _sorted(dict.fromkeys(_in_order(declared), 0) | cells)
        ids = list(counts)
        own = ids[bisect_left(ids, "@") : bisect_left(ids, "A")]  # they stand together
    notes = {cell: counts.pop(cell) for cell in own}
    measured = {cell: notes.pop(cell) for cell in own if is_of_a_measure(cell)}
    return View(bucket.start, counts, notes, distributions_in(measured, definition.measures))


@lru_cache(maxsize=16)
def _in_order(declared: frozenset[str]) -> tuple[str, ...]:
    """The IDs in their order. Kept, since what is nearly sorted is sorted again in no time."""
    return tuple(sorted(declared))


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return {event_id: counts[event_id] for event_id in sorted(counts)}


# --- buckets by their starts


def read_starts(
    store: Store,
    definition: Definition,
    interval: Interval,
    starts: range,
    *,
    only_kept: bool = False,
) -> list[View]:
    """Return the finished buckets of these starts, oldest first. Raises StoreError.

    What the store has forgotten reads as zeros; with `only_kept` it is left out instead.
    """
    seconds = interval.seconds
    for _ in range(_TRIES):
        current = interval.start_of(store_second(store, definition.group))
        if only_kept:
            # It is there for another interval, should an edge pass before it is read.
            oldest = current - (definition.history + 1) * seconds
            starts = range(max(starts.start, oldest), starts.stop, seconds)
        if not starts:
            return []
        # One more: an edge may pass before the buckets are read, and make each one older.
        ages = range(
            (current - starts[0]) // seconds + 1, (current - starts[-1]) // seconds - 1, -1
        )
        views = read_views(store, definition, interval, ages)
        found = [view for view in views if view.start in starts]
        if len(found) == len(starts):
            return found
    raise StoreUnavailable(f"{store.shown}: too slow for intervals of {interval.text}")
