"""Signal handlers and finalizers that log, close and exit, at any moment."""

from __future__ import annotations

import json

import pytest

from tests.faults.oracle import EVENTS, logged, totals
from tests.faults.programs import Programs, assert_silent

START = """
import gc, logging, os, signal, sys, threading, time
from tests.faults.counted import *
"""


@pytest.mark.fault("D7")
@pytest.mark.parametrize("options", ["{}", "{'sync_limit': 50}", "{'sync_interval': 0.02}"])
def test_a_signal_handler_that_logs_at_a_high_rate_is_counted(
    programs: Programs, options: str
) -> None:
    ended = programs.run(
        f"""{START}
configure({{GROUP: GROUPS[GROUP] | {options}}})
signal.signal(signal.SIGALRM, lambda number, frame: log_records(1))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 1.0
while time.monotonic() < end:
    log_records(100)
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    )

    assert_silent(ended)
    programs.assert_everything_counted()


@pytest.mark.fault("D7")
def test_a_signal_handler_that_counts_by_hand_and_directly_never_hangs(programs: Programs) -> None:
    """A direct write comes in between another one of the same thread."""
    ended = programs.run(
        f"""{START}
from ecl_logging import EventCountLogger

def count(number, frame):
    global counted
    counted += 1
    group.log("e0")

ecl = EventCountLogger({{GROUP: {{"events": EVENTS, "intervals": INTERVALS}}}})
group, counted, longest = ecl[GROUP], 0, 0.0
signal.signal(signal.SIGALRM, count)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
end = time.monotonic() + 1.2
while time.monotonic() < end:
    began = time.monotonic()
    group.log("e1")
    longest = max(longest, time.monotonic() - began)
    counted += 1
signal.setitimer(signal.ITIMER_REAL, 0)
ecl.close()
telemetry = ecl.telemetry()
print(telemetry["applied"] == counted, longest < 4.0)
"""
    )

    assert_silent(ended)
    assert ended.out == "True True\n"


@pytest.mark.fault("D7")
def test_finalizers_that_log_during_garbage_collection_are_counted(programs: Programs) -> None:
    """The collector runs on any thread. What it runs amid a flush is logged by the flush."""
    ended = programs.run(
        f"""{START}
from ecl_logging.fast_path import flushing_threads

class Noisy:
    def __init__(self):
        self.me = self  # a cycle: only the collector finds it
    def __del__(self):
        global within_flushes
        if threading.get_ident() in flushing_threads:
            within_flushes += 1
        log_records(1)

within_flushes = 0
configure(sync_interval=0.02)
gc.set_threshold(50)
for _ in range(20_000):
    Noisy()
    log_records(1)
gc.collect()
event_count_logger().flush()
print(event_count_logger().telemetry()["applied"], 40_000 - within_flushes)
"""
    )

    assert_silent(ended)
    applied, logged_outside = ended.out.split()
    assert applied == logged_outside
    assert len(logged(programs.oracle)) == 40_000
    assert totals(programs.stored())["1m"] == {"e0": int(applied)}


@pytest.mark.fault("D7")
def test_a_finalizer_that_runs_within_a_flush_does_no_harm(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
from ecl_logging.stores.sqlite.tables import SqliteTables

class Noisy:
    def __del__(self):
        log_records(1)

def add(*arguments):
    noisy.clear()
    return before(*arguments)

noisy, before = [Noisy()], SqliteTables.add
SqliteTables.add = add
configure(sync_interval=60)
log_records(10)
event_count_logger().flush()
"""
    )

    assert_silent(ended)
    assert totals(programs.stored())["1m"] == dict.fromkeys(EVENTS, 1)


RAISING = """
import json, logging, random, signal, sys, time
from tests.faults.counted import *
from ecl_logging import EventCountLogger

class TimeIsUp(BaseException):
    pass

def act(*_):
    global armed
    if armed:
        armed = False
        raise TimeIsUp

armed = False
attempts = completed = interrupted = 0
{counting}
attempts = completed = 1
count()
ecl.flush(20)  # the first takes its time, and until then nothing is known
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 1.2
while time.monotonic() < end:
    attempts += 1
    try:
        armed = True
        count()
        completed += 1
    except TimeIsUp:
        interrupted += 1
    armed = False
signal.setitimer(signal.ITIMER_REAL, 0)
flushed = ecl.flush(20)
telemetry = ecl.telemetry()
counts = ecl[GROUP].get_counts("1m", current=True), ecl[GROUP].get_counts("1m")
fast = sum(tally.n for tally in ecl._flusher.tallies._tallies.values())
print(json.dumps([attempts, completed, interrupted, fast, flushed, telemetry, counts]))
"""

DIRECTLY = """
ecl = EventCountLogger(GROUPS)
count = lambda: ecl[GROUP].log("e0")
"""
BY_HANDLER = """
configure({GROUP: GROUPS[GROUP] | {"sync_limit": 20}})
ecl = event_count_logger()
record = logging.makeLogRecord({"event": "e0"})
count = lambda: counting_handler().handle(record)
"""
BY_KIND = """
configure(sync_interval=0.3)
ecl, handle = event_count_logger(), counting_handler().handle
def count():
    handle(logging.makeLogRecord({"event": "e0"}))
    if attempts % 5000 == 0:
        ecl.telemetry()  # which collects, on this thread
"""
BY_ID = """
ecl = EventCountLogger({GROUP: GROUPS[GROUP] | {"sync_interval": 0.3}})
log = ecl[GROUP].log
def count():
    log("e0")
    if attempts % 5000 == 0:
        ecl.telemetry()
"""


@pytest.mark.fault("D7")
@pytest.mark.parametrize(
    ("counting", "is_fast"),
    [(DIRECTLY, False), (BY_HANDLER, False), (BY_KIND, True), (BY_ID, True)],
    ids=["directly", "by a handler", "by kind", "by ID"],
)
def test_an_exception_out_of_a_signal_handler_leaves_nothing_behind(
    programs: Programs, counting: str, is_fast: bool
) -> None:
    """Ctrl-C in a notebook, or a time limit: locks stayed locked, and counting stood still."""
    ended = programs.run(RAISING.format(counting=counting))

    assert_silent(ended)
    attempts, completed, interrupted, fast, flushed, telemetry, counts = json.loads(ended.out)
    assert (fast > attempts / 4) is is_fast
    assert interrupted > 100
    assert flushed
    assert completed <= telemetry["applied"] <= attempts
    assert telemetry["counted"] == telemetry["applied"]
    assert sum(bucket["e0"] for bucket in counts) == telemetry["applied"]


@pytest.mark.fault("D7")
def test_a_signal_handler_that_syncs_amid_a_declaration_never_hangs(programs: Programs) -> None:
    """The thread waited for what the main thread held, and the handler for the thread."""
    ended = programs.run(
        f"""{START}
from ecl_logging import EventCountLogger
ecl = EventCountLogger(GROUPS)
group = ecl[GROUP]
def act(*_):
    group.log("e0")
    group.sync()
    signal.setitimer(signal.ITIMER_REAL, 0.0007)
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.001)
end = time.monotonic() + 1.2
while time.monotonic() < end:
    group.declare_event_ids(["e1", "e2"])
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    )

    assert_silent(ended)


@pytest.mark.fault("D7")
def test_a_signal_handler_that_syncs_amid_a_read_does_not_wait_for_it(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
from ecl_logging import EventCountLogger
ecl = EventCountLogger({{GROUP: GROUPS[GROUP] | {{"sync_interval": 60}}}})
group = ecl[GROUP]
longest = 0.0
def act(*_):
    global longest
    group.log("e0")
    began = time.monotonic()
    group.sync()
    longest = max(longest, time.monotonic() - began)
    signal.setitimer(signal.ITIMER_REAL, 0.003)
signal.signal(signal.SIGALRM, act)
signal.setitimer(signal.ITIMER_REAL, 0.003)
end = time.monotonic() + 1.2
while time.monotonic() < end:
    group.get_counts("1m")
signal.setitimer(signal.ITIMER_REAL, 0)
print(longest)
"""
    )

    assert_silent(ended)
    assert float(ended.out) < 4.0
