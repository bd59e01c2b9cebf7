"""Finished buckets, kept until they have settled, then printed as lines of JSON."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ecl_logging.stores.protocols import Definition, Finished
from ecl_logging.tools.command import Context

__all__ = ["SettlingBuckets"]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A bucket that programs may still send counts for."""

    definition: Definition
    finished: Finished
    is_newest: bool


class SettlingBuckets:
    """A bucket settles one flush interval after its end. Times are those of a monotonic clock."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: dict[str, deque[tuple[float, _Kept]]] = {}  # by group: they are due in order

    def add(self, definition: Definition, buckets: Sequence[Finished], now: float) -> None:
        """Keep buckets of one rotation, oldest first."""
        newest = {one.interval: one.start for one in buckets}
        due = now + self._context.settling_seconds(definition.group)
        for one in buckets:
            kept = _Kept(definition, one, is_newest=newest[one.interval] == one.start)
            self._kept.setdefault(definition.group, deque()).append((due, kept))

    def seconds_left(self, now: float) -> float:
        """Return how long nothing is due; infinity where nothing is kept."""
        dues = [kept[0][0] for kept in self._kept.values() if kept]
        return max(0.0, min(dues, default=math.inf) - now)

    def print_due(self, now: float) -> None:
        """Print what has settled. Raises StoreError; what is not printed by then is kept."""
        for kept in self._kept.values():
            while kept and kept[0][0] <= now:
                self._print(kept[0][1])
                kept.popleft()

    def _print(self, one: _Kept) -> None:
        # Here, since without --json nothing is ever printed.
        from ecl_logging.tools.formats import json_line, report_object
        from ecl_logging.tools.moments import utc_time
        from ecl_logging.tools.reports import report_finished

        report = report_finished(
            self._context.store, one.definition, one.finished, is_newest=one.is_newest
        )
        sys.stdout.write(json_line(report_object(report, utc_time)))
        sys.stdout.flush()
