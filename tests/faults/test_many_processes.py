"""Many processes and threads count in one store, each record once, in its own buckets."""

from __future__ import annotations

import json

import pytest

from tests.faults.oracle import EVENTS, GROUP, read_buckets
from tests.faults.programs import Programs, assert_silent

# 2,500 records of ten kinds in each thread, spread over 8 seconds.
PROGRAM = """
import json, threading, time
from tests.faults.counted import *

THREADS, RECORDS, SECONDS = 4, 2500, 8.0

def work(thread):
    began = time.monotonic()
    for number in range(RECORDS):
        pause = began + number * SECONDS / RECORDS - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        log.info("at work", extra={"event": EVENTS[(number + thread) % len(EVENTS)]})

configure()
threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
event_count_logger().flush()
print(json.dumps(event_count_logger().telemetry()))
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


# A process that has no processor for a while holds a file up for as long, and the others say so.
@pytest.mark.parametrize(
    "programs_anywhere",
    [pytest.param("sqlite", marks=pytest.mark.alone), "redis"],
    indirect=True,
)
@pytest.mark.once
@pytest.mark.fault("D6")
def test_eight_processes_with_four_threads_count_as_the_oracle_does(programs: Programs) -> None:
    started = [programs.start(PROGRAM) for _ in range(8)]
    ended = [program.end(seconds=60) for program in started]

    for program in ended:
        assert_silent(program)
    programs.assert_counted(80_000)
    seconds = {start for text, start in programs.stored() if text == "1s"}
    assert len(seconds) >= 8
    for program in ended:
        telemetry = json.loads(program.out)
        assert telemetry["counted"] == telemetry["applied"] == 10_000
        assert not any(telemetry["dropped"].values())
        assert telemetry["late"] == telemetry["ahead"] == telemetry["other"] == 0
        assert telemetry["pending"] == telemetry["retries"] == 0


def test_the_stores_own_read_finds_the_same_buckets(programs: Programs) -> None:
    assert_silent(programs.run("from tests.faults.counted import *\nconfigure()\nlog_records(100)"))

    for interval in ("1s", "3s", "1m"):
        stored = {key: counts for key, counts in programs.stored().items() if key[0] == interval}
        assert read_buckets(programs.url, interval, range(120)) == stored


def test_one_process_for_each_moment_counts(programs: Programs) -> None:
    """Processes that open a store that does not exist yet, all at once."""
    started = [
        programs.start("from tests.faults.counted import *\nconfigure()\nlog_records(10)")
        for _ in range(12)
    ]

    for program in started:
        assert_silent(program.end())
    programs.assert_counted(120)


def test_a_store_that_two_programs_define_differently_counts_for_both(programs: Programs) -> None:
    other = programs.start(
        "from tests.faults.counted import *\n"
        f"configure({{{GROUP!r}: {{'events': {EVENTS}, 'intervals': ['1s', '3s', '1m']}}}})\n"
        "log_records(1000)"
    )
    one = programs.start("from tests.faults.counted import *\nconfigure()\nlog_records(1000)")

    for program in (one, other):
        assert program.end().status == 0
    programs.assert_counted(2000)
