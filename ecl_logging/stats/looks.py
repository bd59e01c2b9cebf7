"""How far one look at the tree goes: it has to end, whatever a program has put there."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from ecl_logging.stats.asking import asked
from ecl_logging.stats.reading import MOST_LEVELS, TOO_DEEP, is_gauge, items_in
from ecl_logging.stats.scalars import Failed

__all__ = ["MOST_LOOKED_AT", "MOST_SHOWN", "Look"]

MOST_SHOWN = 200_000
"""Values on a page, which takes some seconds and 15 MB then."""

MOST_LOOKED_AT = 500_000
"""Values among which something is looked for, or that are dumped."""

_SECONDS = 10.0  # then no gauge is called any more; one that was goes on


class Look:
    """A look at a branch and all below. A branch may be at many places, and so at too many.

    For one thread.
    """

    __slots__ = ("_above", "_budget")

    def __init__(self, most: int = MOST_SHOWN, seconds: float = _SECONDS) -> None:
        """`most`: so many values at most. In so many `seconds` gauges have to be called."""
        self._above: tuple[int, ...] = ()
        self._budget = _Budget(most, seconds)

    def into(self, branch: object) -> Look | None:
        """Return the look at what is in a branch; None where it is in itself, or too deep."""
        if id(branch) in self._above or len(self._above) >= MOST_LEVELS:
            return None
        below = Look.__new__(Look)
        below._above, below._budget = (*self._above, id(branch)), self._budget
        return below

    def value_of(self, value: Any) -> Any:
        """Return a value as it is now, as `reading.value_of` does, if there is time for it."""
        if self._budget.is_late() and is_gauge(value):
            return Failed("<not asked: the others took too long>")
        return asked(value)

    def items_in(self, branch: Mapping[Any, Any]) -> list[tuple[Any, Any]] | Failed:
        """Return what is in a branch, as `reading.items_in` does; of too much a part and a word."""
        left = self._budget.left
        items = items_in(branch, left + 1)
        if not isinstance(items, list):
            return items
        self._budget.left = max(0, left - len(items))
        if len(items) <= left:
            return items
        return [*items[:left], (TOO_DEEP, Failed(f"<more than {self._budget.most} values>"))]

    def part_of(self, values: list[Any] | tuple[Any, ...]) -> list[Any]:
        """Return what is in a list, or as much of it as there may be."""
        left = self._budget.left
        self._budget.left = max(0, left - len(values))
        return [*values[:left], *([TOO_DEEP] if len(values) > left else [])]


class _Budget:
    """What is left for one look."""

    __slots__ = ("_until", "left", "most")

    def __init__(self, most: int, seconds: float) -> None:
        self.most = self.left = most
        self._until = time.monotonic() + seconds if seconds < math.inf else math.inf

    def is_late(self) -> bool:
        return time.monotonic() >= self._until
