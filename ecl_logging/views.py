"""Ways of reading: what users are shown of a group's buckets. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

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
    return [_view(bucket, declared) for bucket in store.read(group, interval, ages)]


def _view(bucket: Bucket, declared: Collection[str]) -> View:
    counts = dict(bucket.cells)
    for event_id in declared:
        counts.setdefault(event_id, 0)
    if len(counts) <= _MANY:
        counts = _sorted(counts)
    own = [cell for cell in counts if "@" <= cell < "A"]
    return View(bucket.start, counts, {cell: counts.pop(cell) for cell in own})


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return {event_id: counts[event_id] for event_id in sorted(counts)}
