"""Rotations: tells functions of the program of each finished bucket."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping

from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.errors import StoreError
from ecl_logging.event_group import EventGroup
from ecl_logging.intervals import Interval
from ecl_logging.lifetime import watch
from ecl_logging.notices import warn
from ecl_logging.settled import newest_settled, settling_seconds
from ecl_logging.ticker import Ticker

__all__ = ["RotationFunction", "Rotations"]

RotationFunction = Callable[[str, str, int, dict[str, int]], object]
"""Called with group, interval, start (Unix seconds) and event ID -> count."""

_PAUSE = 1.0  # seconds, before the store is asked again
_LONGEST_PAUSE = 60.0
_PATIENCE_AT_END = 1.0


class Rotations:
    """Calls functions for the buckets of some groups, in a thread of its own. Thread safe."""

    is_used = False  # has nothing to send at the end

    def __init__(
        self, groups: Mapping[str, EventGroup], clock: Callable[[], float] = time.time
    ) -> None:
        self._groups = groups
        self._clock = clock
        self._ticker = Ticker(self.tick, name="ecl-rotations", work="looking for finished buckets")
        self._begin()

    def _begin(self) -> None:
        self._is_stopped = False
        self._functions: list[RotationFunction] = []
        self._since = 0.0
        self._told: dict[tuple[str, int], int] = {}  # the start of the bucket told last
        self._failed: list[RotationFunction] = []  # which has been told

    def add(self, function: RotationFunction) -> None:
        """Call `function` for the buckets that are over from now on."""
        if not callable(function):
            raise TypeError("on_rotation takes a function(group, interval, start, counts)")
        if not self._functions:
            self._since = self._clock()
            watch(self)
        self._functions.append(function)
        self._ticker.start()

    def stop(self, *, patience: float = _PATIENCE_AT_END) -> None:
        """Call nothing any more; wait so many seconds for a call that is under way."""
        self._is_stopped = True
        self._ticker.stop(patience if self._functions else 0.0)

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Stop, before Python takes apart what the thread uses."""
        self.stop()
        return True

    def after_fork(self) -> None:
        """Forget the functions, which are the parent's. Only assigns."""
        self._ticker.reset()
        self._begin()

    def tick(self) -> float:
        """Tell what there is to tell; return the seconds until there may be more."""
        waits = [_LONGEST_PAUSE]
        for group in self._groups.values():
            try:
                waits.append(self._tell_of(group))
            except StoreError:  # of which the flusher warns
                waits.append(_PAUSE)
        return min(waits)

    def _tell_of(self, group: EventGroup) -> float:
        if not group.sync(STEP_SECONDS):
            return _PAUSE  # what this process has pending would be missing
        definition = group._definition()
        # A bucket that has settled can be older than the history; it is there for two more.
        oldest = definition.history + 2
        return min(self._tell_of_interval(group, one, oldest) for one in definition.intervals)

    def _tell_of_interval(self, group: EventGroup, interval: Interval, oldest: int) -> float:
        now, seconds, key = self._clock(), interval.seconds, (group.name, interval.seconds)
        settling = settling_seconds(group._counter.flush_seconds)
        newest = newest_settled(interval, now, settling)
        told = self._told.setdefault(key, interval.start_of(int(self._since)) - seconds)
        current = interval.start_of(int(now))
        if told >= current:  # the clock has been set back
            told = self._told[key] = current - seconds
        if newest > told:
            # All that are over, and one more: the store's clock may be in the next one already.
            ages = range(min((current - told) // seconds, oldest), 0, -1)
            for start, counts in group._read(interval.text, ages):
                if self._told[key] < start <= newest and not self._is_stopped:
                    self._told[key] = start
                    self._call(group.name, interval.text, start, counts)
        wait = self._told[key] + 2 * seconds + settling - now
        return wait if wait > 0 else _PAUSE

    def _call(self, group: str, interval: str, start: int, counts: dict[str, int]) -> None:
        for function in list(self._functions):
            if self._is_stopped:
                break
            try:
                function(group, interval, start, dict(counts))
            except BaseException as error:  # noqa: BLE001 - the others are to be called all the same
                if function not in self._failed:
                    self._failed.append(function)
                    name = getattr(function, "__qualname__", type(function).__qualname__)
                    what = traceback.format_exception_only(error)[-1].strip()
                    warn(f"on_rotation: {name} raised {what}; it is called again")
