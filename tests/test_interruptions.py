"""Whatever moment a signal handler raises at, nothing is lost, doubled or left locked.

Flushing is the thread's work, which no signal handler interrupts. The main thread does it where no
thread is to be had, and at the end of a process.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from ecl_logging.ticker import Ticker
from tests.conftest import wait_until
from tests.faulty_stores import FlakyStore
from tests.interruptions import PACKAGE, interrupted_at
from tests.pending_counts import HOUR, MINUTE, T, add, assert_accounted, pending_of, total
from tests.programs import Program

pytestmark = pytest.mark.fault("D7")

MANY = 5000  # moments; no work here has so many


def until_it_goes_through(attempt: Callable[[int], bool], *, at_least: int) -> None:
    """Try each moment, from the first one to the first that the work does not reach."""
    for moment in range(1, MANY):
        if not attempt(moment):
            assert moment > at_least
            return
    pytest.fail("it never went through")


def do_in_thread(work: Callable[[], object]) -> bool:
    """Whether another thread can do the work; one that hangs is left behind."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    thread.join(10)
    return bool(done)


@pytest.mark.parametrize("faults", [{}, {"lose_replies": 1}, {"lose_requests": 1}])
def test_what_an_interrupted_flush_had_in_hand_is_sent_by_the_next(clock, faults):
    clock.now = T

    def attempt(moment: int) -> bool:
        store = FlakyStore()
        vars(store).update(faults)
        program = Program(store, clock, events=["known", "other"], auto_declare_events=False)
        for minute in range(2):
            clock.now = T + 60 * minute
            program.log("known", 2)
            program.log("other", 3)
            program.log("foreign", 5)
        was_interrupted = interrupted_at(moment, program.flush)
        assert do_in_thread(program.flush), "a lock is left behind"
        while not program.flush():
            pass
        assert program.left == 0
        assert program.ledger.applied == program.ledger.counted - 10 == 10
        assert program.ledger.dropped == dict.fromkeys(program.ledger.dropped, 0) | {
            "undeclared": 10
        }
        minutes = {batch.start: Counter[str]() for batch in store.applied}
        for batch in {batch.token: batch for batch in store.applied}.values():
            minutes[batch.start].update(batch.counts)
        assert minutes == {T + 60 * minute: {"known": 2, "other": 3} for minute in range(2)}
        return was_interrupted

    until_it_goes_through(attempt, at_least=100)


def test_what_is_left_of_a_stretch_that_fills_several_batches_waits(monkeypatch):
    """A batch takes 2,000 IDs at most; here it is fewer, because each is a moment."""
    monkeypatch.setattr("ecl_logging.stretches.MAX_BATCH_IDS", 20)

    def attempt(moment: int) -> bool:
        pending = pending_of()
        for n in range(25):
            add(pending, f"e{n}")
        pending.drain()
        was_interrupted = interrupted_at(moment, pending.freeze)
        assert total(pending) == {f"e{n}": 1 for n in range(25)}
        assert_accounted(pending, 25)
        return was_interrupted

    until_it_goes_through(attempt, at_least=5)


def test_counts_that_are_merged_for_want_of_room_stay_what_they_are(monkeypatch):
    monkeypatch.setattr("ecl_logging.batches.MAX_CELLS", 20)

    def attempt(moment: int) -> bool:
        pending = pending_of(HOUR, MINUTE)
        for minute in range(4):
            for n in range(3 + minute):
                add(pending, f"e{n}", T + 60 * minute)
        pending.drain()
        for n in range(6):
            add(pending, f"f{n}", T + 240)
        was_interrupted = interrupted_at(moment, pending.drain)
        assert pending.take_news()[1] > 0 or was_interrupted, "there was room"
        assert_accounted(pending, 24)
        assert total(pending) == {f"e{n}": min(4, 6 - n) for n in range(6)} | {
            f"f{n}": 1 for n in range(6)
        }
        return was_interrupted

    until_it_goes_through(attempt, at_least=50)


def threads_of(name: str) -> int:
    return sum(one.name == name and one.is_alive() for one in threading.enumerate())


@pytest.mark.parametrize("within", [PACKAGE, threading.__file__], ids=["here", "Thread"])
def test_a_thread_is_started_all_the_same(within):
    """An exception amid the start kept every later one out, and the main thread did the work."""

    def attempt(moment: int) -> bool:
        ticker = Ticker(lambda: 3600.0, name=f"ticker {moment}")
        was_interrupted = interrupted_at(moment, ticker.start, within=within)
        assert do_in_thread(ticker.start)
        assert ticker.call(lambda: True, 10)
        ticker.wake()  # one that was started and is not the ticker's ends by itself
        wait_until(lambda: threads_of(f"ticker {moment}") == 1)
        ticker.stop(10)
        wait_until(lambda: threads_of(f"ticker {moment}") == 0)
        return was_interrupted

    until_it_goes_through(attempt, at_least=2)
