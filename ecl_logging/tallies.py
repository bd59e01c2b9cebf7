"""What the fast path has counted, on its way to the groups' pending counts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from ecl_logging.fast_path import FastPath, Share, Tally, flushing_threads
from ecl_logging.locks import Interrupted, do_alone, is_mine, unless_mine
from ecl_logging.weak_sets import WeakRefs

__all__ = ["Tallies"]

_MAX_TALLIES = 20_000


class _Counter(Protocol):
    def see_to_arrivals(self) -> None: ...


class _Flusher(Protocol):
    """What is asked of the flusher."""

    is_ending: bool

    @property
    def counters(self) -> Sequence[_Counter]: ...
    def be_running(self) -> bool: ...


class _Forgetful(Protocol):
    def forget(self) -> None: ...


class Tallies:
    """The tallies of one EventCountLogger, and its fast path. Thread safe.

    A tally only grows, and each of its shares remembers how much of that has been passed on. So
    collecting is adding to the group's arrivals what is new, and noting that: two assignments in
    a row, between which no signal handler and no other thread can come.
    """

    def __init__(self, flusher: _Flusher) -> None:
        self._flusher = flusher
        self.path = FastPath(flusher)
        self._tallies: dict[tuple[tuple[object, str, int], ...], Tally] = {}
        self._tables: WeakRefs[_Forgetful] = WeakRefs()
        self._second = 0  # in which the path was open last
        self._lock = threading.RLock()

    def reset(self) -> None:
        """Start with nothing, as a forked child does. Only assigns."""
        self.path.shut()
        self._lock = threading.RLock()
        for tally in self._tallies.values():
            for share in tally.shares:
                share.given = tally.n

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return is_mine(self._lock)

    # --- kinds

    def tally_of(self, events: Iterable[tuple[object, str, int]]) -> Tally | None:
        """Return the tally of records that count these events: (counter, event ID, how much).

        None where there are too many tallies already, or somebody else is at work here.
        """
        key = tuple(events)
        with contextlib.suppress(Interrupted):
            return self._tallies.get(key) or do_alone(self._lock, lambda: self._add(key))
        return None

    def _add(self, key: tuple[tuple[object, str, int], ...]) -> Tally | None:
        if key not in self._tallies and len(self._tallies) < _MAX_TALLIES:
            self._tallies[key] = Tally(Share(*event) for event in key)
        return self._tallies.get(key)

    def tell_of_changes(self, table: _Forgetful) -> None:
        """Have `table.forget` called when what records count may have changed."""
        self._tables.add(table)

    def forget_kinds(self) -> None:
        """The IDs that a group knows have changed, by which records find their groups."""
        for table in self._tables.alive():
            table.forget()

    # --- collecting

    def harvest(self) -> None:
        """Pass on all that has been counted. Raises Interrupted in a handler amid that."""
        with unless_mine(self._lock):
            self._harvest()

    def _harvest(self) -> None:
        self.path.shut()
        second = self._second
        for tally in self._tallies.values():
            n = tally.n
            for share in tally.shares:
                new = n - share.given
                if new:
                    arrivals = share.counter.arrivals
                    arrivals += ((share.event_id, new * share.each, second),)
                    share.given = n

    def look(self) -> None:
        """See that the path is open. On the thread that logs: waits for nobody, never raises."""
        if self._flusher.is_ending or flushing_threads or self.path.is_open_at(time.time()):
            return
        with contextlib.suppress(Interrupted):
            do_alone(self._lock, self._move_on)
        for counter in self._flusher.counters:
            counter.see_to_arrivals()

    def _move_on(self) -> None:
        """Collect what was counted in the second before, and open the path for this one."""
        self._harvest()
        if self._flusher.be_running():  # so that somebody will collect
            self._second = int(time.time())
            self.path.open_at(float(self._second))
