"""logging.config under load: what is delivered to a handler counts, whatever becomes of it."""

from __future__ import annotations

import json

import pytest

from tests.conftest import wait_until
from tests.faults.hanging import hung
from tests.faults.oracle import logged, totals
from tests.faults.programs import Programs, assert_silent

pytestmark = pytest.mark.fault("D15")

# The oracle notes what is delivered to our handler: `logging.config` changes the list of handlers
# while other threads walk along it, so a handler beside ours sees other records. And another
# handler takes its time to be built, while the one before is closed and still there.
START = """
import gc, json, logging, logging.config, os, sys, threading, time
from ecl_logging.groups import EventCountLogger
from tests.faults.counted import *

class SlowlyBuilt(logging.NullHandler):
    def __init__(self):
        super().__init__()
        time.sleep(0.01)

def reconfigure(**handler):
    ours = {"class": "tests.faults.counted.NotingHandler", "groups": GROUPS}
    slow = {"()": SlowlyBuilt}
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"a": slow, "b": ours | handler, "c": slow},
        "root": {"level": "INFO", "handlers": ["a", "b", "c"]},
    })

def work():
    while not stopping.is_set():
        log_records(10)
        time.sleep(0)

stopping = threading.Event()
threads = [threading.Thread(target=work) for _ in range(4)]
"""

OFTEN = f"""{START}
longest = 0.0
reconfigure()
for thread in threads:
    thread.start()
for number in range(16):
    if number == 6:
        print("hang", flush=True)
        while not os.path.exists("hangs"):
            time.sleep(0.01)
    began = time.monotonic()
    reconfigure(sync_interval=0.05 if number % 2 else 30)
    longest = max(longest, time.monotonic() - began)
print("go on", flush=True)
stopping.set()
for thread in threads:
    thread.join()

def loggers():
    gc.collect()
    return sum(isinstance(one, EventCountLogger) for one in gc.get_objects())

def flushers():
    return sum(thread.name == "ecl-flusher" for thread in threading.enumerate())

end = time.monotonic() + 20
while (loggers() > 1 or flushers() > 1) and time.monotonic() < end:
    time.sleep(0.05)
print(json.dumps([longest, loggers(), flushers()]), flush=True)
"""


def run_through_a_hang(programs: Programs, source: str) -> list[str]:
    """Run a program; have the store hang from where it says so to where it goes on."""
    url = programs.url if programs.server is None else f"{programs.url}?socket_timeout=0.3"
    program = programs.start(source, ECL_STORE=url)
    wait_until(lambda: "hang" in program.out(), 30)
    with hung(programs):
        (programs.folder / "program0" / "hangs").touch()
        wait_until(lambda: "go on" in program.out(), 60)
    ended = program.end(60)
    print(ended.err)
    assert ended.status == 0
    return ended.out.splitlines()


def test_a_program_that_is_configured_again_and_again_counts_every_record(
    programs_anywhere: Programs,
) -> None:
    """Also while the store hangs: no reconfiguration waits for it, and nothing is left behind."""
    out = run_through_a_hang(programs_anywhere, OFTEN)

    longest, loggers, flushers = json.loads(out[-1])
    assert longest < 5.0
    assert loggers == 1
    assert flushers <= 1  # of the last one, if something came to it
    programs_anywhere.assert_everything_counted()


AT_ONCE = """
import ecl_logging.record_counter
ecl_logging.record_counter.is_configured_anew = lambda: False
"""


@pytest.mark.once
@pytest.mark.fault("D15", control=True)
def test_a_handler_that_a_reconfiguration_closes_at_once_loses_records(programs: Programs) -> None:
    source = f"""{START}{AT_ONCE}
reconfigure()
for thread in threads:
    thread.start()
for number in range(12):
    reconfigure()
stopping.set()
for thread in threads:
    thread.join()
"""
    assert_silent(programs.run(source))

    counted = sum(totals(programs.stored())["1m"].values())
    assert 0 < counted < len(logged(programs.oracle))


def test_records_after_a_close_are_dropped_one_by_one(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
reconfigure()
handler = next(h for h in logging.getLogger().handlers if isinstance(h, CountingHandler))
log_records(100)
handler.close()
threads = [threading.Thread(target=log_records, args=(250,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(handler.ecl.telemetry()))
"""
    )

    assert_silent(ended)
    telemetry = json.loads(ended.out)
    assert telemetry["counted"] == len(logged(programs.oracle)) == 1100
    assert telemetry["applied"] == sum(totals(programs.stored())["1m"].values()) == 100
    assert telemetry["dropped"]["closed"] == 1000
    assert telemetry["pending"] == 0


def test_a_handler_that_is_attached_twice_counts_twice(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
reconfigure()
handler = next(h for h in logging.getLogger().handlers if isinstance(h, CountingHandler))
logging.getLogger("app").addHandler(handler)
log_records(100)
"""
    )

    assert_silent(ended)
    programs.assert_counted(200)
