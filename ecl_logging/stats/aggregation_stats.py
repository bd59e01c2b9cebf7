"""Stats that sum up those of the objects below."""

from __future__ import annotations

import math
from collections import defaultdict
from numbers import Number
from typing import Any

from ecl_logging.stats.stat import AggregationStat
from ecl_logging.stats.tree import Place

__all__ = ["HistogramAggregationStat", "IntDictSumAggregationStat", "SumAggregationStat"]


class SumAggregationStat(AggregationStat):
    """The sum of numbers. What objects counted that are dead by now stays in it.

    Texts, infinity and what else is no number adds nothing. Exact whatever threads the objects
    count in, as far as each object's own numbers are.
    """

    def __init__(self, name: str) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, 0)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Add what has been added below."""
        added = _difference(before, after)
        name, container = self.name, place.container
        if name not in container or container.is_detached:
            self.begin(place)
            container = place.container
        aggregator = self._aggregator(place)
        # In one stretch: what a signal handler adds is added before or after.
        total = container[name] if name in container else 0  # noqa: SIM401 - `get` is a call
        container[name] = total + added
        if aggregator is not None:
            aggregator[0].update(aggregator[1], total, total + added)


class HistogramAggregationStat(AggregationStat):
    """How many living objects have each value; with `auto_delete`, of values that one has.

    None, an empty text, and what is not hashable are not counted. Safe between threads.
    """

    def __init__(self, name: str, auto_delete: bool = False) -> None:  # noqa: FBT001, FBT002 - as in scales
        """Make a stat of that name in the tree."""
        super().__init__(name)
        self._auto_delete = auto_delete

    def _first_value(self, place: Place) -> Any:
        return defaultdict(int)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Count one object under its new value, and no longer under the one before."""
        histogram = self.begin(place)
        self._count(histogram, before, -1)
        self._count(histogram, after, 1)

    def lose(self, place: Place, value: Any) -> None:
        """Count a dead object no longer."""
        self._count(place.container.get(self.name), value, -1)

    def _count(self, histogram: Any, value: Any, number: int) -> None:
        if value is None or (isinstance(value, str) and not value):
            return
        try:
            histogram[value] += number
            if self._auto_delete and histogram[value] <= 0:
                del histogram[value]
        except Exception:  # noqa: BLE001, S110 - values are the program's, and compare as they like
            pass


class IntDictSumAggregationStat(AggregationStat):
    """The sums of numbers in dictionaries, by their keys. Dead objects' numbers stay in it.

    Exact whatever threads the objects count in, as far as each object's own numbers are.
    """

    takes_items = True

    def _first_value(self, place: Place) -> Any:
        return defaultdict(int)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Add what has been added below."""
        added = _difference(before, after)
        self.begin(place)[key] += added


def _difference(before: Any, after: Any) -> Any:
    if type(before) is type(after) is int and _is_small(before) and _is_small(after):
        return after - before
    return _number(after) - _number(before)


def _number(value: Any) -> Any:
    """What a value adds to a sum that is to stay a number."""
    if isinstance(value, int):
        return value if _is_small(value) else 0
    if not isinstance(value, Number):
        return 0
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return 0
    return number if math.isfinite(number) else 0


def _is_small(number: int) -> bool:
    """Whether a whole number can be added to one with fractions."""
    return -_LARGEST < number < _LARGEST


_LARGEST = 10**300
