"""Keeps the closing of a file apart from its locking, which SQLite itself does not.

The locks that a process has on a file (POSIX advisory locks) are all gone when it closes any
descriptor of it. So SQLite puts off closing as long as it knows of a lock there. But it looks
first, and closes then: of a thread that takes the first lock in between, the lock is gone at once,
and SQLite does not know. Then another process may take the journal of a transaction that is under
way for one that was left behind, and roll it back: a commit that was confirmed is lost. Seen with
SQLite 3.40.1; in the source it is `unixClose`, which lets go of the file's mutex before it closes.

So in one process a connection that has no lock takes none while another one is being closed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from ecl_logging.locks import do_alone, is_mine, lock_of_process

__all__ = ["Connection", "undisturbed"]

_LONGEST_WAIT = 2.0  # seconds; each step waits for a locked file some milliseconds only
_T = TypeVar("_T")

_locks: dict[int, threading.RLock] = {}


def undisturbed(step: Callable[[], _T]) -> _T:
    """Do what may take the first lock on a file, or closes one; return what it returns.

    Such steps come one after the other. It is done all the same where another takes too long: a
    thread that has ended with the interpreter does not let go any more.
    """
    lock = lock_of_process(_locks)
    if is_mine(lock):
        return step()
    done = do_alone(lock, lambda: (step(),), timeout=_LONGEST_WAIT)
    return done[0] if done is not None else step()


class Connection(sqlite3.Connection):
    """Closes while no other connection takes its first lock."""

    def close(self) -> None:
        """Close; what has not been committed is rolled back."""
        undisturbed(super().close)
