"""Samples: what is kept, and what is told of it."""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecl_logging.stats.samples import ExponentiallyDecayingReservoir, Sample, UniformSample
from tests.conftest import Clock

pytestmark = pytest.mark.once

BOTH = pytest.mark.parametrize("make", [ExponentiallyDecayingReservoir, UniformSample])

PARTS = st.floats(0, 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ORDINARY = st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9)


def filled(sample: Sample, values: list[float]) -> Sample:
    for value in values:
        sample.update(value)
    return sample


# --- what is told


@given(st.lists(ORDINARY, min_size=1, max_size=30), st.lists(PARTS))
def test_percentiles_are_numpys_of_the_method_for_samples(values, parts):
    sample = filled(UniformSample(), values)

    expected = numpy.quantile(values, parts, method="weibull") if parts else []

    assert sample.percentiles(parts) == pytest.approx(list(expected), rel=1e-9, abs=1e-6)


def test_between_two_values_a_percentile_is_nearer_to_the_one_it_is_nearer_to():
    sample = filled(UniformSample(), [30, 10, 20])

    assert sample.percentiles([0.25, 0.3, 0.5, 0.7, 0.75]) == pytest.approx([10, 12, 20, 28, 30])
    assert sample.percentiles([0, 0.1, 0.9, 1]) == [10, 10, 30, 30]


@given(st.lists(FLOATS, min_size=1, max_size=20), st.lists(PARTS, min_size=2))
def test_of_whatever_numbers_percentiles_are_in_order_and_none_is_beyond(values, parts):
    sample = filled(ExponentiallyDecayingReservoir(), values)

    found = sample.percentiles(sorted(parts))

    assert min(values) <= found[0]
    assert found[-1] <= max(values)
    # But for what is lost where numbers as large as that are added.
    assert all(low <= high or math.isclose(low, high) for low, high in pairwise(found))
    assert min(values) <= sample.mean <= max(values) or math.isclose(sample.mean, values[0])


@given(st.lists(ORDINARY, min_size=2, max_size=30))
def test_mean_and_standard_deviation_are_pythons(values):
    sample = filled(ExponentiallyDecayingReservoir(), values)

    assert sample.mean == pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-9)
    assert sample.stddev == pytest.approx(statistics.stdev(map(float, values)), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("values", [[1.7e308] * 3, [1.7e308, -1.7e308], [5e-324, 0.0, 1e-200]])
def test_nothing_that_is_told_is_beyond_all_floats(values):
    sample = filled(UniformSample(), values)

    told = [sample.mean, sample.stddev, *sample.percentiles([0.1, 0.5, 0.9])]

    assert all(map(math.isfinite, told))


@BOTH
def test_of_nothing_all_numbers_are_none(make: Callable[[], Sample]):
    sample = make()

    told = [sample.min, sample.max, sample.mean, sample.stddev, *sample.percentiles([0, 0.5])]

    assert all(map(math.isnan, told))
    assert (sample.count, len(sample), sample.samples()) == (0, 0, [])


@BOTH
def test_one_value_has_no_standard_deviation(make: Callable[[], Sample]):
    sample = filled(make(), [3])

    assert math.isnan(sample.stddev)
    assert (sample.mean, sample.min, sample.max, sample.percentiles([0.99])) == (3, 3, 3, [3])


@BOTH
def test_all_values_count_and_have_been_the_least_and_the_greatest(make):
    sample = filled(make(size=10), [7.0, -1.0, 9.0, *[5.0] * 1000])

    assert (sample.count, sample.min, sample.max, len(sample)) == (1003, -1.0, 9.0, 10)

    sample.clear()
    assert (sample.count, len(sample), sample.samples()) == (0, 0, [])
    assert math.isnan(sample.min)
    sample.update(4)
    assert (sample.count, sample.min, sample.max, sample.samples()) == (1, 4, 4, [4])


@BOTH
def test_what_is_read_is_a_copy(make):
    sample = filled(make(), [1, 2])

    sample.samples().append(3)
    list(sample).clear()

    assert sorted(sample.samples()) == [1, 2]
    assert sorted(sample) == [1, 2]


@BOTH
@pytest.mark.parametrize(
    ("value", "error"),
    [
        *[(math.nan, ValueError), (math.inf, ValueError), (10**400, ValueError)],
        *[("3", TypeError), (None, TypeError), (1j, TypeError)],
    ],
)
def test_what_is_no_finite_number_is_refused_and_changes_nothing(make, value, error):
    sample = filled(make(), [1.0])

    with pytest.raises(error):
        sample.update(value)

    assert (sample.count, sample.samples(), sample.max) == (1, [1.0], 1.0)


@BOTH
def test_other_numbers_become_floats_and_whole_ones_stay_whole(make):
    sample = filled(make(), [numpy.float32(0.5), numpy.int64(2), True, 3])

    assert sorted(map(type, sample.samples()), key=str) == [float, float, float, int]
    assert sample.mean == 1.625


@given(st.lists(st.integers(-(10**308), 10**308) | FLOATS, min_size=1, max_size=5))
@example([-17 * 10**307, 17 * 10**307])
@example([sys.float_info.max] * 3)  # a third of it, rounded, thrice is beyond all floats
def test_whatever_whole_numbers_there_are_all_can_be_told(values):
    sample = filled(UniformSample(), values)

    assert all(map(math.isfinite, sample.percentiles([0, 0.3, 0.5, 1])))
    assert math.isfinite(sample.mean)
    assert sample.min <= sample.mean * (1 + 1e-9) or sample.mean <= 0


def test_whole_numbers_of_nanoseconds_are_kept_exactly():
    assert filled(UniformSample(), [1_795_824_023_123_456_789]).max == 1_795_824_023_123_456_789


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1, not 99"):
        UniformSample().percentiles([99])
    with pytest.raises(ValueError, match="at least one value, not 0"):
        UniformSample(size=0)


# --- what is kept


def test_what_is_newer_is_likelier_by_its_weight():
    time = Clock(0.0)
    sample = ExponentiallyDecayingReservoir(
        1000, alpha=0.1, clock=time, random=random.Random(20261127).random
    )
    filled(sample, [0.0] * 20_000)
    time.now = math.log(3) / 0.1
    filled(sample, [1.0] * 20_000)

    # Three to one; the standard deviation of the number of new ones is about 14.
    assert sum(sample.samples()) == pytest.approx(750, abs=60)


def test_of_one_moment_all_are_equally_likely():
    chance = random.Random(20261127)
    kept = Counter[float]()
    for _ in range(3000):
        sample = ExponentiallyDecayingReservoir(3, clock=Clock(0.0), random=chance.random)
        kept.update(filled(sample, [*range(10)]).samples())

    assert [kept[value] for value in range(10)] == pytest.approx([900] * 10, abs=100)


def test_a_uniform_sample_has_all_equally_likely_the_first_and_the_last_too():
    chance = random.Random(20261127)
    kept = Counter[float]()
    for _ in range(3000):
        kept.update(filled(UniformSample(3, chance.random), [*range(10)]).samples())

    # The standard deviation is 25.
    assert [kept[value] for value in range(10)] == pytest.approx([900] * 10, abs=100)


def test_what_is_old_is_gone_in_the_end_and_no_time_is_too_long():
    time = Clock(0.0)
    sample = filled(ExponentiallyDecayingReservoir(10, rescale_threshold=60, clock=time), [1] * 10)
    for year in range(1, 100):
        time.now = year * 31_557_600.0
        filled(sample, [year] * 20)

    assert sample.samples() == [99] * 10
    assert sample.count == 10 + 99 * 20
    assert (sample.min, sample.max) == (1, 99)


def test_a_value_is_in_as_long_as_there_is_room():
    values = [*range(1028)]

    assert sorted(filled(ExponentiallyDecayingReservoir(), values).samples()) == values
    assert sorted(filled(UniformSample(), values).samples()) == values


def test_a_program_that_seeds_random_draws_what_it_would_without_us():
    before = random.getstate()

    filled(ExponentiallyDecayingReservoir(5), [1.0] * 100)
    filled(UniformSample(5), [1.0] * 100)

    assert random.getstate() == before


@pytest.mark.parametrize(
    ("make", "expected"), [(ExponentiallyDecayingReservoir, 8), (UniformSample, 3)]
)
def test_what_draws_is_called_once_a_value_by_a_uniform_one_only_when_it_is_full(make, expected):
    drawn: list[float] = []

    def draw() -> float:
        drawn.append(0.0)
        return 0.0

    filled(make(size=5, random=draw), [*range(8)])

    assert len(drawn) == expected
