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
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Start the thread unless it runs. Never blocks, never raises."""
        if self._is_stopping or (self._thread is not None and self._thread.is_alive()):
            return
        if not self._starting.acquire(blocking=False):
            return  # another thread is at it
        try:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="ecl-flusher", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            self._is_stopping = True  # the interpreter ends: flushing is up to the exit hook
        finally:
            self._starting.release()

    def wake(self) -> None:
        """Have `flush_due` called at once."""
        self._woken.set()

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds for a flush that is under way."""
        self._is_stopping = True
        self._woken.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))

    def _run(self) -> None:
        wait = 0.0 if self._stop_asked() else self._flush_due_safely()
        while not self._is_stopping:
            self._woken.wait(wait)
            self._woken.clear()
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
    """See to it that the end of this process flushes. Called with its first event.

    Not before: children of multiprocessing begin by clearing all such hooks, and until
    Python 3.13 they run those of multiprocessing only, never atexit's.
    """
    global _armed_in  # noqa: PLW0603 - one process, one set of hooks
    if _armed_in == os.getpid():
        return
    _armed_in = os.getpid()
    with contextlib.suppress(Exception):  # too late in the process's life: nothing to arm
        atexit.unregister(_at_exit)  # a plain fork inherits it
        atexit.register(_at_exit)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            # The lowest priority: after all finalizers of the program, which may log.
            Finalize(None, _at_exit, exitpriority=-1_000_000)


def _at_exit() -> None:
    if _armed_in != os.getpid():
        return
    for logger in list(_watched):
        logger.at_exit()
