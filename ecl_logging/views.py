"""Ways of reading: what users are shown of a group's buckets. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Bucket, Store

__all__ = ["CURRENT", "LAST", "View", "read_views"]

CURRENT, LAST = 0, 1  # ages of buckets


@dataclass(frozen=True, slots=True)
class View:
    """One bucket as it is shown."""

    start: int
    counts: dict[str, int]  # sorted by ID; declared IDs also at zero
    own: dict[str, int]  # `@` cells: late, other, invalid


def read_views(
    store: Store, group: str, interval: Interval, *, declared: Collection[str], ages: Sequence[int]
) -> list[View]:
    """Return the buckets of these ages as they are shown. Raises StoreError."""
    return [_view(bucket, declared) for bucket in store.read(group, interval, ages)]


def _view(bucket: Bucket, declared: Collection[str]) -> View:
    counts = dict.fromkeys((name for name in declared if not name.startswith("@")), 0)
    own = {}
    for cell, n in bucket.cells.items():
        if cell.startswith("@"):  # an ID that somebody else wrote may even be empty
            own[cell] = n
        else:
            counts[cell] = n
    return View(bucket.start, dict(sorted(counts.items())), dict(sorted(own.items())))
