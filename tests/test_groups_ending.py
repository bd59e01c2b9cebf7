"""Telemetry, health, flushing and closing of an EventCountLogger."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from typing import Any

import pytest

from ecl_logging import EventCountLogger, StoreUnavailable, lifetime
from ecl_logging.flusher import Flusher
from ecl_logging.handlers import CountingHandler
from ecl_logging.patience import Patience
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.weak_sets import WeakRefs
from tests.conftest import wait_until
from tests.faulty_stores import FlakyStore, HangingStore

DIRECT = {"g": {"intervals": ["1d"], "auto_declare_events": True}}
BATCHED = {"g": DIRECT["g"] | {"sync_interval": 3600}}

KEYS = {
    "sources",
    "counted",
    "applied",
    "pending",
    "spooled",
    "dropped",
    "late",
    "ahead",
    "other",
    "retries",
    "last_flush",
    "last_error",
}
REASONS = {
    "undeclared",
    "invalid",
    "bad_cell",
    "memory",
    "closed",
    "shutdown",
    "unknown",
    "server_forgot",
}


def telemetry(ecl: EventCountLogger) -> dict[str, Any]:
    """The telemetry, which adds up."""
    told: dict[str, Any] = ecl.telemetry()
    accounted = told["applied"] + told["pending"] + told["spooled"] + sum(told["dropped"].values())
    assert told["counted"] == accounted
    return told


def dropped(ecl: EventCountLogger) -> dict[str, int]:
    return {reason: n for reason, n in telemetry(ecl)["dropped"].items() if n}


# --- telemetry and health


def test_telemetry_has_every_key_from_the_beginning():
    with EventCountLogger(DIRECT, store="memory://") as ecl:
        assert telemetry(ecl).keys() == KEYS
        assert telemetry(ecl)["dropped"].keys() == REASONS


def test_telemetry_of_no_groups_has_every_key():
    with EventCountLogger(store="memory://") as ecl:
        assert telemetry(ecl).keys() == KEYS
        assert telemetry(ecl)["dropped"] == dict.fromkeys(REASONS, 0)


def test_telemetry_tells_what_became_of_the_events(warnings_told):
    store = FlakyStore()
    with EventCountLogger(DIRECT | {"h": {"intervals": ["1d"]}}, store=store) as ecl:
        ecl["g"].log("x", 5)
        ecl["g"].log("")
        ecl["h"].log("undeclared", 2)
        store.is_away = True
        ecl["g"].log("x", 3)
        told = telemetry(ecl)

        assert (told["counted"], told["applied"], told["pending"]) == (11, 5, 3)
        assert dropped(ecl) == {"invalid": 1, "undeclared": 2}
        assert told["sources"].keys() == {"g", "h"}
        assert abs(told["last_flush"] - time.time()) < 60
        assert told["last_error"] == "memory://: Connection refused"
        store.is_away = False


@pytest.mark.parametrize(("days", "where"), [(-100, "late"), (+2, "ahead")])
def test_telemetry_tells_of_counts_that_are_late_or_ahead(clock, days, where):
    store = MemoryStore(clock=clock)
    clock.now = time.time() - days * 86400
    with EventCountLogger(DIRECT, store=store) as ecl:
        ecl["g"].log("x", 2)
        told = telemetry(ecl)

    assert (told["applied"], told["late"] + told["ahead"], told[where]) == (2, 2, 2)


def test_health_says_whether_counting_works(warnings_told):
    store = FlakyStore()
    with EventCountLogger(DIRECT, store=store) as ecl:
        ecl["g"].log("x")
        assert ecl.health() == {
            "ok": True,
            "store": "memory://",
            "pending": 0,
            "dropped": 0,
            "last_flush": ecl.telemetry()["last_flush"],
            "last_error": None,
        }
        store.is_away = True
        ecl["g"].log("x")
        health = ecl.health()
        assert (health["ok"], health["pending"]) == (False, 1)
        store.is_away = False
        ecl.flush()
        assert ecl.health()["ok"]
    assert not ecl.health()["ok"]


# --- flushing


def test_flush_sends_all_groups():
    groups = dict.fromkeys(("a", "b"), BATCHED["g"])
    with EventCountLogger(groups, store="memory://") as ecl:
        for group in ecl.groups.values():
            group.log("x")

        assert ecl.flush()
        assert telemetry(ecl)["applied"] == 2


def test_a_flush_without_a_time_limit_waits_for_one_group_of_a_store_that_is_away(warnings_told):
    """Each waited for itself, 5 s at a time."""
    store = FlakyStore()
    ecl = EventCountLogger(dict.fromkeys("abcdefgh", BATCHED["g"]), store=store)
    for group in ecl.groups.values():
        group.log("x")
    assert ecl.flush()
    for group in ecl.groups.values():
        group.log("x")
    store.lose_requests, store.attempts = 100, 0

    assert not ecl.flush()
    assert store.attempts == 1
    store.lose_requests = 0
    assert ecl.flush()
    assert telemetry(ecl)["applied"] == 16
    ecl.close()


@pytest.mark.parametrize("faults", [{"lose_requests": 2}, {"lose_replies": 2}])
def test_a_connection_that_breaks_at_the_end_costs_no_count(warnings_told, faults):
    store = FlakyStore()
    ecl = EventCountLogger(BATCHED, store=store)
    ecl["g"].log("x", 3)
    assert ecl.flush()
    ecl["g"].log("x", 4)
    vars(store).update(faults)
    ecl.close()

    assert (telemetry(ecl)["applied"], dropped(ecl)) == (7, {})
    assert warnings_told == []


def test_the_thread_sends_what_is_due():
    keys = DIRECT["g"] | {"sync_interval": 0.05}
    with EventCountLogger({"g": keys}, store="memory://") as ecl:
        for n in (1, 2, 3):
            ecl["g"].log("x")
            assert wait_until(lambda n=n: telemetry(ecl)["applied"] == n)


def test_the_thread_sends_early_when_an_id_reaches_the_limit():
    keys = DIRECT["g"] | {"sync_interval": 3600, "sync_limit": 10}
    with EventCountLogger({"g": keys}, store="memory://") as ecl:
        ecl["g"].log("first")
        wait_until(lambda: telemetry(ecl)["applied"] == 1)
        for _ in range(10):
            ecl["g"].log("x")
        assert wait_until(lambda: telemetry(ecl)["applied"] == 11)


def test_after_an_outage_counts_are_sent_without_waiting_for_the_interval(warnings_told):
    store = FlakyStore()
    store.is_away = True
    keys = DIRECT["g"] | {"sync_interval": 3600}
    with EventCountLogger({"g": keys}, store=store) as ecl:
        ecl["g"].log("x")
        wait_until(lambda: warnings_told)
        store.is_away = False

        assert wait_until(lambda: telemetry(ecl)["applied"] == 1)


def test_a_limit_is_reached_by_what_events_count_not_by_how_many_they_are():
    keys = DIRECT["g"] | {"sync_interval": 3600, "sync_limit": 1000}
    with EventCountLogger({"g": keys}, store="memory://") as ecl:
        ecl["g"].log("bytes")
        wait_until(lambda: telemetry(ecl)["applied"] == 1)
        ecl["g"].log("bytes", 512)
        ecl["g"].log("bytes", 512)

        assert wait_until(lambda: telemetry(ecl)["applied"] == 1025)


def test_a_limit_that_is_reached_while_the_store_is_away_is_no_reason_to_hurry(warnings_told):
    store = FlakyStore()
    store.is_away = True
    keys = DIRECT["g"] | {"sync_interval": 3600, "sync_limit": 1}
    with EventCountLogger({"g": keys}, store=store) as ecl:
        for _ in range(1000):
            ecl["g"].log("x")
        wait_until(lambda: warnings_told)
        store.is_away = False

        assert wait_until(lambda: telemetry(ecl)["applied"] == 1000)


@pytest.mark.timed
def test_a_flush_takes_no_longer_than_its_timeout(warnings_told):
    store = HangingStore()
    with EventCountLogger(BATCHED, store=store) as ecl:
        ecl["g"].log("x")
        begin = time.monotonic()

        assert not ecl.flush(timeout=0.05)
        assert time.monotonic() - begin < 1
        assert telemetry(ecl)["pending"] == 1
        store.let_go.set()


# --- the end


def test_closing_sends_what_is_pending():
    with EventCountLogger(BATCHED, store="memory://") as ecl:
        ecl["g"].log("x", 5)

    assert telemetry(ecl)["applied"] == 5


def test_closing_twice_does_no_harm():
    ecl = EventCountLogger(BATCHED, store="memory://")
    ecl["g"].log("x")
    ecl.close()
    ecl.close()

    assert telemetry(ecl)["applied"] == 1


@pytest.mark.parametrize("groups", [DIRECT, BATCHED])
def test_what_is_logged_after_closing_is_dropped_as_closed(groups):
    ecl = EventCountLogger(groups, store="memory://")
    ecl.close()
    ecl["g"].log("x", 3)
    ecl["g"].log("y")

    assert dropped(ecl) == {"closed": 4}


def test_what_could_not_be_sent_before_the_end_is_dropped_with_one_warning(warnings_told):
    store = FlakyStore()
    ecl = EventCountLogger(DIRECT, store=store)
    store.lose_requests = 1000
    ecl.close()
    assert warnings_told == []

    ecl = EventCountLogger(BATCHED, store=store)
    store.is_away = True
    ecl["g"].log("x", 5)
    ecl.close()
    assert dropped(ecl) == {"shutdown": 5}
    assert len(warnings_told) == 1


@pytest.mark.parametrize("by_argument", [True, False])
@pytest.mark.timed
def test_closing_takes_no_longer_than_the_exit_timeout(warnings_told, by_argument):
    ecl = EventCountLogger(BATCHED, store=HangingStore())
    ecl["g"].log("x", 5)
    begin = time.monotonic()
    if by_argument:
        ecl.close(timeout=0.1)
    else:
        ecl.exit_timeout = 0.1
        ecl.close()

    assert time.monotonic() - begin < 1
    assert dropped(ecl) == {"shutdown": 5}


@pytest.mark.timed
def test_the_end_gives_up_in_time_what_a_locked_file_refuses(warnings_told):
    with EventCountLogger(BATCHED, store="sqlite:///counts.db") as before:
        before["g"].log("x")
    ecl = EventCountLogger(BATCHED, store="sqlite:///counts.db")
    begin = time.monotonic()
    with contextlib.closing(sqlite3.connect("counts.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        ecl["g"].log("x", 5)
        ecl.close(timeout=0.2)

    assert time.monotonic() - begin < 2
    assert dropped(ecl) == {"shutdown": 5}


def test_a_warning_is_told_after_the_flush_that_brought_it_up(monkeypatch):
    """A handler of the program's may need a lock that the thread which flushes holds."""
    lock, told = threading.Lock(), []

    def show(message: str) -> None:
        with lock:
            told.append(message)

    monkeypatch.setattr("ecl_logging.outage.warn", show)
    keys = {"intervals": ["1d"], "events": ["known"], "sync_interval": 3600}
    with EventCountLogger({"g": keys}, store="memory://") as ecl:
        ecl["g"].log("known")
        assert ecl.flush()
        with lock:
            ecl["g"].log("unknown")
            assert ecl.flush(timeout=10)
            assert told == []
        assert wait_until(lambda: len(told) == 1)


def test_a_flush_by_a_handler_that_shows_our_warnings_hangs_nobody(monkeypatch):
    keys = {"intervals": ["1d"], "events": ["known"], "sync_interval": 0.01}
    with EventCountLogger({"g": keys}, store="memory://") as ecl:
        flushed: list[bool] = []
        monkeypatch.setattr("ecl_logging.outage.warn", lambda _: flushed.append(ecl.flush()))
        ecl["g"].log("unknown")

        assert wait_until(lambda: flushed == [True])
        assert ecl.flush(timeout=10)


# --- the time that the end takes


@pytest.mark.timed
def test_handlers_that_share_a_logger_share_the_time_of_its_end(monkeypatch, warnings_told):
    """As `logging.shutdown` calls them, which took twice two seconds for each."""
    monkeypatch.setattr(Flusher, "exit_timeout", 0.4)
    ecl = EventCountLogger(BATCHED, store=HangingStore())
    handlers = [CountingHandler(ecl) for _ in range(4)]
    ecl["g"].log("x")
    began = time.monotonic()
    for handler in handlers:
        handler.flush()
        handler.close()
    ecl.close()

    assert time.monotonic() - began < 1.2
    assert dropped(ecl) == {"shutdown": 1}


def seconds_of_shutdown(hanging: int) -> float:
    """How long `logging.shutdown` takes for so many handlers whose stores hang, and two others."""
    stores = [HangingStore() for _ in range(hanging)]
    every: list[Any] = [MemoryStore(), *stores, MemoryStore()]
    handlers = [CountingHandler(groups=BATCHED, store=store) for store in every]
    for handler in handlers:
        handler.ecl["g"].log("x")
    for store in stores:
        wait_until(store.is_waiting.is_set)
    for handler in handlers:
        handler.ecl["g"].log("x")
    began = time.monotonic()
    for handler in reversed(handlers):
        handler.flush()
        handler.close()
    seconds = time.monotonic() - began
    for handler in handlers:
        if isinstance(handler.ecl.store, MemoryStore):
            assert telemetry(handler.ecl)["applied"] == 2
        else:
            assert dropped(handler.ecl) == {"shutdown": 2}
    return seconds


@pytest.mark.timed
@pytest.mark.fault("D11")
def test_handlers_with_loggers_of_their_own_share_the_time_of_one(monkeypatch, warnings_told):
    """And those whose stores answer have their turn."""
    monkeypatch.setattr(Flusher, "exit_timeout", 0.6)

    assert seconds_of_shutdown(hanging=6) < 2.0


@pytest.mark.timed
@pytest.mark.fault("D11")
def test_what_some_leave_of_the_time_at_the_end_others_have(monkeypatch, warnings_told):
    """A store that comes back in that time takes what all have, whoever was the first to try."""
    monkeypatch.setattr(Flusher, "exit_timeout", 3.0)
    monkeypatch.setattr(lifetime, "_watched", WeakRefs())
    monkeypatch.setattr(lifetime, "_has_ended", False)  # as it is to be afterwards
    stores = [HangingStore() for _ in range(6)]
    loggers = [EventCountLogger(BATCHED, store=store) for store in stores]
    for ecl, store in zip(loggers, stores, strict=True):
        ecl["g"].log("x")
        wait_until(store.is_waiting.is_set)
        ecl["g"].log("x")
    for store in stores:
        threading.Timer(1.2, store.let_go.set).start()
    lifetime._at_exit()

    assert [telemetry(ecl)["applied"] for ecl in loggers] == [2] * 6


@pytest.mark.timed
@pytest.mark.fault("D11", control=True)
def test_handlers_that_did_not_share_their_time_would_take_it_all_in_turn(
    monkeypatch, warnings_told
):
    class Endless(Patience):
        def spend(self, seconds: float) -> None:
            pass

    monkeypatch.setattr(Flusher, "exit_timeout", 0.6)
    monkeypatch.setattr("ecl_logging.flusher._patience_of_all", Endless())

    assert seconds_of_shutdown(hanging=6) > 3.0


def test_a_flush_that_succeeds_gives_the_next_one_its_whole_time(monkeypatch):
    monkeypatch.setattr(Flusher, "exit_timeout", 1.0)
    store = FlakyStore()
    with EventCountLogger(BATCHED, store=store) as ecl:
        handler = CountingHandler(ecl)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            ecl["g"].log("x")
            handler.flush()
            assert telemetry(ecl)["pending"] == 0


@pytest.mark.timed
def test_the_log_call_does_not_wait_while_another_thread_closes(monkeypatch, warnings_told):
    """Each record was flushed by the thread that logged it, as soon as the end had begun."""
    monkeypatch.setattr(Flusher, "exit_timeout", 1.0)
    store = HangingStore()
    handler = CountingHandler(groups=BATCHED, store=store)
    record = logging.makeLogRecord({"name": "app", "event": "x"})
    handler.handle(record)
    wait_until(store.is_waiting.is_set)
    closing = threading.Thread(target=handler.close)
    closing.start()
    longest = 0.0
    while closing.is_alive():
        began = time.monotonic()
        handler.handle(record)
        longest = max(longest, time.monotonic() - began)
    store.let_go.set()

    assert longest < 0.5
    assert telemetry(handler.ecl)["pending"] == 0
    assert telemetry(handler.ecl)["dropped"]["closed"] > 0


def test_a_process_that_logs_nothing_asks_the_store_nothing():
    store = FlakyStore()
    store.is_away = True
    ecl = EventCountLogger(BATCHED, store=store)

    assert ecl.flush()
    assert ecl["g"].sync()
    ecl.close()
    assert telemetry(ecl)["last_error"] is None


@pytest.mark.timed
def test_direct_writers_that_wait_together_find_the_store_away_once(warnings_told):
    """Each would hold up those behind it for a whole time-out, and make the next pause longer."""

    class Slow(FlakyStore):
        def apply(self, batch, **options):
            time.sleep(0.3)
            self.attempts += 1
            raise StoreUnavailable("memory://: timed out")

    store = Slow()
    with EventCountLogger(DIRECT, store=store) as ecl:
        ecl.exit_timeout = 0.1
        ecl._flusher.be_running()  # threads that come while it starts each try by themselves
        all_are_there = threading.Barrier(20)  # and so does one that comes late

        def write() -> None:
            all_are_there.wait(10)
            ecl["g"].log("a")

        writers = [threading.Thread(target=write) for _ in range(20)]
        began = time.monotonic()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        assert time.monotonic() - began < 3
        assert store.attempts <= 2
        assert telemetry(ecl)["pending"] == 20


def test_what_was_logged_before_the_end_is_dropped_as_of_the_end(warnings_told):
    """In every group: the first one can take all the time there is."""
    group = {"intervals": ["1d"], "auto_declare_events": True, "sync_interval": 3600}
    ecl = EventCountLogger({"one": group, "two": group}, store=HangingStore())
    ecl.exit_timeout = 0.2
    for name in ("one", "two"):
        for _ in range(10):
            ecl[name].log("a")
    ecl.close()

    assert dropped(ecl) == {"shutdown": 20}
    assert "; 20 counts could not be sent" in warnings_told[-1]
