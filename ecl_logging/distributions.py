"""Distribution: what the cells of a measure say of its values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from ecl_logging.measures import RANGES, split_cell, upper_bound

__all__ = ["Distribution", "distributions_in"]

_DIGIT = 2**32


class Distribution:
    """How the values of a measure are spread, in one bucket or in several together.

    It is kept as counts of exponential ranges (32 for each doubling, as in OpenTelemetry's
    exponential histograms of scale 5), so any number of processes add up to the same distribution
    as one that had all their values:

    - `count` is exact, and so is `sum`, and with it `mean`, but for the last digits of a double.
    - `percentile`, `min` and `max` are the middles of ranges: at most 1.1 % from the value.
    - `stddev` is worked out from the middles.

    Does not change; thread safe. Two of them can be added.
    """

    __slots__ = ("_counts", "_digits", "count")

    count: int
    """How many values there were."""

    def __init__(
        self,
        counts: Mapping[tuple[int, int], int] | None = None,
        digits: Mapping[int, int] | None = None,
    ) -> None:
        """`counts`: by sign (-1, 0, 1) and index of the range.

        `digits`: of the sum, to the base 2^32.
        """
        known = {place: n for place, n in (counts or {}).items() if n > 0}
        # The smallest values first: of negative ones, those of the highest range.
        self._counts = dict(
            sorted(known.items(), key=lambda one: (one[0][0], one[0][0] * one[0][1]))
        )
        self._digits = dict(digits or {})
        self.count = sum(self._counts.values())

    @property
    def sum(self) -> float:
        """All values added up; 0.0 where there is none."""
        exact = sum((Fraction(_DIGIT) ** at * n for at, n in self._digits.items()), Fraction(0))
        try:
            return float(exact)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf

    @property
    def mean(self) -> float:
        """The arithmetic mean; NaN where there is no value."""
        return self.sum / self.count if self.count else math.nan

    @property
    def stddev(self) -> float:
        """The standard deviation of these values as a whole population; NaN where there is none."""
        if not self.count:
            return math.nan
        middles = [(_middle(*place), n) for place, n in self._counts.items()]
        mean = math.fsum(middle * n for middle, n in middles) / self.count
        # Scaled, for the square of a large double is none.
        scale = max(abs(middle - mean) for middle, _ in middles) or 1.0
        squares = math.fsum(((middle - mean) / scale) ** 2 * n for middle, n in middles)
        return scale * math.sqrt(squares / self.count)

    @property
    def min(self) -> float:
        """The smallest value, within 1.1 %; NaN where there is none."""
        return self.percentile(0)

    @property
    def max(self) -> float:
        """The largest value, within 1.1 %; NaN where there is none."""
        return self.percentile(100)

    def percentile(self, percent: float) -> float:
        """Return the value that so many percent of all values are below, within 1.1 %.

        `percent`: 0 to 100, also in between, such as 99.9; anything else is a ValueError. Between
        two values it is interpolated, as NumPy does. NaN where there is no value.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile is from 0 to 100, not {percent!r}")
        if not self.count:
            return math.nan
        # Exact, for a rank of 10^16 values is one.
        rank = Fraction(percent) * (self.count - 1) / 100
        whole = int(rank)
        below, part = self._value_at(whole), float(rank - whole)
        if not part:
            return below
        above = self._value_at(whole + 1)
        return below + (above - below) * part if above != below else below

    def _value_at(self, rank: int) -> float:
        """The value of a rank, from 0, as far as it is known."""
        for place, n in self._counts.items():
            if rank < n:
                return _middle(*place)
            rank -= n
        raise AssertionError("a rank beyond all values")

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Return ranges that have values, the lowest first: largest value and how many.

        The range of zero has 0.0.
        """
        for (sign, index), n in self._counts.items():
            # Of a negative range the largest value is its lower bound's, with the other sign.
            yield sign * upper_bound(index if sign > 0 else index - 1) if sign else 0.0, n

    def __add__(self, other: Distribution) -> Distribution:
        if not isinstance(other, Distribution):
            return NotImplemented
        counts = Counter(self._counts)
        counts.update(other._counts)
        digits = Counter(self._digits)
        digits.update(other._digits)
        return Distribution(counts, digits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Distribution):
            return NotImplemented
        return self._counts == other._counts and self.sum == other.sum

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self.count > 0

    def __repr__(self) -> str:
        if not self.count:
            return "<Distribution of nothing>"
        return (
            f"<Distribution of {self.count}: mean {self.mean:.4g}, p50 {self.percentile(50):.4g},"
            f" p99 {self.percentile(99):.4g}>"
        )


def _middle(sign: int, index: int) -> float:
    """The value that is nearest to all of a range, each by its own measure.

    That is the harmonic mean of its bounds: from there both are equally far, in percent of them.
    """
    if not sign:
        return 0.0
    low, high = upper_bound(index - 1), upper_bound(index)
    if math.isinf(high):
        return sign * low * (2 / (1 + 2 ** (-1 / RANGES)))
    return sign * (2 * high / (1 + high / low) if low else high)


def distributions_in(
    cells: Mapping[str, int], measures: Iterable[str] = ()
) -> dict[str, Distribution]:
    """Return the distributions that a bucket's cells hold, sorted by measure.

    Those of `measures` are there also where they have no values.
    """
    counts: dict[str, dict[tuple[int, int], int]] = {measure: {} for measure in measures}
    digits: dict[str, dict[int, int]] = {}
    for cell, n in cells.items():
        split = split_cell(cell)
        if split is None:
            continue
        measure, mark, index = split
        if mark == "=":
            digits.setdefault(measure, {})[index] = n
        else:
            sign = {"+": 1, "-": -1, "0": 0}[mark]
            counts.setdefault(measure, {})[sign, index] = n
    return {name: Distribution(counts[name], digits.get(name)) for name in sorted(counts)}
