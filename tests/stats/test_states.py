"""The time in each state, for each place in the tree of its own."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats import StateTimeStat
from ecl_logging.stats.reading import items_of, lookup
from ecl_logging.stats.states import StateTimes
from tests.conftest import Clock
from tests.interruptions import interrupted_at

pytestmark = pytest.mark.once


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def times(clock: Clock) -> StateTimes:
    return StateTimes(clock)


class Worker:
    state = StateTimeStat("state")

    def __init__(self, name: str) -> None:
        stats.init(self, f"/worker/{name}")


def test_seconds_are_counted_from_the_first_state_on_up_to_now(times, clock):
    clock.now += 50
    assert times.snapshot() == {}

    times.change("waiting")
    assert times.snapshot() == {"waiting": 0}
    clock.now += 3
    assert times.snapshot() == {"waiting": 3}
    times.change("working")
    clock.now += 2
    times.change("waiting")
    clock.now += 1

    assert times.snapshot() == {"waiting": 4, "working": 2}
    assert list(times) == ["waiting", "working"]
    assert (times["waiting"], times.state) == (4, "waiting")


def test_a_state_that_is_set_again_goes_on(times, clock):
    for _ in range(3):
        times.change(0)
        clock.now += 1

    assert times.snapshot() == {0: 3}


def test_none_is_no_state(times, clock):
    times.change("on")
    clock.now += 1
    times.change(None)
    clock.now += 10
    assert times.snapshot() == {"on": 1}

    times.change("on")
    clock.now += 2
    assert times.snapshot() == {"on": 3}


def test_sections_that_acquire_are_counted_up_and_down(times, clock):
    with times.acquire():
        clock.now += 1
        with times.acquire():
            clock.now += 2
        clock.now += 3
    clock.now += 4

    assert times.snapshot() == {1: 4, 2: 2, 0: 4}


def test_a_section_that_an_exception_leaves_is_over(times, clock):
    def leave() -> None:
        with times.acquire():
            clock.now += 2
            raise RuntimeError("mine")

    times.change(0)
    clock.now += 1
    with pytest.raises(RuntimeError, match="mine"):
        leave()

    assert (times.state, times.snapshot()) == (0, {0: 1, 1: 2})


def test_a_section_is_over_whenever_a_signal_handler_raises(clock):
    def section() -> None:
        with times.acquire():
            clock.now += 1.0

    for moment in range(1, 1000):
        times = StateTimes(clock)
        times.change(0)
        was_interrupted = interrupted_at(moment, section)
        gc.collect()  # what was interrupted before it was entered
        assert times.state == 0
        if not was_interrupted:
            break
    assert times.snapshot() == {0: 0.0, 1: 1.0}
    assert moment > 5


def test_only_a_whole_number_can_be_acquired(times, clock):
    times.change("closed")
    with pytest.raises(TypeError, match="whole number can be acquired, not 'closed'"):
        times.acquire().__enter__()

    times.change(0)
    with times.acquire():
        clock.now += 1
        times.change("closed")
    clock.now += 2
    assert times.snapshot() == {"closed": 2, 0: 0, 1: 1}


def test_what_has_no_hash_is_refused_and_changes_nothing(times, clock):
    times.change("on")
    with pytest.raises(TypeError, match="unhashable"):
        times.change(["off"])
    clock.now += 1

    assert times.snapshot() == {"on": 1}


def test_a_clock_that_goes_back_takes_no_time_away(times, clock):
    times.change("on")
    clock.now += 3
    times.snapshot()
    clock.now -= 2
    times.change("off")

    assert times.snapshot() == {"on": 3, "off": 0}


# --- in the tree


def test_each_place_has_a_state_of_its_own():
    one, other = Worker("one"), Worker("other")

    one.state = "waiting"
    other.state = "working"
    with Worker("third").state.acquire():
        pass

    assert (one.state.state, other.state.state) == ("waiting", "working")
    found = stats.get_stats()["worker"]
    assert [key for key, _ in items_of(found["one"]["state"])] == ["waiting"]
    assert [key for key, _ in items_of(found["other"]["state"])] == ["working"]


def test_a_state_is_read_by_its_name_and_by_its_number():
    pool = stats.collection("/pool", StateTimeStat("users"))
    with pool.users.acquire():
        assert lookup(stats.get_stats(), ["pool", "users", "1"]) >= 0
    assert {type(seconds) for seconds in pool.users.values()} == {float}


def test_states_leave_the_tree_with_their_object():
    worker = Worker("one")
    worker.state = "waiting"
    kept: Any = worker.state
    assert "one" in stats.get_stats()["worker"]

    del worker
    gc.collect()

    assert not stats.get_stats()
    assert kept.state == "waiting"
