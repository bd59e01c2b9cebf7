"""The time that something spends in each of its states."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from ecl_logging.stats.adding import AddingStat
from ecl_logging.stats.tree import tree
from ecl_logging.stats.values import StatValues

if TYPE_CHECKING:
    from ecl_logging.stats.tree import Place

__all__ = ["StateTimeStat", "StateTimes"]


class StateTimes(StatValues):
    """What a `StateTimeStat` has in the tree: seconds by states, of all that there were.

    Those in the present state are in it, up to the moment when it is read. Thread safe.
    """

    __slots__ = ("__weakref__", "_clock", "_seconds", "_since", "_state")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """In no state; `clock` says the time in seconds."""
        self._clock = clock
        self._seconds: defaultdict[Hashable, float] = defaultdict(float)
        self._state: Hashable = None
        self._since = 0.0

    @property
    def state(self) -> Hashable:
        """The present state; None is none."""
        return self._state

    def change(self, state: Hashable) -> None:
        """Be in a state from now on; None is in none. Raises TypeError for what has no hash.

        Nothing changes where that is the present state.
        """
        hash(state)
        with tree.lock:
            self._change(state)

    @contextlib.contextmanager
    def acquire(self) -> Iterator[None]:
        """Be in the next whole number as long as the section lasts; without a state, in 1.

        For what is used by several at a time, such as connections of a pool: the states are how
        many are in use. Raises TypeError where the state is no whole number.
        """
        with tree.lock:
            self._change(self._number() + 1)
        try:
            yield
        finally:
            with tree.lock:
                # Somebody may have set a state that is no number: the section ends as it would.
                if isinstance(self._state, int):
                    self._change(self._state - 1)

    def _number(self) -> int:
        state = 0 if self._state is None else self._state
        if not isinstance(state, int):
            raise TypeError(f"only a state that is a whole number can be acquired, not {state!r}")
        return state

    def snapshot(self) -> dict[Any, float]:
        """Return the seconds in each state, of one moment, in the order in which they came."""
        with tree.lock:
            self._count(self._clock())
            return dict(self._seconds)

    def _change(self, state: Hashable) -> None:
        if state != self._state:
            self._count(self._clock())
            self._state = state
            if state is not None:
                self._seconds[state] += 0.0  # it is there from now on

    def _count(self, now: float) -> None:
        """Add the time since it was last added. Called with the lock.

        A signal handler that sets the state may have come in, with a later time.
        """
        since = self._since
        if self._state is not None and now > since:
            self._seconds[self._state] += now - since
        if now > since:
            self._since = now


class StateTimeStat(AddingStat[StateTimes]):
    """The seconds spent in each state of what is in one at a time; assigning changes the state.

    Each place in the tree has a state of its own. There is none at first, and no time is counted
    before the first one is set: `self.state = "waiting"`, or `self.users = 0` for what is
    to be acquired. A state that is set again goes on; None ends it without a next one. A state can
    be anything that has a hash. By the monotonic clock. Thread safe.

    `with self.users.acquire():` is in the next whole number as long as the section lasts.
    """

    def _first_value(self, place: Place) -> Any:
        return StateTimes()

    def _add(self, held: Any, value: Any) -> None:
        held.change(value)
