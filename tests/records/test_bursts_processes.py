"""BurstFilter at the end of a process, in forked children, and before there is anything to do."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.faults.programs import Programs

SETUP = """
import logging, os, sys, threading
from ecl_logging.filters import BurstFilter
shown = logging.StreamHandler(sys.stdout)
shown.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
shown.addFilter(BurstFilter(limit=2, interval="1d"))
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(shown)
def work(n):
    for _ in range(n):
        log.warning("apples")
"""


def told_by(out: str) -> list[int]:
    return [
        int(n)
        for n in re.findall(r"^WARNING (\d+) more in the 1d from .*: apples$", out, re.MULTILINE)
    ]


def passed_by(out: str) -> int:
    return len(re.findall(r"^WARNING apples$", out, re.MULTILINE))


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "raise KeyboardInterrupt", "logging.shutdown()"]
)
def test_at_the_end_of_a_process_what_was_held_back_is_told_once(
    programs: Programs, end: str
) -> None:
    ended = programs.run(SETUP + "work(1000)\n" + end)

    assert (passed_by(ended.out), told_by(ended.out)) == (2, [998]), ended.err


def test_what_is_logged_after_that_passes(programs: Programs) -> None:
    ended = programs.run("import atexit\natexit.register(lambda: work(5))\n" + SETUP + "work(10)")

    assert (passed_by(ended.out), told_by(ended.out)) == (2 + 5, [8]), ended.err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_starts_with_nothing_held_back(programs: Programs) -> None:
    ended = programs.run(
        SETUP
        + """
work(10)
sys.stdout.flush()
if os.fork() == 0:
    work(5)
else:
    os.wait()
    work(20)
"""
    )

    assert (passed_by(ended.out), told_by(ended.out)) == (2 + 2, [3, 28]), ended.err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_is_forked_amid_another_threads_record_is_not_blocked(
    programs: Programs,
) -> None:
    ended = programs.run(
        SETUP
        + """
burst = shown.filters[0]
inside, forked = threading.Event(), threading.Event()
def hold():
    with burst._bursts._lock:
        inside.set()
        forked.wait(30)
threading.Thread(target=hold).start()
inside.wait(30)
child = os.fork()
if child == 0:
    work(5)
    sys.exit()
forked.set()
print(os.waitpid(child, 0)[1])
"""
    )

    assert (passed_by(ended.out), told_by(ended.out)) == (2, [3]), ended.err
    assert ended.out.endswith("0\n")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_tell_at_their_end(programs: Programs, method: str) -> None:
    ended = programs.run(
        SETUP
        + f"""
import multiprocessing
if __name__ == "__main__":
    child = multiprocessing.get_context({method!r}).Process(target=work, args=(7,))
    child.start()
    child.join()
"""
    )

    assert (passed_by(ended.out), told_by(ended.out)) == (2, [5]), ended.err


def test_importing_and_building_load_no_redis_and_start_no_thread(programs: Programs) -> None:
    ended = programs.run(
        SETUP
        + """
work(2)
print("redis" in sys.modules, "yaml" in sys.modules, threading.active_count())
"""
    )

    assert ended.out.endswith("False False 1\n"), ended.err


def test_a_signal_handler_that_logs_at_any_moment_blocks_nothing_and_totals_are_exact(
    programs: Programs,
) -> None:
    ended = programs.run(
        SETUP
        + f"""
import signal
# A stream cannot be written to by a handler that comes amid a write to it.
passed = []
shown.emit = lambda record: passed.append(1) if record.msg == "apples" else print(shown.format(record))
handled = 0
def log_too(*_):
    global handled
    handled += 1
    work(1)
signal.signal({int(signal.SIGALRM)}, log_too)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
work(20_000)
signal.setitimer(signal.ITIMER_REAL, 0)
print("handled", handled, "passed", len(passed))
"""
    )

    found = re.search(r"^handled (\d+) passed (\d+)$", ended.out, re.MULTILINE)
    assert found is not None, ended.err
    handled, passed = map(int, found.groups())
    assert handled
    assert passed + sum(told_by(ended.out)) == 20_000 + handled, ended.err
