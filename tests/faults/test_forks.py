"""Forks: a child counts what it logs, and nothing of its parent's."""

from __future__ import annotations

import pytest

from tests.faults.oracle import totals
from tests.faults.programs import Programs, assert_silent

START = """
import logging, os, sys, threading, time
from tests.faults.counted import *
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


@pytest.mark.parametrize(
    "ending", ["pass", "sys.exit(0)", "event_count_logger().flush(); os._exit(0)"]
)
def test_pending_counts_belong_to_the_parent(programs: Programs, ending: str) -> None:
    ended = programs.run_forking(
        f"""{START}
configure(sync_interval=60)
log_records(1000)
child = os.fork()
log_records(100)
if child == 0:
    {ending}
else:
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(1200)


def test_a_child_that_logs_nothing_counts_nothing(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
configure(sync_interval=60)
log_records(1000)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(1000)


def test_a_fork_before_the_first_record_counts_in_parent_and_child(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
configure()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        log_records(1000)
        sys.exit(0)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
log_records(10)
"""
    )

    assert_silent(ended)
    programs.assert_counted(4010)


def test_forks_within_forks_count_each_record_once(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
configure(sync_interval=60)
log_records(10)
for _ in range(3):
    child = os.fork()
    log_records(10)
    if child:
        assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(10 + 20 + 40 + 80)


def test_a_daemon_that_forks_twice_counts(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
configure()
log_records(10)
child = os.fork()
if child == 0:
    os.setsid()
    if os.fork() == 0:
        log_records(100)
        logging.shutdown()
        os.mkdir("done")
    os._exit(0)
os.waitpid(child, 0)
while not os.path.exists("done"):
    time.sleep(0.01)
"""
    )

    assert_silent(ended)
    programs.assert_counted(110)


def test_a_program_that_is_started_with_preexec_fn_disturbs_nothing(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
import subprocess
configure()
log_records(10)
subprocess.run([sys.executable, "-c", ""], preexec_fn=os.getpid, check=True)
log_records(10)
"""
    )

    assert_silent(ended)
    programs.assert_counted(20)


def test_threads_that_log_through_a_storm_of_forks_lose_nothing(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{START}
def work():
    while not stopping.is_set():
        log_records(10)
        time.sleep(0.002)

configure(sync_interval=0.01)
stopping = threading.Event()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            log_records(10)
            sys.exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
stopping.set()
for thread in threads:
    thread.join()
""",
        seconds=120,
    )

    assert_silent(ended)
    programs.assert_everything_counted()


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
durations = pytest.mark.parametrize("seconds", [0.2, 1.0])


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


@pytest.mark.parametrize("hook", ["before", "after_in_parent", "after_in_child"])
def test_a_programs_own_hook_may_count_at_a_fork(programs: Programs, hook: str) -> None:
    ended = programs.run_forking(
        f"""{START}
from ecl_logging import EventCountLogger
ecl = EventCountLogger(GROUPS)
os.register_at_fork({hook}=lambda: ecl["requests"].log("e1"))
began = time.monotonic()
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
    print(time.monotonic() - began)
"""
    )

    assert_silent(ended)
    assert float(ended.out) < 4.0
    assert totals(programs.stored())["1m"] == {"e1": 1}


def test_forks_while_another_thread_configures_logging_do_not_hang(programs: Programs) -> None:
    """`dictConfig` closes the handler with logging's lock held, for which a fork waits, too."""
    ended = programs.run_forking(
        f"""{START}
def reload():
    for _ in range(40):
        configure()
        log_records(2)

configure()  # what that imports registers hooks of its own, once
reloading = threading.Thread(target=reload)
reloading.start()
while reloading.is_alive():
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(80)


def test_a_hook_that_logs_in_the_child_before_ours_is_counted(programs: Programs) -> None:
    ended = programs.run_forking(
        """
import logging, os
os.register_at_fork(after_in_child=lambda: logging.getLogger("app").info(
    "forked", extra={"event": "e0"}))  # before ecl_logging is there
from tests.faults.counted import *
configure()
child = os.fork()
log_records(1)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    programs.assert_counted(3)


def test_flushing_loads_no_module(programs: Programs) -> None:
    """A module that a fork finds half loaded, by another thread, stays so in the child."""
    ended = programs.run(
        f"""{START}
configure()
before = set(sys.modules)
log_records(10)
event_count_logger().flush(1)
print(sorted(set(sys.modules) - before), flush=True)
os._exit(0)
"""
    )

    assert ended.out == "[]\n"
