"""Bursts: so many records of one kind in an interval pass, and the rest is told as a number.

Who counts is apart from the filter, so that what a filter has held back is told when it is dropped.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ecl_logging.intervals import Interval, whole_seconds
from ecl_logging.lifetime import arm_exit_hooks, watch
from ecl_logging.locks import Interrupted, unless_mine
from ecl_logging.records.fingerprints import Fingerprint
from ecl_logging.records.reports import OTHER_KINDS, Held, Report, deliver, is_attached, report_of
from ecl_logging.ticker import Ticker

__all__ = ["Bursts"]

_GRACE = 0.25  # seconds; for records that other threads have made and not yet brought
_AHEAD = 5  # seconds; a clock may be so far ahead
_LONGEST_PAUSE = 60.0  # seconds; the clock can be set meanwhile
_LOOK_AGAIN = 2.0  # seconds; whether the filter, which holds something back, is still attached
_EXIT_SECONDS = 2.0
_LONGEST_KEY = 4096  # characters of a message
_TRIES = 5  # while logging is configured anew, there may be no handler for a moment


class _Kind:
    """How many records of a kind have come in an interval."""

    __slots__ = ("held", "n")

    def __init__(self) -> None:
        self.n = 0
        self.held: Held | None = None  # of the first one that was held back


@dataclass(slots=True)
class _Window:
    """An interval that has not been reported."""

    start: int
    kinds: dict[str, _Kind]
    places: dict[tuple[object, ...], _Kind]
    holds: bool = False

    @classmethod
    def at(cls, start: int) -> _Window:
        return cls(start, {}, {})


class Bursts:
    """Counts the records that come to a filter. Thread safe, and safe in signal handlers.

    A record that comes while this thread counts another one passes. A forked child starts with
    nothing counted. When the process ends, what was held back is told, and from then on
    everything passes.
    """

    def __init__(
        self, owner: object, fingerprint: Fingerprint, limit: int, interval: Interval, most: int
    ) -> None:
        """`owner`: the filter, which is where it is attached; `most`: so many kinds are apart."""
        self._owner = weakref.ref(owner)
        self._fingerprint = fingerprint
        self._limit, self._interval, self._most = limit, interval, most
        self._ticker = Ticker(self.tick, name="ecl-bursts", work="reporting bursts")
        self.after_fork()
        watch(self, logs=True)

    def after_fork(self) -> None:
        """Start with nothing. Only assigns."""
        self._lock = threading.RLock()
        self._windows: dict[int, _Window] = {}
        self._told_until = 0  # all intervals that end by then have been told
        self._reports: deque[Report] = deque()
        self._is_over = self._is_dropped = self._wants_thread = self._is_detached = False
        self._ticker.reset()

    @property
    def is_used(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._windows or self._reports)

    def passes(self, record: logging.LogRecord) -> bool:
        """Count a record; return whether it passes. Never waits for a handler; never raises."""
        try:
            place: tuple[object, ...] | None = None
            kind = ""
            if self._fingerprint.by_place and type(record.msg) is str:
                place = (record.msg, record.lineno, record.pathname)
                hash(place)
            else:
                kind = self._fingerprint.kind(record)
            second = whole_seconds(record.created)
        except Exception:  # noqa: BLE001 - a record made by hand can have, or lack, anything
            place, kind = None, self._fingerprint.kind(record)
            second = int(time.time())
        passes = self._count(record, second, place, kind, None)
        if passes is None:
            # Worked out with no lock held: it may be a function of the program's own.
            held = Held.of(record, self._fingerprint.text(record))
            passes = self._count(record, second, place, kind, held)
        if self._wants_thread:
            self._wants_thread = False
            arm_exit_hooks()
            if self._ticker.start():
                self._ticker.wake()
        return bool(passes)

    def _count(
        self,
        record: logging.LogRecord,
        second: int,
        place: tuple[object, ...] | None,
        kind: str,
        held: Held | None,
    ) -> bool | None:
        """Count a record; return whether it passes. None, and not counted, if `held` is needed."""
        try:
            with unless_mine(self._lock):
                if self._is_over:
                    return True
                window = self._window_of(second)
                counted = self._kind_in(window, record, place, kind)
                passes = counted.n < self._limit
                if not passes and counted.held is None:
                    if held is None:
                        return None
                    counted.held = held
                if (not passes and not window.holds) or self._fingerprint.has_news:
                    self._wants_thread = True
                    window.holds = window.holds or not passes
                counted.n += 1
                return passes
        except Interrupted:
            return True

    def _window_of(self, second: int) -> _Window:
        """Return the interval in which to count a record of this second. Call with the lock held.

        There are never more than four: what is older or newer counts in the one of now.
        """
        length = self._interval.seconds
        start = self._interval.start_of(second)
        window = self._windows.get(start)
        if window is None:
            now = whole_seconds(time.time())
            current = self._interval.start_of(now)
            if not current - length <= start <= self._interval.start_of(now + _AHEAD):
                start = current
            if start < self._told_until <= current + length:
                start = max(self._told_until, current)
            window = self._windows.get(start)
            if window is None:
                window = self._windows[start] = _Window.at(start)
        return window

    def _kind_in(
        self,
        window: _Window,
        record: logging.LogRecord,
        place: tuple[object, ...] | None,
        kind: str,
    ) -> _Kind:
        """Return the number of a record's kind. Call with the lock held."""
        if place is not None:
            known = window.places.get(place)
            if known is not None:
                return known
            kind = self._fingerprint.kind(record)
        counted = window.kinds.get(kind)
        if counted is None:
            if len(window.kinds) >= self._most:
                kind = OTHER_KINDS
            counted = window.kinds.setdefault(kind, _Kind())
        is_bounded = len(window.places) < self._most and len(record.msg) <= _LONGEST_KEY
        if place is not None and is_bounded and kind != OTHER_KINDS:
            window.places[place] = counted
        return counted

    # --- telling

    def tick(self) -> float:
        """Tell of the intervals that are over; return the seconds until the next one is."""
        self._fingerprint.tell()
        is_dropped = self._is_dropped
        is_last = is_dropped or self._has_come_off()
        if is_last:
            _wait_for_configuration()
        self._take(time.time(), everything=is_last)
        waiting = self._tell(tries=_TRIES if is_last else 1)
        if is_dropped and not waiting and not self._windows:
            _dropped.discard(self)
            self._ticker.leave()
        if waiting:
            return 1.0
        windows = list(self._windows.values())
        longest = _LOOK_AGAIN if any(one.holds for one in windows) else _LONGEST_PAUSE
        ends = [window.start + self._interval.seconds for window in windows]
        return min([longest, *(max(0.01, end + _GRACE - time.time()) for end in ends)])

    def _has_come_off(self) -> bool:
        """Whether nothing comes through the filter any more, since the last look.

        After `dictConfig`, the old filter is there until its garbage is collected.
        """
        owner = self._owner()
        was_detached = self._is_detached
        self._is_detached = owner is not None and not is_attached(owner)
        return self._is_detached and not was_detached

    def drop(self) -> None:
        """The filter is gone: tell what it has held back. Called at any moment, in any thread."""
        self._is_dropped = True
        if self.is_used:
            _dropped.add(self)
            self._ticker.wake()
        else:
            self._ticker.stop(0)

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Tell everything now, and let everything pass from here on."""
        self._ticker.stop(_EXIT_SECONDS)
        self._fingerprint.tell()
        with self._lock:
            self._is_over = True
        self._take(time.time(), everything=True)
        self._tell(tries=1)
        return True

    def _take(self, now: float, *, everything: bool) -> None:
        """End the intervals that are over."""
        with self._lock:
            for start, window in sorted(self._windows.items()):
                end = start + self._interval.seconds
                is_odd = start > now + self._interval.seconds + _AHEAD  # the clock was set back
                if everything or is_odd or end + _GRACE <= now:
                    del self._windows[start]
                    self._told_until = end if is_odd else max(self._told_until, end)
                    self._reports.extend(self._reports_of(window))

    def _reports_of(self, window: _Window) -> Iterator[Report]:
        for kind, counted in window.kinds.items():
            if counted.held is not None:
                count = counted.n - self._limit
                yield Report(kind, counted.held, count, window.start, self._interval)

    def _tell(self, *, tries: int) -> bool:
        """Hand out all reports; return whether some have to wait for a handler."""
        again: list[Report] = []
        while self._reports:
            try:
                report = self._reports.popleft()
            except IndexError:  # the end of the process has come in between
                break
            report.tries += 1
            if not deliver(report_of(report), self._owner()) and report.tries < tries:
                again.append(report)
        self._reports.extend(again)
        return bool(again)


_dropped: set[Bursts] = set()  # what their filters have left to be told


def _wait_for_configuration() -> None:
    """Wait until logging is configured: half way through, handlers are missing."""
    lock = logging._lock  # type: ignore[attr-defined]
    if lock.acquire(timeout=_EXIT_SECONDS):
        lock.release()
