"""Whatever moment a signal handler raises at, nothing is lost, doubled or left locked.

Flushing is the thread's work, which no signal handler interrupts. The main thread does it where no
thread is to be had, and at the end of a process.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging.batches import PendingCounts
from ecl_logging.locks import Interrupted
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


class Moment:
    """The time of a record, at whose look-up a signal handler comes in, once."""

    def __init__(self, handler: Callable[[], object]) -> None:
        self.handler: Callable[[], object] | None = handler

    def __floor__(self) -> int:
        handler, self.handler = self.handler, None
        if handler is not None:
            handler()
        return int(T)


def counts_of(handler: Callable[[PendingCounts], object]) -> Counter[str]:
    """What is pending of three records, where a signal handler comes in amid the first one."""
    pending = pending_of()

    def interrupt() -> None:
        with contextlib.suppress(Interrupted):
            handler(pending)

    first: Any = Moment(interrupt)
    pending.arrivals.append(("a", 1, first))
    for event_id in ("b", "c"):
        add(pending, event_id)
    with contextlib.suppress(IndexError):
        pending.drain()
    with contextlib.suppress(IndexError):
        pending.drain()
    return Counter(total(pending))


HANDLERS = [PendingCounts.drain, PendingCounts.snapshot, lambda pending: pending.try_drain(2)]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_signal_handler_that_counts_amid_our_own_work_leaves_it_alone(handler):
    assert counts_of(handler) == {"a": 1, "b": 1, "c": 1}


@pytest.mark.once
@pytest.mark.fault("D7", control=True)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_signal_handler_that_was_not_kept_from_our_own_work_would_count_wrongly(
    handler, monkeypatch
):
    for module in ("locks", "ledgers"):
        monkeypatch.setattr(f"ecl_logging.{module}.is_mine", lambda lock: False)

    assert counts_of(handler) != {"a": 1, "b": 1, "c": 1}
