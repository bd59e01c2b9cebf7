"""Children of multiprocessing and concurrent.futures: what they log is counted."""

from __future__ import annotations

import pytest

from tests.faults.oracle import EVENTS, logged, totals
from tests.faults.programs import Programs, assert_silent

pytestmark = pytest.mark.fault("D2")

START = """
import concurrent.futures, logging, multiprocessing, os, sys, threading, time
from tests.faults.counted import *

configure()

def work(_=None):
    log_records(100)

def exit_early():
    log_records(100)
    sys.exit(0)

def leave_a_thread():
    log_records(100)
    threading.Thread(target=go_on).start()

def go_on():
    for _ in range(2000):
        log_records(1)
        time.sleep(0.001)

def main(context):
"""
END = """
if __name__ == "__main__":
    log_records(100)
    main(multiprocessing.get_context("{method}"))
"""

every_method = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


def run(programs: Programs, method: str, main: str) -> None:
    assert_silent(programs.run_forking(START + main + END.format(method=method)))


@every_method
def test_processes_count_what_they_log(programs: Programs, method: str) -> None:
    run(
        programs,
        method,
        """
    processes = [context.Process(target=target) for target in (work, exit_early, work)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
""",
    )

    programs.assert_counted(400)


@every_method
def test_workers_of_a_closed_pool_count_what_they_log(programs: Programs, method: str) -> None:
    run(
        programs,
        method,
        """
    pool = context.Pool(2)
    pool.map(work, range(8), chunksize=1)
    pool.close()
    pool.join()
""",
    )

    programs.assert_counted(900)


@every_method
def test_recycled_workers_of_a_pool_count_what_they_log(programs: Programs, method: str) -> None:
    run(
        programs,
        method,
        """
    pool = context.Pool(2, maxtasksperchild=1)
    pool.map(work, range(3), chunksize=1)
    pool.close()
    pool.join()
""",
    )

    programs.assert_counted(400)


@every_method
def test_workers_of_an_executor_count_what_they_log(programs: Programs, method: str) -> None:
    run(
        programs,
        method,
        """
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(work, range(8)))
""",
    )

    programs.assert_counted(900)


@every_method
def test_a_thread_that_outlives_the_childs_main_function_is_counted(
    programs: Programs, method: str
) -> None:
    """Multiprocessing runs its finalizers first, and waits for threads after them."""
    run(
        programs,
        method,
        """
    process = context.Process(target=leave_a_thread)
    process.start()
    process.join()
    assert process.exitcode == 0
""",
    )

    programs.assert_counted(2200)


@pytest.mark.once
@pytest.mark.fault("D2", control=True)
def test_without_a_hook_of_its_own_a_child_loses_what_it_logged_last(programs: Programs) -> None:
    """It begins by clearing those that it has inherited."""
    run(
        programs,
        "fork",
        """
    process = context.Process(target=log_and_flush)
    process.start()
    process.join()

def log_and_flush():
    import ecl_logging.flusher
    ecl_logging.flusher.arm_exit_hooks = lambda: None
    configure(sync_interval=60)
    log_records(100)
    event_count_logger().flush()
    log_records(10)
""",
    )

    counted = sum(totals(programs.stored())["1m"].values())
    assert (len(logged(programs.oracle)), counted) == (210, 200)


def test_a_child_that_forks_counts_in_both(programs: Programs) -> None:
    ended = programs.run_forking(
        START
        + """
    process = context.Process(target=fork_on)
    process.start()
    process.join()
    assert process.exitcode == 0

def fork_on():
    log_records(10)
    child = os.fork()
    log_records(10)
    if child:
        assert os.waitpid(child, 0)[1] == 0
"""
        + END.format(method="fork")
    )

    assert_silent(ended)
    programs.assert_counted(130)


def test_a_process_that_is_terminated_loses_only_what_it_had_not_sent(programs: Programs) -> None:
    """Nothing runs in a process that is killed; its parent and the store are as they were."""
    run(
        programs,
        "fork",
        """
    sent = context.Event()
    process = context.Process(target=stay, args=(sent,))
    process.start()
    sent.wait()
    process.terminate()
    process.join()

def stay(sent):
    log_records(100)
    event_count_logger().flush()
    sent.set()
    time.sleep(60)
""",
    )

    programs.assert_counted(200)


@every_method
def test_a_pool_that_is_terminated_loses_only_what_its_workers_had(
    programs: Programs, method: str
) -> None:
    """As the end of `with Pool()` does it. What their parent logs meanwhile is all there."""
    run(
        programs,
        method,
        """
    with context.Pool(2) as pool:
        pool.map(log_in_worker, range(8), chunksize=1)
        log_records(9)
    log_records(9)

def log_in_worker(_):
    for _ in range(100):
        log.info("in a worker", extra={"event": EVENTS[9]})
""",
    )

    assert len(logged(programs.oracle)) == 100 + 2 * 9 + 800
    programs.assert_all_counted_but_some(EVENTS[9])
