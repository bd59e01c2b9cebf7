"""A child forked while another thread is inside SQLite can use SQLite."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores import fork_gate
from ecl_logging.stores.fork_gate import kept_from_forks
from ecl_logging.stores.protocols import Batch, Definition
from ecl_logging.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.fault("D4")

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
        with kept_from_forks():
            entered.set()
            leaving.wait()

    staying = threading.Thread(target=stay_inside)
    staying.start()
    entered.wait()
    try:
        child = os.fork()
        if child == 0:
            with kept_from_forks():
                os._exit(7)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        leaving.set()
        staying.join()

    assert status == 7


STAY_INSIDE = """
import os, signal, sys, threading, time
from ecl_logging.stores.fork_gate import kept_from_forks

def stay_inside():
    with kept_from_forks():
        entered.set()
        time.sleep(0.5)

def act(*_):
    {act}

entered = threading.Event()
threading.Thread(target=stay_inside).start()
entered.wait()
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.1)
began = time.monotonic()
if os.fork() == 0:
    os._exit(0)
os.wait()
signal.setitimer(signal.ITIMER_REAL, 0)
with kept_from_forks():
    print("inside", time.monotonic() - began < 4.0)
began = time.monotonic()
if os.fork() == 0:
    os._exit(0)
os.wait()
print("forked", time.monotonic() - began < 4.0)
"""


@pytest.mark.parametrize("act", ["with kept_from_forks(): pass", "raise KeyboardInterrupt"])
def test_a_signal_handler_amid_the_wait_for_a_fork_closes_nothing(programs, act: str) -> None:
    """A handler that used SQLite waited for its own thread's fork; one that raised left the
    gate closed for ever."""
    ended = programs.run_forking(STAY_INSIDE.format(act=act))

    assert (ended.status, ended.out) == (0, "inside True\nforked True\n"), ended.err


def test_a_visit_that_an_exception_has_cut_short_holds_up_no_fork(programs) -> None:
    """Signals come between any two lines, also before the body of `with` has begun."""
    ended = programs.run_forking(
        """
import os, signal, threading, time
from ecl_logging.stores.fork_gate import kept_from_forks

def act(*_):
    if armed:
        raise InterruptedError

armed = False
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
for _ in range(20_000):
    try:
        armed = True
        with kept_from_forks():
            pass
    except InterruptedError:
        pass
    armed = False
signal.setitimer(signal.ITIMER_REAL, 0)

def fork():
    if os.fork() == 0:
        os._exit(0)
    os.wait()

began = time.monotonic()
other = threading.Thread(target=fork)
other.start()
other.join()
print(time.monotonic() - began < 4.0)
"""
    )

    assert (ended.status, ended.out) == (0, "True\n"), ended.err
