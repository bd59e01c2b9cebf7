"""What a program has taken out of the queue, and has not said that it is done with."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from threading import get_ident

from ecl_logging.deadlines import STEP_SECONDS, Deadline
from ecl_logging.errors import StoreError
from ecl_logging.flusher import Flusher
from ecl_logging.lifetime import watch
from ecl_logging.stores.keeping import Entry

__all__ = ["InHand"]

_SHORTEST = 0.1  # seconds for one


class InHand:
    """One entry at most for each thread, acknowledged when it asks for the next, or all ends well.

    Thread safe.
    """

    def __init__(self, acknowledge: Callable[[Entry, float], None]) -> None:
        """`acknowledge` gets the entry, and the seconds that it may take."""
        self._acknowledge = acknowledge
        self._entries: dict[int, Entry] = {}  # by the number of the thread
        watch(self)

    @property
    def is_used(self) -> bool:
        """Whether there is one."""
        return bool(self._entries)

    def take(self, entry: Entry) -> None:
        """Have this one, in this thread."""
        self._entries[get_ident()] = entry

    def forget(self) -> None:
        """Leave them to whoever asks when their time is over."""
        self._entries = {}

    def let_go(self, timeout: float = STEP_SECONDS) -> None:
        """Acknowledge this thread's. Raises StoreError, and keeps it then."""
        self._let_go_of(get_ident(), timeout)

    def let_go_of_all(self, timeout: float = STEP_SECONDS) -> None:
        """Acknowledge those of all threads, in `timeout` seconds. Raises StoreError."""
        deadline = Deadline(timeout)
        for thread in list(self._entries):
            self._let_go_of(thread, max(_SHORTEST, deadline.seconds_left()))

    def _let_go_of(self, thread: int, timeout: float) -> None:
        entry = self._entries.get(thread)
        if entry is not None:
            self._acknowledge(entry, timeout)
            self._entries.pop(thread, None)

    def after_fork(self) -> None:
        """Have none: they are the parent's. Only assigns."""
        self._entries = {}

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Acknowledge them at the end of a program that does not die of an exception."""
        if not hasattr(sys, "last_value"):
            with contextlib.suppress(StoreError):  # then somebody gets it once more
                self.let_go_of_all(max(_SHORTEST, Flusher.exit_timeout - spent) / sharing)
        return True
