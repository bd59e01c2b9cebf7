"""Forks of the process, and its end: whoever wants to know is told.

One set of hooks for the process, which keep nothing alive.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from typing import Protocol

from ecl_logging.fast_path import flushing_threads
from ecl_logging.notices import warn
from ecl_logging.weak_sets import WeakRefs

__all__ = ["arm_exit_hooks", "has_ended", "watch", "watch_forks", "watched"]


class _Watched(Protocol):
    @property
    def is_used(self) -> bool: ...
    def after_fork(self) -> None: ...
    def at_exit(self, *, spent: float, sharing: int) -> bool: ...


class _Forked(Protocol):
    def after_fork(self) -> None: ...


_watched: WeakRefs[_Watched] = WeakRefs()
_forked: WeakRefs[_Forked] = WeakRefs()
_logging: WeakRefs[_Watched] = WeakRefs()
_armed_in: int | None = None
_has_ended = False


def watch(flusher: _Watched, *, logs: bool = False) -> None:
    """Tell `flusher` of forks and of the end of the process, for as long as it lives.

    `logs`: it has something to log at the end, so it comes before those that take that in.
    """
    _watched.add(flusher)
    if logs:
        _logging.add(flusher)


def watch_forks(one: _Forked) -> None:
    """Tell `one` of forks, for as long as it lives. At the end of the process it has no part."""
    _forked.add(one)


def watched() -> list[_Watched]:
    """Everybody who is told, at this moment."""
    return _watched.alive()


def has_ended() -> bool:
    """Whether the process is past its exit hook here."""
    return _has_ended


def _in_forked_child() -> None:
    """Give everybody new locks and nothing pending. Only assigns: no lock, no I/O."""
    global _has_ended  # noqa: PLW0603 - one process, one end
    _has_ended = False
    flushing_threads.clear()
    for one in (*_watched.alive(), *_forked.alive()):
        one.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def arm_exit_hooks() -> None:
    """See to it that the end of a child of multiprocessing flushes. Called with its first event.

    Not before: such a child begins by clearing all hooks that it has inherited. And until
    Python 3.13 it ends by running multiprocessing's hooks only, never atexit's.
    """
    global _armed_in  # noqa: PLW0603 - one process, one set of hooks
    if _armed_in == os.getpid():
        return
    _armed_in = os.getpid()
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    with contextlib.suppress(Exception):  # too late in the process's life: nothing to arm
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)
        from multiprocessing.util import Finalize

        # The lowest priority: after all finalizers of the program, which may log.
        Finalize(None, _at_exit_of_child, exitpriority=-1_000_000)


def _at_exit() -> None:
    global _has_ended  # noqa: PLW0603 - as above
    _has_ended = True
    began = time.monotonic()
    logging = _logging.alive()
    # Those that have something to send first: the others take time, and lose nothing.
    waiting = sorted(_watched.alive(), key=lambda one: (one not in logging, not one.is_used))
    while waiting:  # for a turn, or for what the others have left of the time
        turn, waiting = waiting, []
        sharing = sum(flusher.is_used for flusher in turn)
        for flusher in turn:
            try:
                if not flusher.at_exit(spent=time.monotonic() - began, sharing=max(1, sharing)):
                    waiting.append(flusher)
            except Exception as error:  # noqa: BLE001 - the others are flushed all the same
                warn(f"flushing at exit failed with {type(error).__name__}: {error}")
            sharing -= flusher.is_used


def _at_exit_of_child() -> None:
    """Flush after the last thread of the program: multiprocessing waits for it only now."""
    if _other_threads():
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=_at_exit_of_threads, name="ecl-exit").start()
            return
    _at_exit()


def _at_exit_of_threads() -> None:
    while threads := _other_threads():
        for thread in threads:
            thread.join()
    _at_exit()


def _other_threads() -> list[threading.Thread]:
    """Threads for which the process will wait, but for the main one and this one."""
    neither = (threading.main_thread(), threading.current_thread())
    return [t for t in threading.enumerate() if not t.daemon and t not in neither]


atexit.register(_at_exit)
