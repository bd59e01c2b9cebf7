"""A distribution as a classic histogram: how many values are at most as large as each bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecl_logging.distributions import Distribution
from ecl_logging.errors import ConfigError
from ecl_logging.measures import RANGES
from ecl_logging.problems import shown

__all__ = ["DEFAULT_BOUNDS", "Bounds", "at_most", "powers_of_two"]


def powers_of_two(first: float, last: float, *, per_doubling: int = 1) -> tuple[float, ...]:
    """Return 0 and the powers of two between two positive numbers, both included.

    `per_doubling`: 1, 2, 4, 8, 16 or 32 bounds for each doubling; a quantile that is worked out
    from them is off by at most the distance of two bounds. Raises ConfigError.
    """
    if not (0 < first <= last < math.inf):
        raise ConfigError(f"bounds: from {first!r} to {last!r} is no range of positive numbers")
    if per_doubling not in {1, 2, 4, 8, 16, 32}:
        raise ConfigError(f"bounds: {per_doubling!r} is not 1, 2, 4, 8, 16 or 32")
    exponents = range(
        math.ceil(math.log2(first) * per_doubling), math.floor(math.log2(last) * per_doubling) + 1
    )
    return (0.0, *(2.0 ** (exponent / per_doubling) for exponent in exponents))


DEFAULT_BOUNDS = powers_of_two(2**-10, 2**20)
"""From a millisecond to 12 days of seconds, or to a MiB of bytes: 0 and 31 powers of two.

They are the same whatever was measured: bounds that came and went would break queries.
"""


class Bounds:
    """Which bounds the histogram of each measure has. Does not change."""

    def __init__(self, given: Mapping[str | None, Iterable[float]] | Iterable[float]) -> None:
        """`given`: bounds of all measures, or measure -> bounds, None standing for all others.

        Raises ConfigError.
        """
        by_measure = given if isinstance(given, Mapping) else {None: given}
        self._by_measure = {name: _checked(some) for name, some in by_measure.items()}
        self._others = self._by_measure.get(None, DEFAULT_BOUNDS)

    def of(self, measure: str) -> tuple[float, ...]:
        """The bounds of a measure, the smallest first."""
        return self._by_measure.get(measure, self._others)


def _checked(bounds: object) -> tuple[float, ...]:
    if not isinstance(bounds, Iterable) or isinstance(bounds, str):
        raise ConfigError(f"bounds: {shown(bounds)} is no list of numbers")
    given: list[Any] = list(bounds)
    if not given:
        raise ConfigError("bounds: there is none; +Inf alone is no histogram")
    for bound in given:
        if type(bound) not in {int, float} or not math.isfinite(bound):
            raise ConfigError(f"bounds: {shown(bound)} is no finite number")
    return tuple(sorted({float(bound) for bound in given}))


def at_most(distribution: Distribution, bounds: Sequence[float]) -> list[int]:
    """Return how many values are not larger than each bound; bounds are in order.

    Exact where a bound is zero or a power of two (or a 32nd of the way to the next). Any other
    is taken for the nearest edge of the ranges that are kept, which is at most 1.1 % away.
    """
    found: list[int] = []
    ranges = distribution.buckets()
    largest, n = next(ranges, (math.inf, 0))
    below = 0
    for edge in map(_edge, bounds):
        while n and largest <= edge:
            below += n
            largest, n = next(ranges, (math.inf, 0))
        found.append(below)
    return found


def _edge(bound: float) -> float:
    """The edge of a range that is nearest to the bound, written as `measures.upper_bound` does."""
    if not bound:
        return 0.0
    try:
        edge = 2.0 ** (round(math.log2(abs(bound)) * RANGES) / RANGES)
    except OverflowError:
        edge = math.inf
    return math.copysign(edge, bound)
