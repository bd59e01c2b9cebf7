"""Measures of a group: values that a program observes, and how they are read."""

from __future__ import annotations

import asyncio
import enum
import math
import threading
from typing import Any

import pytest

from ecl_logging import ConfigError, Distribution, DummyEventGroup, EventCountLogger
from ecl_logging.stores.memory import MemoryStore

KEYS: dict[str, Any] = {"intervals": ["5s", "5m"], "sync_interval": 3600, "history": 3}


@pytest.fixture
def store(clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def ecl(store, clock, monkeypatch):
    monkeypatch.setattr("time.time", clock)
    with EventCountLogger({"requests": KEYS}, store=store) as logger:
        yield logger


@pytest.fixture
def group(ecl) -> Any:
    return ecl["requests"]


def now(group: Any, measure: str = "latency") -> Distribution:
    return group.get_distribution(measure, "5m", current=True)


def test_values_are_read_in_the_bucket_that_they_were_observed_in(group, clock):
    for value in (0.1, 0.2, 0.3):
        group.observe("latency", value)

    found = now(group)
    assert (found.count, found.sum) == (3, pytest.approx(0.6, rel=1e-15))
    assert found.percentile(50) == pytest.approx(0.2, rel=0.011)
    assert group.get_distribution("latency", "5m").count == 0

    clock.now += 300
    assert group.get_distribution("latency", "5m") == found
    assert now(group).count == 0


def test_a_measure_that_nobody_observed_has_no_values(group):
    assert now(group, "unheard of") == Distribution()


def test_a_measure_is_no_event_and_no_cell_of_it_is_read_as_one(group):
    group.observe("latency", 0.1)

    assert group.get_counts("5m", current=True) == {}
    assert group.get_history("5m") == [(start, {}) for start, _ in group.get_history("5m")]


def test_a_value_counts_as_an_event_of_the_program(ecl, group):
    group.observe("latency", 0.1)
    assert ecl.telemetry()["counted"] == 1

    assert ecl.flush()
    telemetry = ecl.telemetry()
    assert (telemetry["counted"], telemetry["applied"], telemetry["pending"]) == (1, 1, 0)


def test_who_observes_a_measure_declares_it_for_every_process(ecl, group, store):
    group.observe("latency", 0.1)
    assert ecl.flush()

    assert store.definition("requests").measures == {"latency"}
    with EventCountLogger(store=store) as other:
        assert now(other["requests"]).count == 1


def test_who_observes_a_measure_is_not_said_to_differ(store, warnings_told):
    """A scrape may have defined the group before the program has flushed for the first time."""
    store.define(EventCountLogger({"requests": KEYS}, store=store)["requests"]._counter.wanted)
    for measures in ([], ["size"]):
        keys = KEYS | {"measures": measures}
        with EventCountLogger({"requests": keys}, store=store) as ecl:
            ecl["requests"].observe("latency", 0.1)

    [told] = [one for one in warnings_told if "differently" in one]
    assert "it differently; new measures are 'size' (" in told


def test_a_program_adds_so_many_measures_and_no_more(ecl, group, monkeypatch):
    monkeypatch.setattr("ecl_logging.counter._MOST_MEASURES", 2)
    for measure in ("a", "b", "c", "a"):
        group.observe(measure, 1)

    assert ecl.flush()
    assert [now(group, measure).count for measure in "abc"] == [2, 1, 0]
    assert ecl.telemetry()["dropped"]["invalid"] == 1


@pytest.mark.parametrize(
    "value", [None, True, "x", math.nan, math.inf, -math.inf, 10**400, object(), [1], b"1", "1_0"]
)
def test_what_is_no_number_counts_as_invalid(ecl, group, value):
    group.observe("latency", 1)
    group.observe("latency", value)

    assert now(group).count == 1
    assert ecl.telemetry()["dropped"]["invalid"] == 1


@pytest.mark.parametrize("name", [None, "", "@latency", "x" * 201, "a\nb", 1.5, True])
def test_what_is_no_name_counts_as_invalid(ecl, group, name):
    group.observe(name, 1)

    assert ecl.flush()
    assert ecl.telemetry()["dropped"]["invalid"] == 1


def test_zero_and_negative_values_have_their_places(group):
    for value in (-2.0, 0, -0.0, 2.0, "0.5"):
        group.observe("change", value)

    found = now(group, "change")
    assert (found.count, found.sum) == (5, 0.5)
    assert found.min == pytest.approx(-2, rel=0.011)
    assert found.percentile(50) == 0
    assert found.max == pytest.approx(2, rel=0.011)


def test_more_values_than_wait_in_one_go_are_all_there(group):
    for value in range(1, 5001):
        group.observe("size", value)

    assert (now(group, "size").count, now(group, "size").sum) == (5000, 5000 * 5001 / 2)


def test_threads_observe_together(group):
    def observe() -> None:
        for value in range(1, 3001):
            group.observe("size", value)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (now(group, "size").count, now(group, "size").sum) == (12_000, 4 * 3000 * 3001 / 2)


def test_a_block_is_timed_also_where_it_raises(group, monkeypatch):
    times = iter([10.0, 10.5, 20.0, 22.0])
    monkeypatch.setattr("ecl_logging.timer.perf_counter", lambda: next(times))
    with group.time("latency"):
        pass
    with pytest.raises(KeyError), group.time("latency"):
        raise KeyError

    assert (now(group).count, now(group).sum) == (2, 2.5)


def test_functions_are_timed_call_by_call(group):
    @group.time("latency")
    def down(n: int) -> int:
        return n and down(n - 1)

    @group.time("latency")
    async def wait(n: int) -> int:
        await asyncio.sleep(0.01)
        return n

    async def several() -> list[int]:
        return await asyncio.gather(*map(wait, range(3)))

    assert (down(2), asyncio.run(several())) == (0, [0, 1, 2])
    assert now(group).count == 6
    assert now(group).percentile(75) >= 0.01 / 1.011


def test_a_name_that_raises_reaches_nobody_who_observes(ecl, group):
    class Name(enum.Enum):
        ONE = "one"

        @property
        def value(self) -> str:
            raise RuntimeError

    group.observe(Name.ONE, 0.1)
    with group.time(Name.ONE):
        pass
    ecl.flush()

    assert ecl.telemetry()["dropped"]["invalid"] == 2


def test_in_a_group_that_writes_each_event_a_value_is_written_too(store, clock, monkeypatch):
    monkeypatch.setattr("time.time", clock)
    with EventCountLogger({"direct": {"intervals": ["5m"]}}, store=store) as ecl:
        ecl["direct"].observe("latency", 0.1)

        assert ecl.telemetry()["applied"] == 1


def test_reading_raises_as_reading_counts_does(group):
    with pytest.raises(ConfigError, match="has no interval '1h'"):
        group.get_distribution("latency", "1h")
    with pytest.raises(ConfigError):
        group.get_distribution("", "5m")


def test_a_dummy_observes_nothing():
    group = DummyEventGroup()
    group.observe("latency", 1)
    with group.time("latency"):
        pass

    assert group.get_distribution("latency", "5m") == Distribution()
