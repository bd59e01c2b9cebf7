"""Patience: how long calls in a row wait, all together, for a store that does not answer."""

from __future__ import annotations

import time

__all__ = ["Patience"]

_IN_A_ROW = 0.5  # seconds between two calls


class Patience:
    """What is left of the seconds that calls in a row may wait in vain."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Have all of it. Only assigns."""
        self._spent = 0.0
        self._failed_at: float | None = None  # time.monotonic()

    def left(self, whole: float) -> float:
        """What is left of `whole` seconds."""
        if self._failed_at is None or time.monotonic() - self._failed_at > _IN_A_ROW:
            self._spent = 0.0
        return max(0.0, whole - self._spent)

    def spend(self, seconds: float) -> None:
        """A call has waited in vain for so long."""
        self._spent += seconds
        self._failed_at = time.monotonic()
