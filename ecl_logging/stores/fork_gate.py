"""Keeps forks apart from work that must not be copied half done, such as SQLite's.

SQLite guards its allocator and its table of open files with mutexes of the whole process, and
notes in that table which locks the process has on each file. A fork copies all of it as it is.
A mutex that another thread holds at that moment stays locked in the child for ever, and the
child hangs at its first use of SQLite; a file lock that is noted but not had makes the child
find the file locked for ever, or lock everybody else out. So a fork waits until no other
thread is at such work, and threads that want to begin wait for the fork.

Connections that nobody uses are closed before the fork, so the child inherits none: a file
descriptor of SQLite's is of no use there, and ending it is the parent's business.

The wait is bounded, and short: a thread waits outside for a file that another process has
locked.

There is no lock in here, because a signal handler can come between any two lines, fork, begin
such work itself, or raise. Who begins says so before he looks whether the gate is closed; who
closes it does so before he looks who is at work. And work whose end an exception has skipped
is over when its object is gone.
"""

from __future__ import annotations

import logging
import os
import time
from threading import get_ident
from typing import Protocol

from ecl_logging.weak_sets import WeakRefs

__all__ = ["closed_before_forks", "is_interrupted_here", "kept_from_forks"]

_LONGEST_WAIT = 5.0  # seconds; a transaction takes milliseconds, unless a disk is very slow
_LONGEST_FORK = 2.0
_LOOK_AGAIN = 0.0005


class _Idle(Protocol):
    def close_idle(self) -> None: ...


class kept_from_forks:  # noqa: N801 - it reads as what it is for
    """Entered around such work, by the thread that does it."""

    def __init__(self) -> None:
        self.thread = get_ident()

    def __enter__(self) -> None:
        self._ref = _at_work.add(self)
        began = time.monotonic()
        while _forking and self.thread not in _forking:
            if time.monotonic() - began > _LONGEST_FORK:
                break  # the fork waits for a lock that somebody has who waits for this thread
            _at_work.discard(self._ref)
            time.sleep(_LOOK_AGAIN)
            self._ref = _at_work.add(self)

    def __exit__(self, *_: object) -> None:
        _at_work.discard(self._ref)


_at_work: WeakRefs[kept_from_forks] = WeakRefs()
_forking: set[int] = set()  # the thread that forks, if any

closed_before_forks: WeakRefs[_Idle] = WeakRefs()
"""Has `close_idle` called before each fork, when no other thread is at work."""


def is_interrupted_here() -> bool:
    """Whether this thread is about to fork, or at such work: others may have to wait for it.

    Asked by a signal handler, a finalizer, or a hook of the program's that came in between.
    """
    me = get_ident()
    return me in _forking or any(work.thread == me for work in _at_work.alive())


def _before_fork() -> None:
    me, began = get_ident(), time.monotonic()
    while time.monotonic() - began < _LONGEST_WAIT:
        if not _forking:
            _forking.add(me)
        if me in _forking and all(work.thread == me for work in _at_work.alive()):
            break
        time.sleep(_LOOK_AGAIN)
    for connections in closed_before_forks.alive():
        connections.close_idle()


def _in_child() -> None:
    global _at_work  # noqa: PLW0603 - nobody is at work in a new process
    _at_work = WeakRefs()


if hasattr(os, "register_at_fork"):
    # Opened by a function in C: a signal that came during the fork is dealt with where the
    # first function of Python's is entered, and what its handler raises there is passed over,
    # together with that function.
    os.register_at_fork(
        before=_before_fork, after_in_parent=_forking.clear, after_in_child=_forking.clear
    )
    os.register_at_fork(after_in_child=_in_child)
    # Before the gate is closed (hooks run in reverse), wait for logging's own lock, as logging
    # itself does later: `dictConfig` holds it while it closes a handler, which works in here.
    # In the child, logging makes it a new one.
    _logging_lock = logging._lock  # type: ignore[attr-defined]
    os.register_at_fork(before=_logging_lock.acquire, after_in_parent=_logging_lock.release)
