"""Tasks that time a statement in a loop, with what it puts off, or one long step."""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measuring import Task

__all__ = ["ALL_WORK", "CALL", "SECONDS", "loop", "once"]

CALL = "call"
"""Seconds on the clock for one call, as the thread that calls sees it, while nothing interrupts."""

ALL_WORK = "all work"
"""Seconds of CPU of the whole process for one call, with all that it has put off for later."""

SECONDS = "time"
"""Seconds on the clock for one step."""


_STRETCHES = 5  # of a slice: each so short that most are not interrupted


def loop(
    statement: str,
    names: Mapping[str, Any],
    calls: int,
    finish: Callable[[], object] | None = None,
) -> Task:
    """Return a task: the statement so many times; `finish` does what that has put off.

    The time on the clock is that of the fastest stretch of calls, without `finish`; the CPU time
    is that of all stretches and of `finish`, in whatever thread the work is done.
    """
    timer = timeit.Timer(statement, globals=dict(names))
    in_stretch = calls // _STRETCHES

    def task() -> Mapping[str, float]:
        busy = time.process_time()
        called = min(timer.repeat(_STRETCHES, in_stretch))
        if finish is not None:
            finish()
        worked = time.process_time() - busy
        return {CALL: called / in_stretch, ALL_WORK: worked / (in_stretch * _STRETCHES)}

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
