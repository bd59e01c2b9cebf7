"""How programs can end: what they logged is counted, and nothing is on stderr."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.faults.oracle import EVENTS, logged, totals
from tests.faults.programs import Programs, assert_silent

START = """
import atexit, logging, os, signal, sys, threading, time
from tests.faults.counted import *
"""


@pytest.mark.fault("D12")
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param("", id="plain"),
        pytest.param("sys.exit(0)", id="sys.exit"),
        pytest.param("logging.shutdown()", id="shutdown"),
        pytest.param("logging.shutdown(); logging.shutdown()", id="shutdown twice"),
        pytest.param("counting_handler().close(); counting_handler().close()", id="close twice"),
        pytest.param("event_count_logger().close(); event_count_logger().close()", id="ecl.close"),
        pytest.param("logging.config.dictConfig({'version': 1})", id="configured anew"),
    ],
)
def test_what_was_logged_is_counted_at_the_end(programs: Programs, ending: str) -> None:
    ended = programs.run(f"{START}\nconfigure()\nlog_records(1000)\n{ending}")

    assert_silent(ended)
    programs.assert_counted(1000)


def test_an_exit_status_stays_what_it_is(programs: Programs) -> None:
    ended = programs.run(f"{START}\nconfigure()\nlog_records(1000)\nsys.exit(7)")

    assert_silent(ended, status=7)
    programs.assert_counted(1000)


@pytest.mark.fault("D12")
def test_an_uncaught_exception_shows_its_traceback_only(programs: Programs) -> None:
    ended = programs.run(f"{START}\nconfigure()\nlog_records(1000)\nraise KeyError('oops')")

    assert ended.status == 1
    lines = ended.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'oops'"
    assert ended.err.count("Traceback") == 1
    assert "ecl_logging" not in ended.err
    programs.assert_counted(1000)


def test_ctrl_c_loses_nothing(programs: Programs) -> None:
    program = programs.start(
        f"{START}\nconfigure()\nlog_records(1000)\nprint('logged', flush=True)\ntime.sleep(60)"
    )
    wait_until(program.out)
    program.send(signal.SIGINT)
    ended = program.end()

    assert ended.status == -signal.SIGINT
    assert ended.err.startswith("Traceback")
    assert ended.err.splitlines()[-1] == "KeyboardInterrupt"
    assert ended.err.count("Traceback") == 1
    programs.assert_counted(1000)


def test_ctrl_c_twice_in_a_row_still_ends_the_program(programs: Programs) -> None:
    program = programs.start(
        f"""{START}
configure()
log_records(1000)
try:
    print("logged", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("once", flush=True)
    time.sleep(60)
"""
    )
    wait_until(program.out)
    program.send(signal.SIGINT)
    wait_until(lambda: "once" in program.out())
    program.send(signal.SIGINT)
    ended = program.end()

    assert ended.status == -signal.SIGINT
    programs.assert_counted(1000)


@pytest.mark.fault("D12")
def test_threads_that_go_on_after_the_main_thread_are_counted(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
def work():
    threading.main_thread().join()
    log_records(3000)

configure()
log_records(10)
for _ in range(4):
    threading.Thread(target=work).start()
"""
    )

    assert_silent(ended)
    programs.assert_counted(12_010)


@pytest.mark.fault("D6")
def test_many_threads_that_just_finished_are_counted(programs: Programs) -> None:
    """Nothing is sent before the end but what came first: the exit finds it all."""
    program = programs.start(
        f"""{START}
configure(sync_interval=60)
threads = [threading.Thread(target=log_records, args=(1000,)) for _ in range(200)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    )

    assert_silent(program.end(seconds=90))
    programs.assert_counted(200_000)


@pytest.mark.once
@pytest.mark.fault("D6", "D12", control=True)
def test_without_the_exit_hook_what_was_counted_last_is_lost(programs: Programs) -> None:
    ended = programs.run(
        f"""{START}
from ecl_logging import lifetime
atexit.unregister(lifetime._at_exit)
ecl = EventCountLogger({{GROUP: GROUPS[GROUP] | {{"sync_interval": 60}}}})
ecl[GROUP].log("e0")
ecl.flush()
ecl[GROUP].log("e0", 5)
"""
    )

    assert_silent(ended)
    assert totals(programs.stored())["1m"] == {"e0": 1}


@pytest.mark.fault("D6", "D12")
@pytest.mark.parametrize("pause", ["time.sleep(0.0005)", ""], ids=["paced", "flat out"])
def test_a_daemon_thread_that_logs_until_the_end_loses_nothing_unseen(
    programs: Programs, pause: str
) -> None:
    """The thread dies with the interpreter, so the library's own account is the oracle here."""
    ended = programs.run(
        f"""import atexit
def tell():  # registered first, so called last: after logging.shutdown
    stopping.set()
    thread.join()
    print(handled, ecl.telemetry())

atexit.register(tell)
{START}
handled = 0
stopping = threading.Event()

def work():
    global handled
    while not stopping.is_set():
        log.info("at work", extra={{"event": "e0"}})
        handled += 1
        {pause}

configure()
ecl = event_count_logger()
thread = threading.Thread(target=work, daemon=True)
thread.start()
time.sleep(0.5)
"""
    )

    assert_silent(ended)
    handled, telemetry = _told(ended.out)
    dropped = telemetry["dropped"]
    assert telemetry["counted"] == handled
    assert telemetry["applied"] + dropped["closed"] == handled
    assert totals(programs.stored())["1m"] == {"e0": telemetry["applied"]}
    assert telemetry["pending"] == dropped["shutdown"] == 0


def _told(out: str) -> tuple[int, dict[str, Any]]:
    number, _, telemetry = out.partition(" ")
    return int(number), eval(telemetry)


@pytest.mark.fault("D12")
def test_callbacks_of_atexit_are_counted(programs: Programs) -> None:
    """They run in the reverse order: before and after our own, all before logging.shutdown."""
    ended = programs.run(
        f"""{START}
atexit.register(log_records, 10)
configure()
atexit.register(log_records, 200)
log_records(3000)
atexit.register(log_records, 4000)
"""
    )

    assert_silent(ended)
    programs.assert_counted(7210)


@pytest.mark.fault("D12")
def test_a_first_record_in_a_callback_of_atexit_is_counted(programs: Programs) -> None:
    ended = programs.run(f"{START}\nconfigure()\natexit.register(log_records, 10)")

    assert_silent(ended)
    programs.assert_counted(10)


@pytest.mark.fault("D12")
def test_a_callback_that_runs_after_logging_shutdown_is_silent(programs: Programs) -> None:
    ended = programs.run(
        f"import atexit\natexit.register(lambda: log_records(10))\n{START}"
        "configure()\nlog_records(10)"
    )

    assert_silent(ended)
    assert len(logged(programs.oracle)) == 20
    assert totals(programs.stored())["1m"] == dict.fromkeys(EVENTS, 1)


BY_HAND = """
from ecl_logging import EventCountLogger
from tests.faults.oracle import EVENTS, INTERVALS
group = {"events": EVENTS, "intervals": INTERVALS}
"""


@pytest.mark.fault("D12")
@pytest.mark.parametrize("options", ["{}", "{'sync_interval': 60}", "{'sync_limit': 100_000}"])
@pytest.mark.parametrize("ending", ["", "import sys; sys.exit(0)", "ecl.close(); ecl.close()"])
def test_what_was_counted_by_hand_is_in_the_store_at_the_end(
    programs: Programs, options: str, ending: str
) -> None:
    ended = programs.run(
        f"{BY_HAND}\necl = EventCountLogger({{'requests': group | {options}}})\n"
        f"for n in range(100):\n    ecl['requests'].log(f'e{{n % 10}}', 2)\n{ending}"
    )

    assert_silent(ended)
    assert totals(programs.stored()) == {
        text: dict.fromkeys(EVENTS, 20) for text in ("1s", "3s", "1m")
    }


@pytest.mark.fault("D12")
@pytest.mark.parametrize("options", ["{}", "{'sync_interval': 60}"])
def test_a_first_count_by_hand_in_a_callback_of_atexit_is_in_the_store(
    programs: Programs, options: str
) -> None:
    ended = programs.run(
        f"import atexit\n{BY_HAND}\necl = EventCountLogger({{'requests': group | {options}}})\n"
        "atexit.register(ecl['requests'].log, 'e3', 5)"
    )

    assert_silent(ended)
    assert totals(programs.stored())["1m"] == {"e3": 5}


def test_a_direct_group_has_written_when_the_call_returns(programs: Programs) -> None:
    ended = programs.run(
        f"{BY_HAND}\nimport os\necl = EventCountLogger({{'requests': group}})\n"
        "ecl['requests'].log('e3', 5)\nos._exit(0)"
    )

    assert_silent(ended)
    assert totals(programs.stored())["1m"] == {"e3": 5}


@pytest.mark.fault("D12")
def test_a_logger_that_is_made_at_the_very_end_counts(programs: Programs) -> None:
    """By a callback that runs after the library's own."""
    ended = programs.run(
        """
import atexit
atexit.register(lambda: late())
from tests.faults.counted import *

def late():
    groups = {GROUP: GROUPS[GROUP] | {"sync_interval": 60}}
    EventCountLogger(groups)[GROUP].log("e0")
"""
    )

    assert_silent(ended)
    assert totals(programs.stored())["1m"] == {"e0": 1}
