"""IDs of events: one for each, in the order of time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time

import pytest

from ecl_logging.events import ids
from ecl_logging.events.ids import new_id

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 32 + DIGITS.index(digit)
    return value


def test_an_id_is_lg_and_26_characters():
    assert re.fullmatch(r"LG[0-9A-HJKMNP-TV-Z]{26}", new_id())


def test_it_begins_with_the_time():
    before = time.time_ns() // 10**6
    made = new_id()
    assert before <= number(made[2:12]) <= time.time_ns() // 10**6


def test_then_comes_the_sequence_and_what_the_process_has_drawn():
    first, second = new_id(), new_id()
    assert number(second[12:20]) == number(first[12:20]) + 1
    assert first[20:] == second[20:]


def test_they_sort_in_the_order_in_which_they_were_made():
    made = [new_id() for _ in range(20_000)]
    assert sorted(made) == made
    assert len(set(made)) == len(made)


def test_they_sort_also_when_the_clock_is_set_back(monkeypatch):
    made = [new_id()]
    for seconds in (5, -3600, 0, -(10**9)):
        moment = time.time_ns() + seconds * 10**9
        monkeypatch.setattr(ids.time, "time_ns", lambda moment=moment: moment)
        made += [new_id() for _ in range(3)]
        monkeypatch.undo()
    try:
        assert sorted(made) == made
        assert len(set(made)) == len(made)
    finally:
        ids._origin.latest = 0  # other tests go by the clock


def test_threads_never_make_the_same():
    made: list[list[str]] = []

    def make() -> None:
        mine = [new_id() for _ in range(5000)]
        made.append(mine)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for mine in made for each in mine}) == 40_000
    assert all(sorted(mine) == mine for mine in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_fork_makes_others_than_its_parent():
    ended = subprocess.run(
        [sys.executable, "-c", (
            "import os\n"
            "from ecl_logging.events.ids import new_id\n"
            "new_id()\n"
            "child = os.fork()\n"
            "os.write(1, ''.join(new_id() + '\\n' for _ in range(50)).encode())\n"
            "if child: os.waitpid(child, 0)\n"
        )],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    made = ended.stdout.split()
    assert (ended.returncode, len(set(made))) == (0, 100)
    assert len({each[20:] for each in made}) == 2


def test_a_seed_of_the_program_has_no_say():
    source = "import random; random.seed(1); from ecl_logging.events.ids import new_id; print(new_id()[12:])"
    made = {
        subprocess.run([sys.executable, "-c", source], capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(made) == 2
