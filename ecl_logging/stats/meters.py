"""Rates: how often something has happened in the last minutes.

They are those of the Metrics library, and are made as the load averages of Unix are: every five
seconds an average moves towards the rate of these five seconds, and forgets what is old. No
thread does that: whoever marks or reads makes up for the five seconds that have passed meanwhile.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from math import exp
from typing import TYPE_CHECKING, Any

from ecl_logging.stats.adding import AddingStat, NamedStat, NamedValues, UnwrittenValues
from ecl_logging.stats.samples import finite
from ecl_logging.stats.tree import tree
from ecl_logging.stats.values import StatValues

if TYPE_CHECKING:
    from ecl_logging.stats.tree import Place

__all__ = ["MeterDictStat", "MeterStat", "MeterValues", "NamedMeters"]

_TICK = 5.0
_LARGE = 2**53  # looked at more closely, and counted as floats are
_MOST = sys.float_info.max

# What is left of an average after a tick, of 1, 5 and 15 minutes.
_LEFT_1, _LEFT_5, _LEFT_15 = (exp(-_TICK / 60 / minutes) for minutes in (1, 5, 15))


class MeterValues(StatValues):
    """What a `MeterStat` has in the tree. Thread safe; to be marked in signal handlers, too.

    `unit` is `per second`. `count` is of all that was marked; `m1`, `m5` and `m15` are the rates
    of the last 1, 5 and 15 minutes, in which the latest counts most. They are 0.0 in the first
    five seconds, then the rate of these, and change every five seconds.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_count",
        "_has_ticked",
        "_m1",
        "_m5",
        "_m15",
        "_next_tick",
        "_since_tick",
    )

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin at the time that this clock says, in seconds."""
        self._clock = clock
        self._count: float = 0
        self._since_tick = 0.0
        self._next_tick = clock() + _TICK
        self._has_ticked = False
        self._m1 = self._m5 = self._m15 = 0.0

    def mark(self, number: float = 1) -> None:
        """Count something that has happened now, or so many of it.

        Raises TypeError or ValueError for what is no finite number.
        """
        if type(number) is not int or not -_LARGE < number < _LARGE:
            number = float(finite(number))
        now = self._clock()
        with tree.lock:
            if now >= self._next_tick:
                self._tick(now)
            self._since_tick += number
            self._count += number

    def snapshot(self) -> dict[str, Any]:
        """Return all numbers, of one moment."""
        now = self._clock()
        with tree.lock:
            self._tick(now)
            return {
                "unit": "per second",
                "count": self._count,
                "m1": self._m1,
                "m5": self._m5,
                "m15": self._m15,
            }

    def _tick(self, now: float) -> None:
        """Do the ticks that are due. Called with the lock.

        A signal handler that marks does not come in between: nothing is called here.
        """
        ticks = (now - self._next_tick) // _TICK + 1.0
        if ticks < 1.0:
            return
        self._next_tick += ticks * _TICK
        # Beyond all floats it is infinite, and what is worked out from that is no number.
        # Not `min` and `max`, which are called.
        if self._since_tick > _MOST:  # noqa: PLR1730
            self._since_tick = _MOST
        if self._since_tick < -_MOST:  # noqa: PLR1730
            self._since_tick = -_MOST
        rate = self._since_tick / _TICK
        self._since_tick = 0.0
        if not self._has_ticked:
            self._has_ticked = True
            self._m1 = self._m5 = self._m15 = rate
        # One tick with what has come, all others with nothing.
        empty = ticks - 1.0
        self._m1 = (rate + (self._m1 - rate) * _LEFT_1) * _LEFT_1**empty
        self._m5 = (rate + (self._m5 - rate) * _LEFT_5) * _LEFT_5**empty
        self._m15 = (rate + (self._m15 - rate) * _LEFT_15) * _LEFT_15**empty


class MeterStat(AddingStat[MeterValues]):
    """The rates of something that happens, in the last 1, 5 and 15 minutes: see `MeterValues`.

    `stats.hits.mark()` counts one, `stats.hits.mark(3)` or `stats.hits = 3` three. Thread safe.
    """

    def _first_value(self, place: Place) -> Any:
        return MeterValues()

    def _add(self, held: Any, value: Any) -> None:
        held.mark(value)


class NamedMeters(NamedValues[MeterValues]):
    """Meters by names, each with what a `MeterStat` has."""

    __slots__ = ()

    def _made(self) -> MeterValues:
        return MeterValues()

    def _unwritten(self, name: Any) -> Any:
        return _UnmarkedMeter(self, name)

    def _add(self, values: MeterValues, value: Any) -> None:
        values.mark(value)


class _UnmarkedMeter(UnwrittenValues[MeterValues]):
    """What a name has as long as nothing was marked under it."""

    __slots__ = ()

    def mark(self, number: float = 1) -> None:
        """Count something that has happened now, with which the name appears."""
        number = finite(number)
        self.begin().mark(number)


class MeterDictStat(NamedStat[NamedMeters]):
    """The rates for each of several names, which appear when they are first marked.

    `stats.hits["GET"].mark()` counts one, `stats.hits["GET"] = 3` three. Thread safe.
    """

    def _first_value(self, place: Place) -> Any:
        return NamedMeters()
