"""Forks at a moment when another thread of ours is at work, or has one of our locks."""

from __future__ import annotations

import pytest

from tests.conftest import wait_until
from tests.faults.held_locks import forking_amid_locks
from tests.faults.programs import ALLOW_FORK, Programs, assert_silent
from tests.faults.proxy import Fate, proxy_to

pytestmark = pytest.mark.fault("D4")

START = """
import logging, os, signal, sys, threading, time
from tests.faults.counted import *
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


# The locks are those that the library has made up to here.
LOCKED = f"""
from ecl_logging.counter import GroupCounter
{START}
configure(sync_interval=30)
log_records(10)
event_count_logger().flush()
"""


def test_a_child_counts_and_ends_whatever_lock_a_thread_of_its_parent_had(
    programs: Programs,
) -> None:
    ended = programs.run_forking(forking_amid_locks(LOCKED, seconds=10), seconds=120)

    assert_silent(ended)
    places, statuses = zip(*(line.split() for line in ended.out.splitlines()), strict=True)
    for module in ("batches", "numbered", "definitions", "ticker"):
        assert any(f"{module}.py" in place for place in places)
    assert set(statuses) == {"0"}
    programs.assert_counted(10 + 10 * len(statuses))


KEPT_LOCKS = """
from ecl_logging.batches import PendingCounts
reset = PendingCounts.reset

def reset_all_but_the_lock(pending):
    lock = getattr(pending, "_lock", None)
    reset(pending)
    pending._lock = lock or pending._lock

PendingCounts.reset = reset_all_but_the_lock
from ecl_logging.counter import GroupCounter
"""


@pytest.mark.parametrize("programs_anywhere", ["sqlite"], indirect=True)
@pytest.mark.once
@pytest.mark.fault("D4", control=True)
def test_a_child_that_kept_its_parents_locks_would_hang(programs: Programs) -> None:
    source = LOCKED.replace("from ecl_logging.counter import GroupCounter\n", KEPT_LOCKS)
    ended = programs.run_forking(forking_amid_locks(source, seconds=2), seconds=60)

    told = [line.split() for line in ended.out.splitlines()]
    hung = {place for place, status in told if status != "0"}
    assert len(hung) == 1
    assert "batches.py" in hung.pop()


def test_a_child_forked_while_the_flusher_waits_for_an_answer_counts(tmp_path, empty_server):
    """The answer to its parent's batch is held until the child has ended."""
    programs = Programs(tmp_path, empty_server)
    with proxy_to(empty_server.port) as proxy:

        def hold_the_first_script(words: list[bytes]) -> Fate:
            held = programs.folder / "program0" / "held"
            if held.exists() or words[0] not in {b"EVAL", b"EVALSHA"}:
                return Fate.PASS
            held.touch()
            return Fate.HOLD_REPLY

        proxy.rule = hold_the_first_script
        url = programs.url.replace(str(empty_server.port), str(proxy.port))
        program = programs.start(
            f"""{START}
from ecl_logging.fast_path import flushing_threads
configure()
log_records(10)
while not os.path.exists("held"):
    time.sleep(0.01)
assert flushing_threads
child = os.fork()
log_records(10)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("the child has ended", flush=True)
else:
    signal.alarm(20)
""",
            *ALLOW_FORK,
            ECL_STORE=f"{url}?socket_timeout=30",
        )
        try:
            assert wait_until(lambda: "ended" in program.out(), 25)
        finally:
            proxy.release.set()
        ended = program.end()

    assert_silent(ended)
    programs.assert_counted(30)


# A thread of the parent is inside a step of the store, for as long as a slow disk may take.
IN_A_STEP = """
from ecl_logging.stores.sqlite.tables import SqliteTables

def slow(method):
    def step(*arguments):
        result = method(*arguments)
        if not entered.is_set():
            entered.set()
            time.sleep({seconds})
        return result
    return step

entered = threading.Event()
"""
WRITING = f"{START}{IN_A_STEP}\nSqliteTables.add = slow(SqliteTables.add)\n"
READING = f"{START}{IN_A_STEP}\nSqliteTables.bucket = slow(SqliteTables.bucket)\n"

of_sqlite = pytest.mark.parametrize("programs_anywhere", ["sqlite"], indirect=True)
durations = pytest.mark.parametrize("seconds", [0.2, 0.6])


@of_sqlite
@durations
def test_a_child_forked_while_the_parent_writes_counts(programs: Programs, seconds: float) -> None:
    """SQLite keeps the locks of a file in memory: copied by a fork, nobody gives them back."""
    ended = programs.run_forking(
        f"""{WRITING.format(seconds=seconds)}
configure(sync_interval=0.05)
log_records(10)
entered.wait()
child = os.fork()
log_records(10)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(30)


@of_sqlite
@durations
def test_a_child_forked_while_the_parent_reads_locks_nobody_out(
    programs: Programs, seconds: float
) -> None:
    """SQLite takes a copied lock for one of its own, and never lets go of the file."""
    ended = programs.run_forking(
        f"""{READING.format(seconds=seconds)}
configure(sync_interval=0.05)
log_records(10)
group = event_count_logger().groups[GROUP]
group.sync()
reader = threading.Thread(target=group.get_counts, args=("1m",))
reader.start()
entered.wait()
child = os.fork()
log_records(10)
if child == 0:
    group.sync()
    os.mkdir("child_has_written")
    while not os.path.exists("parent_has_written"):
        time.sleep(0.01)
else:
    while not os.path.exists("child_has_written"):
        time.sleep(0.01)
    reader.join()
    print(group.sync(3.0))
    os.mkdir("parent_has_written")
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    assert ended.out == "True\n"
    programs.assert_counted(30)
