"""What the fast path has counted, on its way to the groups' pending counts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from ecl_logging.fast_path import FastPath, flushing_threads
from ecl_logging.locks import Interrupted, do_alone, is_mine, unless_mine
from ecl_logging.observed import Values
from ecl_logging.shares import MeasuredShare, Share, Tally
from ecl_logging.weak_sets import WeakRefs

__all__ = ["Table", "Tallies"]

_MAX_TALLIES = 20_000
_MAX_MEASURED = 1_000  # of them, which have room for values


_Event = tuple[object, str, int]  # counter, event ID, how much
_Measure = tuple[object, str]  # counter, name


class _Counter(Protocol):
    def see_to_arrivals(self) -> None: ...


class _Flusher(Protocol):
    """What is asked of the flusher."""

    is_ending: bool

    @property
    def counters(self) -> Sequence[_Counter]: ...
    def be_running(self) -> bool: ...


class Table:
    """What takes the fast path: keys -> tally, in as many dicts in each other as there are keys.

    Emptied when what they count may have changed. Thread safe.
    """

    def __init__(self, tallies: Tallies, *, keys: int, most: int) -> None:
        """Of more than `most` tallies, the others are not remembered."""
        self.top: dict[Any, Any] = {}
        self.age = object()  # another one, when all has been forgotten
        self._keys, self._most = keys, most
        self._known = 0
        tallies.tell_of_changes(self)

    @property
    def is_full(self) -> bool:
        """Whether nothing more will be remembered."""
        return self._known >= self._most

    def forget(self) -> None:
        """Begin anew. Whoever has got hold of a dict has the one that will be filled again."""
        self.age = object()  # first: what somebody has found out before is not put in any more
        dicts = [self.top]
        for _ in range(self._keys - 1):
            dicts = [below for one in dicts for below in list(one.values())]
        for one in dicts:
            one.clear()
        self._known = 0

    def below(self, keys: Iterable[object]) -> dict[Any, Any]:
        """Return the dict that these keys lead to."""
        found = self.top
        for key in keys:
            found = found.setdefault(key, {})
        return found

    def remember(self, keys: Sequence[object], tally: Tally, age: object) -> None:
        """Remember what was found out at this `age`."""
        *above, last = keys
        below = self.below(above)
        if last in below or self.is_full:
            return
        if self.age is age:
            below[last] = tally  # nobody comes in between, and forgets
            self._known += 1


class Tallies:
    """The tallies of one EventCountLogger, and its fast path. Thread safe.

    A tally only grows, and each of its shares remembers how much of that has been passed on. So
    collecting is adding to the group's arrivals what is new, and noting that: two assignments in
    a row, between which no signal handler and no other thread can come.
    """

    def __init__(self, flusher: _Flusher) -> None:
        self._flusher = flusher
        self.path = FastPath(flusher)
        self._tallies: dict[tuple[tuple[_Event, ...], tuple[_Measure, ...]], Tally] = {}
        self._measured: list[Tally] = []  # those of them that have measures
        self._tables: WeakRefs[Table] = WeakRefs()
        self._second = 0  # in which the path was open last
        self._lock = threading.RLock()

    def reset(self) -> None:
        """Start with nothing, as a forked child does. Only assigns."""
        self.path.shut()
        self._lock = threading.RLock()
        for tally in list(self._tallies.values()):
            for share in tally.shares:
                share.given = tally.n
            for measured in tally.measured:
                measured.given = tally.n
            tally.base = tally.n

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return is_mine(self._lock)

    # --- kinds

    def tally_of(self, events: Iterable[_Event], measures: Iterable[_Measure] = ()) -> Tally | None:
        """Return the tally of records that count these events: (counter, event ID, how much).

        And that have these measures: (counter, name), all of one attribute. None where there are
        too many tallies already, or somebody else is at work here.
        """
        key = tuple(events), tuple(measures)
        with contextlib.suppress(Interrupted):
            return self._tallies.get(key) or do_alone(self._lock, lambda: self._add(key))
        return None

    def _add(self, key: tuple[tuple[_Event, ...], tuple[_Measure, ...]]) -> Tally | None:
        events, measures = key
        has_room = len(self._tallies) < _MAX_TALLIES
        if measures:
            has_room = has_room and len(self._measured) < _MAX_MEASURED
        if key not in self._tallies and has_room:
            shares = [Share(*event) for event in events]
            tally = Tally(shares, [MeasuredShare(*measure) for measure in measures])
            if measures:
                self._measured.append(tally)  # counted by each record of a kind that has no room
            self._tallies[key] = tally
        return self._tallies.get(key)

    def tell_of_changes(self, table: Table) -> None:
        """Have `table.forget` called when what is in it may have changed."""
        self._tables.add(table)

    def forget_kinds(self) -> None:
        """What records count, or which may take the fast path, is to be found out anew.

        The IDs that a group knows have changed, by which records find their groups; or its limit.
        """
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
        # A signal handler may fork, and its child come back here: to tallies that it has added to,
        # and that `reset` has seen to.
        for tally in list(self._tallies.values()):
            self._pass_on(tally, second)

    def _pass_on(self, tally: Tally, second: int) -> None:
        n, slots, base = tally.n, tally.slots, tally.base
        for share in tally.shares:
            new = n - share.given
            if new > 0:
                arrivals = share.counter.arrivals
                arrivals += ((share.event_id, new * share.each, second),)
                share.given = n
        for measured in tally.measured:
            given = measured.given
            if slots is not None and n > given:
                values = Values(measured.measure, slots[given - base : n - base])
                # That was a call: a child that was forked amid it has been told otherwise.
                if measured.given == given:
                    arrivals = measured.counter.arrivals
                    arrivals += ((values, n - given, second),)
                    measured.given = n
        if n > tally.base:  # noqa: PLR1730 - which would be a call
            tally.base = n

    def make_room(self, tally: Tally) -> None:
        """Have room for more values. On the thread that logs: waits for nobody, never raises."""
        if not tally.is_full():
            return
        with contextlib.suppress(Interrupted):
            do_alone(self._lock, lambda: self._make_room(tally))

    def _make_room(self, tally: Tally) -> None:
        second, n = self._second, tally.n - tally.base
        self.path.shut()
        self._pass_on(tally, second)
        self.path.open_at(float(second))
        for measured in tally.measured:
            measured.counter.see_to_values(n)

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
