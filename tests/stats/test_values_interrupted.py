"""Values of more than one number: threads, signal handlers and forks spoil none of them."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats import NamedPmfDictStat
from ecl_logging.stats.meters import MeterValues, NamedMeters
from ecl_logging.stats.pmf import NamedPmf, PmfValues
from ecl_logging.stats.samples import ExponentiallyDecayingReservoir, UniformSample
from ecl_logging.stats.states import StateTimes
from ecl_logging.stats.tree import tree
from tests.conftest import Clock
from tests.interruptions import handled_at, interrupted_at
from tests.stores.programs import fork, run_python, status_of

SAMPLES = pytest.mark.parametrize("make", [ExponentiallyDecayingReservoir, UniformSample])


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads take turns after a few lines already."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_eight_threads(work: Callable[[int], object], amount: int = 2_000) -> None:
    """Do the work with each number below `amount`, in each of them."""
    at_once = threading.Barrier(8)

    def run() -> None:
        at_once.wait()
        for number in range(amount):
            work(number)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- threads


@pytest.mark.usefixtures("quick_switches")
def test_threads_lose_no_value_of_a_distribution():
    values, named = PmfValues(), NamedPmf()

    def add(number: int) -> None:
        values.add_value(number)
        named[number % 3] = number

    in_eight_threads(add)

    assert (values["count"], values["max"]) == (16_000, 1_999)
    assert sum(of["count"] for of in named.values()) == 16_000


@pytest.mark.usefixtures("quick_switches")
def test_threads_lose_nothing_that_is_marked():
    meter, named = MeterValues(), NamedMeters()

    def mark(number: int) -> None:
        meter.mark()
        named[number % 3].mark()

    in_eight_threads(mark)

    assert meter["count"] == 16_000
    assert sum(of["count"] for of in named.values()) == 16_000


@pytest.mark.usefixtures("quick_switches")
def test_threads_lose_no_state():
    times = StateTimes()

    def use(_: int) -> None:
        with times.acquire():
            pass

    in_eight_threads(use, 1_000)

    assert times.state == 0
    assert set(times) <= {*range(9)}


@SAMPLES
@pytest.mark.usefixtures("quick_switches")
def test_threads_lose_no_value_of_a_sample(make):
    sample = make(size=50)

    in_eight_threads(sample.update)

    assert (sample.count, len(sample), len(sample.samples())) == (16_000, 50, 50)
    assert (sample.min, sample.max) == (0, 1_999)


def test_a_name_that_threads_write_to_at_once_begins_once():
    for number in range(20):
        named = stats.collection(f"/named/{number}", NamedPmfDictStat("by_path"))
        unwritten = [named.by_path["/"] for _ in range(4)]
        threads = [threading.Thread(target=one.add_value, args=(1,)) for one in unwritten]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert named.by_path["/"]["count"] == 4


# --- signal handlers


def test_a_signal_handler_may_add_to_a_distribution_at_any_moment():
    moment, has_more = 0, True
    while has_more:
        moment += 1
        web = stats.collection(f"/web/{moment}", NamedPmfDictStat("by_path"))

        def add(value: float, web: Any = web) -> None:
            web.by_path["/"] = value
            with web.by_path["/"].time():
                pass

        has_more = handled_at(moment, lambda add=add: add(1), lambda add=add: add(2))
        assert web.by_path["/"]["count"] == (4 if has_more else 2)
        assert web.by_path["/"]["max"] == (2 if has_more else 1)
    assert moment > 10


def test_a_signal_handler_that_raises_leaves_no_lock_behind():
    moment, has_more = 0, True
    while has_more:
        moment += 1
        values = PmfValues()

        def work(values: PmfValues = values) -> None:
            values.add_value(1)
            values.snapshot()

        has_more = interrupted_at(moment, work)
        assert not tree.lock._is_owned()
        assert values["count"] in {0, 1}
    assert moment > 10


@pytest.mark.parametrize("seconds", [1, 5, 700])
def test_a_signal_handler_may_mark_at_any_moment(clock, seconds):
    moment, has_more = 0, True
    while has_more:
        moment += 1
        meter = MeterValues(clock)
        meter.mark(10)
        clock.now += seconds
        expected = 2 * math.exp(-(seconds - 5) / 60) if seconds >= 5 else 0

        has_more = handled_at(moment, meter.mark, meter.mark)

        assert meter["count"] == (12 if has_more else 11)
        assert meter["m1"] == pytest.approx(expected)
        clock.now += 5
        came = (2 if has_more else 1) + (0 if seconds >= 5 else 10)
        if seconds < 5:
            assert meter["m1"] == came / 5
        else:
            left = math.exp(-5 / 60)
            assert meter["m1"] == pytest.approx(came / 5 * (1 - left) + expected * left)
    assert moment > 1


def test_a_signal_handler_may_change_the_state_at_any_moment(clock):
    def tick_and_read() -> float:
        clock.now += 1
        return clock.now

    def handle(times: StateTimes) -> None:
        with times.acquire():
            clock.now += 10

    moment, has_more = 0, True
    while has_more:
        moment += 1
        times = StateTimes(tick_and_read)
        times.change(0)
        began = clock.now

        def work(times: StateTimes = times) -> None:
            with times.acquire():
                pass

        has_more = handled_at(moment, work, lambda times=times: handle(times))
        assert times.state == 0
        assert sum(times.snapshot().values()) == clock.now - began
    assert moment > 5


@SAMPLES
@pytest.mark.parametrize("held", [0, 3, 4, 5])
def test_a_signal_handler_may_add_to_a_sample_at_any_moment(make, held):
    moment = 0
    has_more = True
    while has_more:
        moment += 1
        sample = make(size=5)
        for _ in range(held):
            sample.update(2.0)
        has_more = handled_at(moment, lambda s=sample: s.update(3), lambda s=sample: s.update(1.0))
        added = 2 if has_more else 1
        assert sample.count == held + added
        assert len(sample.samples()) == min(5, held + added)
        assert sample.max == 3
        assert sample.min == (1.0 if has_more else 2.0 if held else 3)
    assert moment > 1


# --- forks, and what starts none of its own


@pytest.mark.parametrize(
    ("make", "change", "amount"),
    [
        (MeterValues, lambda values: values.mark(), lambda values: values["count"]),
        (PmfValues, lambda values: values.add_value(1), lambda values: values["count"]),
        (NamedPmf, lambda values: values.update({len(values): 1}), len),
        (StateTimes, lambda values: values.change(len(values)), len),
    ],
)
def test_a_child_goes_on_though_another_thread_held_the_lock_at_the_fork(make, change, amount):
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tree.lock:
            held.set()
            done.wait(10)

    def change_in_child() -> None:
        change(values)
        assert amount(values) == 2

    values = make()
    change(values)
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        assert status_of(fork(change_in_child)) == 0
    finally:
        done.set()
        thread.join()
    assert amount(values) == 1


def test_no_thread_is_started():
    ended = run_python(
        "import _thread\n"
        "from ecl_logging import stats\n"
        "web = stats.collection('/', stats.MeterStat('hits'), stats.PmfStat('latency'),\n"
        "    stats.StateTimeStat('state'))\n"
        "web.hits.mark()\n"
        "print(web.hits['count'], _thread._count())"
    )

    assert (ended.stdout, ended.stderr) == ("1 0\n", "")
