"""ecl-rotate: any number of them, stopped and killed, changes nothing in the counts."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.processes.oracle import EVENTS, GROUP, logged
from tests.processes.programs import Programs, Started, assert_silent

INTERVALS = ["1s", "3s", "366d"]  # one that hardly ever ends, for ecl-read to be compared by

# About 5 seconds, so that four buckets of 1s are over in the midst of it.
PROGRAM = f"""
import time
from tests.processes.counted import *

configure({{GROUP: {{"events": EVENTS, "intervals": {INTERVALS}, "history": 600}}}})
for _ in range(100):
    log_records(10)
    time.sleep(0.05)
"""

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


@pytest.mark.parametrize("how_many", [0, 1, 3])
def test_ecl_read_answers_the_same_with_any_number_of_rotators(
    programs: Programs, how_many: int
) -> None:
    program = programs.start(PROGRAM)
    wait_until(lambda: len(logged(programs.oracle)) > 0)
    rotators = [start_rotator(programs) for _ in range(how_many)]
    if how_many == 3:
        disturb(rotators)
    assert_silent(program.end())
    for rotator in rotators:
        rotator.send(signal.SIGTERM)

    for number, rotator in enumerate(rotators):
        was_killed = how_many == 3 and number == 2
        assert_silent(rotator.end(), status=-signal.SIGKILL if was_killed else 0)
    assert len(logged(programs.oracle)) == 1000
    assert programs.stored() == programs.expected(INTERVALS)
    assert read(programs) == "".join(f"{event_id}:100\n" for event_id in EVENTS)
    lines = rotated(rotators)
    assert len(lines) == len(set(lines))
    assert all(FINISHED.fullmatch(line) for line in lines)
    assert how_many == 0 or seconds_rotated(rotators) >= 3


def disturb(rotators: list[Started]) -> None:
    """Stop one for two buckets, then let it go on; kill another."""
    wait_until(lambda: seconds_rotated(rotators) >= 1)
    stopped, killed = rotators[1:]
    stopped.send(signal.SIGSTOP)
    killed.send(signal.SIGKILL)
    before = seconds_rotated(rotators)
    wait_until(lambda: seconds_rotated(rotators) >= before + 2)
    stopped.send(signal.SIGCONT)


def read(programs: Programs) -> str:
    reader = programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.read"),
        *("-g", GROUP, "-i", "366d", "--current"),
    )
    ended = reader.end()
    assert_silent(ended)
    return ended.out


def test_rotators_that_start_before_there_is_a_store_begin_with_it(programs: Programs) -> None:
    rotator = programs.start_command(
        "-W", "error", "-m", "ecl_logging.tools.rotate", "-v", str(config_file(programs))
    )
    program = programs.start(PROGRAM)
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


def test_the_command_beside_python_is_the_module(programs: Programs) -> None:
    script = Path(sys.executable).parent / "ecl-rotate"
    if not script.exists():
        pytest.skip("the package is not installed beside this Python")
    assert_silent(programs.start_command(str(script), "--once").end())
