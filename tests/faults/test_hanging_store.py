"""A store that does not answer keeps no program from ending."""

from __future__ import annotations

import json

import pytest

from tests.conftest import wait_until
from tests.faults.hanging import (
    EXIT_SECONDS,
    MARGIN,
    TRIES,
    Ending,
    Measured,
    assert_all_end_in_time,
    hung,
)
from tests.faults.programs import Programs, assert_silent

pytestmark = [pytest.mark.timed, pytest.mark.fault("D11")]

START = """
import logging, os, sys, threading, time
from tests.faults.counted import *

configure(patience=None)
"""


@pytest.fixture
def programs(programs_anywhere: Programs) -> Programs:
    """On every store that processes share, in turn."""
    return programs_anywhere


METHODS = ("fork", "spawn", "forkserver")

# With a connection, or without one; when the store has been found away, or before.
USED = "log_records(10); event_count_logger().flush(); wait_for_the_hang(); log_records(10)\n"
UNUSED = "wait_for_the_hang(); log_records(10)\n"
FOUND_AWAY = (
    UNUSED
    + """
while not event_count_logger()._flusher.outage.is_announced:
    time.sleep(0.01)
"""
)
CHILD = """
if __name__ == "__main__":
    atexit.unregister(tell)
    process = multiprocessing.get_context("{method}").Process(target=work)
    process.start()
    process.join()
    have_ended()
"""
FORK = """
child = os.fork()
if child:
    atexit.unregister(tell)
    os.waitpid(child, 0)
    have_ended()
else:
    work()
"""
EXCEPTION = Ending(USED + "end(); raise KeyError('oops')", status=1, traceback="KeyError: 'oops'")

ENDINGS = {
    "plain": Ending(UNUSED + "end()"),
    "plain, used before": Ending(USED + "end()"),
    "plain, found away": Ending(FOUND_AWAY + "end()"),
    "sys.exit": Ending(USED + "end(); sys.exit(3)", status=3),
    "uncaught exception": EXCEPTION,
    "shutdown": Ending(FOUND_AWAY + "end(); logging.shutdown(); logging.shutdown()"),
    "shutdown, used before": Ending(USED + "end(); logging.shutdown(); logging.shutdown()"),
    "close": Ending(FOUND_AWAY + "end(); event_count_logger().close()"),
    "close(0.5)": Ending(USED + "end(); event_count_logger().close(0.5)", seconds=0.5),
    "fork": Ending(FORK.replace("    work()", "    wait_for_the_hang(); log_records(10); end()")),
} | {f"child by {method}": Ending(CHILD.format(method=method)) for method in METHODS}


def test_programs_whose_store_hangs_end_in_time_with_one_warning(programs: Programs) -> None:
    """What could not be sent is counted as such; all at once, as most of it is waiting."""

    def check(ending: Ending, ended: Measured) -> None:
        assert ended.status == ending.status
        assert ended.traceback[-1:] == [ending.traceback][: len(ended.traceback)]
        assert len(ended.traceback) == 0 or ended.traceback[0].startswith("Traceback")
        assert sum("Traceback" in line for line in ended.traceback) == bool(ending.traceback)
        (warning,) = ended.warnings
        assert ("ECL_STORE" in warning) == (programs.server is None)
        (telemetry,) = ended.telemetry
        assert telemetry["counted"] == telemetry["applied"] + telemetry["dropped"]["shutdown"]
        assert telemetry["pending"] == 0
        assert telemetry["dropped"]["shutdown"] == 10

    assert_silent(programs.run("from tests.faults.counted import *\nconfigure()\nlog_records(1)"))
    assert_all_end_in_time(programs, ENDINGS, check)


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


SEVERAL = """
import json, logging, threading, time
from ecl_logging import EventCountLogger, StoreUnavailable
from ecl_logging.handlers import CountingHandler
from ecl_logging.stores.memory import MemoryStore

class Hanging(MemoryStore):
    def apply(self, batch, *, timeout=5.0):
        hanging.set()
        {hang}

hanging = threading.Event()
groups = {{"g": {{"intervals": ["1m"], "events": ["x"], "sync_interval": 60}}}}
stores = [MemoryStore(), Hanging(), Hanging(), MemoryStore(), Hanging(), Hanging()]
loggers = [EventCountLogger(groups, store=store) for store in stores]
{before}
for ecl in loggers:
    ecl["g"].log("x")
hanging.wait()
for ecl in loggers:
    ecl["g"].log("x")
def told():
    return json.dumps([ecl.telemetry() for ecl in loggers])

print(time.monotonic(), flush=True)
{ending}
"""
FOR_EVER = "threading.Event().wait()"
AS_LONG_AS_MAY_BE = "time.sleep(timeout); raise StoreUnavailable('memory://: timed out')"
# A logger of its own for each handler, as each `CountingHandler()` has one.
HANDLERS = """
handlers = [CountingHandler(groups=groups, store=store) for store in stores]
loggers = [handler.ecl for handler in handlers]
"""
SHUTDOWN = "logging.shutdown(); logging.shutdown()"


@pytest.mark.parametrize("hang", [FOR_EVER, AS_LONG_AS_MAY_BE], ids=["for ever", "for a while"])
@pytest.mark.parametrize("by_hand", [False, True], ids=["exit", "logging.shutdown"])
def test_several_loggers_end_in_the_time_of_one(tmp_path, hang: str, by_hand: bool) -> None:
    """And those whose stores answer have their turn, whoever comes before them."""
    before, ending = (HANDLERS, SHUTDOWN) if by_hand else ("", "")
    source = SEVERAL.format(hang=hang, before=before, ending=ending)
    source = f"import atexit\natexit.register(lambda: print(told()))\n{source}"
    seconds = []
    for _ in range(TRIES):
        folder = tmp_path / str(len(seconds))
        folder.mkdir()
        ended = Programs(folder).run(source)
        assert ended.status == 0
        assert len(ended.err.splitlines()) == 4, ended.err
        began, telemetries = ended.out.splitlines()
        for number, telemetry in enumerate(json.loads(telemetries)):
            healthy = number in {0, 3}
            assert telemetry["applied"] == 2 * healthy
            assert telemetry["dropped"]["shutdown"] == 2 * (not healthy)
        seconds.append(ended.at - float(began))
        if seconds[-1] <= EXIT_SECONDS + MARGIN:
            return
    pytest.fail(f"takes {seconds} seconds")
