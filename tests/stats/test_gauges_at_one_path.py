"""Gauges of several objects at one path: the newest of those that are there is asked."""

from __future__ import annotations

from ecl_logging import stats
from ecl_logging.stats.reading import lookup


def clock() -> object:
    return lookup(stats.get_stats(), ["clock"])


def test_the_newest_gauge_is_asked_until_its_object_goes() -> None:
    first = stats.collection("/", stats.Stat("clock", lambda: "first"))
    assert clock() == "first"

    second = stats.collection("/", stats.Stat("clock", lambda: "second"))
    assert clock() == "second"

    del second
    assert clock() == "first"
    assert first.clock() == "first"


def test_a_gauge_outlives_the_one_before_it() -> None:
    gauges = stats.collection("/", stats.Stat("clock", lambda: "first"))
    gauges = stats.collection("/", stats.Stat("clock", lambda: "second"))

    assert clock() == "second"
    assert gauges.clock() == "second"


def test_gauges_that_have_gone_are_not_kept() -> None:
    gauges = []
    for number in range(100):
        gauges = [*gauges[-1:], stats.collection("/", stats.Stat("clock", lambda n=number: n))]
        assert clock() == number

    assert len(gauges[0].clock._held) <= 3  # two, and the one that has gone since


def test_a_value_that_was_assigned_is_not_replaced_by_a_gauge_of_the_next_object() -> None:
    first = stats.collection("/", stats.Stat("clock", lambda: "first"))
    first.clock = "stopped"

    second = stats.collection("/", stats.Stat("clock", lambda: "second"))

    assert clock() == "stopped"
    assert second.clock == "stopped"
