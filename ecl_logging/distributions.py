"""Distribution: what the cells of a measure say of its values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from ecl_logging.measures import DIGIT_BITS, DIGITS, INDEXES, RANGES, split_cell, upper_bound

__all__ = ["Distribution", "distributions_in"]

# The middle of a range, in units of its lower bound: the harmonic mean of its bounds, from where
# both are equally far, in percent of them.
_MIDDLE = 2 / (1 + 2 ** (-1 / RANGES))
_NORMAL = math.ldexp(1.0, -1022)  # and above: doubles with all their digits


class Distribution:
    """How the values of a measure are spread, in one bucket or in several together.

    It is kept as counts of exponential ranges (32 for each doubling, as in OpenTelemetry's
    exponential histograms of scale 5), so any number of processes add up to the same distribution
    as one that had all their values:

    - `count` is exact, and so are `sum` and `mean`: the doubles next to them.
    - `percentile`, `min` and `max` are the middles of ranges: at most 1.1 % from the value. (Below
      2.2e-308, where doubles are few, they may be one further.)
    - `stddev` is worked out from the middles, so it is 0.0 for values of one range.

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

        `digits`: of the sum, to the base 2^32. What doubles cannot come to, such as a count below
        zero or a range beyond the largest, somebody else has written; it is left out.
        """
        known = {place: n for place, n in (counts or {}).items() if n > 0 and place[1] in INDEXES}
        # The smallest values first: of negative ones, those of the highest range.
        self._counts = dict(
            sorted(known.items(), key=lambda one: (one[0][0], one[0][0] * one[0][1]))
        )
        self._digits = {at: n for at, n in (digits or {}).items() if at in DIGITS}
        self.count = sum(self._counts.values())

    @property
    def sum(self) -> float:
        """All values added up; 0.0 where there is none, infinite where that is no double."""
        return self._sum_over(1)

    @property
    def mean(self) -> float:
        """The arithmetic mean, also where the sum is infinite; NaN where there is no value."""
        return self._sum_over(self.count) if self.count else math.nan

    def _sum_over(self, n: int) -> float:
        """The exact sum divided by a number, rounded once."""
        lowest = DIGITS[0]
        units = sum(digit << (DIGIT_BITS * (at - lowest)) for at, digit in self._digits.items())
        try:
            return units / (n << (DIGIT_BITS * -lowest))
        except OverflowError:
            return math.inf if units > 0 else -math.inf

    @property
    def stddev(self) -> float:
        """The standard deviation of these values as a whole population; NaN where there is none."""
        if not self.count:
            return math.nan
        # In parts of the farthest from zero, for the square of a large double is none.
        scale = max(abs(_middle(*place)) for place in self._counts) or 1.0
        parts = [(_middle(*place) / scale, n) for place, n in self._counts.items()]
        mean = math.fsum(part * n for part, n in parts) / self.count
        squares = math.fsum((part - mean) ** 2 * n for part, n in parts)
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
        two values it is interpolated, as NumPy does; where one of them is below zero and the other
        above, the error is at most 1.1 % of the one that is farther from it. NaN where there is no
        value.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile is from 0 to 100, not {percent!r}")
        if not self.count:
            return math.nan
        # Exact: a rank of 10^16 values is one, and a difference may be no double.
        rank = Fraction(percent) * (self.count - 1) / 100
        below, part = self._value_at(int(rank)), rank - int(rank)
        if not part:
            return below
        above = self._value_at(int(rank) + 1)
        return float(Fraction(below) * (1 - part) + Fraction(above) * part)

    def _value_at(self, rank: int) -> float:
        """The value of a rank, from 0, as far as it is known."""
        for place, n in self._counts.items():
            if rank < n:
                return _middle(*place)
            rank -= n
        raise AssertionError("a rank beyond all values")

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Return ranges that have values, the lowest first: largest value and how many.

        The range of zero has 0.0. The largest value of a negative range, which is not in it, is
        the edge that is nearer to zero. No two ranges have the same.
        """
        for (sign, index), n in self._counts.items():
            if sign < 0:
                edge = upper_bound(index - 1)
                # Where ranges are narrower than steps, the first value beyond tells them apart.
                yield -(edge if edge >= _NORMAL else math.nextafter(edge, math.inf)), n
            else:
                yield (upper_bound(index) if sign else 0.0), n

    def __add__(self, other: Distribution) -> Distribution:
        if not isinstance(other, Distribution):
            return NotImplemented
        counts = Counter(self._counts)
        counts.update(other._counts)
        digits = Counter(self._digits)
        digits.update(other._digits)
        return Distribution(counts, digits)

    def __radd__(self, other: object) -> Distribution:
        return self if other == 0 else NotImplemented  # what `sum` begins with

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
    whole, part = divmod(index, RANGES)
    return sign * math.ldexp(2.0 ** (part / RANGES) * _MIDDLE, whole)


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
