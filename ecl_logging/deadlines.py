"""Deadlines, on a clock that never steps."""

from __future__ import annotations

import time

__all__ = ["STEP_SECONDS", "Deadline", "OutOfTime", "elapsed"]

STEP_SECONDS = 5.0
"""The most that one step of a store may take."""


def elapsed() -> float:
    """Seconds on a clock that never steps, and goes on while the machine sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot_time) if boot_time is not None else time.monotonic()


class OutOfTime(Exception):  # noqa: N818 - a state, handled by who set the deadline
    """The deadline is over. Not a TimeoutError, which a store may raise for reasons of its own."""


class Deadline:
    """When something has to be over; with None, it may take as long as it takes."""

    def __init__(self, seconds: float | None) -> None:
        self._at = float("inf") if seconds is None else elapsed() + seconds

    def seconds_left(self) -> float:
        """What is left of it: 0 when it is over."""
        return max(0.0, self._at - elapsed())

    def for_one_step(self) -> float:
        """The seconds that a step of the store may take; raises OutOfTime at the end."""
        left = self.seconds_left()
        if left <= 0:
            raise OutOfTime
        return min(STEP_SECONDS, left)
