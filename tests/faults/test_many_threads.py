"""Many threads on one handler, whose fast path is open for a moment at a time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ecl_logging.fast_path import FastPath, shut_fast_paths
from tests.faults.logging_threads import LoggingThreads
from tests.faults.programs import Programs, assert_silent

SECONDS = 2.2  # so that a second turns twice


def add_up(threads: LoggingThreads) -> None:
    telemetry = threads.ecl.telemetry()
    dropped = sum(telemetry["dropped"].values())
    assert telemetry["counted"] == telemetry["applied"] + telemetry["pending"] + dropped


def log_through_disturbances() -> LoggingThreads:
    threads = LoggingThreads()
    with threads.running():
        threads.disturb(
            SECONDS, threads.ecl.flush, shut_fast_paths, lambda: add_up(threads), shut_fast_paths
        )
    threads.ecl.close()
    return threads


def test_eight_threads_on_one_handler_lose_nothing() -> None:
    threads = log_through_disturbances()

    noted = threads.noted
    assert threads.sent() == noted
    assert len({second for second, _ in noted}) > 2
    # On a busy machine the disturbances come more often than records do.
    assert noted.total() - threads.carefully > 500, "the fast path was hardly open"
    assert threads.ecl.telemetry()["counted"] == noted.total()


def test_threads_that_log_through_the_end_of_counting_lose_nothing_unseen() -> None:
    threads = LoggingThreads()
    with threads.running():
        time.sleep(0.3)
        threads.ecl.close()
        time.sleep(0.1)

    telemetry = threads.ecl.telemetry()
    closed = telemetry["dropped"]["closed"]
    assert threads.sent().total() + closed == threads.noted.total() == telemetry["counted"]
    assert closed > 0
    assert threads.sent() <= threads.noted


def test_forks_amid_the_fast_path_and_its_collecting_lose_nothing(programs: Programs) -> None:
    """Threads count what is known, and collect now and then: a child may find that half done."""
    ended = programs.run_forking(
        """
import logging, os, sys, threading, time
from tests.faults.counted import *

def work():
    while not stopping.is_set():
        log_records(20)
        time.sleep(0.001)

configure(sync_interval=0.3)
ecl = event_count_logger()
stopping = threading.Event()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(8):
    children = []
    for _ in range(4):
        collecting = threading.Thread(target=ecl.telemetry)
        collecting.start()
        child = os.fork()
        if child == 0:
            log_records(20)
            sys.exit(0)
        collecting.join()
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
stopping.set()
for thread in threads:
    thread.join()
print(sum(tally.n for tally in ecl._flusher.tallies._tallies.values()))
""",
        seconds=120,
    )

    assert_silent(ended)
    assert int(ended.out) > 500
    programs.assert_everything_counted()


def with_a_call(kinds: Any, path: FastPath, carefully: Any) -> Any:
    """Return what handles a record as the fast path does, but lets others come in between."""

    def handle(record: Any) -> bool:
        tally = kinds.get(record.event)
        if tally is not None and path.is_open_at(record.created):
            time.sleep(0.001)  # where most threads are then, also as a second ends
            tally.n += 1
            return True
        return bool(carefully(record))

    return handle


def test_a_fast_path_in_which_others_can_come_between_would_count_wrongly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        FastPath,
        "handle_by",
        lambda self, _asked, kinds, _filters, carefully: with_a_call(kinds, self, carefully),
    )
    # On a busy machine the path may be shut at the few moments when a second ends.
    tries = (log_through_disturbances() for _ in range(10))
    assert any(threads.sent() != threads.noted for threads in tries)
