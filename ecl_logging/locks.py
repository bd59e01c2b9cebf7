"""Locks that an exception out of a signal handler does not leave locked.

Python looks for signals where one of its functions is entered, where a loop turns, and when a
function in C has returned. `with` takes a lock and lets go of it without such a moment in between;
a lock that is taken with a time limit has none of that, and is seen to here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["Interrupted", "do_alone", "is_mine", "lock_of_process", "unless_mine"]

_T = TypeVar("_T")


class Interrupted(Exception):  # noqa: N818 - a state, handled by its only callers
    """This thread holds the lock already: a signal handler has come in between."""


def is_mine(lock: threading.RLock) -> bool:
    """Whether this thread holds the lock."""
    return bool(lock._is_owned())  # type: ignore[attr-defined]  # as Condition does


def unless_mine(lock: threading.RLock) -> threading.RLock:
    """Return the lock, to be held by `with`; raises Interrupted where this thread has it."""
    if is_mine(lock):
        raise Interrupted
    return lock


def lock_of_process(locks: dict[int, threading.RLock]) -> threading.RLock:
    """Return the lock of this process, which is made where there is none yet.

    A child that was forked while a thread had its parent's would find that locked for ever.
    """
    pid = os.getpid()
    return locks.get(pid) or locks.setdefault(pid, threading.RLock())


def do_alone(lock: threading.RLock, work: Callable[[], _T], *, timeout: float = 0.0) -> _T | None:
    """Do the work with the lock held, and return what it returns.

    None where others hold the lock for longer than `timeout` seconds. Raises Interrupted where
    this thread has it.
    """
    if is_mine(lock):
        raise Interrupted
    try:
        if lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            return work()
        return None
    finally:
        # Whether it was acquired is not noted: an exception could come before that.
        try:  # noqa: SIM105 - `suppress` is a function that would be entered
            lock.release()
        except RuntimeError:
            pass  # it was not had
