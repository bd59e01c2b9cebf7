"""Measured values as counts: exponential buckets, and sums, in cells that only need adding up.

A distribution is how many values fell into each of many narrow ranges. Range `i` of positive
values goes from 2^(i/32), which is not in it, to 2^((i+1)/32), which is; negative values have
the same ranges on their side, and zero has one to itself. These are the base-2 exponential
buckets of scale 5, as OpenTelemetry's exponential histograms and Prometheus's native histograms
number them. The middle of a range is at most 1.1 % from any value in it.

Beside them a sum is kept, exact but for the last digit of a double: as digits to the base
2^32, each of which is a count as well. (An idea of R. M. Neal's superaccumulators, 2015.)

In a store, cells are named for what they hold of a measure, such as `latency`:

    @+12:latency   how many values fell into range 12; @-12: of negative values
    @0:latency     how many were zero
    @=-1:latency   the sum's digit at 2^(32 * -1), which may be negative
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import ceil, frexp, fsum, inf, isfinite, log2
from operator import mul

from ecl_logging.event_ids import InvalidEvent

__all__ = [
    "RANGES",
    "counted",
    "holds_values",
    "index_of",
    "is_of_a_measure",
    "number_of",
    "split_cell",
    "sum_cells",
    "upper_bound",
    "value_cell",
]

RANGES = 32
"""So many ranges there are between a number and twice that number."""

_DIGIT = 32  # bits
_ZERO = 0
_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*", re.ASCII)
_CELL = re.compile(r"@([-+=])(-?[0-9]+):(.+)|@(0):(.+)", re.DOTALL)


# --- values


def number_of(value: object) -> float:
    """Return the value as a double; raise InvalidEvent for what is no finite number.

    Numbers of any kind, and decimal texts, such as a pattern finds in a message.
    """
    kind = type(value)
    if kind is bool or value is None:
        raise InvalidEvent(f"has a measure that is {'a bool' if kind is bool else 'None'}")
    if issubclass(kind, str):
        text = str.__str__(value)
        if len(text) > 400 or not _NUMBER.fullmatch(text):
            raise InvalidEvent("has a measure that is no number")
        number = float(text)
    elif hasattr(kind, "__float__"):
        try:
            number = float(value)  # type: ignore[arg-type]
        except OverflowError:
            raise InvalidEvent("has a measure that is too large") from None
    else:
        raise InvalidEvent("has a measure that is no number")
    if not isfinite(number):
        raise InvalidEvent("has a measure that is not finite")
    return number


def index_of(value: float) -> int:
    """Return the range that a positive value lies in.

    A value within some units of a double's last digit from an edge may be put on its other side;
    not so where the edge is a power of two.
    """
    return ceil(log2(value) * RANGES) - 1


def upper_bound(index: int) -> float:
    """Return the largest value of a range; infinity where that is no double."""
    try:
        return float(2.0 ** ((index + 1) / RANGES))
    except OverflowError:
        return inf


# --- to cells


def value_cell(measure: str, sign: int, index: int = 0) -> str:
    """Return the name of the cell for values of one range."""
    return f"@{'+' if sign > 0 else '-'}{index}:{measure}" if sign else f"@0:{measure}"


def counted(measure: str, values: Sequence[float]) -> dict[str, int]:
    """Return how many of these finite values go to each cell.

    They are gone through in C: a program's values come in bulk.
    """
    cells: dict[str, int] = {}
    for sign, some in _by_sign(values):
        if sign == _ZERO:
            cells[value_cell(measure, _ZERO)] = len(some)
            continue
        above = Counter(map(ceil, map(mul, map(log2, some), repeat(float(RANGES)))))
        cells.update((value_cell(measure, sign, index - 1), n) for index, n in above.items())
    return cells


def _by_sign(values: Sequence[float]) -> Iterable[tuple[int, Sequence[float]]]:
    if values and min(values) > 0:
        return [(1, values)]  # the usual case
    parts = (
        (1, [value for value in values if value > 0]),
        (_ZERO, [value for value in values if value == 0]),
        (-1, [-value for value in values if value < 0]),
    )
    return [(sign, some) for sign, some in parts if some]


def sum_cells(measure: str, values: Sequence[float]) -> dict[str, int]:
    """Return what these finite values add to each digit of the sum."""
    try:
        digits = _digits_of(fsum(values))
    except OverflowError:  # of doubles, on the way; not of digits
        digits = Counter()
        for value in values:
            digits.update(_digits_of(value))
    return {f"@={digit}:{measure}": n for digit, n in digits.items() if n}


def _digits_of(number: float) -> Counter[int]:
    mantissa, exponent = frexp(number)
    digit, shift = divmod(exponent - 53, _DIGIT)
    left, sign = int(abs(mantissa) * 2**53) << shift, 1 if number > 0 else -1
    digits: Counter[int] = Counter()
    while left:
        left, n = divmod(left, 2**_DIGIT)
        digits[digit] = sign * n
        digit += 1
    return digits


# --- and back


def is_of_a_measure(cell: str) -> bool:
    """Whether a cell holds something of a measure."""
    return cell[:1] == "@" and cell[1:2] in {"+", "-", "0", "="}


def holds_values(cell: str) -> bool:
    """Whether a cell holds how many values there were."""
    return cell[:1] == "@" and cell[1:2] in {"+", "-", "0"}


def split_cell(cell: str) -> tuple[str, str, int] | None:
    """Return measure, mark (`+`, `-`, `0` or `=`) and index; None for any other cell."""
    match = _CELL.fullmatch(cell)
    if match is None:
        return None
    if match[4]:
        return match[5], "0", 0
    return match[3], match[1], int(match[2])
