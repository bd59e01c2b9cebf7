"""Retirement: what becomes of a handler that a reconfiguration of logging has closed.

`logging.config` closes the handlers before, and takes them from the loggers when it has built the
new ones. Until then other threads deliver records to them, and finish later what they have begun.
Where it fails, or names no handlers for a logger, the old ones even stay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from ecl_logging.ledgers import Ledger
from ecl_logging.locks import is_mine

__all__ = ["Retirement", "is_configured_anew"]

_QUIET_LOOKS = 2


class _Counting(Protocol):
    def snapshot(self) -> tuple[Ledger, int]: ...


def is_configured_anew() -> bool:
    """Whether this thread is configuring logging: it has the lock of that module.

    Neither `logging.shutdown` nor a program that closes a handler by hand has it.
    """
    lock = getattr(logging, "_lock", None)
    return lock is not None and is_mine(lock)


class Retirement:
    """Says when nothing comes, and nothing is left, by looking again and again."""

    pause = 0.2  # seconds between two looks

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked child does. Only assigns."""
        self._counted = 0
        self._quiet_looks = 0  # looks, not seconds: in a process that stands still, time goes on

    def is_over(self, counters: Iterable[_Counting]) -> bool:
        """Look once; whether all was quiet for some looks in a row."""
        snapshots = [counter.snapshot() for counter in counters]
        counted = sum(ledger.counted for ledger, _ in snapshots)
        is_quiet = counted == self._counted and not any(pending for _, pending in snapshots)
        self._counted = counted
        self._quiet_looks = self._quiet_looks + 1 if is_quiet else 0
        return self._quiet_looks >= _QUIET_LOOKS
