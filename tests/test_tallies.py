"""Tallies: what the fast path has counted goes to the groups' arrivals, once."""

from __future__ import annotations

import gc
import threading
from collections import Counter, deque
from typing import Any

import pytest

from ecl_logging.fast_path import flushing_threads
from ecl_logging.locks import Interrupted
from ecl_logging.observed import Values
from ecl_logging.shares import Tally
from ecl_logging.tallies import Table, Tallies
from tests.interruptions import interrupted_at
from tests.test_interruptions import until_it_goes_through

NOW = 1_800_000_000.25
SECOND = int(NOW)


class Counting:
    """A group's counter, as far as tallies ask."""

    def __init__(self) -> None:
        self.arrivals: deque[tuple[Any, int, int]] = deque()
        self.looks = 0

    def see_to_arrivals(self) -> None:
        self.looks += 1

    def see_to_values(self, n: int) -> None:
        self.looks += n

    def total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for event_id, n, _ in self.arrivals:
            total[event_id] += n
        return total

    def values(self, measure: str) -> list[float]:
        """Those that have arrived, in their order."""
        arrived = [one for one, _, _ in self.arrivals if isinstance(one, Values)]
        return [value for one in arrived if one.measure == measure for value in one.raw or ()]


class Flushing:
    """A flusher, as far as tallies ask."""

    is_ending = False
    has_thread = True

    def __init__(self) -> None:
        self.counter = Counting()
        self.counters = (self.counter,)

    def be_running(self) -> bool:
        return self.has_thread


@pytest.fixture
def flusher() -> Flushing:
    return Flushing()


@pytest.fixture
def tallies(flusher, clock, monkeypatch) -> Tallies:
    monkeypatch.setattr("time.time", clock)
    clock.now = NOW
    return Tallies(flusher)


def tally_of(tallies: Tallies, *events: tuple[object, str, int]) -> Tally:
    tally = tallies.tally_of(events)
    assert tally is not None
    return tally


def observe(tally: Tally, value: float) -> None:
    """As the fast path does."""
    assert tally.slots is not None
    tally.slots[tally.n - tally.base] = value
    tally.n += 1


# --- collecting


def test_what_has_come_is_passed_on_once_with_its_second(tallies, flusher):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    tallies.look()
    tally.n += 3
    tallies.harvest()
    tallies.harvest()

    assert list(flusher.counter.arrivals) == [("a", 3, SECOND)]


def test_one_record_may_count_several_events_in_several_groups(tallies, flusher):
    other = Counting()
    tally = tally_of(tallies, (flusher.counter, "a", 1), (flusher.counter, "b", 5), (other, "a", 2))
    tallies.look()
    tally.n += 2
    tallies.harvest()

    assert list(flusher.counter.arrivals) == [("a", 2, SECOND), ("b", 10, SECOND)]
    assert list(other.arrivals) == [("a", 4, SECOND)]


def test_a_record_that_counts_nothing_has_a_tally_as_well(tallies, flusher):
    tally = tally_of(tallies)
    tallies.look()
    tally.n += 2
    tallies.harvest()

    assert not flusher.counter.arrivals


def test_records_that_count_the_same_share_a_tally(tallies, flusher):
    one = tally_of(tallies, (flusher.counter, "a", 1))

    assert tally_of(tallies, (flusher.counter, "a", 1)) is one
    assert tally_of(tallies, (flusher.counter, "a", 2)) is not one
    assert tally_of(tallies, (Counting(), "a", 1)) is not one


def test_there_are_so_many_tallies_and_no_more(tallies, flusher, monkeypatch):
    monkeypatch.setattr("ecl_logging.tallies._MAX_TALLIES", 2)
    for event_id in ("a", "b"):
        tally_of(tallies, (flusher.counter, event_id, 1))

    assert tallies.tally_of([(flusher.counter, "c", 1)]) is None
    assert tallies.tally_of([(flusher.counter, "a", 1)]) is not None


def test_so_many_of_them_have_room_for_values(tallies, flusher, monkeypatch):
    monkeypatch.setattr("ecl_logging.tallies._MAX_MEASURED", 2)
    known = [tallies.tally_of((), [(flusher.counter, measure)]) for measure in "xyx"]

    assert known[0] is known[2]
    assert None not in known
    assert tallies.tally_of((), [(flusher.counter, "z")]) is None
    assert tallies.tally_of([(flusher.counter, "a", 1)]) is not None


def test_each_second_is_passed_on_when_the_next_one_begins(tallies, flusher, clock):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    for n in range(1, 4):
        tallies.look()
        assert tallies.path.is_open_at(clock.now)
        tally.n += n
        clock.now += 1

    tallies.look()

    assert list(flusher.counter.arrivals) == [("a", n, SECOND + n - 1) for n in range(1, 4)]


def test_a_clock_that_is_set_back_opens_the_path_for_the_second_it_shows(tallies, flusher, clock):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    tallies.look()
    tally.n += 1
    clock.now -= 3600
    tallies.look()
    tally.n += 1
    tallies.harvest()

    assert list(flusher.counter.arrivals) == [("a", 1, SECOND), ("a", 1, SECOND - 3600)]


def test_collecting_shuts_the_path(tallies, clock):
    tallies.look()
    tallies.harvest()

    assert not tallies.path.is_open_at(clock.now)


def test_a_path_that_is_open_is_left_alone(tallies, flusher):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    tallies.look()
    tally.n += 1
    tallies.look()

    assert not flusher.counter.arrivals
    assert flusher.counter.looks == 1


# --- when it stays shut


def test_without_a_thread_that_will_collect_the_path_stays_shut(tallies, flusher, clock):
    flusher.has_thread = False
    tallies.look()

    assert not tallies.path.is_open_at(clock.now)


def test_at_the_end_nobody_looks(tallies, flusher, clock):
    flusher.is_ending = True
    tallies.look()

    assert not tallies.path.is_open_at(clock.now)
    assert flusher.counter.looks == 0


def test_while_anybody_flushes_nobody_looks(tallies, flusher):
    flushing_threads.add(0)
    try:
        tallies.look()
    finally:
        flushing_threads.clear()

    assert flusher.counter.looks == 0


def test_who_logs_waits_for_nobody_who_collects(tallies, flusher, clock):
    with tallies._lock:
        thread = threading.Thread(target=tallies.look)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()

    assert not tallies.path.is_open_at(clock.now)
    assert flusher.counter.looks == 1


# --- forks


def test_a_child_begins_with_nothing_of_its_parents(tallies, flusher, clock):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    tallies.look()
    tally.n += 3
    tallies.reset()
    assert not tallies.path.is_open_at(clock.now)
    tallies.harvest()
    assert not flusher.counter.arrivals

    tallies.look()
    tally.n += 2
    tallies.harvest()
    assert list(flusher.counter.arrivals) == [("a", 2, SECOND)]


def test_a_lock_that_was_held_at_the_fork_is_not_waited_for(tallies, flusher):
    tally = tally_of(tallies, (flusher.counter, "a", 1))
    holding = threading.Thread(target=tallies._lock.acquire)
    holding.start()
    holding.join()
    tallies.reset()

    tally.n += 1
    tallies.harvest()
    assert [event[:2] for event in flusher.counter.arrivals] == [("a", 1)]


class Forked:
    """Shares, between two of which a signal handler comes in, once."""

    def __init__(self, shares: Any, handler: Any) -> None:
        self._shares, self._handler = shares, handler

    def __iter__(self) -> Any:
        for share in self._shares:
            yield share
            handler, self._handler = self._handler, None
            if handler is not None:
                handler()


def test_a_child_that_comes_back_into_its_parents_collecting_counts_its_own_once(tallies, flusher):
    """Forked by a signal handler, which logs in the child as well."""

    def fork() -> None:
        tallies.reset()
        flusher.counter.arrivals.clear()
        tally.n += 1
        tally_of(tallies, (flusher.counter, "of the child", 1)).n += 1
        tallies.harvest()

    tally: Any = tally_of(tallies, (flusher.counter, "a", 1), (flusher.counter, "b", 1))
    tally_of(tallies, (flusher.counter, "c", 1)).n += 2
    tally.shares = Forked(tally.shares, fork)
    tally.n += 3
    tallies.harvest()

    assert all(n > 0 for _, n, _ in flusher.counter.arrivals)
    assert flusher.counter.total() == {"a": 1, "b": 1, "of the child": 1}


def test_a_child_forked_amid_the_collecting_of_values_observes_its_own_once(
    tallies, flusher, monkeypatch
):
    """By a signal handler, while values of the parent's were in hand."""

    def fork() -> None:
        tallies.reset()
        flusher.counter.arrivals.clear()
        tallies.harvest()
        observe(tally, 8.0)
        tallies.harvest()
        observe(tally, 16.0)

    def forked(measure: str, raw: list[float]) -> Values:
        nonlocal handler
        values, run, handler = Values(measure, raw), handler, None
        if run is not None:
            run()
        return values

    handler: Any = fork
    monkeypatch.setattr("ecl_logging.tallies.Values", forked)
    measures = [(flusher.counter, "latency"), (flusher.counter, "size")]
    tally: Any = tallies.tally_of((), measures)
    observe(tally, 1.0)
    observe(tally, 2.0)
    tallies.harvest()
    observe(tally, 32.0)
    tallies.harvest()

    for measure in ("latency", "size"):
        assert flusher.counter.values(measure) == [8.0, 16.0, 32.0]


# --- signal handlers and finalizers


def test_a_signal_handler_amid_this_collects_nothing_and_is_told_so(tallies, flusher):
    with tallies._lock:
        assert tallies.is_interrupted()
        with pytest.raises(Interrupted):
            tallies.harvest()
        assert tallies.tally_of([(flusher.counter, "new", 1)]) is None
        tallies.look()
    assert not tallies.is_interrupted()


def test_whenever_a_signal_handler_raises_what_was_counted_is_passed_on_once(flusher):
    def attempt(moment: int) -> bool:
        counter = Counting()
        flusher.counters = (counter,)
        tallies = Tallies(flusher)
        one = tally_of(tallies, (counter, "a", 1), (counter, "b", 2))
        other = tally_of(tallies, (counter, "c", 1))
        tallies.look()
        one.n, other.n = 3, 4

        def work() -> None:
            tallies.harvest()
            tallies.look()

        was_interrupted = interrupted_at(moment, work)
        assert not tallies.is_interrupted(), "a lock is left behind"
        tallies.harvest()
        assert counter.total() == {"a": 3, "b": 6, "c": 4}
        return was_interrupted

    until_it_goes_through(attempt, at_least=10)


@pytest.mark.parametrize("way", ["harvest", "make_room"])
def test_whenever_a_signal_handler_raises_values_are_passed_on_once(flusher, way):
    def attempt(moment: int) -> bool:
        counter = Counting()
        flusher.counters = (counter,)
        tallies = Tallies(flusher)
        tally: Any = tallies.tally_of([(counter, "a", 1)], [(counter, "x"), (counter, "y")])
        tally.slots = [0.0] * 3
        tallies.look()
        for value in (1.0, 2.0, 3.0):
            observe(tally, value)

        def work() -> None:
            if way == "make_room":
                tallies.make_room(tally)
            else:
                tallies.harvest()
                tallies.look()

        was_interrupted = interrupted_at(moment, work)
        assert not tallies.is_interrupted(), "a lock is left behind"
        tallies.make_room(tally)
        observe(tally, 4.0)
        tallies.harvest()
        assert counter.values("x") == counter.values("y") == [1.0, 2.0, 3.0, 4.0]
        assert sum(n for event, n, _ in counter.arrivals if event == "a") == 4
        return was_interrupted

    until_it_goes_through(attempt, at_least=10)


def test_finalizers_that_log_amid_the_collecting_do_no_harm(flusher):
    """The collector runs where something is made that it looks after."""

    class Noisy:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            nonlocal ran
            ran += 1
            tallies.look()
            tallies.tally_of([(flusher.counter, "a", 1)])

    ran, total = 0, 0
    tallies = Tallies(flusher)
    each = [tally_of(tallies, (flusher.counter, f"e{n}", 1)) for n in range(50)]
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(100):
            tallies.look()
            Noisy()
            for tally in each:
                tally.n += 1
            total += len(each)
            tallies.harvest()
    finally:
        gc.set_threshold(*before)

    assert ran > 50
    assert flusher.counter.total().total() == total


# --- tables


def test_a_table_that_forgets_keeps_the_dicts_that_others_have(tallies):
    """A shortcut of `count_only` has one of them."""
    table, tally = Table(tallies, keys=2, most=10), Tally(())
    below = table.below(["web"])
    table.remember(["web", "e"], tally, table.age)
    assert below == {"e": tally}

    tallies.forget_kinds()
    assert below == {}

    table.remember(["web", "e"], tally, table.age)
    assert below == {"e": tally}
    assert table.top == {"web": below}


def test_what_was_found_out_before_a_change_is_not_remembered_after_it(tallies):
    table = Table(tallies, keys=1, most=10)
    age = table.age
    table.forget()
    table.remember(["e"], Tally(()), age)

    assert table.top == {}


def test_a_table_is_full_of_different_kinds_only(tallies):
    table = Table(tallies, keys=1, most=2)
    first = Tally(())
    for _ in range(5):
        table.remember(["a"], first, table.age)
    assert not table.is_full
    for key in ("b", "c"):
        table.remember([key], Tally(()), table.age)

    assert table.is_full
    assert set(table.top) == {"a", "b"}
    table.forget()
    assert not table.is_full


def test_a_table_that_nobody_has_is_gone(tallies):
    table = Table(tallies, keys=1, most=2)
    assert len(tallies._tables.alive()) == 1
    del table
    gc.collect()
    assert tallies._tables.alive() == []
