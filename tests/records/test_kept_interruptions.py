"""What a profiler, a signal handler or an odd text does to records and messages: nothing."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from ecl_logging.handlers import DedupHandler, MessageHandler
from ecl_logging.pending_parts import PendingParts
from ecl_logging.records import MessageLog, RecordLog
from ecl_logging.records import utterances as utterances_module
from ecl_logging.records.repeats import PendingRepeats, Seen
from ecl_logging.records.utterances import PendingMessages, Utterance
from ecl_logging.stores.keeping import Receipt
from tests.interruptions import PACKAGE, TimeIsUp, interrupted_at

T = 1_800_000_000.0
HANDLERS = (DedupHandler, MessageHandler)


def record(message: str = "sold %s", at: float = T, **extra: Any) -> logging.LogRecord:
    made = {"msg": message, "args": (), "created": at, "lineno": 1, "name": "web", "levelno": 20}
    return logging.makeLogRecord(made | extra)


# --- where a repeat is noted, nobody comes in between


@pytest.mark.parametrize("watch", [sys.setprofile, sys.settrace])
def test_what_a_watcher_closes_amid_a_repeat_is_noted(watch: Callable[..., None]) -> None:
    """A function of Python's runs before each call, or line, and others run meanwhile."""
    handler = DedupHandler(store="memory://", sync_interval=3600)
    handler.handle(record())
    handler.flush()
    looks = 0

    def look(frame: object, event: str, what: object) -> Any:
        nonlocal looks
        if event in {"c_call", "line"}:
            looks += 1
            watch(None)
            handler.log.telemetry()  # closes what is known
            watch(look)
        return look

    for number in range(20):
        again = record()
        watch(look if number % 2 else None)
        handler.handle(again)
        watch(None)
    handler.log.flush()

    assert looks >= 10
    assert sum(event["repeats"] for event in handler.log) == 21
    handler.close()


class Interruption(Exception):  # noqa: N818 - as programs have them for a time limit
    """Raised by a signal handler; a handler of logging takes it for the record's fault."""


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
@pytest.mark.parametrize("raised", [TimeIsUp, Interruption])
@pytest.mark.parametrize("kind", HANDLERS)
def test_a_record_amid_which_a_signal_handler_raises_is_noted_at_most_once(
    kind: Any, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.interruptions.TimeIsUp", raised)

    def attempt(moment: int) -> bool:
        handler = kind(store="memory://")
        log: Any = handler.log
        log._outbox._notice_at = 500
        log._flusher._ticker.start = lambda **_: True
        tries = done = 0

        def work() -> None:
            nonlocal tries, done
            for message in "aa":
                tries += 1
                handler.handle(record(message))
                done += 1

        was_interrupted = interrupted_at(moment, work, within=PACKAGE + "/")
        assert done <= log.telemetry()["counted"] <= tries
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
    """By hand, what is no text is refused; a record's is taken as it comes."""
    with MessageLog(store) as log:
        is_refused = not isinstance(odd, str) or not odd
        with pytest.raises(ValueError, match="is a text") if is_refused else nullcontext():
            assert log.log_common(odd, "message")
        log.add(record(name=odd))
        assert log.log_common("web", "next")
        telemetry = log.telemetry()
    assert (telemetry["applied"], telemetry["pending"]) == (3 - is_refused, 0)


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
