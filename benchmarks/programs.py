"""Whole programs: several processes with several threads, and threads that share one handler."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.findings import Findings, Table, as_number, in_unit
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.peers import EVENT, receiver
from benchmarks.program import KINDS, Logged, log_from_threads
from benchmarks.servers import Server
from benchmarks.timing import SECONDS
from ecl_logging.handlers import CountingHandler

__all__ = ["measure"]

_PROCESSES, _THREADS = 4, 8
_RECORDS = 40_000  # of each process
_MILLION = 1_000_000
_NULL = "NullHandler"

_RATE, _CPU = "records a second", "CPU seconds"
_SERVER, _COMMANDS, _BYTES = "server's CPU seconds", "Redis commands", "bytes to and from Redis"


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure four processes of eight threads, and eight threads on one handler."""
    server.empty()
    with receiver() as port:
        tasks = {kind: _program_task(server, kind, port) for kind in KINDS}
        programs = run_in_turn(tasks, rounds=1 if quick else 3, warm_up=False)
    threads = _threads(server)
    ratio = threads.ratio("CountingHandler", _NULL, SECONDS)
    return Findings({"eight threads": ratio}, tables=[_table(programs), _threads_table(threads)])


# --- processes


def _program_task(server: Server, kind: str, port: int) -> Task:
    records = _RECORDS * _PROCESSES

    def task() -> Mapping[str, float]:
        before, busy = server.traffic(), server.cpu_seconds()
        logged = _run_programs(kind, port, server.url)
        after, worked = server.traffic(), server.cpu_seconds() - busy
        seconds = max(one["ended"] for one in logged) - min(one["began"] for one in logged)
        per_million = _MILLION / records
        return {
            _RATE: records / seconds,
            _CPU: sum(one["cpu"] for one in logged) * per_million,
            _SERVER: worked * per_million,
            _COMMANDS: (after["commands"] - before["commands"]) * per_million,
            _BYTES: (after["bytes"] - before["bytes"]) * per_million,
        }

    return task


def _run_programs(kind: str, port: int, url: str) -> list[Logged]:
    """Have all programs ready, then log at the same time; return what each has told."""
    arguments = (kind, str(_RECORDS), str(_THREADS), str(port), url)
    with contextlib.ExitStack() as stack:
        programs = []
        for _ in range(_PROCESSES):
            program = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.program", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(program.wait)
            stack.callback(program.kill)
            programs.append(program)
        for program in programs:
            if program.stdout is None or program.stdout.readline() != "ready\n":
                raise RuntimeError(f"a program of {kind} did not start")
        for program in programs:
            if program.stdin is not None:
                program.stdin.write("\n")
                program.stdin.flush()
        logged = []
        for program in programs:
            told, _ = program.communicate(timeout=120)
            logged.append(json.loads(told))
    return logged


def _table(runs: Runs) -> Table:
    metrics = (_RATE, _CPU, _SERVER, _COMMANDS, _BYTES)
    lines = [
        [kind, *(as_number(runs.spread(kind, metric).median) for metric in metrics)]
        for kind in runs.tasks
    ]
    note = (
        f"{_PROCESSES} processes with {_THREADS} threads each log {_RECORDS:,} records each as"
        " fast as they can, and send what they have gathered. All but the rate for each million"
        " records; medians. The loop that logs is in it: the line of the NullHandler shows what"
        " `logging` takes by itself. Commands are all that the server ran, also within scripts;"
        " the few by which we ask it are among them."
    )
    return Table("Whole programs", ("what", *metrics), lines, note)


# --- threads


def _threads(server: Server) -> Runs:
    """Have eight threads log to one handler each in turn, with all work in their time."""
    groups = {"threads": {"events": [EVENT], "intervals": ["1m", "1h"]}}
    counting = CountingHandler(store=server.url, groups=groups)
    handlers: dict[str, logging.Handler] = {
        _NULL: logging.NullHandler(),
        "CountingHandler": counting,
    }
    runs = run_in_turn({name: _thread_task(one) for name, one in handlers.items()}, rounds=11)
    counting.close()
    return runs


def _thread_task(handler: logging.Handler) -> Task:
    def task() -> Mapping[str, float]:
        logged = log_from_threads(handler, _RECORDS, _THREADS)
        return {SECONDS: logged["ended"] - logged["began"]}

    return task


def _threads_table(runs: Runs) -> Table:
    lines = [(name, in_unit(runs.spread(name, SECONDS), "ms")) for name in runs.tasks]
    title = f"{_THREADS} threads that log {_RECORDS:,} records to one handler"
    note = "On the clock, with all that is put off."
    return Table(title, ("what", "ms (quartiles)"), lines, note)
