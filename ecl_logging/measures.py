"""Measured values as counts: exponential buckets, and sums, in cells that only need adding up.

A distribution is how many values fell into each of many narrow ranges. Range `i` of positive
values goes from 2^(i/32), which is not in it, to 2^((i+1)/32), which is; negative values have
the same ranges on their side, and zero has one to itself. These are the base-2 exponential
buckets of scale 5, as OpenTelemetry's exponential histograms and Prometheus's native histograms
number them. The middle of a range is at most 1.1 % from any value in it.

Beside them the sum is kept, exactly: as digits to the base 2^32, each of which is a count as
well. (An idea of R. M. Neal's superaccumulators, 2015.)

In a store, cells are named for what they hold of a measure, such as `latency`:

    @+12:latency   how many values fell into range 12; @-12: of negative values
    @0:latency     how many were zero
    @=-1:latency   the sum's digit at 2^(32 * -1), which may be negative

Numbers are written in the one usual way, and only those that a double can have: a cell such as
`@+007:latency` or `@+99999:latency` is none of a measure, and somebody else's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from math import ceil, floor, frexp, fsum, inf, isfinite, ldexp, log2
from operator import mul
from typing import Any

from ecl_logging.event_ids import InvalidEvent

__all__ = [
    "DIGITS",
    "DIGIT_BITS",
    "INDEXES",
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

INDEXES = range(-1074 * RANGES - 1, 1024 * RANGES)
"""Of the ranges that a double lies in, from the smallest to the largest."""

DIGIT_BITS = 32

DIGITS = range(-34, 33)
"""The digits that a sum of doubles can have; below there is none, above only a carry."""

_BASE, _HALF = 2**DIGIT_BITS, 2 ** (DIGIT_BITS - 1)
_ZERO = 0
_SMALLEST = -1074  # the exponent of the smallest double; all are multiples of it
_NUMBER = re.compile(r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*", re.ASCII)
_CELL = re.compile(r"@([-+=])(0|-?[1-9][0-9]{0,4}):(.+)|@(0):(.+)", re.DOTALL)


# --- values


def number_of(value: object) -> float:
    """Return the value as a double; raise InvalidEvent ("is None") for what is no finite number.

    Numbers of any kind, and decimal texts, such as a pattern finds in a message.
    """
    # By type(), because an object may say what it likes of its __class__.
    kind = type(value)
    if kind is bool or value is None:
        raise InvalidEvent("is a bool" if kind is bool else "is None")
    try:
        number = _plain_number(value, kind)
    except OverflowError:
        raise InvalidEvent("is too large") from None
    except Exception:  # noqa: BLE001 - whatever a program's object does when it is asked
        raise InvalidEvent("is no number") from None
    if not isfinite(number):
        raise InvalidEvent("is not finite")
    return number


def _plain_number(value: Any, kind: type) -> float:
    """The value as a double; raises anything for what is none. What subclasses override is not."""
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, int):
        return int.__float__(value)
    if issubclass(kind, str):
        text = str.__str__(value)
        if len(text) > 400 or not _NUMBER.fullmatch(text):
            raise ValueError
        return float(text)
    # Not all that float() takes: bytes are no text.
    if hasattr(kind, "__float__") or hasattr(kind, "__index__"):
        return float(value)
    raise TypeError


def index_of(value: float) -> int:
    """Return the range that a positive value lies in.

    Powers of two lie where they belong. Any other value that is closer to an edge than 2^-42 of
    itself (2^-47 between 10^-19 and 10^19) may be put on the other side.
    """
    return ceil(log2(value) * RANGES) - 1


def upper_bound(index: int) -> float:
    """Return the largest value of a range; infinity where that is no double.

    The ranges of the smallest doubles, below 2.2e-308, are narrower than the steps from one of
    these to the next: of such a range it is the largest double.
    """
    whole, part = divmod(index + 1, RANGES)
    bound = 2.0 ** (part / RANGES)
    if whole < -1022:
        return ldexp(floor(ldexp(bound, whole - _SMALLEST)), _SMALLEST)
    try:
        return ldexp(bound, whole)
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
    """Return what these finite values add to each digit of the sum, which is exact."""
    digits: Counter[int] = Counter()
    for part in _exact_parts(values):
        digits.update(_digits_of(part))
    return {f"@={digit}:{measure}": n for digit, n in digits.items() if n}


def _exact_parts(values: Sequence[float]) -> Sequence[float]:
    """Return few doubles that add up to exactly the same; they are gone through in C."""
    parts: list[float] = []
    try:
        # What the double next to the sum leaves over is a sum, too; soon that is nothing.
        while part := fsum(chain(values, [-known for known in parts])):
            parts.append(part)
    except OverflowError:  # of doubles, on the way; digits have no end
        return values
    return parts


def _digits_of(number: float) -> dict[int, int]:
    """Return the digits of one number, from -2^31 to 2^31 - 1.

    Those of many numbers go up and down, then, so that what they come to stays small.
    """
    mantissa, exponent = frexp(number)
    digit, shift = divmod(exponent - 53, DIGIT_BITS)
    left = int(mantissa * 2**53) << shift
    digits = {}
    while left:
        n = (left + _HALF) % _BASE - _HALF
        if n:
            digits[digit] = n
        left = (left - n) >> DIGIT_BITS
        digit += 1
    return digits


# --- and back


def is_of_a_measure(cell: str) -> bool:
    """Whether a cell holds something of a measure."""
    return cell[:1] == "@" and split_cell(cell) is not None


def holds_values(cell: str) -> bool:
    """Whether a cell holds how many values there were: by its first characters alone."""
    return cell[:1] == "@" and cell[1:2] in {"+", "-", "0"}


def split_cell(cell: str) -> tuple[str, str, int] | None:
    """Return measure, mark (`+`, `-`, `0` or `=`) and index; None for any other cell."""
    match = _CELL.fullmatch(cell)
    if match is None:
        return None
    if match[4]:
        return match[5], "0", 0
    mark, index = match[1], int(match[2])
    return (match[3], mark, index) if index in (DIGITS if mark == "=" else INDEXES) else None
