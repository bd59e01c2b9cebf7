"""Tasks that time a statement in a loop, with what it puts off, or one long step."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measuring import Task

__all__ = ["ALL_WORK", "CALL", "SECONDS", "loop", "once"]

CALL = "call"
"""Seconds on the clock for one call, as the thread that calls sees it."""

ALL_WORK = "all work"
"""Seconds of CPU of the whole process for one call, with all that it has put off for later."""

SECONDS = "time"
"""Seconds on the clock for one step."""


def loop(
    statement: str,
    names: Mapping[str, Any],
    calls: int,
    finish: Callable[[], object] | None = None,
) -> Task:
    """Return a task: the statement so many times; `finish` does what that has put off.

    The time on the clock ends before `finish`; the CPU time has it in it, in whatever thread
    the work is done.
    """
    timer = timeit.Timer(statement, globals=dict(names))

    def task() -> Mapping[str, float]:
        busy = time.process_time()
        called = timer.timeit(calls)
        if finish is not None:
            finish()
        worked = time.process_time() - busy
        return {CALL: called / calls, ALL_WORK: worked / calls}

    return task


def once(step: Callable[[], object], *, before: Callable[[], object] | None = None) -> Task:
    """Return a task that does one step; what comes `before` is not timed."""

    def task() -> Mapping[str, float]:
        if before is not None:
            before()
        began = time.perf_counter()
        step()
        return {SECONDS: time.perf_counter() - began}

    return task
