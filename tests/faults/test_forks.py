"""Forks: a child counts what it logs, and nothing of its parent's."""

from __future__ import annotations

import pytest

from tests.faults.oracle import EVENTS, logged, totals
from tests.faults.programs import Programs, assert_silent

START = """
import logging, os, sys, threading, time
from tests.faults.counted import *
"""


pytestmark = pytest.mark.fault("D1")


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


@pytest.mark.fault("D5")
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


STARTING = f"""{START}
import subprocess
configure()
for _ in range(3):
    log_records(9)  # of all kinds but the last
    subprocess.run(["true"], preexec_fn=os.getpid, check=True)
    subprocess.run(["true"], preexec_fn=lambda: log.info("", extra={{"event": EVENTS[9]}}))
    subprocess.run(["true"], start_new_session=True, check=True)
    os.waitpid(os.posix_spawnp("true", ["true"], os.environ), 0)
    os.system("true")
log_records(9)
"""


@pytest.mark.fault("D5")
def test_programs_that_are_started_disturb_nothing(programs: Programs) -> None:
    """What a preexec_fn logs goes with its process, which another program replaces."""
    assert_silent(programs.run_forking(STARTING))

    assert len(logged(programs.oracle)) == 4 * 9 + 3
    programs.assert_all_counted_but_some(EVENTS[9])


STORM = f"""{START}
def work():
    while not stopping.is_set():
        log_records(9)  # of all kinds but the last
        time.sleep(0.01)

configure(sync_interval=0.01)
stopping = threading.Event()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(ROUNDS):
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            for _ in range(10):
                log.info("in a child", extra={{"event": EVENTS[9]}})
            ENDING
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
stopping.set()
for thread in threads:
    thread.join()
"""


def test_threads_that_log_through_a_storm_of_forks_lose_nothing(programs: Programs) -> None:
    program = STORM.replace("ROUNDS", "10").replace("ENDING", "sys.exit(0)")
    assert_silent(programs.run_forking(program, seconds=120))

    assert totals(programs.expected())["1m"][EVENTS[9]] == 10 * 5 * 10
    programs.assert_everything_counted()


def test_children_that_end_without_a_word_lose_no_more_than_their_own(programs: Programs) -> None:
    program = STORM.replace("ROUNDS", "40").replace("ENDING", "os._exit(0)")
    assert_silent(programs.run_forking(program, seconds=120))

    programs.assert_all_counted_but_some(EVENTS[9])


PENDING = f"""{START}
{{protection}}
configure(sync_interval=60)
log_records(10)
event_count_logger().flush()
log_records(1000)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
KEPT_COUNTS = """
from ecl_logging.counter import GroupCounter
from ecl_logging.tallies import Tallies
GroupCounter.after_fork = Tallies.reset = lambda self: None
"""


@pytest.mark.once
@pytest.mark.fault("D1", "D4", control=True)
def test_a_child_that_kept_what_its_parent_had_pending_would_count_it_again(
    programs: Programs,
) -> None:
    assert_silent(programs.run_forking(PENDING.format(protection=KEPT_COUNTS)))

    assert len(logged(programs.oracle)) == 1010
    assert sum(totals(programs.stored())["1m"].values()) == 2010


RECYCLING = f"""{START}
configure(sync_interval=60)
log_records(10)
for _ in range(30):
    worker = os.fork()
    if worker == 0:
        for _ in range(4):
            log_records(5)
            time.sleep(0.005)
        ENDING
        os._exit(0)
    assert os.waitpid(worker, 0)[1] == 0
    log_records(10)
"""
# As docs/recipes.md has it for servers whose workers end by os._exit.
FLUSHING = "for handler in logging.getLogger().handlers: handler.flush()"
FLUSHED_BEFORE = "event_count_logger().flush(); log_records(7)"


@pytest.mark.fault("D3")
def test_recycled_workers_that_flush_in_their_exit_hook_lose_nothing(programs: Programs) -> None:
    assert_silent(programs.run_forking(RECYCLING.replace("ENDING", FLUSHING)))

    programs.assert_counted(10 + 30 * 30)


@pytest.mark.once
@pytest.mark.fault("D3", control=True)
def test_recycled_workers_that_do_not_flush_lose_what_they_have(programs: Programs) -> None:
    assert_silent(programs.run_forking(RECYCLING.replace("ENDING", FLUSHED_BEFORE)))

    counted = sum(totals(programs.stored())["1m"].values())
    assert (len(logged(programs.oracle)), counted) == (10 + 30 * 37, 10 + 30 * 30)


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
