"""Meters: rates as the Metrics library has them, with no thread that makes them."""

from __future__ import annotations

import gc
import math
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats import MeterDictStat, MeterStat
from ecl_logging.stats.meters import MeterValues
from ecl_logging.stats.reading import lookup
from tests.conftest import Clock

pytestmark = pytest.mark.once


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def meter(clock: Clock) -> MeterValues:
    return MeterValues(clock)


@pytest.fixture
def web() -> Any:
    return stats.collection("/web", MeterStat("hits"), MeterDictStat("by_path"))


def rates(meter: MeterValues) -> list[float]:
    snapshot = meter.snapshot()
    return [snapshot[name] for name in ("m1", "m5", "m15")]


def shown(name: str) -> Any:
    return lookup(stats.get_stats(), ["web", name])


# --- rates


def test_in_the_first_five_seconds_there_is_a_count_only(meter, clock):
    meter.mark(10)
    clock.now += 4.99

    assert meter.snapshot() == {"unit": "per second", "count": 10, "m1": 0, "m5": 0, "m15": 0}


def test_the_rates_begin_with_that_of_the_first_five_seconds(meter, clock):
    meter.mark()
    meter.mark(9)
    clock.now += 5

    assert rates(meter) == [2, 2, 2]


def test_what_comes_evenly_has_its_rate_in_all_of_them(meter, clock):
    for _ in range(7200):
        meter.mark(3)
        clock.now += 0.5

    assert rates(meter) == pytest.approx([6, 6, 6])
    assert meter["count"] == 21_600


def test_a_rate_is_forgotten_in_its_minutes(meter, clock):
    meter.mark(50)
    clock.now += 5 + 60

    assert rates(meter) == pytest.approx(
        [10 / math.e, 10 * math.exp(-1 / 5), 10 * math.exp(-1 / 15)]
    )
    clock.now += 1e9
    assert rates(meter) == [0, 0, 0]


def test_it_is_the_same_whether_one_has_looked_meanwhile(clock):
    looked_at, other = MeterValues(clock), MeterValues(clock)
    for second in range(1000):
        if second % 97 < 40:
            looked_at.mark(second)
            other.mark(second)
        clock.now += 1
        looked_at.snapshot()

    assert rates(other) == pytest.approx(rates(looked_at), rel=1e-12)


@pytest.mark.parametrize("most", [1e308, 10**308, -1e308])
def test_however_much_it_is_rates_are_numbers(meter, clock, most):
    for number in (most, most, -most, most, 1.5, most):
        meter.mark(number)
    clock.now += 5.0
    assert all(math.isfinite(rate) for rate in rates(meter))
    meter.mark(-most)
    clock.now += 5.0
    assert all(math.isfinite(rate) for rate in rates(meter))
    clock.now += 86_400.0
    meter.mark(10)
    clock.now += 5.0
    assert rates(meter)[0] == pytest.approx(2 * (1 - math.exp(-5 / 60)))


def test_a_clock_that_goes_back_changes_nothing(meter, clock):
    meter.mark(10)
    clock.now += 5
    before = rates(meter)
    clock.now -= 1000

    meter.mark(10)

    assert rates(meter) == before
    assert meter["count"] == 20


# --- in the tree


def test_assigning_marks(web):
    assert shown("hits")["count"] == 0
    web.hits = 3
    web.hits.mark()
    web.hits.mark(0.5)

    assert shown("hits")["count"] == 4.5
    assert list(shown("hits")) == ["unit", "count", "m1", "m5", "m15"]


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        pytest.param(10**400, ValueError, id="beyond all floats"),
        ("1", TypeError),
    ],
)
def test_what_is_no_number_is_refused_and_changes_nothing(web, number, error):
    with pytest.raises(error):
        web.hits = number
    with pytest.raises(error):
        web.by_path["/"].mark(number)

    assert shown("hits")["count"] == 0
    assert not shown("by_path")


def test_names_appear_when_they_are_marked(web):
    read = web.by_path["/a"]
    assert (read["count"], read["m1"]) == (0, 0.0)
    assert not shown("by_path")

    web.by_path["/a"] = 3
    read.mark()
    web.by_path["/b"].mark()
    web.by_path = {"/b": 2, "/c": 1}

    assert {name: of["count"] for name, of in shown("by_path").items()} == {
        "/a": 4,
        "/b": 3,
        "/c": 1,
    }
    assert read["count"] == 4


def test_a_meter_leaves_the_tree_with_its_object():
    class Handler:
        hits = MeterStat("hits")
        by_path = MeterDictStat("by_path")

        def __init__(self) -> None:
            stats.init(self, "/handler")

    handler = Handler()
    handler.hits.mark()
    handler.by_path["/"].mark()
    kept = handler.hits, handler.by_path
    assert set(stats.get_stats()["handler"]) == {"hits", "by_path"}

    del handler
    gc.collect()

    assert not stats.get_stats()
    assert kept[0]["count"] == 1
