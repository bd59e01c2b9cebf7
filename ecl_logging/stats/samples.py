"""Samples: some of many values, from which percentiles of all are told.

A sample takes the lock of the tree, as all stats do, and so is safe between threads, in signal
handlers and in forked children. Its values are numbers; what is none is refused, since one of
them would spoil whatever is worked out later.
"""

from __future__ import annotations

import math
import random as chance
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush, heappushpop
from math import isfinite, log
from typing import Any

from ecl_logging.stats.tree import tree

__all__ = [
    "ExponentiallyDecayingReservoir",
    "Sample",
    "UniformSample",
    "finite",
    "mean_of",
    "percentiles_of",
    "stddev_of",
]

_SIZE = 1028  # an error of 5 % at most in 99.9 % of cases, for values from a normal distribution

_LARGEST_WHOLE = 10**300  # beyond it the difference of two may be no float

# Not the generator of the module: a program that seeds that one draws what it would without us.
_draw = chance.Random().random  # noqa: S311 - nothing secret


def finite(value: Any) -> float:
    """Return a value as a number; raise TypeError for what is none, ValueError if not finite.

    Whole numbers stay whole up to 10**300, so that they can be reckoned with as floats are.
    """
    try:
        if not isfinite(value):
            raise ValueError(f"{value!r} cannot be added to a stat: it is not finite")
    except OverflowError:
        raise ValueError("a number that is beyond all floats cannot be added to a stat") from None
    is_whole = type(value) is int and -_LARGEST_WHOLE < value < _LARGEST_WHOLE
    return value if is_whole else float(value)


class Sample(ABC):
    """What all samples are asked. Thread safe; all that is returned is a copy.

    `min`, `max` and `count` are of all values since the beginning, everything else is of those
    that are in the sample. Where there is none, numbers are NaN.
    """

    __slots__ = ("__weakref__", "_greatest", "_least", "_random", "_size", "count")
    count: int
    """How many values there have been."""

    def __init__(self, size: int, random: Callable[[], float]) -> None:
        if size < 1:
            raise ValueError(f"a sample has at least one value, not {size}")
        self._size = size
        self._random = random
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        with tree.lock:
            self.count = 0
            self._least, self._greatest = math.inf, -math.inf
            self._clear_samples()

    @abstractmethod
    def update(self, value: float) -> None:
        """Add a value; raise TypeError or ValueError for what is no finite number."""

    @abstractmethod
    def samples(self) -> list[float]:
        """Return the values in the sample, in no order."""

    @abstractmethod
    def _clear_samples(self) -> None:
        """Have none. Called with the lock."""

    def __len__(self) -> int:
        return len(self.samples())

    def __iter__(self) -> Iterator[float]:
        return iter(self.samples())

    @property
    def min(self) -> float:
        """The least value there has been."""
        return self._least if self.count else math.nan

    @property
    def max(self) -> float:
        """The greatest value there has been."""
        return self._greatest if self.count else math.nan

    @property
    def mean(self) -> float:
        """The mean of the sample."""
        return mean_of(self.samples())

    @property
    def stddev(self) -> float:
        """The standard deviation that the sample tells of all values; NaN of a single one."""
        return stddev_of(self.samples())

    def percentiles(self, percentiles: Iterable[float]) -> list[float]:
        """Return the values below which these parts of all are, such as `[0.5, 0.99]`.

        As `percentiles_of`. Raises ValueError for what is not from 0 to 1.
        """
        return percentiles_of(sorted(self.samples()), percentiles)

    def moment(self) -> tuple[int, float, float, list[float]]:
        """Return `count`, `min`, `max` and `samples()`, all of one moment."""
        with tree.lock:
            return self.count, self.min, self.max, self.samples()


class ExponentiallyDecayingReservoir(Sample):
    """A sample in which a value is the likelier the newer it is.

    How likely halves in ln(2) / `alpha` seconds, 46 with the default: it is mostly of the last
    five minutes. From Cormode, Shkapenyuk, Srivastava, Xu, "Forward Decay: A Practical Time
    Decay Model for Streaming Systems", ICDE 2009: of all values those with the greatest
    exp(alpha * t) / u are kept, with t the time when the value came and u drawn evenly from
    0 to 1. Here their logarithms are compared, which are in the same order, and do not grow
    beyond what a float holds; so nothing ever needs to be scaled down.
    """

    __slots__ = ("_alpha", "_clock", "_heap", "_is_full")

    def __init__(
        self,
        size: int = _SIZE,
        alpha: float = 0.015,
        rescale_threshold: float = 3600,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _draw,
    ) -> None:
        """Make an empty one for `size` values, in which a value's weight decays with `alpha`.

        `clock` says the time in seconds. `random` draws a number from 0 to below 1, once for each
        value. `rescale_threshold` has no effect.
        """
        self._alpha = alpha
        self._clock = clock
        super().__init__(size, random)

    def update(self, value: float) -> None:
        """Add a value; raise TypeError or ValueError for what is no finite number.

        Takes time that grows with the logarithm of the size.
        """
        if type(value) is not float or not isfinite(value):
            value = finite(value)
        priority = self._alpha * self._clock() - log(1.0 - self._random())
        with tree.lock:
            self.count += 1
            # Not `min` and `max`: a signal handler can come in where a function is called.
            if value < self._least:  # noqa: PLR1730
                self._least = value
            if value > self._greatest:  # noqa: PLR1730
                self._greatest = value
            if self._is_full:
                heappushpop(self._heap, (priority, value))
            else:
                self._fill(priority, value)

    def _fill(self, priority: float, value: float) -> None:
        # A signal handler that adds values may come in after each line.
        heappush(self._heap, (priority, value))
        while len(self._heap) > self._size:
            heappop(self._heap)
        self._is_full = len(self._heap) == self._size

    def _clear_samples(self) -> None:
        self._heap: list[tuple[float, float]] = []  # the least likely one first
        self._is_full = False

    def samples(self) -> list[float]:
        """Return the values in the sample, in no order."""
        with tree.lock:
            heap = self._heap.copy()
        return [value for _, value in heap]

    def __len__(self) -> int:
        return len(self._heap)


class UniformSample(Sample):
    """A sample in which each value is equally likely, however long ago it came.

    Algorithm R of Vitter, "Random Sampling with a Reservoir", ACM Transactions on Mathematical
    Software 11 (1985).
    """

    __slots__ = ("_values",)

    def __init__(self, size: int = _SIZE, random: Callable[[], float] = _draw) -> None:
        """Make an empty one for `size` values.

        `random` draws a number from 0 to below 1, once for each value as soon as there are as
        many as that; it is called while the lock is held.
        """
        super().__init__(size, random)

    def update(self, value: float) -> None:
        """Add a value; raise TypeError or ValueError for what is no finite number."""
        value = finite(value)
        with tree.lock:
            self.count = count = self.count + 1
            # Not `min` and `max`: a signal handler can come in where a function is called.
            if value < self._least:  # noqa: PLR1730
                self._least = value
            if value > self._greatest:  # noqa: PLR1730
                self._greatest = value
            if count <= self._size:
                self._values.append(value)
                return
            place = int(self._random() * count)
            if place < len(self._values):
                self._values[place] = value

    def _clear_samples(self) -> None:
        self._values: list[float] = []

    def samples(self) -> list[float]:
        """Return the values in the sample, in no order."""
        return self._values.copy()


def mean_of(values: Sequence[float]) -> float:
    """Return the mean; NaN of nothing."""
    if not values:
        return math.nan
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum is beyond all floats, the mean is not
        half = math.fsum(value / (2 * len(values)) for value in values)
        return max(-sys.float_info.max, min(2 * half, sys.float_info.max))


def stddev_of(values: Sequence[float]) -> float:
    """Return the standard deviation of what these are a sample of; NaN of less than two."""
    if len(values) < 2:
        return math.nan
    mean = mean_of(values)
    # Squares of what is very large or very small are no floats; `hypot` sees to that.
    found = math.hypot(*[value - mean for value in values]) / math.sqrt(len(values) - 1)
    return min(found, sys.float_info.max)


def percentiles_of(values: Sequence[float], percentiles: Iterable[float]) -> list[float]:
    """Return the percentiles of sorted values, `[0.5]` for the median; NaN where there are none.

    These are a sample of more values, of which as many are expected below the least and above
    the greatest as between two neighbours: of n values, the one at place k, counted from 1, is
    the percentile k / (n + 1). In between it lies as far from the lower value to the upper one as
    its place does; beyond both ends, it is the value there. NumPy calls this method `weibull`.
    """
    percentiles = list(percentiles)
    for part in percentiles:
        if not 0 <= part <= 1:
            raise ValueError(f"a percentile is from 0 to 1, not {part}")
    return [_at(values, part * (len(values) + 1)) for part in percentiles]


def _at(values: Sequence[float], place: float) -> float:
    if not values:
        return math.nan
    if place < 1:
        return values[0]
    if place >= len(values):
        return values[-1]
    part, whole = math.modf(place)
    lower, upper = values[int(whole) - 1], values[int(whole)]
    if isfinite(upper - lower):
        return min(lower + part * (upper - lower), upper)
    return lower * (1 - part) + upper * part
