"""A child forked while another thread is inside SQLite can use SQLite."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Batch, Definition
from ecl_logging.stores.sqlite import fork_gate
from ecl_logging.stores.sqlite.fork_gate import in_sqlite
from ecl_logging.stores.sqlite.store import SqliteStore

SECOND = (Interval("1s", 1),)


def apply_without_end(store: SqliteStore, stopping: threading.Event) -> None:
    number = 0
    while not stopping.is_set():
        number += 1
        counts = {f"event{i}": 1 for i in range(500)}
        store.apply(Batch("g", "a" * 32, number, 500 * number, 1, 0, SECOND, counts))


def fork_and_read(store: SqliteStore) -> int:
    """Return the status of a child that reads; one that hangs is killed by its alarm."""
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        try:
            os._exit(0 if store.groups() == ["g"] else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_no_child_hangs_that_was_forked_while_a_thread_writes(tmp_path: Path) -> None:
    """Without the gate a quarter of the children hung for ever: SQLite's allocator has a mutex
    that the fork copied locked."""
    store = SqliteStore(str(tmp_path / "counts.db"))
    store.define(Definition("g", SECOND))
    stopping = threading.Event()
    writer = threading.Thread(target=apply_without_end, args=(store, stopping))
    writer.start()
    try:
        statuses = {fork_and_read(store) for _ in range(60)}
    finally:
        stopping.set()
        writer.join()
        store.close()

    assert statuses == {0}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_does_not_wait_for_ever_for_a_thread_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fork_gate, "_LONGEST_WAIT", 0.1)
    entered, leaving = threading.Event(), threading.Event()

    def stay_inside() -> None:
        with in_sqlite:
            entered.set()
            leaving.wait()

    staying = threading.Thread(target=stay_inside)
    staying.start()
    entered.wait()
    try:
        child = os.fork()
        if child == 0:
            with in_sqlite:
                os._exit(7)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        leaving.set()
        staying.join()

    assert status == 7
