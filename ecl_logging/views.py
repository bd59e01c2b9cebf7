"""Ways of reading: what users are shown of a group's buckets. Nothing here writes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Bucket, Store

__all__ = ["CURRENT", "LAST", "View", "read_views"]

CURRENT, LAST = 0, 1  # ages of buckets


_MANY = 10_000  # IDs; so many take longer to sort than to read, and nobody looks through them


@dataclass(frozen=True, slots=True)
class View:
    """One bucket as it is shown."""

    start: int
    counts: dict[str, int]  # declared IDs also at zero; sorted by ID where they are not many
    own: dict[str, int]  # `@` cells: late, other, invalid

    def in_order(self) -> View:
        """Return it sorted by ID, however many there are."""
        counts = self.counts
        return self if len(counts) <= _MANY else View(self.start, _sorted(counts), self.own)


def read_views(
    store: Store, group: str, interval: Interval, *, declared: Collection[str], ages: Sequence[int]
) -> list[View]:
    """Return the buckets of these ages as they are shown. Raises StoreError."""
    ids = frozenset(declared)
    return [_view(bucket, ids) for bucket in store.read(group, interval, ages)]


def _view(bucket: Bucket, declared: frozenset[str]) -> View:
    cells = dict(bucket.cells)
    if len(cells) > _MANY:
        counts = cells | dict.fromkeys(declared.difference(cells), 0)
        own = [cell for cell in counts if "@" <= cell < "A"]
    else:
        counts = _sorted(dict.fromkeys(_in_order(declared), 0) | cells)
        ids = list(counts)
        own = ids[bisect_left(ids, "@") : bisect_left(ids, "A")]  # they stand together
    return View(bucket.start, counts, {cell: counts.pop(cell) for cell in own})


@lru_cache(maxsize=16)
def _in_order(declared: frozenset[str]) -> tuple[str, ...]:
    """The IDs in their order. Kept, since what is nearly sorted is sorted again in no time."""
    return tuple(sorted(declared))


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return {event_id: counts[event_id] for event_id in sorted(counts)}
