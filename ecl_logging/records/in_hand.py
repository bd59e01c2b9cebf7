"""What a program has taken out of the queue, and has not said that it is done with."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.errors import StoreError
from ecl_logging.flusher import Flusher
from ecl_logging.lifetime import watch
from ecl_logging.stores.keeping import Entry

__all__ = ["InHand"]


class InHand:
    """One entry at most, acknowledged when the program asks for the next, or ends well."""

    def __init__(self, acknowledge: Callable[[Entry, float], None]) -> None:
        """`acknowledge` gets the entry, and the seconds that it may take."""
        self._acknowledge = acknowledge
        self._entry: Entry | None = None
        watch(self)

    @property
    def is_used(self) -> bool:
        """Whether there is one."""
        return self._entry is not None

    def take(self, entry: Entry) -> None:
        """Have this one."""
        self._entry = entry

    def forget(self) -> None:
        """Leave it to whoever asks when its time is over."""
        self._entry = None

    def let_go(self, timeout: float = STEP_SECONDS) -> None:
        """Acknowledge it. Raises StoreError, and keeps it then."""
        entry = self._entry
        if entry is not None:
            self._acknowledge(entry, timeout)
            self._entry = None

    def after_fork(self) -> None:
        """Have none: it is the parent's. Only assigns."""
        self._entry = None

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Acknowledge it at the end of a program that does not die of an exception."""
        if not hasattr(sys, "last_value"):
            with contextlib.suppress(StoreError):  # then somebody gets it once more
                self.let_go(max(0.1, Flusher.exit_timeout - spent) / sharing)
        return True
