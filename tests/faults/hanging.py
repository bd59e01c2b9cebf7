"""Stores that do not answer, and how long programs take to end all the same."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.faults.programs import ALLOW_FORK, Ended, Programs, Started
from tests.server_troubles import stopped
from tests.waiting import wait_until


@contextlib.contextmanager
def hung(programs: Programs) -> Iterator[None]:
    """Have the store hang."""
    server = programs.server
    if server is None:
        with _locked(programs):
            yield
        return
    with stopped(server):
        yield


@contextlib.contextmanager
def _locked(programs: Programs) -> Iterator[None]:
    """Hold the store's file, as a process does that was stopped within a transaction."""
    with contextlib.closing(
        sqlite3.connect(programs.store, isolation_level=None, timeout=30)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


EXIT_SECONDS = 2.0  # the library's exit_timeout
MARGIN = 0.5
TRIES = 3  # this machine may have better things to do

# What comes before the library here comes after it at the end.
PRELUDE = """
import atexit, json, time

def tell():
    print("TELEMETRY", json.dumps(event_count_logger().telemetry()), flush=True)

atexit.register(tell)
import logging, multiprocessing, multiprocessing.util, os, sys, threading
from tests.faults.counted import *

def wait_for_the_hang():
    print("ready", flush=True)
    while not os.path.exists("../hangs"):
        time.sleep(0.01)
    time.sleep(float(os.environ["LATER"]))

def end():
    print("END", time.monotonic(), flush=True)

def have_ended():
    print("ENDED", time.monotonic(), flush=True)

def work():  # of a child of multiprocessing
    multiprocessing.util.Finalize(None, tell, exitpriority=-2_000_000)
    atexit.unregister(tell)
    wait_for_the_hang()
    log_records(10)
    end()

configure(patience=None)
"""


@dataclass(frozen=True)
class Ending:
    """A way to end, and what is to be seen of it."""

    source: str
    status: int = 0
    seconds: float = EXIT_SECONDS
    traceback: str = ""  # its last line


@dataclass(frozen=True)
class Measured:
    """How a program has ended while its store hung."""

    seconds: float
    status: int
    traceback: list[str]
    warnings: list[str]
    telemetry: list[dict[str, Any]]  # of each process


def end_while_it_hangs(programs: Programs, endings: Mapping[str, Ending]) -> dict[str, Measured]:
    """Start programs, have the store hang when all are ready, and see how they end.

    One after the other, as Python takes a while, too.
    """
    hangs = programs.folder / "hangs"
    hangs.unlink(missing_ok=True)
    started = [
        programs.start(PRELUDE + one.source, *ALLOW_FORK, LATER=str(0.2 * number))
        for number, one in enumerate(endings.values())
    ]
    for program in started:
        wait_until(lambda program=program: "ready" in program.out(), 30)
    with hung(programs), ThreadPoolExecutor(len(started)) as waiting:
        hangs.touch()
        ended = list(waiting.map(Started.end, started))
    return dict(zip(endings, map(_measured, ended), strict=True))


def _measured(ended: Ended) -> Measured:
    told = [line.partition(" ") for line in ended.out.splitlines()]
    times = {word: float(rest) for word, _, rest in told if word in {"END", "ENDED"}}
    lines = ended.err.splitlines()
    return Measured(
        times.get("ENDED", ended.at) - times["END"],
        ended.status,
        [line for line in lines if not line.startswith("ecl_logging: ")],
        [line for line in lines if line.startswith("ecl_logging: ")],
        [json.loads(rest) for word, _, rest in told if word == "TELEMETRY"],
    )


def assert_all_end_in_time(
    programs: Programs, endings: Mapping[str, Ending], check: Callable[[Ending, Measured], None]
) -> None:
    """Each way to end is as it should be in every try, and quick enough in one of them."""
    left = dict(endings)
    for _ in range(TRIES):
        measured = end_while_it_hangs(programs, left)
        for name, one in measured.items():
            print(f"{name}: {one.seconds:.2f} s")
            check(endings[name], one)
            if one.seconds <= endings[name].seconds + MARGIN:
                del left[name]
        if not left:
            return
    raise AssertionError(f"too slow in {TRIES} tries: {', '.join(left)}")
