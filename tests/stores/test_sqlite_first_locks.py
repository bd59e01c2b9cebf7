"""SQLite's own, another part: connections of one process that close while others lock the file."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ecl_logging.stores.sqlite import first_locks
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import NOW, ROOT, cells
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="finds SQLite as Linux tells of a process"
    ),
]

SENT = 100

# Programs whose threads open and close the file all the time, as they do with each reading.
PROGRAM = """
import sys, threading, time
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import NOW, REQUESTS, Program
from tests.stores.slow_closing import close_slowly

close_slowly("counts.db", 0.003)
store = SqliteStore(sys.argv[1], clock=lambda: NOW)
store.define(REQUESTS)
failed, has_ended = [], threading.Event()

def read():
    while not has_ended.is_set():
        try:
            SqliteStore(sys.argv[1]).definition("requests")
        except StoreUnavailable as error:
            failed.append(error)

threads = [threading.Thread(target=read) for _ in range(2)]
for thread in threads:
    thread.start()
program = Program(store)
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    try:
        program.send({"req1": 1})
    except (StoreUnavailable, AssertionError) as error:
        failed.append(error)
    if failed:
        break
    time.sleep(0.003)  # while nobody has a lock, files are closed
has_ended.set()
for thread in threads:
    thread.join()
print(*failed, sep="\\n", flush=True)
"""

UNGUARDED = """
import sqlite3
from ecl_logging.stores.sqlite import connection
connection.undisturbed = lambda step: step()
connection.Connection = sqlite3.Connection
"""


def run_beside_another_process(source: str, path: Path, sent: int) -> list[str]:
    """Run a program while this process locks its file again and again; return what failed."""
    command = [sys.executable, "-c", source, str(path), str(sent)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        while program.poll() is None:
            # Its journal may be rolled back here, where its locks are gone.
            with (
                contextlib.suppress(sqlite3.OperationalError),
                contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection,
            ):
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("ROLLBACK")
            time.sleep(0.002)
        return program.stdout.read().split("\n")[:-1]


def counted(path: Path) -> int | None:
    return cells(SqliteStore(str(path), clock=lambda: NOW)).get("req1")


@pytest.mark.fault("E9")
def test_a_commit_is_kept_whatever_other_threads_close_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    assert run_beside_another_process(PROGRAM, path, SENT) == [""]
    assert counted(path) == SENT


@pytest.mark.fault("E9", control=True)
def test_where_files_are_closed_while_others_lock_them_commits_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    many = 20 * SENT
    failed = run_beside_another_process(UNGUARDED + PROGRAM, path, many)
    assert failed != [""] or counted(path) != many


def test_steps_that_lock_or_close_come_one_after_the_other() -> None:
    began, may_end, second_began = (threading.Event() for _ in range(3))

    def first() -> None:
        began.set()
        may_end.wait(20)

    threads = [
        threading.Thread(target=first_locks.undisturbed, args=(step,))
        for step in (first, second_began.set)
    ]
    threads[0].start()
    assert began.wait(20)
    threads[1].start()
    assert not second_began.wait(0.2)
    may_end.set()
    assert second_began.wait(20)
    for thread in threads:
        thread.join()


def test_a_step_within_a_step_does_not_wait_for_itself() -> None:
    assert first_locks.undisturbed(lambda: first_locks.undisturbed(lambda: 5)) == 5


def test_a_step_that_never_ends_does_not_hold_the_others_up_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(first_locks, "_LONGEST_WAIT", 0.05)
    began, may_end = threading.Event(), threading.Event()

    def never_ending() -> None:
        began.set()
        may_end.wait(20)

    thread = threading.Thread(target=first_locks.undisturbed, args=(never_ending,))
    thread.start()
    try:
        assert began.wait(20)
        assert first_locks.undisturbed(lambda: "done") == "done"
        wait_until(thread.is_alive)
    finally:
        may_end.set()
        thread.join()


def test_what_a_step_raises_lets_go_of_the_others() -> None:
    with pytest.raises(ZeroDivisionError):
        first_locks.undisturbed(lambda: 1 / 0)
    others: list[int] = []
    thread = threading.Thread(target=lambda: others.append(first_locks.undisturbed(lambda: 1)))
    thread.start()
    thread.join(20)
    assert others == [1]
