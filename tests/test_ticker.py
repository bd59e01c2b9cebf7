"""The thread that calls a function when it wants to be called, and does others' work."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ecl_logging.ticker import Ticker
from tests.conftest import wait_until


@pytest.fixture
def ticks() -> list[threading.Thread]:
    """The thread of each tick."""
    return []


@pytest.fixture
def ticker(ticks) -> Iterator[Ticker]:
    def tick() -> float:
        ticks.append(threading.current_thread())
        return 3600.0

    ticker = Ticker(tick)
    yield ticker
    ticker.stop(10)


def test_it_ticks_at_once_and_then_when_it_is_woken(ticker, ticks):
    ticker.start()
    wait_until(lambda: len(ticks) == 1)
    ticker.wake()
    wait_until(lambda: len(ticks) == 2)

    assert len(set(ticks)) == 1
    assert ticks[0] is not threading.current_thread()


def test_starting_twice_makes_one_thread(ticker):
    before = threading.active_count()

    assert ticker.start()
    assert ticker.start()
    assert threading.active_count() == before + 1


def test_work_is_done_in_its_thread(ticker):
    done_in = []

    assert ticker.call(lambda: bool(done_in.append(threading.current_thread())), 10) is False
    assert ticker.call(lambda: True, None) is True
    assert done_in[0].name == "ecl-flusher"


def test_work_that_takes_too_long_goes_on(ticker):
    let_go, done = threading.Event(), threading.Event()

    def work() -> bool:
        let_go.wait(10)
        done.set()
        return True

    assert ticker.call(work, 0.05) is False
    let_go.set()
    assert done.wait(10)


def test_work_that_raises_is_not_done_and_told(ticker, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("ecl_logging.ticker.warn", told.append)

    assert ticker.call(lambda: bool(1 / 0), 10) is False
    assert ticker.call(lambda: True, 10) is True
    assert told == ["flushing failed with ZeroDivisionError: division by zero; trying on"]


@pytest.mark.parametrize("error", [KeyError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_the_thread_outlives_whatever_a_tick_raises(monkeypatch, error):
    """One that died was not started anew before ten thousand events had come."""
    told: list[str] = []
    monkeypatch.setattr("ecl_logging.ticker.warn", told.append)

    def tick() -> float:
        if not told:
            raise error
        return 3600.0

    ticker = Ticker(tick)
    ticker.start()
    wait_until(lambda: told)

    assert ticker.call(lambda: True, 10) is True
    assert len(told) == 1
    ticker.stop(10)


def test_after_the_end_there_is_nobody_to_work(ticker):
    ticker.start()
    ticker.stop(10)

    assert not ticker.start()
    assert ticker.call(lambda: True, 10) is None


def test_work_asked_for_in_its_own_thread_is_not_waited_for(ticker):
    """As by a handler that flushes when it is shown a warning of ours."""
    assert ticker.call(lambda: ticker.call(lambda: True, None) is None, 10) is True


def test_others_work_without_end_does_not_hold_up_the_ticks():
    ticks: list[float] = []

    def tick() -> float:
        ticks.append(0.0)
        return 0.01

    ticker = Ticker(tick)
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            ticker.call(lambda: True, 10)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    wait_until(lambda: len(ticks) > 10)
    stopping.set()
    for worker in workers:
        worker.join()
    ticker.stop(10)

    assert len(ticks) > 10


def test_work_that_nobody_waits_for_any_more_is_not_begun(ticker):
    """Else what a hanging store has held up would be done for hours, with nobody to hear of it."""
    let_go, begun, done = threading.Event(), threading.Event(), []
    busy = threading.Thread(target=ticker.call, args=(lambda: begun.set() or let_go.wait(10), 10))
    busy.start()
    assert begun.wait(10)

    assert ticker.call(lambda: bool(done.append("late")), 0.05) is False
    let_go.set()
    busy.join()
    assert ticker.call(lambda: bool(done.append("asked for")), 10) is False
    assert done == ["asked for"]
