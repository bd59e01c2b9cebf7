"""Distributions: what is said of values of which only ranges, counts and digits are known."""

from __future__ import annotations

import copy
import math
import pickle
import random
import statistics
import sys
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging.distributions import Distribution, distributions_in
from ecl_logging.measures import INDEXES, counted, sum_cells

pytestmark = pytest.mark.once

ERROR = 0.011
SMALLEST, LARGEST = math.ulp(0.0), sys.float_info.max
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(SMALLEST, LARGEST)
PERCENTS = st.one_of(st.sampled_from([0, 50, 90, 99, 99.9, 100]), st.floats(0, 100))
MIXED = [-1e308, -3.7, -3.7, -1e-320, 0.0, 1e-9, 0.12, 0.12, 0.13, 5.0, 1.7e308]


def of(*parts: list[float]) -> Distribution:
    """The distribution of values that came in these parts, as a store has it."""
    cells: Counter[str] = Counter()
    for values in parts:
        cells.update(counted("x", values))
        cells.update(sum_cells("x", values))
    return distributions_in(cells, ["x"])["x"]


def percentile(values: list[float], percent: float) -> float:
    """That of the values themselves, as NumPy has it: interpolated between two of them."""
    ordered = list(map(Fraction, sorted(values)))
    rank = Fraction(percent) * (len(values) - 1) / 100
    below, part = ordered[int(rank)], rank - int(rank)
    above = ordered[min(int(rank) + 1, len(values) - 1)]
    return float(below + (above - below) * part)


def is_near(found: float, value: float, *, of: float | None = None) -> bool:
    """Whether it is within 1.1 % of the value; or of another one, or one step of doubles."""
    return abs(found - value) <= max(ERROR * abs(value if of is None else of), SMALLEST)


# --- percentiles


def test_between_values_that_are_far_apart_interpolation_is_exact():
    values, percent = [-1.0, -5666237750740.0], 99.99999999999999

    assert is_near(of(values).percentile(percent), percentile(values, percent))


@settings(deadline=None)
@given(st.lists(POSITIVE, min_size=1, max_size=40), PERCENTS, st.sampled_from([-1, 1]))
def test_percentiles_of_values_of_one_sign_are_within_their_error(values, percent, sign):
    values = [sign * value for value in values]

    assert is_near(of(values).percentile(percent), percentile(values, percent))


@settings(deadline=None)
@given(st.lists(st.one_of(FINITE, st.just(0.0)), min_size=1, max_size=40), PERCENTS)
def test_percentiles_of_any_values_are_within_the_error_of_their_neighbours(values, percent):
    ordered = sorted(values)
    rank = int(Fraction(percent) * (len(values) - 1) / 100)
    below, above = ordered[rank], ordered[min(rank + 1, len(values) - 1)]
    farther = max(below, above, key=abs) if below < 0 < above else None

    found = of(values).percentile(percent)

    assert is_near(found / 2, percentile(values, percent) / 2, of=farther and farther / 2)


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=40))
def test_the_smallest_and_the_largest_value_are_within_their_error(values):
    distribution = of(values)

    assert is_near(distribution.min, min(values))
    assert is_near(distribution.max, max(values))


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=20), st.lists(PERCENTS, min_size=2, max_size=9))
def test_percentiles_are_in_order(values, percents):
    distribution = of(values)
    found = [distribution.percentile(percent) for percent in sorted(percents)]

    assert found == sorted(found)
    assert distribution.min <= found[0]
    assert found[-1] <= distribution.max


def test_a_percentile_between_two_values_is_interpolated():
    distribution = of([-100.0, 0.0, 0.0, 300.0])

    assert distribution.percentile(50) == 0.0
    assert distribution.percentile(100 / 6) == pytest.approx(distribution.min / 2)
    assert distribution.percentile(90) == pytest.approx(distribution.max * 0.7)


def test_a_percentile_between_extremes_is_no_infinity():
    assert abs(of([-LARGEST, LARGEST]).percentile(50)) < LARGEST * ERROR
    assert of([LARGEST]).max == pytest.approx(LARGEST, rel=ERROR)


def test_ranks_of_more_values_than_a_double_counts_are_exact():
    distribution = Distribution({(1, 0): 2**62, (1, 320): 1})

    assert distribution.count == 2**62 + 1
    assert distribution.max > 1000
    assert distribution.percentile(99.999) < 1.1


@pytest.mark.parametrize("percent", [-0.1, 100.1, math.nan, math.inf])
def test_what_is_no_percentage_is_an_error(percent):
    for distribution in (of([1.0]), Distribution()):
        with pytest.raises(ValueError, match="from 0 to 100"):
            distribution.percentile(percent)


# --- sum, mean, deviation


@settings(deadline=None)
@given(st.lists(FINITE, max_size=30))
def test_sum_and_mean_are_those_of_the_values_to_the_last_digit(values):
    total = sum(map(Fraction, values), Fraction(0))
    try:
        expected = float(total)
    except OverflowError:
        expected = math.inf if total > 0 else -math.inf
    distribution = of(values)

    assert distribution.sum == expected
    if values:
        assert distribution.mean == float(total / len(values))


@settings(deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), max_size=60), st.randoms(use_true_random=False))
def test_a_sum_is_that_of_fsum_in_any_order_and_any_number_of_parts(values, chance):
    parts: list[list[float]] = [[] for _ in range(chance.randint(1, 9))]
    for value in chance.sample(values, len(values)):
        chance.choice(parts).append(value)

    assert of(*parts).sum == math.fsum(values)


def test_a_sum_that_is_no_double_is_infinite_and_its_mean_is_not():
    assert of([LARGEST, LARGEST]).sum == math.inf
    assert of([-LARGEST] * 3).sum == -math.inf
    assert of([LARGEST, LARGEST]).mean == LARGEST
    assert of([LARGEST, LARGEST, -LARGEST]).sum == LARGEST


def test_the_deviation_is_about_that_of_the_values(chance):
    for spread in ([1.0, 5.0, 5.0, 9.0], [chance.lognormvariate(0, 1) for _ in range(2000)]):
        assert of(spread).stddev == pytest.approx(statistics.pstdev(spread), rel=0.02)


@pytest.mark.parametrize("scale", [SMALLEST * 1024, 1e-160, 1e160, LARGEST / 4])
def test_a_deviation_is_there_for_the_smallest_and_the_largest_values(scale):
    assert of([-scale, scale]).stddev == pytest.approx(scale, rel=ERROR)
    assert of([scale, scale]).stddev == 0.0


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=30))
def test_a_deviation_is_a_number_whatever_the_values(values):
    assert 0 <= of(values).stddev < math.inf


# --- several together


@settings(deadline=None)
@given(st.lists(st.lists(FINITE, max_size=10), min_size=1, max_size=6), PERCENTS)
def test_distributions_added_up_are_that_of_all_values(parts, percent):
    together = of([value for part in parts for value in part])
    added = sum(map(of, parts), Distribution())

    assert added == together == of(*parts)
    assert list(added.buckets()) == list(together.buckets())
    assert (added.count, added.sum) == (together.count, together.sum)
    if added:
        assert (added.mean, added.stddev) == (together.mean, together.stddev)
        assert added.percentile(percent) == together.percentile(percent)


def test_adding_changes_neither():
    one, other = of([1.0]), of([2.0])
    one + other

    assert (one, other) == (of([1.0]), of([2.0]))


def test_only_distributions_can_be_added():
    with pytest.raises(TypeError):
        of([1.0]) + 1  # type: ignore[operator]


# --- ranges


@settings(deadline=None)
@given(st.lists(FINITE, max_size=40))
def test_ranges_have_all_values_the_lowest_first(values):
    found = list(of(values).buckets())
    bounds = [bound for bound, _ in found]

    assert bounds == sorted(set(bounds))
    assert sum(n for _, n in found) == len(values)
    assert all(n > 0 for _, n in found)
    below = 0
    for bound, n in found:
        below += n
        # But for values next to an edge, which may be on its other side.
        limit = bound + max(abs(bound) * 2**-42, SMALLEST)
        assert below <= sum(value <= limit for value in values)


def test_the_bounds_of_ranges():
    assert list(of([-2.0, -1.5, 0.0, 1.0, 1.01, SMALLEST, LARGEST]).buckets()) == [
        (-(2.0 ** (31 / 32)), 1),
        (-(2.0 ** (18 / 32)), 1),
        (0.0, 1),
        (SMALLEST, 1),
        (1.0, 1),
        (2.0 ** (1 / 32), 1),
        (math.inf, 1),
    ]


@pytest.mark.parametrize("sign", [-1, 1])
def test_no_two_ranges_have_one_bound(sign):
    values = [steps * SMALLEST for steps in range(3000)]
    bounds = [bound for bound, _ in of([sign * value for value in values]).buckets()]

    assert len(bounds) == len(set(bounds)) > 200


# --- nothing


def test_of_nothing_there_is_only_a_count_and_a_sum():
    nothing = Distribution()

    assert (nothing.count, nothing.sum, list(nothing.buckets())) == (0, 0.0, [])
    assert not nothing
    for number in (
        nothing.mean,
        nothing.stddev,
        nothing.min,
        nothing.max,
        nothing.percentile(50),
    ):
        assert math.isnan(number)
    assert repr(nothing) == "<Distribution of nothing>"


def test_a_distribution_says_what_it_is():
    assert repr(of([1.0, 1.0, 4.0])) == "<Distribution of 3: mean 2, p50 0.9892, p99 3.897>"


def test_distributions_are_compared_by_what_they_hold():
    assert of([1.0, 2.0]) == of([2.0], [1.0])
    assert of([1.0]) != of([1.0, 1.0])
    assert of([1.01]) != of([1.02])
    assert of([1.0]) != "a text"


def test_a_distribution_can_be_copied_and_sent():
    distribution = of(MIXED)

    assert copy.deepcopy(distribution) == pickle.loads(pickle.dumps(distribution)) == distribution


# --- what a store has


def test_measures_are_sorted_and_declared_ones_are_there_without_values():
    cells = counted("b:c", [1.0]) | counted("a", [1.0]) | {"req1": 2, "@late": 3}

    found = distributions_in(cells, ["z", "a"])

    assert list(found) == ["a", "b:c", "z"]
    assert [one.count for one in found.values()] == [1, 1, 0]


def test_digits_without_values_are_no_measure():
    assert distributions_in({"@=0:x": 5}) == {}


def test_what_others_wrote_and_no_double_comes_to_is_left_out():
    cells = {
        "@+99999999999:x": 1,
        "@+32768:x": 1,
        "@--99999:x": 1,
        "@=99999999:x": 1,
        "@=-99:x": 1,
        "@+007:x": 1,
        f"@+{'9' * 5000}:x": 1,
        "@+31:x": -5,
        "@-31:x": 0,
        "@0:x": -1,
    }

    assert distributions_in(cells, ["x"]) == {"x": Distribution()}
    assert distributions_in(cells | counted("x", [1.0])) == {"x": Distribution({(1, -1): 1})}
    assert Distribution({(1, 10**11): 1, (-1, -(10**400)): 1}, {10**9: 1}) == Distribution()


HOSTILE = st.dictionaries(
    st.one_of(
        st.text(max_size=8),
        st.from_regex(r"@([-+=]-?[0-9]{1,7}|0):[xy:\n]{1,2}", fullmatch=True),
        st.builds(
            lambda mark, at: f"@{mark}{at}:x", st.sampled_from("+-"), st.sampled_from(INDEXES)
        ),
        st.builds(lambda at: f"@={at}:x", st.integers(-40, 40)),
    ),
    st.integers(-(2**63), 2**63 - 1),
    max_size=12,
)


@settings(deadline=None)
@given(HOSTILE, PERCENTS)
def test_whatever_a_store_has_can_be_read(cells, percent):
    found = distributions_in(cells, ["x"])
    for one in (*found.values(), sum(found.values(), Distribution())):
        assert not math.isnan(one.sum)
        assert sum(n for _, n in one.buckets()) == one.count
        if one:
            numbers = [one.stddev, one.min, one.percentile(percent), one.max]
            assert all(map(math.isfinite, numbers))
            assert not math.isnan(one.mean)
        assert repr(one)


def test_a_million_values_are_read_as_fast_as_a_thousand(chance):
    """Since only their ranges are gone through; else this would take minutes."""
    few = of([chance.lognormvariate(0, 2) for _ in range(1000)])
    many = few
    for _ in range(40):
        many += many

    assert many.count == 1000 * 2**40
    assert many.mean == pytest.approx(few.mean)
    for percent in range(1, 100):
        assert many.percentile(percent) == pytest.approx(few.percentile(percent), rel=0.05)


def test_random_values_of_usual_kinds_are_within_the_error():
    chance = random.Random(7)
    kinds = (
        [chance.lognormvariate(-2, 1.5) for _ in range(5000)],
        [chance.uniform(0, 1000) for _ in range(5000)],
        [
            chance.gauss(0.2, 0.01) if chance.random() < 0.7 else chance.gauss(3, 0.2)
            for _ in range(5000)
        ],
    )
    for values in kinds:
        for percent in (0, 1, 25, 50, 90, 99, 99.9, 100):
            assert is_near(of(values).percentile(percent), percentile(values, percent))
