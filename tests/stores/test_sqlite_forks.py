"""SQLite's own, third part: forks in the middle of another thread's transaction."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from tests.stores.programs import run_python

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.fault("D4", "E8"),
]

# A fork waits for transactions, but not for ever. Those here go on until the fork has come, or
# for as long as they say.
PRELUDE = """
import os, sys, threading, warnings
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import NOW, REQUESTS, Program, cells

warnings.simplefilter("ignore", DeprecationWarning)
store = SqliteStore(sys.argv[1], clock=lambda: NOW)
store.define(REQUESTS)

def fork_during(transaction, longest):
    begun, forked = threading.Event(), threading.Event()
    def run():
        with transaction as connection:
            transact(connection, lambda: (begun.set(), forked.wait(longest)))
    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        store.after_fork()
        return None, thread
    forked.set()
    return child, thread
"""

# Each transaction changes more than its cache holds: when the fork comes, part of it is in the
# file, and the way back in the journal.
EXITING = """
from ecl_logging.stores import fork_gate

fork_gate._LONGEST_WAIT = 0.1  # none of these transactions ends before the fork

def transact(connection, fork):
    connection.execute("PRAGMA cache_size = 4")
    change = "UPDATE counts SET count = count + 1 WHERE start = 1"
    connection.execute(change)
    fork()
    connection.execute(change)

with store._connections.writing(5) as connection:
    rows = [(f"{n:0200}",) for n in range(2000)]
    connection.executemany("INSERT INTO counts VALUES ('g', '5m', 1, ?, 0)", rows)

program = Program(store)
for n in range(4):
    child_may_end, end_child = os.pipe()
    child, thread = fork_during(store._connections.writing(5), longest=5)
    if child is None:
        os.close(end_child)
        os.read(child_may_end, 1)
        sys.exit(0)  # as every program ends: frames are left, modules cleared
    if n % 2:  # the child ends after the transaction and two more
        thread.join()
        program.send({"req1": 1})
        program.send({"req1": 1})
    os.close(end_child)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
    os.close(child_may_end)
    program.send({"req1": 1})
print(program.total, cells(store)["req1"])
"""

COUNTING = """
def transact(connection, fork):
    connection.execute(sys.argv[2]).fetchall()
    fork()

child_may_count, let_child_count = os.pipe()
child, thread = fork_during(getattr(store._connections, sys.argv[3])(5), longest=0.2)
if child is None:
    os.close(let_child_count)
    os.read(child_may_count, 1)
    store.apply(Program(store, "child").batch({"req1": 7}), timeout=1)
    os._exit(0)
thread.join()
os.close(let_child_count)
print(os.waitpid(child, 0)[1], cells(store).get("req1"))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.db"


def test_a_child_that_ends_takes_nothing_back_of_what_its_parent_writes(path):
    ran = run_python(PRELUDE + EXITING, path)

    assert (ran.stdout, ran.stderr, ran.returncode) == ("8 8\n", "", 0)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        changed = "SELECT count, count(*) FROM counts WHERE start = 1 GROUP BY 1"
        assert connection.execute(changed).fetchall() == [(8, 2000)]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO counts VALUES ('g', '5m', 1, 'x', 1)", "writing"),
        ("SELECT * FROM counts", "writing"),
        ("SELECT * FROM counts", "reading"),
    ],
)
def test_a_child_forked_in_another_threads_transaction_can_count(path, statement, kind):
    """SQLite notes in memory which locks its process has, and a fork copies the notes.

    Nobody would give the child's copy back: it found the file locked for as long as it lived.
    """
    ran = run_python(PRELUDE + COUNTING, path, statement, kind)

    assert (ran.stdout, ran.stderr) == ("0 7\n", "")
