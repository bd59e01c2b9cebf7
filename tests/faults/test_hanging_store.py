"""A store that does not answer keeps no program from ending."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.faults.programs import Programs

pytestmark = pytest.mark.alone

EXIT_SECONDS = 2.0  # the library's exit_timeout
MARGIN = 1.5

START = """
import logging, os, sys, threading, time
from tests.faults.counted import *

def end():
    print(time.monotonic(), flush=True)

configure(patience=None)
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


@contextlib.contextmanager
def hung(programs: Programs) -> Iterator[None]:
    """Have the store hang."""
    server = programs.server
    if server is None:
        with locked(programs):
            yield
        return
    server.pause()
    try:
        yield
    finally:
        server.go_on()


@contextlib.contextmanager
def locked(programs: Programs) -> Iterator[None]:
    """Hold the store's file, as a process does that was stopped within a transaction."""
    with contextlib.closing(sqlite3.connect(programs.store, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def hanging(programs: Programs) -> Iterator[Programs]:
    """Programs whose store, used before, hangs now."""
    assert (
        programs.run("from tests.faults.counted import *\nconfigure()\nlog_records(10)").status == 0
    )
    programs.oracle.unlink()
    with hung(programs):
        yield programs


def assert_ended_in_time(programs: Programs, source: str) -> None:
    ended = programs.run(source)

    assert ended.status == 0, ended.err
    assert ended.at - float(ended.out.split()[-1]) <= EXIT_SECONDS + MARGIN
    (warning,) = ended.err.splitlines()
    assert warning.startswith("ecl_logging: ")
    assert ("ECL_STORE" in warning) == (programs.server is None)


def test_a_program_that_has_just_logged_ends_in_time(hanging: Programs) -> None:
    assert_ended_in_time(hanging, f"{START}\nlog_records(10)\nend()")


def test_a_program_that_has_found_the_store_away_ends_in_time(hanging: Programs) -> None:
    """Its thread waits for the next try, so the exit is alone with the store."""
    assert_ended_in_time(
        hanging,
        f"""{START}
log_records(10)
while not event_count_logger()._flusher.outage.is_announced:
    time.sleep(0.01)
end()
""",
    )


@pytest.mark.parametrize("closing", ["event_count_logger().close()", "logging.shutdown()"])
def test_closing_ends_in_time(hanging: Programs, closing: str) -> None:
    assert_ended_in_time(
        hanging,
        f"""{START}
log_records(10)
while not event_count_logger()._flusher.outage.is_announced:
    time.sleep(0.01)
end()
{closing}
""",
    )


def test_closing_by_hand_takes_no_longer_than_it_was_told(hanging: Programs) -> None:
    ended = hanging.run(
        f"""{START}
log_records(10)
began = time.monotonic()
event_count_logger().close(timeout=0.5)
print(time.monotonic() - began)
"""
    )

    assert ended.status == 0
    assert float(ended.out) <= 0.5 + MARGIN


def test_a_child_that_was_forked_ends_in_time(hanging: Programs) -> None:
    ended = hanging.run_forking(
        f"""{START}
if os.fork() == 0:
    log_records(10)
    end()
else:
    os.wait()
"""
    )

    assert ended.status == 0
    assert ended.at - float(ended.out.split()[-1]) <= EXIT_SECONDS + MARGIN
    assert len(ended.err.splitlines()) == 1


def test_a_program_whose_store_hangs_later_ends_in_time(programs: Programs) -> None:
    program = programs.start(
        f"""{START}
log_records(10)
event_count_logger().flush()
print("counted", flush=True)
while not os.path.exists("hangs"):
    time.sleep(0.01)
log_records(10)
end()
"""
    )
    wait_until(program.out)
    with hung(programs):
        (programs.folder / "program0" / "hangs").touch()
        ended = program.end()

    assert ended.status == 0
    assert ended.at - float(ended.out.split()[-1]) <= EXIT_SECONDS + MARGIN
    (warning,) = ended.err.splitlines()
    assert warning.startswith("ecl_logging: ")


def test_a_lock_that_is_let_go_in_time_costs_nothing(programs: Programs) -> None:
    program = programs.start(
        f"""{START}
log_records(10)
event_count_logger().flush()
print("counted", flush=True)
while not os.path.exists("hangs"):
    time.sleep(0.01)
log_records(10)
print("ends", flush=True)
"""
    )
    wait_until(program.out)
    with hung(programs):
        (programs.folder / "program0" / "hangs").touch()
        wait_until(lambda: "ends" in program.out())
    ended = program.end()

    assert (ended.status, ended.err) == (0, "")
    programs.assert_counted(20)


def test_a_handler_of_the_program_that_raises_does_not_end_the_flushing(
    programs: Programs,
) -> None:
    """Our warnings go through the program's handlers, whatever these do."""
    ended = programs.run(
        f"""{START}
class Broken(logging.Handler):
    def emit(self, record):
        raise KeyError("oops")

logging.getLogger("ecl_logging").addHandler(Broken())
log_records(10)
while event_count_logger().telemetry()["last_error"] is None:
    time.sleep(0.01)
time.sleep(0.3)
print([thread.name for thread in threading.enumerate()])
""",
        ECL_STORE="sqlite:////not/there/counts.db",
    )

    assert ended.status == 0
    assert "ecl-flusher" in ended.out
    assert "Exception" not in ended.err


def test_a_program_with_several_loggers_ends_in_the_time_of_one(programs: Programs) -> None:
    ended = programs.run(
        """
import threading, time
from ecl_logging import EventCountLogger
from ecl_logging.stores.memory import MemoryStore

class Hanging(MemoryStore):
    def apply(self, batch, *, timeout=5.0):
        hanging.set()
        threading.Event().wait()

hanging = threading.Event()
groups = {"g": {"intervals": ["1m"], "events": ["x"], "sync_interval": 0.01}}
loggers = [EventCountLogger(groups, store=Hanging()) for _ in range(4)]
healthy = EventCountLogger(groups, store=MemoryStore())
for ecl in [*loggers, healthy]:
    ecl["g"].log("x")
hanging.wait()
import atexit
print(time.monotonic(), flush=True)
"""
    )

    assert ended.status == 0
    assert ended.at - float(ended.out) <= EXIT_SECONDS + MARGIN
    assert len(ended.err.splitlines()) == 4, ended.err
