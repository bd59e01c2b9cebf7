"""Keeps forks and SQLite apart.

SQLite guards its allocator and its table of open files with mutexes of the whole process, and
notes in that table which locks the process has on each file. A fork copies all of it as it is.
A mutex that another thread holds at that moment stays locked in the child for ever, and the
child hangs at its first use of SQLite; a file lock that is noted but not had makes the child
find the file locked for ever, or lock everybody else out. So a fork waits until no thread of
ours is inside SQLite, and threads that want to enter wait for the fork.

Connections that nobody uses are closed before the fork, so the child inherits none: a file
descriptor of SQLite's is of no use there, and ending it is the parent's business.

The wait is bounded, and short: a thread waits outside for a file that another process has
locked.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

__all__ = ["in_sqlite"]

_LONGEST_WAIT = 5.0  # seconds; a transaction takes milliseconds, unless a disk is very slow


class _Idle(Protocol):
    def close_idle(self) -> None: ...


class _ForkGate:
    """Entered by any number of threads at once, but by none during a fork."""

    def __init__(self) -> None:
        self._closing: weakref.WeakSet[_Idle] = weakref.WeakSet()
        self.reset()

    def close_before_forks(self, connections: _Idle) -> None:
        """Have `close_idle` called before each fork, when nobody is inside."""
        self._closing.add(connections)

    def reset(self) -> None:
        """Start with nobody inside, as a forked child does."""
        self._changed = threading.Condition()  # re-entrant: signal handlers fork, too
        self._inside = 0
        self._is_forking = False

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_forking)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def before_fork(self) -> None:
        """Let nobody enter, and wait for those who are inside.

        The lock is held until the fork is over. It is re-entrant, so hooks of the program's
        that log on this thread get in.
        """
        self._changed.acquire()
        self._is_forking = True
        self._changed.wait_for(lambda: self._inside == 0, _LONGEST_WAIT)
        self._is_forking = False
        for connections in list(self._closing):
            connections.close_idle()

    def after_fork_in_parent(self) -> None:
        """Let threads enter again. Called also when the fork has failed."""
        self._changed.notify_all()
        self._changed.release()


in_sqlite = _ForkGate()
"""Entered around every use of SQLite."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=in_sqlite.before_fork,
        after_in_parent=in_sqlite.after_fork_in_parent,
        after_in_child=in_sqlite.reset,
    )
