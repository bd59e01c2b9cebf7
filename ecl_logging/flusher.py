"""The one background thread of an EventCountLogger, and what happens at fork and exit.

The thread starts with the first event of a process: never at import or construction, because
servers fork afterwards, and never at exit, when Python starts no threads any more.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from ecl_logging.notices import warn
from ecl_logging.sender import flushing_threads

__all__ = ["Flusher", "arm_exit_hooks", "watch"]


class Flusher:
    """Calls `flush_due` in a thread, which returns how many seconds may pass until the next."""

    def __init__(self, flush_due: Callable[[], float]) -> None:
        self._flush_due = flush_due
        self.reset()

    def reset(self) -> None:
        """Start with no thread, as a forked child does."""
        self._starting = threading.Lock()
        # Not an Event, whose `set` deadlocks when a signal handler comes into its midst.
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def start(self) -> bool:
        """Start the thread unless it runs; return whether it does. Never blocks, never raises."""
        if self._thread is not None and self._thread.is_alive():
            return True
        if self._is_stopping or not self._starting.acquire(blocking=False):
            return False  # at the end, or another thread is at it
        try:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="ecl-flusher", daemon=True)
                thread.start()
                self._thread = thread
            return True
        except RuntimeError:
            return False  # no thread is to be had now, or no more: the exit hook flushes
        finally:
            self._starting.release()

    def wake(self) -> None:
        """Have `flush_due` called at once."""
        if self._wakes.empty():
            self._wakes.put(None)

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds for a flush that is under way."""
        self._is_stopping = True
        self._wakes.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))

    def _run(self) -> None:
        wait = 0.0 if self._stop_asked() else self._flush_due_safely()
        while not self._is_stopping:
            with contextlib.suppress(Empty):
                self._wakes.get(timeout=wait)
            while not self._wakes.empty():
                self._wakes.get()
            if not self._stop_asked():
                wait = self._flush_due_safely()

    def _stop_asked(self) -> bool:
        return self._is_stopping

    def _flush_due_safely(self) -> float:
        try:
            return self._flush_due()
        except Exception as error:  # noqa: BLE001 - the thread must outlive any surprise
            warn(f"flushing failed with {type(error).__name__}: {error}; trying on")
            return 1.0


# --- fork and exit


class _Watched(Protocol):
    def after_fork(self) -> None: ...
    def at_exit(self) -> None: ...


_watched: weakref.WeakSet[_Watched] = weakref.WeakSet()
_armed_in: int | None = None


def watch(logger: _Watched) -> None:
    """Tell `logger` of forks and of the end of the process, for as long as it lives."""
    _watched.add(logger)


def _in_forked_child() -> None:
    """Give every logger new locks and nothing pending. Only assigns: no lock, no I/O."""
    flushing_threads.clear()
    for logger in list(_watched):
        logger.after_fork()


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
    for logger in list(_watched):
        try:
            logger.at_exit()
        except Exception as error:  # noqa: BLE001 - the others are to be flushed all the same
            warn(f"flushing at exit failed with {type(error).__name__}: {error}")


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
