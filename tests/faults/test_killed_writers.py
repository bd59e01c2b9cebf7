"""Programs that are killed while they count in a file: what was confirmed is there, once."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import sqlite3

import pytest

from ecl_logging import open_store
from tests.faults.journal_modes import SAFE_MODES
from tests.faults.oracle import EVENTS, GROUP, INTERVALS, Buckets, totals
from tests.faults.programs import Programs, assert_silent

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL")

# Processes that log one event each without end, and say after each flush how many are confirmed.
# Four at a time; each is killed at a moment of its own. Those that come later are forked by a
# parent that has never logged.
KILLING = """
import json, os, random, signal, sys, time
from tests.faults.counted import *
from tests.faults.journal_modes import use_journal_mode

def count(event_id, pipe):
    try:
        while True:
            for _ in range(chance.randrange(1, 20)):
                log.info("at work", extra={"event": event_id})
            event_count_logger().flush(5)
            os.write(pipe, b"%d\\n" % event_count_logger().telemetry()["applied"])
    finally:
        os._exit(1)

class Counting:
    def __init__(self, event_id):
        self.event_id, (self.pipe, pipe) = event_id, os.pipe()
        self.process = os.fork()
        if self.process == 0:
            count(event_id, pipe)
        os.close(pipe)
        os.read(self.pipe, 1)  # it has begun

    def kill(self):
        os.kill(self.process, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        assert status == -signal.SIGKILL, status
        with os.fdopen(self.pipe) as pipe:
            confirmed[self.event_id] = int(("0" + pipe.read()).split()[-1])

chance, confirmed = random.Random(int(os.environ["SEED"])), {}
use_journal_mode(os.environ["MODE"])
configure(sync_interval=0.02)
counting = [Counting(event_id) for event_id in EVENTS[:4]]
for event_id in EVENTS[4:8]:
    time.sleep(chance.uniform(0.02, 0.2))
    counting.pop(chance.randrange(4)).kill()
    counting.append(Counting(event_id))
for one in counting:
    one.kill()
for _ in range(100):
    log.info("afterwards", extra={"event": EVENTS[8]})
print(json.dumps(confirmed))
"""


@pytest.mark.fault("E5")
@pytest.mark.parametrize("mode", SAFE_MODES)
def test_what_was_confirmed_to_a_killed_program_is_in_the_file_and_nothing_twice(
    programs: Programs, chance: random.Random, mode: str
) -> None:
    ended = programs.run(KILLING, MODE=mode, SEED=str(chance.randrange(2**32)))
    assert_silent(ended)
    confirmed, stored, expected = json.loads(ended.out), programs.stored(), programs.expected()

    assert is_sound(programs)
    assert_nothing_too_often(stored, expected)
    sums = totals(stored)
    for interval in INTERVALS:
        assert sums[interval] == sums["1m"]  # a batch is counted in all of them, or in none
        assert all(sums[interval].get(event_id, 0) >= n for event_id, n in confirmed.items())
        assert sums[interval][EVENTS[8]] == 100
    assert len(confirmed) == 8
    assert sum(confirmed.values()) > 0
    assert sum(sums["1m"].values()) == total_of_sources(programs)


def is_sound(programs: Programs) -> bool:
    with contextlib.closing(sqlite3.connect(programs.store)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def assert_nothing_too_often(stored: Buckets, expected: Buckets) -> None:
    """The oracle notes a record before it is counted, so it may have one more, never one less."""
    for key, counts in stored.items():
        assert all(n <= expected[key].get(event_id, 0) for event_id, n in counts.items()), key


def total_of_sources(programs: Programs) -> int:
    with contextlib.closing(open_store(programs.url)) as store:
        return sum(source.total for source in store.sources(GROUP))


# The mistake that the order of things prevents: a confirmation that does not wait for the commit.
CONFIRMING_EARLY = """
from ecl_logging.stores.sqlite import connection as connections

class Lazy(connections.Connection):
    def execute(self, statement, *arguments):
        if statement == "COMMIT" and super().execute("SELECT 1 FROM counts").fetchone():
            return None
        if statement == "BEGIN IMMEDIATE" and self.in_transaction:
            return None
        return super().execute(statement, *arguments)

connections.Connection = Lazy
"""

KILLED = """
import os, signal
from tests.faults.counted import *

configure(sync_interval=60)
log_records(100)
assert event_count_logger().flush(5)
print(event_count_logger().telemetry()["applied"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.fault("E5")
def test_a_program_that_is_killed_after_a_flush_has_lost_nothing(programs: Programs) -> None:
    ended = programs.run(KILLED)

    assert (ended.status, ended.out) == (-signal.SIGKILL, "100\n")
    programs.assert_counted(100)


@pytest.mark.fault("E5", control=True)
def test_a_store_that_confirms_before_it_commits_loses_it(programs: Programs) -> None:
    ended = programs.run(CONFIRMING_EARLY + KILLED)

    assert (ended.status, ended.out) == (-signal.SIGKILL, "100\n"), ended.err
    assert programs.stored() == {} != programs.expected()
