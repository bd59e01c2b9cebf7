"""Records and messages of processes that fork: each is kept once, by whoever logged it."""

from __future__ import annotations

import pytest

from tests.faults.held_locks import forking_amid_locks
from tests.faults.kept import assert_kept
from tests.faults.programs import Programs, assert_silent

START = """
import logging, os, sys, threading, time
from tests.faults.kept import *
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


STORM = f"""{START}
configure(sync_interval=0.02)
is_over = threading.Event()

def work():
    while not is_over.is_set():
        log_records(10)
        time.sleep(0.001)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for number in range(12):
    child = os.fork()
    if child == 0:
        if number % 4 == 0:
            os._exit(0)
        log_records(25)
        if number % 4 == 1:
            flush()
            os._exit(0)
        if number % 4 == 2:
            grandchild = os.fork()
            log_records(5)
            if grandchild:
                assert os.waitpid(grandchild, 0)[1] == 0
        sys.exit(0)
    children.append(child)
    time.sleep(0.01)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
is_over.set()
for thread in threads:
    thread.join()
"""


def test_a_storm_of_forks_amid_threads_that_log_keeps_each_once(programs: Programs) -> None:
    ended = programs.run_forking(STORM, seconds=60)

    assert ended.status == 0, ended.err  # so many at once may wait for a file, and say so
    assert_kept(programs)


HOOKED = (
    """
import os, sys, threading
def in_child():
    if "tests.faults.kept" in sys.modules:
        sys.modules["tests.faults.kept"].log_records(20)
os.register_at_fork(after_in_child=in_child)
"""
    + START
)


def test_what_a_hook_logs_in_the_child_before_ours_is_kept(programs: Programs) -> None:
    ended = programs.run_forking(
        f"""{HOOKED}
configure(sync_interval=60)
log_records(20)
flush()
child = os.fork()
log_records(20)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )

    assert_silent(ended)
    assert_kept(programs)


POOL = f"""{START}
import multiprocessing

def work(number):
    if not log.handlers:
        configure(sync_interval=0.05)
    log_records(number)

if __name__ == "__main__":
    configure(sync_interval=0.05)
    log_records(10)
    processes = [
        multiprocessing.get_context(method).Process(target=work, args=(30,))
        for method in ("fork", "spawn")
    ]
    for process in processes:
        process.start()
        log_records(10)
    for process in processes:
        process.join()
        assert process.exitcode == 0
"""


def test_processes_of_multiprocessing_keep_what_they_log(programs: Programs) -> None:
    assert_silent(programs.run_forking(POOL))
    assert_kept(programs)


LOCKED = f"""
{START}
configure(sync_interval=30)
log_records(10)
flush()
"""


def test_a_child_keeps_and_ends_whatever_lock_a_thread_of_its_parent_had(
    programs: Programs,
) -> None:
    ended = programs.run_forking(forking_amid_locks(LOCKED, seconds=10), seconds=60)

    assert_silent(ended)
    places, statuses = zip(*(line.split() for line in ended.out.splitlines()), strict=True)
    for module in ("pending_parts", "numbered", "ticker"):
        assert any(f"{module}.py" in place for place in places)
    assert set(statuses) == {"0"}
    assert_kept(programs)
