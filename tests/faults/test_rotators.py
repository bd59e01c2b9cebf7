"""ecl-rotate: any number of them, stopped and killed, changes nothing in the counts."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
import redis

from tests.conftest import wait_until
from tests.faults.oracle import EVENTS, GROUP, logged
from tests.faults.programs import Programs, Started, assert_silent
from tests.redis_servers import RedisServer

INTERVALS = ["1s", "3s", "366d"]  # one that hardly ever ends, for ecl-read to be compared by

PROGRAM = f"""
import os
import time
from tests.faults.counted import *

configure({{GROUP: {{"events": EVENTS, "intervals": {INTERVALS}, "history": 600}}}})
for _ in range(int(os.environ["ROUNDS"])):
    log_records(10)
    time.sleep(0.05)
"""

LONG = 100  # rounds: about 5 seconds, so that four buckets of 1s are over in the midst of it
SHORT = 25

STOPPED, KILLED = 1, 2  # of the rotators

FINISHED = re.compile(rf"rotated {GROUP} (?:1s|3s|366d) \d+")


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


def start_rotator(programs: Programs) -> Started:
    return programs.start_command("-W", "error", "-m", "ecl_logging.tools.rotate", "-v")


def rotated(rotators: list[Started]) -> list[str]:
    return [line for rotator in rotators for line in rotator.out().splitlines()]


def seconds_rotated(rotators: list[Started]) -> int:
    return sum(1 for line in rotated(rotators) if f" {GROUP} 1s " in line)


@pytest.mark.once
@pytest.mark.fault("C1", "C2", "C3")
@pytest.mark.parametrize("how_many", [0, 8])
def test_ecl_read_answers_the_same_with_any_number_of_rotators(
    programs: Programs, how_many: int
) -> None:
    rounds = LONG if how_many else SHORT
    program = programs.start(PROGRAM, ROUNDS=str(rounds))
    wait_until(lambda: len(logged(programs.oracle)) > 0)
    rotators = [start_rotator(programs) for _ in range(how_many)]
    if rotators:
        disturb(rotators, programs)
    assert_silent(program.end())
    for rotator in rotators:
        rotator.send(signal.SIGTERM)

    for number, rotator in enumerate(rotators):
        ended = rotator.end()
        if number == STOPPED:  # it finds that its time for a step was over, if it was amid one
            assert ended.status == 0
            assert ended.err.count("\n") == ended.err.count("no answer in time; trying on\n")
        else:
            assert_silent(ended, status=-signal.SIGKILL if number == KILLED else 0)
    assert len(logged(programs.oracle)) == 10 * rounds
    assert programs.stored() == programs.expected(INTERVALS)
    assert read(programs) == "".join(f"{event_id}:{rounds}\n" for event_id in EVENTS)
    lines = rotated(rotators)
    assert len(lines) == len(set(lines))
    assert all(FINISHED.fullmatch(line) for line in lines)
    assert how_many == 0 or seconds_rotated(rotators) >= 3


def disturb(rotators: list[Started], programs: Programs) -> None:
    """Stop one for two buckets, then let it go on; kill another."""
    wait_until(lambda: seconds_rotated(rotators) >= 1)
    stopped, killed = rotators[STOPPED], rotators[KILLED]
    stop(stopped, programs)
    killed.send(signal.SIGKILL)
    before = seconds_rotated(rotators)
    wait_until(lambda: seconds_rotated(rotators) >= before + 2)
    stopped.send(signal.SIGCONT)


def stop(rotator: Started, programs: Programs) -> None:
    """Stop it outside of a transaction: in one, it would keep all others from SQLite's file."""

    def is_stopped_at_rest() -> bool:
        rotator.send(signal.SIGSTOP)
        if programs.server is not None or not is_locked(programs.store):
            return True
        rotator.send(signal.SIGCONT)
        return False

    wait_until(is_stopped_at_rest, seconds=30)


def is_locked(file: Path) -> bool:
    """Whether somebody has the file for longer than a step takes."""
    with contextlib.closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


def read(programs: Programs) -> str:
    reader = programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.read"),
        *("-g", GROUP, "-i", "366d", "--current"),
    )
    ended = reader.end()
    assert_silent(ended)
    return ended.out


@pytest.mark.fault("C2")
@pytest.mark.parametrize("knows_the_group", [True, False])
def test_rotators_that_start_before_there_is_a_store_begin_with_it(
    programs: Programs, knows_the_group: bool
) -> None:
    file = [str(config_file(programs))] if knows_the_group else []
    rotator = programs.start_command("-W", "error", "-m", "ecl_logging.tools.rotate", "-v", *file)
    program = programs.start(PROGRAM, ROUNDS=str(SHORT))
    wait_until(lambda: seconds_rotated([rotator]) >= 2)
    rotator.send(signal.SIGTERM)

    assert_silent(rotator.end())
    assert_silent(program.end())
    assert programs.stored() == programs.expected(INTERVALS)


def config_file(programs: Programs) -> Path:
    path = programs.folder / "logging.yaml"
    path.write_text(
        f"groups: {{{GROUP}: {{events: {EVENTS}, intervals: {INTERVALS}, history: 600}}}}"
    )
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_rotator_at_once(programs: Programs, number: signal.Signals) -> None:
    rotator = programs.start_command(
        "-W", "error", "-m", "ecl_logging.tools.rotate", "-v", str(config_file(programs))
    )
    wait_until(lambda: seconds_rotated([rotator]) >= 1)
    rotator.send(number)

    assert_silent(rotator.end(seconds=10), status=0 if number == signal.SIGTERM else 130)


@pytest.mark.once
@pytest.mark.fault("C1")
def test_every_bucket_is_printed_as_json_when_all_of_it_is_there(programs: Programs) -> None:
    """By rotators that run while the program counts: each bucket by one of them, and whole."""
    rotators = [
        programs.start_command("-W", "error", "-m", "ecl_logging.tools.rotate", "--json")
        for _ in range(2)
    ]
    assert_silent(programs.start(PROGRAM, ROUNDS=str(LONG)).end())
    stored = {start: cells for (text, start), cells in programs.stored().items() if text == "1s"}
    wait_until(lambda: max(stored) in printed_seconds(rotators))
    for rotator in rotators:
        rotator.send(signal.SIGTERM)
        assert_silent(rotator.end(seconds=10))

    lines = [line for rotator in rotators for line in rotator.out().splitlines()]
    assert len(lines) == len(set(lines))
    printed = printed_seconds(rotators)
    since = min(printed)  # of the first bucket that was over when they found the group
    assert printed == {start: n for start, n in stored.items() if start >= since}
    assert len(printed) >= 4


def printed_seconds(rotators: list[Started]) -> dict[int, dict[str, int]]:
    """The counts of each bucket of a second that was printed and has some, by its start."""
    found = {}
    for rotator in rotators:
        for line in rotator.out().splitlines():
            one = json.loads(line)
            counts = {event_id: n for event_id, n in one["counts"].items() if n}
            if one["interval"] == "1s" and counts:
                found[int(datetime.fromisoformat(one["start"]).timestamp())] = counts
    return found


def test_a_rotator_prints_at_its_end_what_has_not_settled(programs: Programs) -> None:
    file = programs.folder / "slow.yaml"
    file.write_text("groups: {slow: {intervals: [1s], events: [x], sync_interval: 3600}}")
    rotator = programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.rotate", "--json", "-v", str(file))
    )
    wait_until(lambda: rotator.err().count("rotated slow 1s") >= 2)
    assert rotator.out() == ""
    rotator.send(signal.SIGTERM)
    ended = rotator.end(seconds=10)

    assert ended.status == 0
    assert len(ended.out.splitlines()) == len(ended.err.splitlines()) >= 2


def test_the_command_beside_python_is_the_module(programs: Programs) -> None:
    script = Path(sys.executable).parent / "ecl-rotate"
    if not script.exists():
        pytest.skip("the package is not installed beside this Python")
    assert_silent(programs.start_command(str(script), "--once").end())


@pytest.mark.once
@pytest.mark.fault("C1", "C3")
def test_the_first_seeds_last_cells_equal_the_bucket_at_their_start(
    empty_server: RedisServer, tmp_path: Path
) -> None:
    """At any moment while programs count, and while rotators come, go, and stand still."""
    programs = Programs(tmp_path, empty_server)
    counting = [programs.start(PROGRAM, ROUNDS=str(LONG)) for _ in range(2)]
    rotators = [start_rotator(programs) for _ in range(3)]
    seen: set[str] = set()
    with contextlib.closing(empty_server.client()) as client:
        disturbing = threading.Thread(target=disturb, args=(rotators, programs))
        disturbing.start()
        while any(program.process.poll() is None for program in counting):
            seen |= compare_last_cells(client)
        disturbing.join()
    for one in (*counting, *rotators):
        one.send(signal.SIGTERM)
        one.end()

    assert len(seen) >= 4
    assert len(logged(programs.oracle)) == 2000
    assert programs.stored() == programs.expected(INTERVALS)
    lines = rotated(rotators)
    assert len(lines) == len(set(lines)) > 3


def compare_last_cells(client: redis.Redis) -> set[str]:
    """Compare view and bucket in one look; return the start of what was compared, if any."""
    shown = client.get(f"{GROUP}:1s:cur:@ts")
    if shown is None:
        return set()
    last = int(shown) - 1
    look = client.pipeline(transaction=True)
    look.get(f"{GROUP}:1s:cur:@ts")
    look.mget([f"{GROUP}:1s:last:{event_id}" for event_id in EVENTS])
    look.hgetall(f"{GROUP}:1s:{last}")
    still_shown, counts, bucket = look.execute()
    if still_shown != shown or not bucket:
        return set()
    assert counts == [bucket.get(event_id, "0") for event_id in EVENTS]
    return {str(last)}
