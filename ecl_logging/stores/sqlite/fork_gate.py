"""Keeps forks and SQLite apart.

SQLite guards its allocator and its table of open files with mutexes of the whole process, and
notes in that table which locks the process has on each file. A fork copies all of it as it is.
A mutex that another thread holds at that moment stays locked in the child for ever, and the
child hangs at its first use of SQLite; a file lock that is noted but not had makes the child
find the file locked for ever, or lock everybody else out. So a fork waits until no other
thread is inside SQLite, and threads that want to enter wait for the fork.

Connections that nobody uses are closed before the fork, so the child inherits none: a file
descriptor of SQLite's is of no use there, and ending it is the parent's business.

The wait is bounded, and short: a thread waits outside for a file that another process has
locked.

There is no lock in here, because a signal handler can come between any two lines, fork, visit
SQLite, or raise. Who enters says so before he looks whether the gate is closed; who closes it
does so before he looks who is inside. And a visit whose end an exception has skipped is over
when its object is gone.
"""

from __future__ import annotations

import os
import time
from threading import get_ident
from typing import Protocol

from ecl_logging.weak_sets import WeakRefs

__all__ = ["closed_before_forks", "in_sqlite"]

_LONGEST_WAIT = 5.0  # seconds; a transaction takes milliseconds, unless a disk is very slow
_LOOK_AGAIN = 0.0005


class _Idle(Protocol):
    def close_idle(self) -> None: ...


class in_sqlite:  # noqa: N801 - it reads as what it is for: `with in_sqlite():`
    """A visit of this thread to SQLite; entered around every use of it. Not for two threads."""

    def __init__(self) -> None:
        self.thread = get_ident()

    def __enter__(self) -> None:
        self._ref = _visits.add(self)
        while _forking not in {None, self.thread}:
            _visits.discard(self._ref)
            time.sleep(_LOOK_AGAIN)
            self._ref = _visits.add(self)

    def __exit__(self, *_: object) -> None:
        _visits.discard(self._ref)


_visits: WeakRefs[in_sqlite] = WeakRefs()
_forking: int | None = None  # the thread that forks

closed_before_forks: WeakRefs[_Idle] = WeakRefs()
"""Has `close_idle` called before each fork, when no other thread is inside."""


def _before_fork() -> None:
    global _forking  # noqa: PLW0603 - a fork is the whole process's
    me, began = get_ident(), time.monotonic()
    while time.monotonic() - began < _LONGEST_WAIT:
        if _forking is None:
            _forking = me
        if _forking == me and all(visit.thread == me for visit in _visits.alive()):
            break
        time.sleep(_LOOK_AGAIN)
    for connections in closed_before_forks.alive():
        connections.close_idle()


def _after_fork() -> None:
    global _forking  # noqa: PLW0603 - as above
    _forking = None


def _in_child() -> None:
    global _visits  # noqa: PLW0603 - as above
    _visits = WeakRefs()
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
