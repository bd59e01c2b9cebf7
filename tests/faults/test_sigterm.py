"""SIGTERM at any moment: a program that takes it loses nothing, one that does not its last second."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.conftest import wait_until
from tests.faults.oracle import logged, totals
from tests.faults.programs import Ended, Programs, assert_silent

pytestmark = pytest.mark.fault("D8")

START = """
import asyncio, logging, os, signal, sys, threading, time
from tests.faults.counted import *
"""

THREADS = f"""{START}
def work():
    while not stopping.is_set():
        log_records(10)
        time.sleep(0.001)

def stop(number, frame):
    stopping.set()
    for thread in threads:
        thread.join()
    {{closing}}
    sys.exit(3)

configure(sync_interval=0.02)
stopping = threading.Event()
threads = [threading.Thread(target=work) for _ in range(3)]
signal.signal(signal.SIGTERM, stop)
for thread in threads:
    thread.start()
print("logging", flush=True)
{{main}}
"""


def terminated_at_random(
    programs: Programs, chance: random.Random, source: str, *options: str
) -> list[Ended]:
    """Some programs at once that say `logging`, each sent SIGTERM at a moment of its own."""
    started = [programs.start(source, *options) for _ in range(4)]
    for program in started:
        wait_until(lambda program=program: program.out(), 30)
    for program in started:
        time.sleep(chance.uniform(0.0, 0.1))
        program.send(signal.SIGTERM)
    return [program.end() for program in started]


@pytest.mark.parametrize(
    "closing",
    ["event_count_logger().close()", "counting_handler().close()", "logging.shutdown()", "pass"],
)
def test_a_handler_of_sigterm_that_closes_and_exits_loses_nothing(
    programs: Programs, closing: str
) -> None:
    program = programs.start(THREADS.format(closing=closing, main="time.sleep(60)"))
    wait_until(lambda: program.out() and len(logged(programs.oracle)) > 500)
    program.send(signal.SIGTERM)

    assert_silent(program.end(seconds=20), status=3)
    programs.assert_everything_counted()


def test_sigterm_in_the_midst_of_a_flush_on_the_main_thread_loses_nothing(
    programs: Programs, chance: random.Random
) -> None:
    """The handler finds its own thread's flush half done, and must not wait for it."""
    source = THREADS.format(
        closing="event_count_logger().close()", main="while True: event_count_logger().flush()"
    )
    # SystemExit can come out of the handler between any two steps of the main thread,
    # also right after it has opened a connection.
    ended = terminated_at_random(programs, chance, source, "-W", "ignore::ResourceWarning")

    for one in ended:
        assert_silent(one, status=3)
    programs.assert_everything_counted()


ASYNCIO = f"""{START}
async def work():
    while True:
        log_records(10)
        await asyncio.sleep(0.001)

async def main():
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    tasks = [asyncio.create_task(work()) for _ in range(3)]
    print("logging", flush=True)
    await stopping.wait()
    for task in tasks:
        task.cancel()
    log_records(10)

configure(sync_interval=0.02)
asyncio.run(main())
"""


def test_a_loop_that_takes_sigterm_loses_nothing(programs: Programs, chance: random.Random) -> None:
    for ended in terminated_at_random(programs, chance, ASYNCIO):
        assert_silent(ended)
    programs.assert_everything_counted()


# Says how many have been confirmed, and is killed on the spot.
KILLED = f"""{START}
configure(sync_interval=0.02)
ecl = event_count_logger()
while True:
    log_records(10)
    os.write(1, b"%d\\n" % ecl.telemetry()["applied"])
"""


def test_a_program_that_does_not_take_sigterm_loses_its_last_second_at_most(
    programs: Programs, chance: random.Random
) -> None:
    """What was confirmed is there, and nothing is there that was not logged."""
    ended = terminated_at_random(programs, chance, KILLED)

    assert {one.status for one in ended} == {-signal.SIGTERM}
    confirmed = sum(int(one.out.split()[-1]) for one in ended)
    stored, expected = programs.stored(), programs.expected()
    assert 0 < confirmed <= sum(totals(stored)["1m"].values()) <= len(logged(programs.oracle))
    for key, counts in stored.items():
        for event_id, count in counts.items():
            assert count <= expected[key][event_id]


def test_sigterm_while_the_main_thread_sorts_what_it_counted_loses_nothing(
    programs: Programs,
) -> None:
    """The signal comes in the middle of the library's own work, with its locks held.

    The thread may be faster to sort it: then it is tried again.
    """
    ended = programs.run(
        f"""{START}
class Moment:
    def __init__(self, seconds):
        self.seconds = seconds
    def __floor__(self):
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGTERM)
        return int(self.seconds)
    def __repr__(self):  # as the program notes it
        return repr(self.seconds)

def stop(number, frame):
    ecl.close()
    closed.append(number)
    print("closed", flush=True)

configure(sync_interval=60)
ecl = event_count_logger()
closed = []
signal.signal(signal.SIGTERM, stop)
log_records(10)
while ecl.telemetry()["applied"] < 10:
    time.sleep(0.01)
while not closed:
    record = log.makeRecord("app", logging.INFO, "", 0, "", (), None, extra={{"event": "e0"}})
    record.created = Moment(record.created)
    log.handle(record)
    log_records(10)
    ecl.telemetry()
"""
    )

    assert_silent(ended)
    assert ended.out == "closed\n"
    programs.assert_everything_counted()
