"""What becomes of a handler that a reconfiguration of logging closes."""

from __future__ import annotations

import gc
import logging
import logging.config
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.processors import CountingProcessor
from ecl_logging.retirement import Retirement
from tests.conftest import wait_until
from tests.faulty_stores import FlakyStore, HangingStore
from tests.stores.programs import fork, status_of

pytestmark = pytest.mark.fault("D15")

GROUPS = {"g": {"intervals": ["1d"], "events": ["x"], "sync_interval": 3600}}
RECORD = logging.makeLogRecord({"event": "x", "levelno": logging.WARNING})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet for a third of a second is quiet enough."""
    monkeypatch.setattr(Retirement, "pause", 0.06)
    monkeypatch.setattr("ecl_logging.outage._FIRST_PAUSE", 0.1)


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A root logger with no handlers; they and the loggers are as they were afterwards."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging, "_handlers", weakref.WeakValueDictionary())
    monkeypatch.setattr(logging, "_handlerList", [])
    yield root
    for handler in root.handlers:
        handler.close()


def configure(store: object = "memory://") -> None:
    """Configure logging, and do away with what was configured before."""
    handler = {
        "class": "ecl_logging.handlers.CountingHandler",
        "groups": GROUPS,
        "store": store,
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"counts": handler},
            "root": {"handlers": ["counts"]},
        }
    )


def configured(store: object = "memory://") -> CountingHandler:
    configure(store)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, CountingHandler)
    return handler


def forget() -> None:
    """A reconfiguration that leaves no handler."""
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "root": {"handlers": []}}
    )


def by_basic_config() -> None:
    logging.basicConfig(force=True, handlers=[logging.NullHandler()])


def told(handler: CountingHandler) -> tuple[int, int, dict[str, int]]:
    """Counted, applied, and dropped for which reasons."""
    telemetry: dict[str, Any] = handler.ecl.telemetry()
    return (
        telemetry["counted"],
        telemetry["applied"],
        {reason: n for reason, n in telemetry["dropped"].items() if n},
    )


def is_closed(handler: CountingHandler) -> bool:
    return handler.ecl._flusher.is_closed


def rests(handler: CountingHandler) -> bool:
    """Whether it has no thread, and would be forgotten if nobody had it."""
    return handler.ecl._flusher._ticker._thread is None


@pytest.mark.parametrize("reconfigure", [forget, configure, by_basic_config])
def test_what_is_still_delivered_to_the_old_handler_counts(reconfigure):
    handler = configured()
    handler.handle(RECORD)
    reconfigure()
    for _ in range(30):
        handler.handle(RECORD)
        time.sleep(0.03)
    wait_until(lambda: rests(handler))
    assert told(handler) == (31, 31, {})

    for _ in range(7):
        handler.handle(RECORD)
        wait_until(lambda: rests(handler))
    assert told(handler) == (38, 38, {})


def test_a_handler_that_stays_where_a_reconfiguration_fails_counts_on(root):
    """It was closed and stayed: a typo in a file that is read again ended the counting."""
    handler = configured()
    handler.handle(RECORD)
    with pytest.raises(ValueError, match="typo"):
        logging.config.dictConfig({"version": 1, "handlers": {"typo": {"class": "no.such"}}})
    assert root.handlers == [handler]
    wait_until(lambda: rests(handler))
    root.handle(RECORD)

    wait_until(lambda: rests(handler))
    assert told(handler) == (2, 2, {})
    handler.close()
    root.handle(RECORD)
    assert told(handler) == (3, 2, {"closed": 1})


def test_records_that_come_while_a_handler_goes_to_rest_are_counted(monkeypatch):
    monkeypatch.setattr(Retirement, "pause", 0.0)
    handler = configured()
    forget()
    flusher = handler.ecl._flusher
    threads = [threading.Thread(target=handle_slowly, args=(handler, 300)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: rests(handler))
    assert told(handler) == (1200, 1200, {})
    assert not flusher.is_used


def handle_slowly(handler: CountingHandler, times: int) -> None:
    for _ in range(times):
        handler.handle(RECORD)
        time.sleep(0.001)


@pytest.mark.parametrize("close", ["handler", "ecl", "shutdown"])
def test_without_a_reconfiguration_a_record_after_the_close_is_dropped(close):
    handler = configured()
    handler.handle(RECORD)
    shut_down = partial(logging.shutdown, logging._handlerList)
    {"handler": handler.close, "ecl": handler.ecl.close, "shutdown": shut_down}[close]()
    assert is_closed(handler)
    for _ in range(7):
        handler.handle(RECORD)

    assert told(handler) == (8, 1, {"closed": 7})


def test_a_reconfiguration_waits_for_no_store_and_loses_nothing(warnings_told):
    store = HangingStore()
    handler = configured(store)
    handler.ecl.exit_timeout = 60.0
    handler.handle(RECORD)
    wait_until(store.is_waiting.is_set)
    began = time.monotonic()
    forget()
    assert time.monotonic() - began < 20
    handler.handle(RECORD)
    store.let_go.set()

    wait_until(lambda: rests(handler))
    assert told(handler) == (2, 2, {})


def test_an_outage_is_outlived(warnings_told):
    store = FlakyStore()
    store.is_away = True
    handler = configured(store)
    handler.handle(RECORD)
    wait_until(lambda: warnings_told)
    forget()
    handler.handle(RECORD)
    time.sleep(0.7)  # longer than it would stay for quiet's sake
    assert not rests(handler)
    store.is_away = False

    wait_until(lambda: rests(handler))
    assert told(handler) == (2, 2, {})


def test_an_end_amid_a_retirement_is_like_any_other(warnings_told):
    store = FlakyStore()
    store.is_away = True
    handler = configured(store)
    handler.handle(RECORD)
    forget()
    handler.close()
    handler.handle(RECORD)

    assert is_closed(handler)
    assert told(handler) == (2, 0, {"shutdown": 1, "closed": 1})


def test_a_handler_that_has_counted_nothing_starts_no_thread():
    before = threading.active_count()
    handler = configured()
    forget()
    assert threading.active_count() == before
    assert rests(handler)


def test_a_first_record_that_comes_too_late_counts():
    handler = configured()
    forget()
    handler.handle(RECORD)

    wait_until(lambda: rests(handler))
    assert told(handler) == (1, 1, {})


def test_where_no_thread_is_to_be_had_a_reconfiguration_flushes(monkeypatch):
    handler = configured()
    monkeypatch.setattr(threading.Thread, "start", lambda _: exec("raise RuntimeError"))
    handler.handle(RECORD)
    forget()

    assert told(handler) == (1, 1, {})


def test_a_logger_that_was_handed_in_stays_and_is_not_waited_for(warnings_told):
    store = HangingStore()
    with EventCountLogger(GROUPS, store=store) as ecl:
        ecl.exit_timeout = 60.0
        logging.basicConfig(handlers=[CountingHandler(ecl)])
        ecl["g"].log("x")
        wait_until(store.is_waiting.is_set)
        began = time.monotonic()
        by_basic_config()
        assert time.monotonic() - began < 20
        store.let_go.set()
        assert ecl.health()["ok"]
        assert ecl.flush()


def test_a_processor_is_closed_like_a_handler():
    processor = CountingProcessor(groups=GROUPS, store="memory://")
    processor(None, "info", {"event": "x"})
    with logging._lock:  # type: ignore[attr-defined]
        processor.close()
    processor(None, "info", {"event": "x"})

    flusher = processor.ecl._flusher
    wait_until(lambda: flusher._ticker._thread is None)
    assert not flusher.is_closed
    assert processor.ecl.telemetry()["applied"] == 2


def test_functions_for_finished_buckets_end_with_the_reconfiguration():
    handler = configured()
    handler.ecl.on_rotation(lambda *_: None)
    handler.handle(RECORD)
    thread = handler.ecl._rotations._ticker._thread
    assert thread is not None
    assert thread.is_alive()
    forget()

    thread.join(10)
    assert not thread.is_alive()


def test_a_child_has_nothing_of_what_its_parent_had_pending(warnings_told):
    store = FlakyStore()
    store.is_away = True
    handler = configured(store)
    handler.handle(RECORD)
    forget()

    def count_in_child() -> None:
        assert told(handler) == (0, 0, {})
        store.is_away = False
        handler.handle(RECORD)
        wait_until(lambda: rests(handler))
        assert told(handler) == (1, 1, {})
        assert len(store.applied) == 1

    assert status_of(fork(count_in_child)) == 0
    store.is_away = False
    wait_until(lambda: rests(handler))
    assert told(handler) == (1, 1, {})


def test_a_hundred_reconfigurations_leave_nothing_behind():
    ecls = []
    for _ in range(100):
        handler = configured()
        handler.handle(RECORD)
        ecls.append(weakref.ref(handler.ecl._flusher))
    del handler
    forget()

    wait_until(lambda: "ecl-flusher" not in {one.name for one in threading.enumerate()}, 30)
    gc.collect()
    assert [ecl for ecl in ecls if ecl() is not None] == []


def test_a_thread_that_another_one_is_about_to_start_is_waited_for():
    """Its handler was closed at once instead, and what came until the new one was there was lost."""
    handler = configured()
    flusher = handler.ecl._flusher
    starting, may_start = threading.Event(), threading.Event()

    def start_late() -> None:
        flusher.is_used = True
        with flusher._ticker._starting:
            starting.set()
            may_start.wait()
            flusher._ticker._start()

    threading.Thread(target=start_late).start()
    starting.wait()
    threading.Timer(0.1, may_start.set).start()
    forget()
    handler.handle(RECORD)

    wait_until(lambda: rests(handler))
    assert told(handler) == (1, 1, {})
