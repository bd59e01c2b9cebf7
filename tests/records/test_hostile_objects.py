"""Whatever an object does to who looks at it, the program that logs it is not hurt."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import pytest

from ecl_logging.fast_path import flushing_threads
from ecl_logging.handlers import CountingHandler
from ecl_logging.records.rendering import classes
from ecl_logging.records.rendering.captured import captured
from ecl_logging.records.rendering.questioner import MAX_STUCK, Questioner, questioner
from ecl_logging.records.rendering.texts import message_of
from tests.faults.programs import ALLOW_FORK
from tests.interruptions import interrupted_at
from tests.records.hostile import HOSTILE
from tests.records.making import raised, record_of
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0  # far more than any of it takes

STICKY = sorted(name for name in HOSTILE if any(part in name for part in ("wait", "spin", "lock")))
AT_ONCE = sorted(set(HOSTILE) - set(STICKY))
# So few in one process that none is passed over because others are stuck.
BATCHES = [STICKY[at : at + 3] for at in range(0, len(STICKY), 3)] + [
    AT_ONCE[at::3] for at in range(3)
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *ALLOW_FORK, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def run_program(source: str) -> subprocess.CompletedProcess[str]:
    return run("-c", textwrap.dedent(source))


@pytest.mark.parametrize("names", BATCHES, ids="+".join)
def test_a_hostile_object_anywhere_in_a_record_hurts_nobody(names):
    ended = run("-m", "tests.records.look_at", *names)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_there_are_many_of_them():
    assert len(HOSTILE) >= 25


class Raises:
    def __str__(self) -> str:
        raise RuntimeError("a secret")

    __repr__ = __int__ = __str__  # type: ignore[assignment]


@pytest.fixture
def released():
    """Objects wait for it, and no longer than the test takes."""
    event = threading.Event()
    yield event
    event.set()
    wait_until(lambda: questioner.stuck == 0)


def waiting_class(released: threading.Event, asked: list[object]) -> type:
    class Waits:
        def __str__(self) -> str:
            asked.append(self)
            released.wait()
            return "released"

    return Waits


def test_an_object_that_raises_leaves_the_rest_of_the_message():
    record = record_of("%s and %s", "good", Raises())
    assert message_of(record) == "good and <Raises: raised RuntimeError>"
    assert captured(record)["args"] == ["good", "<Raises: raised RuntimeError>"]


def test_an_object_that_is_no_number_after_all():
    message = message_of(record_of("%s is %d", "it", Raises()))
    assert message == "%s is %d ('it', <Raises: raised RuntimeError>)"


def test_an_object_that_waits_is_passed_over_and_its_class_not_asked_again(released):
    asked: list[object] = []
    waits = waiting_class(released, asked)
    expected = f"a <{waits.__qualname__}: gave no text in time>"

    assert message_of(record_of("%s %s", "a", waits())) == expected
    assert message_of(record_of("%s %s", "a", waits())) == expected
    assert len(asked) == 1
    # On a busy machine a thread may have been taken for a stuck one; that one comes back.
    wait_until(lambda: questioner.stuck == 1)


def test_others_are_asked_while_one_is_stuck(released):
    message_of(record_of("%s", waiting_class(released, [])()))
    assert message_of(record_of("%s", Raises())) == "<Raises: raised RuntimeError>"


def test_when_too_many_are_stuck_nobody_is_asked_until_one_comes_back(released):
    for _ in range(MAX_STUCK):
        message_of(record_of("%s", waiting_class(released, [])()))
    assert questioner.stuck == MAX_STUCK
    began = time.monotonic()
    assert message_of(record_of("%s", Raises())) == "<Raises: was not asked>"
    assert time.monotonic() - began < 0.2

    released.set()
    wait_until(lambda: questioner.stuck == 0)
    assert message_of(record_of("%s", Raises())) == "<Raises: raised RuntimeError>"


def test_an_exception_that_waits_leaves_its_frames(released):
    class WaitsError(Exception):
        def __str__(self) -> str:
            released.wait()
            return ""

    text = captured(record_of("bad", exc_info=raised(WaitsError())))["exc_text"]
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert text.endswith("WaitsError: gave no text in time>")


def test_what_keeps_an_exception_waiting_is_remembered_and_not_the_exception(released):
    waits = waiting_class(released, [])
    message_of(record_of("%s", ValueError([waits()])))
    assert "gave no text in time" in message_of(record_of("%s", waits()))
    assert message_of(record_of("%s", ValueError(Raises()))) == "<ValueError: raised RuntimeError>"


def test_an_object_behind_a_lock_that_the_caller_holds(released):
    lock = threading.RLock()

    class Locked:
        def __str__(self) -> str:
            with lock:
                return "unlocked"

    with lock:
        assert "gave no text in time" in message_of(record_of("%s", Locked()))
    wait_until(lambda: questioner.stuck == 0)


def test_a_class_that_is_gone_is_forgotten(released):
    waits = waiting_class(released, [])
    message_of(record_of("%s", waits()))
    key, ref = id(waits), weakref.ref(waits)
    assert key in classes._slow
    released.set()
    del waits
    wait_until(lambda: gc.collect() >= 0 and ref() is None)
    assert key not in classes._slow or classes._slow[key]() is not None


def test_what_an_object_logs_is_not_counted_but_all_else_is():
    handler = CountingHandler(
        store="memory://", groups={"g": {"intervals": ["1m"], "auto_declare_events": True}}
    )

    class Logs:
        def __str__(self) -> str:
            handler.handle(record_of("inside", event="inside"))
            return "logs"

    handler.handle(record_of("before", event="outside"))  # from now on the fast path is open
    assert message_of(record_of("%s", Logs())) == "logs"
    handler.handle(record_of("after", event="outside"))
    wait_until(lambda: not flushing_threads)  # which its own thread may be in just now
    handler.flush()
    counts = handler.ecl["g"].get_counts("1m", current=True)
    handler.close()
    assert {event: n for event, n in counts.items() if n} == {"outside": 2}


def test_an_object_that_has_a_record_taken_down_itself():
    class TakesDown:
        def __str__(self) -> str:
            return message_of(record_of("<%s>", self))

    assert message_of(record_of("%s", TakesDown())).endswith("TakesDown: was not asked>>")


def test_no_thread_is_started_for_what_is_known():
    alone = Questioner()
    assert alone._thread is None
    ended = run_program("""
        import logging, threading
        from ecl_logging.records.rendering.captured import as_json, captured
        as_json(captured(logging.LogRecord("a", 20, "a.py", 1, "%s %s", ([1], ValueError("x")), None)))
        print(threading.active_count())
    """)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\n", "")


START = """
    import atexit, logging, os, sys, threading, time
    from ecl_logging.records.rendering.captured import captured
    from ecl_logging.records.rendering.questioner import questioner
    from ecl_logging.records.rendering.texts import message_of

    def record(*args):
        return logging.LogRecord("a", 20, "a.py", 1, "%s", args, None)

    def waits():
        class Waits:
            def __str__(self):
                threading.Event().wait()
        return Waits()

    class Says:
        def __str__(self):
            return "says"
"""


def test_a_process_ends_while_an_object_is_stuck():
    ended = run_program(
        START
        + """
    for _ in range(3):
        message_of(record(waits()))
    assert message_of(record(Says())) == "says"
    atexit.register(lambda: print(message_of(record(waits()))[-24:], flush=True))
    print(questioner.stuck, flush=True)
    """
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("3\n")
    assert ended.stdout.endswith(">\n")


def test_a_child_that_is_forked_while_an_object_is_stuck_starts_anew():
    ended = run_program(
        START
        + """
    for _ in range(4):
        message_of(record(waits()))
    assert questioner.stuck == 4
    child = os.fork()
    if child == 0:
        assert questioner.stuck == 0
        assert message_of(record(Says())) == "says"
        assert captured(record(waits()))["message"].endswith("gave no text in time>")
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert "was not asked" in message_of(record(Says()))
    """
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_children_forked_amid_questions_can_ask():
    ended = run_program(
        START
        + """
    stop = threading.Event()
    def ask():
        while not stop.is_set():
            message_of(record(Says()))
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads: thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os._exit(message_of(record(Says())) != "says")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    for thread in threads: thread.join()
    """
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_exception_out_of_a_signal_handler_reaches_the_program():
    ended = run_program(
        START
        + """
    import signal
    def handler(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        message_of(record(waits()))
    except KeyboardInterrupt:
        print("interrupted")
    assert message_of(record(Says())) == "says"
    """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")


def test_wherever_an_exception_comes_in_the_next_object_is_asked():
    moments = itertools.count(1)
    is_cut = True
    while is_cut:
        alone = Questioner()
        is_cut = interrupted_at(next(moments), lambda alone=alone: alone.do(lambda: "told"))
        told = alone.do(lambda: "told", patience=SECONDS)
        alone._thread = None  # its thread ends with the next job
        alone.do(lambda: "told", patience=SECONDS)
        assert told == "told"
    assert next(moments) > 5


def test_many_threads_ask_at_once():
    class Says:
        def __str__(self) -> str:
            return "says"

    told: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: told.extend(message_of(record_of("%s", Says())) for _ in range(50))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) <= {"says", f"<{Says.__qualname__}: was not asked>"}
    assert told.count("says") > 300
