"""Distributions as classic histograms."""

from __future__ import annotations

import random
from bisect import bisect_right

import pytest

from ecl_logging import ConfigError
from ecl_logging.distributions import distributions_in
from ecl_logging.exporters.histograms import DEFAULT_BOUNDS, at_most, powers_of_two
from ecl_logging.measures import counted


def cumulative(values: list[float], bounds: tuple[float, ...]) -> list[int]:
    return at_most(distributions_in(counted("m", values))["m"], bounds)


@pytest.mark.parametrize("per_doubling", [1, 2, 32])
def test_powers_of_two_are_exact(per_doubling: int, chance: random.Random) -> None:
    values = sorted([chance.lognormvariate(0, 3) for _ in range(3000)] + [0.0, 1.0, 2.0, 1024.0])
    bounds = powers_of_two(2**-10, 2**20, per_doubling=per_doubling)

    found = cumulative(values, bounds)

    assert found == [bisect_right(values, bound) for bound in bounds]


def test_any_other_bound_is_taken_for_one_that_is_near(chance: random.Random) -> None:
    values = sorted(chance.lognormvariate(0, 3) for _ in range(3000))
    bounds = (0.001, 0.1, 0.3, 1.5, 7.0, 1e6)

    for bound, n in zip(bounds, cumulative(values, bounds), strict=True):
        assert bisect_right(values, bound * 0.988) <= n <= bisect_right(values, bound * 1.012)


def test_negative_values_and_bounds_have_their_order(chance: random.Random) -> None:
    values = sorted(chance.gauss(0, 3) for _ in range(3000))
    bounds = (-4.0, -1.0, -0.25, 0.0, 0.25, 1.0, 4.0)

    assert cumulative(values, bounds) == [bisect_right(values, bound) for bound in bounds]


def test_values_of_any_size_are_in_some_bucket() -> None:
    extremes = [5e-324, 1e-300, 1.7e308, -1.7e308]

    found = cumulative(extremes, (-1.7e308, 0.0, 5e-324, 1e-299, 1.0, 1.7e308))

    assert found[1] == 1
    assert found[4] == 3
    assert found == sorted(found)


def test_the_default_goes_from_a_millisecond_to_a_million() -> None:
    assert DEFAULT_BOUNDS[:2] == (0.0, 2**-10)
    assert DEFAULT_BOUNDS[-1] == 2**20
    assert len(DEFAULT_BOUNDS) == 32


@pytest.mark.parametrize("wrong", [(0, 1), (2, 1), (1, float("inf")), (-1, 1)])
def test_a_range_that_is_none_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="no range"):
        powers_of_two(*wrong)
    with pytest.raises(ConfigError, match="is not 1, 2, 4"):
        powers_of_two(1, 2, per_doubling=3)
