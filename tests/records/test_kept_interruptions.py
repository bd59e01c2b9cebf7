"""What a profiler, a signal handler or an odd text does to records and messages: nothing."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging.handlers import DedupHandler, MessageHandler
from ecl_logging.records import MessageLog, RecordLog
from ecl_logging.records import utterances as utterances_module
from ecl_logging.records.pending import PendingParts
from ecl_logging.records.repeats import PendingRepeats, Seen
from ecl_logging.records.utterances import PendingMessages, Utterance
from ecl_logging.stores.keeping import Receipt
from tests.interruptions import TimeIsUp, interrupted_at

T = 1_800_000_000.0
HANDLERS = (DedupHandler, MessageHandler)


def record(message: str = "sold %s", at: float = T, **extra: Any) -> logging.LogRecord:
    made = {"msg": message, "args": (), "created": at, "lineno": 1, "name": "web", "levelno": 20}
    return logging.makeLogRecord(made | extra)


# --- where a repeat is noted, nobody comes in between


@pytest.fixture
def often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switched")
@pytest.mark.parametrize("watch", [sys.setprofile, sys.settrace])
def test_records_of_threads_that_are_watched_are_all_noted(watch: Callable[..., None]) -> None:
    """A function of Python's runs before each call, or line, and lets other threads run."""
    handler = DedupHandler(store="memory://", sync_interval=0.01)
    logged = [0, 0, 0]
    end = time.monotonic() + 0.7

    def look(frame: object, event: str, what: object) -> Any:
        if event in {"c_call", "line"}:
            time.sleep(0)
        return look

    def work(number: int) -> None:
        watch(look)
        try:
            while time.monotonic() < end:
                handler.handle(record(at=T + logged[number] % 2))
                logged[number] += 1
        finally:
            watch(None)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        handler.log.telemetry()  # which closes what is known
        time.sleep(0.0005)
    handler.log.flush()

    assert handler.log.telemetry()["applied"] == sum(logged) > 20
    assert sum(event["repeats"] for event in handler.log) == sum(logged)
    handler.close()


class Interruption(Exception):  # noqa: N818 - as programs have them for a time limit
    """Raised by a signal handler; a handler of logging takes it for the record's fault."""


# Of threads that `threading` is interrupted in starting, or in looking at.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize("is_known", [True, False])
def test_a_record_amid_which_a_signal_handler_raises_is_noted_at_most_once(
    kind: Any, is_known: bool
) -> None:
    handler = kind(store="memory://", sync_interval=0.05, fingerprint="template")
    is_armed = False
    tries = done = interrupted = 0

    def act(*_: object) -> None:
        nonlocal is_armed
        if is_armed:
            is_armed = False
            raise Interruption

    handler.handle(record("sold"))
    handler.flush()
    before = signal.signal(signal.SIGALRM, act)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    end = time.monotonic() + 1.0
    try:
        while time.monotonic() < end:
            tries += 1
            try:
                is_armed = True
                handler.handle(record("sold" if is_known else f"sold {tries % 1000}"))
                done += 1
            except Interruption:
                interrupted += 1
            is_armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    handler.log.flush()

    telemetry = handler.log.telemetry()
    assert done + 1 <= telemetry["counted"] <= tries + 1
    assert telemetry["counted"] == telemetry["applied"]
    handler.close()


@pytest.fixture
def no_finalizers() -> Iterator[None]:
    """What is raised amid one of those does not come out."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def every_moment(attempt: Callable[[int], bool], *, at_least: int) -> None:
    moment = 1
    while attempt(moment):
        moment += 1
    assert moment > at_least


@pytest.mark.usefixtures("no_finalizers")
@pytest.mark.parametrize("kind", HANDLERS)
def test_an_interrupted_record_is_noted_once_or_not_at_all(kind: Any) -> None:
    def attempt(moment: int) -> bool:
        handler = kind(store="memory://")
        log: Any = handler.log
        log._outbox._notice_at = 500  # no thread is needed, nor looked for
        log._flusher._ticker.start()
        is_done: list[bool] = []

        def work() -> None:
            handler.handle(record("a"))
            handler.handle(record("a"))
            is_done.append(True)

        was_interrupted = interrupted_at(moment, work)
        counted = log.telemetry()["counted"]
        assert counted == 2 if is_done else counted <= 2
        handler.close()
        return was_interrupted

    every_moment(attempt, at_least=10)


def pending_messages() -> PendingMessages:
    pending = PendingMessages(2)
    for n in range(3):
        pending.arrivals.append(Utterance("web", "info", T + n, f"sold {n}", f"sold {n % 2}"))
    return pending


def pending_repeats() -> PendingRepeats:
    pending = PendingRepeats()
    for n in range(3):
        pending.see(Seen("key", "kind", T + n / 10, "{}"))
    return pending


@pytest.mark.parametrize("pending_of", [pending_messages, pending_repeats])
def test_an_interrupted_drain_takes_in_each_arrival_once(
    pending_of: Callable[[], PendingParts[Any, Any, Any]],
) -> None:
    undisturbed = pending_of()
    undisturbed.drain()
    expected = [part.as_sent() for part in undisturbed._parts.values()]

    def attempt(moment: int) -> bool:
        pending = pending_of()
        was_interrupted = interrupted_at(moment, pending.drain)
        pending.drain()
        assert [part.as_sent() for part in pending._parts.values()] == expected
        assert pending._size == undisturbed._size == sum(p.size for p in pending._parts.values())
        assert pending.snapshot() == undisturbed.snapshot()
        return was_interrupted

    every_moment(attempt, at_least=5)


@pytest.mark.parametrize(
    ("pending_of", "receipt"),
    [
        (pending_messages, Receipt("applied", late=1, ahead=1, other=1)),
        (pending_messages, Receipt("applied", bad=("web:info",))),
        (pending_repeats, Receipt("applied", pushed_out=2)),
    ],
)
def test_an_interrupted_receipt_is_booked_as_a_whole(
    pending_of: Callable[[], PendingParts[Any, Any, Any]], receipt: Receipt
) -> None:
    undisturbed = pending_of()
    undisturbed.drain()
    undisturbed.freeze()
    undisturbed.acknowledge(receipt)

    def attempt(moment: int) -> bool:
        pending = pending_of()
        pending.drain()
        pending.freeze()
        was_interrupted = interrupted_at(moment, lambda: pending.acknowledge(receipt))
        if was_interrupted and pending._under_way is not None:
            pending.acknowledge(receipt)  # it is sent again, and has the receipt of the first
        assert pending.snapshot() == undisturbed.snapshot()
        return was_interrupted

    every_moment(attempt, at_least=2)


def test_a_base_exception_reaches_the_program() -> None:
    handler = DedupHandler(store="memory://")
    with pytest.raises(TimeIsUp):
        interrupted_by_its_filter(handler)
    handler.close()


def interrupted_by_its_filter(handler: DedupHandler) -> None:
    def refuse(_: object) -> bool:
        raise TimeIsUp

    handler.addFilter(refuse)
    handler.handle(record())


# --- one odd text does not keep everything else from being sent


ODD = ["report\udc80.txt", "a\x00b", "", "x" * 100_000, "\ud800", "line\nline"]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_message_is_kept_and_so_is_the_next(store: Any, odd: str) -> None:
    with MessageLog(store) as log:
        assert log.log_common("web", odd)
        log.add(record(odd))
        assert log.log_common("web", "next")
        telemetry = log.telemetry()
    assert (telemetry["applied"], telemetry["pending"]) == (3, 0)


@pytest.mark.parametrize("odd", [*ODD, 5, None, ["a"], b"bytes", "a:b"])
def test_a_name_that_is_odd_does_not_stop_the_others(store: Any, odd: Any) -> None:
    with MessageLog(store) as log:
        assert log.log_common(odd, "message")
        log.add(record(name=odd))
        assert log.log_common("web", "next")
        telemetry = log.telemetry()
    assert (telemetry["applied"], telemetry["pending"]) == (3, 0)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_record_is_kept_and_so_is_the_next(store: Any, odd: str) -> None:
    with RecordLog(store) as log:
        assert log.log_event(record(odd, name=odd, user=odd))
        assert log.log_event(record("next"))


# --- what is told of it


@pytest.mark.parametrize("log", [RecordLog, MessageLog])
def test_what_comes_after_the_end_is_not_said_to_be_in_the_store(store: Any, log: Any) -> None:
    kept = log(store)
    kept.close()
    if log is RecordLog:
        assert not kept.log_event(record())
    else:
        assert not kept.log_recent("web", "message")
        assert not kept.log_common("web", "message")
    assert kept.telemetry()["dropped"]["closed"] == kept.telemetry()["counted"] > 0


# --- memory


def test_repeats_of_a_kind_take_no_memory_each() -> None:
    """A frozen clock, or a long `sync_interval`: the second does not end."""
    import tracemalloc

    log = RecordLog("memory://", sync_interval=3600)
    log.log_event(record())
    handler = DedupHandler(log)
    handle = handler.handle
    again = record()
    handle(again)
    tracemalloc.start()
    try:
        for _ in range(50_000):
            handle(again)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 200_000
    assert log.telemetry()["counted"] == 50_002
    log.close()


def test_a_large_message_is_not_kept_beside_its_record() -> None:
    log = RecordLog("memory://", sync_interval=3600)
    log.log_event(record())
    for n in range(20):
        log.add(record(f"{n}" * 100_000))
        log.add(record(f"{n}" * 100_000))

    assert log.telemetry()["counted"] == 41
    for n in range(20):
        log.add(record(f"{n}" * 100_000))
    assert all(len(str(key)) < 5000 for key in log._pending.known)
    log.close()


def test_the_size_of_lines_that_push_out_others_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utterances_module, "_OVERHEAD", 0)
    pending = PendingMessages(2)
    for length in (1, 2, 500, 300):
        pending.arrivals.append(Utterance("web", "info", T, "m" * length, None))
        pending.drain()
    assert pending._size == 800
