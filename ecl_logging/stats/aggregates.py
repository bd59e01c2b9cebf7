"""Stats that sum up those of the objects below."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ecl_logging.stats.stat import AggregationStat
from ecl_logging.stats.tree import Place

__all__ = ["HistogramAggregationStat", "IntDictSumAggregationStat", "SumAggregationStat"]


class SumAggregationStat(AggregationStat):
    """The sum of numbers. What objects counted that are dead by now stays in it."""

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Add what has been added below."""
        self.set(place, (place.container.get(self.name) or 0) + (after or 0) - (before or 0))


class HistogramAggregationStat(AggregationStat):
    """How many living objects have each value; with `auto_delete`, of values that one has."""

    def __init__(self, name: str, auto_delete: bool = False) -> None:  # noqa: FBT001, FBT002 - as in scales
        """Make a stat of that name in the tree."""
        super().__init__(name)
        self._auto_delete = auto_delete

    def _first_value(self, place: Place) -> Any:
        return defaultdict(int)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Count one object under its new value, and no longer under the one before."""
        histogram = self.begin(place)
        self._uncount(histogram, before)
        if _is_state(after):
            histogram[after] += 1

    def lose(self, place: Place, value: Any) -> None:
        """Count a dead object no longer."""
        self._uncount(self.begin(place), value)

    def _uncount(self, histogram: defaultdict[Any, int], value: Any) -> None:
        if _is_state(value):
            histogram[value] -= 1
            if self._auto_delete and histogram[value] <= 0:
                del histogram[value]


class IntDictSumAggregationStat(AggregationStat):
    """The sums of numbers in dictionaries, by their keys. Dead objects' numbers stay in it."""

    takes_items = True

    def _first_value(self, place: Place) -> Any:
        return defaultdict(int)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Add what has been added below."""
        self.begin(place)[key] += (after or 0) - (before or 0)


def _is_state(value: Any) -> bool:
    return value is not None and value != ""
