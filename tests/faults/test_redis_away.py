"""Redis that refuses, hangs, or comes later: no log call waits for it, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.deadlines import STEP_SECONDS
from tests.canary import assert_no_canary
from tests.conftest import wait_until
from tests.faults.programs import Programs, Started
from tests.redis_servers import RedisServer, free_port

pytestmark = pytest.mark.timed

HALF_A_TIME_OUT = STEP_SECONDS / 2

# Sockets that note which thread calls into them; nothing of the library is imported before.
PROGRAM = """
from tests.faults.noting_sockets import threads_at_sockets
import json, threading, time
from tests.faults.counted import *

began = time.monotonic()
configure()
configured_in = time.monotonic() - began
logging_threads, slowest = set(), 0.0
handler = counting_handler()

def work():
    global slowest
    logging_threads.add(threading.get_ident())
    for number in range(2500):
        before = time.monotonic()
        log.info("at work", extra={"event": EVENTS[number % len(EVENTS)]})
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.0005)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
work()
for thread in threads:
    thread.join()

ecl = event_count_logger()
began = time.monotonic()
print("logged", flush=True)
while ecl.telemetry()["pending"] and time.monotonic() - began < 60:
    time.sleep(0.05)
print(json.dumps({
    "configured_in": configured_in,
    "slowest": slowest,
    "at_sockets": len(threads_at_sockets),
    "loggers_at_sockets": len(threads_at_sockets & logging_threads),
    "telemetry": ecl.telemetry(),
}))
"""


@contextlib.contextmanager
def silent_listener(port: int) -> Iterator[None]:
    """Accepts whoever comes, and never says a word."""
    with contextlib.closing(socket.create_server(("127.0.0.1", port), backlog=100)):
        yield


def assert_nobody_waited(program: Started, programs: Programs) -> list[str]:
    """No log call was held up, and everything is there; return what was warned of."""
    ended = program.end(seconds=90)
    assert_no_canary("what the program printed", ended.out, ended.err)
    assert ended.status == 0, ended.err
    told = json.loads(ended.out.splitlines()[-1])
    # Far less than any time-out; most of the first is importing, and the machine may stand still.
    assert told["configured_in"] < HALF_A_TIME_OUT
    assert told["slowest"] < HALF_A_TIME_OUT
    assert told["at_sockets"] == 1  # the flusher's thread alone
    assert told["loggers_at_sockets"] == 0
    assert told["telemetry"]["applied"] == 10_000
    assert not any(told["telemetry"]["dropped"].values())
    programs.assert_counted(10_000)
    return ended.err.splitlines()


def assert_told_once_each(warnings: list[str], reason: str, port: int) -> None:
    gone, back = warnings
    shown = f"redis://127.0.0.1:{port}/0"
    assert gone == f"ecl_logging: {shown}: {reason}; counting in memory"
    assert back.startswith("ecl_logging: the store is back after ")
    assert back.endswith(" s; what was counted meanwhile is being sent")


def test_a_port_that_refuses_and_a_server_that_appears_later(
    later: RedisServer, tmp_path: Path
) -> None:
    programs = Programs(tmp_path, later)
    program = programs.start(PROGRAM)
    wait_until(lambda: "logged" in program.out(), seconds=60)
    wait_until(lambda: "Connection refused" in program.err())
    later.start()

    warnings = assert_nobody_waited(program, programs)
    assert_told_once_each(warnings, "Connection refused", later.port)


@pytest.mark.fault("A8")
def test_a_port_that_accepts_and_never_answers(later: RedisServer, tmp_path: Path) -> None:
    programs = Programs(tmp_path, later)
    with silent_listener(later.port):
        program = programs.start(PROGRAM)
        wait_until(lambda: "logged" in program.out(), seconds=60)
        wait_until(lambda: "no answer" in program.err())
    later.start()

    warnings = assert_nobody_waited(program, programs)
    assert_told_once_each(warnings, "no answer in time", later.port)


@pytest.mark.fault("B1", "B3")
def test_a_server_that_is_killed_and_hangs_while_it_is_counted(
    later: RedisServer, tmp_path: Path
) -> None:
    """It keeps what it has on disk, so nothing is forgotten."""
    folder = tmp_path / "kept"
    folder.mkdir()
    server = RedisServer(
        folder, "--appendonly", "yes", "--appendfsync", "always", port=free_port()
    ).start()
    try:
        programs = Programs(tmp_path, server)
        program = programs.start(PROGRAM)
        wait_until(lambda: bool(programs.stored()))
        server.kill()
        server.start()
        server.pause()
        wait_until(lambda: "logged" in program.out(), seconds=60)
        server.go_on()

        assert_nobody_waited(program, programs)
    finally:
        server.kill()


def test_a_server_that_is_there_is_talked_to_by_one_thread_only(
    empty_server: RedisServer, tmp_path: Path
) -> None:
    """The control: the noting sockets do note."""
    programs = Programs(tmp_path, empty_server)

    assert assert_nobody_waited(programs.start(PROGRAM), programs) == []
