"""Values of measures: which numbers are taken, their ranges, the digits of their sums, cells."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging.event_ids import InvalidEvent
from ecl_logging.measures import (
    DIGITS,
    INDEXES,
    RANGES,
    counted,
    holds_values,
    index_of,
    is_of_a_measure,
    number_of,
    split_cell,
    sum_cells,
    upper_bound,
    value_cell,
)

pytestmark = pytest.mark.once

SMALLEST, LARGEST = math.ulp(0.0), sys.float_info.max
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(SMALLEST, LARGEST)


def index_by_definition(value: Fraction) -> int:
    """The i with 2^(i/32) < value <= 2^((i+1)/32), where it is a binary fraction; exactly."""
    doublings = value.denominator.bit_length() - 1
    return (value.numerator**RANGES - 1).bit_length() - RANGES * doublings - 1


def nearly(value: float, tolerance: float) -> tuple[int, int]:
    """The ranges of what is so much below and above a value."""
    exact, part = Fraction(value), Fraction(tolerance)
    return index_by_definition(exact * (1 - part)), index_by_definition(exact * (1 + part))


# --- which numbers are taken


class Like:
    """As the scalars of NumPy: a number by what it can be made into."""

    def __init__(self, number: object) -> None:
        self.number = number

    def __float__(self):
        if isinstance(self.number, BaseException):
            raise self.number
        return self.number


class Whole:
    def __index__(self):
        return 7


class Loud(float):
    def __float__(self):
        raise AssertionError("what it overrides is not asked")


class LoudInt(int):
    def __float__(self):
        raise AssertionError("what it overrides is not asked")


class LoudText(str):
    __slots__ = ()

    def __str__(self):
        raise AssertionError("what it overrides is not asked")


class Size(IntEnum):
    LARGE = 3


class Word(Enum):
    LARGE = 3


class Moody(type):
    def __getattr__(cls, name):
        raise RuntimeError(name)


class OfMoody(metaclass=Moody):
    pass


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0),
        (-3, -3.0),
        (1.5, 1.5),
        (2**53 + 1, 2.0**53),
        (10**308, 1e308),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 3), 1 / 3),
        (Size.LARGE, 3.0),
        (Like(2.5), 2.5),
        (Whole(), 7.0),
        (Loud(1.5), 1.5),
        (LoudInt(4), 4.0),
        (LoudText("12"), 12.0),
        ("12", 12.0),
        (" +12.50\n", 12.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("0" * 399 + "7", 7.0),
        ("1e-999", 0.0),
    ],
)
def test_numbers_of_any_kind_are_taken(value, number):
    assert number_of(value) == number
    assert type(number_of(value)) is float


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is None"),
        (True, "is a bool"),
        (math.nan, "is not finite"),
        (-math.inf, "is not finite"),
        (Like(math.inf), "is not finite"),
        (Decimal("NaN"), "is not finite"),
        (Decimal("1e999"), "is not finite"),
        ("1e999", "is not finite"),
        (10**400, "is too large"),
        (Fraction(10**400), "is too large"),
        *(
            (value, "is no number")
            for value in (
                *(
                    "",
                    " ",
                    "x",
                    "1_000",
                    "0x10",
                    "nan",
                    "inf",
                    "1,5",
                    "1 2",
                    "\u0663",
                    "--1",
                    "1e",
                    ".",
                ),
                *("1" * 401, "1" * 399 + "x", b"12", bytearray(b"12"), memoryview(b"12")),
                *([], {}, object(), Word.LARGE, 1j, Decimal("sNaN"), OfMoody(), Like, float),
                *(Like("text"), Like(None), Like(ValueError()), Like(RuntimeError("secret"))),
            )
        ),
    ],
)
def test_what_is_no_finite_number_is_refused_with_its_reason(value, reason):
    with pytest.raises(InvalidEvent) as refused:
        number_of(value)

    assert refused.value.args == (reason,)


def test_an_object_that_interrupts_is_let_through():
    with pytest.raises(KeyboardInterrupt):
        number_of(Like(KeyboardInterrupt()))


@settings(deadline=None)
@given(st.one_of(FINITE, st.integers(-(10**300), 10**300)))
def test_a_number_and_its_text_are_the_same(number):
    assert number_of(number) == number_of(str(number)) == float(number)


# --- ranges


@settings(deadline=None)
@given(POSITIVE)
def test_a_value_lies_in_the_range_of_the_definition(value):
    below, above = nearly(value, 2**-42)

    assert below <= index_of(value) <= above


@settings(deadline=None)
@given(st.floats(1e-19, 1e19))
def test_an_everyday_value_lies_there_more_exactly(value):
    below, above = nearly(value, 2**-47)

    assert below <= index_of(value) <= above


def test_powers_of_two_are_the_largest_values_of_their_ranges():
    for exponent in range(-1074, 1024):
        power = math.ldexp(1.0, exponent)

        assert index_of(power) == exponent * RANGES - 1 == index_by_definition(Fraction(power))
        assert upper_bound(exponent * RANGES - 1) == power


@settings(deadline=None)
@given(st.integers(INDEXES[0], INDEXES[-2]), st.sampled_from([0.0, math.inf]), st.integers(0, 4))
def test_neighbours_of_an_edge_lie_on_one_of_its_sides(index, towards, steps):
    value = upper_bound(index)
    for _ in range(steps):
        value = math.nextafter(value, towards)
    value = max(value, SMALLEST)
    below, above = nearly(value, 2**-42)

    assert below <= index_of(value) <= above


@settings(deadline=None)
@given(st.integers(INDEXES[0] + 52 * RANGES, INDEXES[-2]))
def test_an_upper_bound_is_the_double_next_to_the_edge(index):
    bound = Fraction(upper_bound(index))
    step = Fraction(math.ulp(upper_bound(index)))

    assert index_by_definition(bound - step) <= index
    assert index_by_definition(bound + step) >= index + 1


@settings(deadline=None)
@given(st.integers(1, 2**12))
def test_of_the_ranges_of_the_smallest_doubles_the_bound_is_a_value_in_them(steps):
    value = steps * SMALLEST
    index = index_by_definition(Fraction(value))

    assert upper_bound(index - 1) < value <= upper_bound(index)
    assert index_by_definition(Fraction(upper_bound(index))) == index


def test_the_indexes_are_those_of_the_smallest_and_of_the_largest_double():
    assert INDEXES[0] == index_of(SMALLEST)
    assert INDEXES[-1] == index_of(LARGEST) == index_by_definition(Fraction(LARGEST))
    assert upper_bound(INDEXES[-1]) == math.inf


@pytest.mark.parametrize("huge", [10**5, 10**11, 10**400])
def test_an_index_beyond_all_doubles_has_a_bound_all_the_same(huge):
    assert upper_bound(huge) == math.inf
    assert upper_bound(-huge) == 0.0


# --- cells of values


@settings(deadline=None)
@given(st.lists(FINITE, max_size=30))
def test_each_value_is_counted_in_the_cell_of_its_range(values):
    cells = Counter(
        value_cell("x", int(math.copysign(1, value)), index_of(abs(value)))
        if value
        else value_cell("x", 0)
        for value in values
    )

    assert counted("x", values) == cells


def test_both_zeros_are_zero():
    assert counted("x", [0.0, -0.0]) == {"@0:x": 2}
    assert sum_cells("x", [0.0, -0.0]) == {}


# --- sums


def sum_in(*cells: dict[str, int]) -> Fraction:
    """What the digits of these cells come to."""
    total = Fraction(0)
    for cell, n in (one for some in cells for one in some.items()):
        split = split_cell(cell)
        assert split is not None
        assert split[:2] == ("x", "=")
        total += n * Fraction(2) ** (32 * split[2])
    return total


def exact(values: list[float]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0))


@settings(deadline=None)
@given(st.lists(FINITE, max_size=20))
def test_a_sum_is_exact(values):
    """Also one that doubles do not come to, or not on the way."""
    assert sum_in(sum_cells("x", values)) == exact(values)


@settings(deadline=None)
@given(st.lists(FINITE, max_size=30), st.randoms(use_true_random=False), st.integers(1, 8))
def test_a_sum_is_the_same_in_any_order_and_any_number_of_parts(values, chance, count):
    parts: list[list[float]] = [[] for _ in range(count)]
    for value in chance.sample(values, len(values)):
        chance.choice(parts).append(value)

    assert sum_in(*(sum_cells("x", part) for part in parts)) == exact(values)


@settings(deadline=None)
@given(FINITE)
def test_a_digit_is_one_of_those_that_there_are_and_small(number):
    for cell, n in sum_cells("x", [number]).items():
        assert int(cell[2:-2]) in DIGITS
        assert 0 < abs(n) <= 2**31


@pytest.mark.parametrize("number", [SMALLEST, -SMALLEST, LARGEST, -LARGEST, 2.0**31, -(2.0**31)])
def test_extremes_have_digits(number):
    assert sum_in(sum_cells("x", [number] * 3)) == 3 * Fraction(number)


def test_digits_of_many_sums_go_up_and_down():
    """So that a cell has room for them for as long as anybody counts."""
    chance = random.Random(1)
    digits: Counter[str] = Counter()
    for _ in range(10_000):
        digits.update(sum_cells("x", [chance.random()]))

    assert abs(digits["@=-2:x"]) < 10_000 * 2**31 / 10


# --- back from cells

NAMES = st.text(min_size=1, max_size=20)


@settings(deadline=None)
@given(NAMES, st.sampled_from([-1, 1]), st.sampled_from(INDEXES))
def test_a_cell_of_values_is_split_as_it_was_put_together(measure, sign, index):
    cell = value_cell(measure, sign, index)

    assert split_cell(cell) == (measure, "+" if sign > 0 else "-", index)
    assert is_of_a_measure(cell)
    assert holds_values(cell)


@pytest.mark.parametrize("measure", ["a:b", ":", "1:2", "\n", "a\nb", "@0:x", "日", "\udc80", "=1"])
def test_any_name_comes_back(measure):
    cells = counted(measure, [-1.5, 0.0, 2.5]) | sum_cells(measure, [0.25, 1.0])

    assert {split_cell(cell) for cell in cells} == {
        (measure, "-", 18),
        (measure, "0", 0),
        (measure, "+", 42),
        (measure, "=", -1),
        (measure, "=", 0),
    }
    assert [cell for cell in cells if not holds_values(cell)] == [
        f"@=-1:{measure}",
        f"@=0:{measure}",
    ]


@pytest.mark.parametrize(
    "cell",
    [
        *("", "@", "@0", "@0:", "@00:x", "@+:x", "@+1", "@+1:", "@+1x:x", "@++1:x", "@+ 1:x"),
        *(
            "@+007:x",
            "@+-0:x",
            "@-00:x",
            "@=--1:x",
            "@+1.0:x",
            "@+\u0661:x",
            " @+1:x",
            "0:x",
            "+1:x",
        ),
        *("@+32768:x", "@+-34370:x", "@-99999:x", "@=33:x", "@=-35:x", "@+99999999999:x"),
        *("@+" + "9" * 5000 + ":x", "@late", "@other", "@invalid", "req1", "@x"),
    ],
)
def test_any_other_cell_is_none_of_a_measure(cell):
    assert split_cell(cell) is None
    assert not is_of_a_measure(cell)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=12), st.text(st.sampled_from("@+-=0123456789:x\n"), max_size=12)))
def test_whatever_a_cell_is_called_it_can_be_asked(cell):
    split = split_cell(cell)

    assert is_of_a_measure(cell) == (split is not None)
    if split is not None:
        measure, mark, index = split
        assert cell == (f"@0:{measure}" if mark == "0" else f"@{mark}{index}:{measure}")
        assert measure
