"""Ticker: a thread that calls one function, each time when that function wants it next."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ecl_logging.notices import warn

__all__ = ["Ticker"]


class Ticker:
    """Calls `tick` in a thread of its own; `tick` returns the seconds until the next call.

    The thread starts with `start`, of which nothing is done at import or construction: servers
    fork afterwards. Thread safe, and safe in signal handlers.
    """

    def __init__(self, tick: Callable[[], float]) -> None:
        self._tick = tick
        self.reset()

    def reset(self) -> None:
        """Start with no thread, as a forked child does. Only assigns."""
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
        """Have `tick` called at once."""
        if self._wakes.empty():
            self._wakes.put(None)

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds for a call that is under way."""
        self._is_stopping = True
        self._wakes.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))

    def _run(self) -> None:
        pause = 0.0 if self._stop_asked() else self._tick_safely()
        while not self._stop_asked():
            with contextlib.suppress(Empty):
                self._wakes.get(timeout=pause)
            while not self._wakes.empty():
                self._wakes.get()
            if not self._stop_asked():
                pause = self._tick_safely()

    def _stop_asked(self) -> bool:
        return self._is_stopping

    def _tick_safely(self) -> float:
        try:
            return self._tick()
        except Exception as error:  # noqa: BLE001 - the thread must outlive any surprise
            warn(f"flushing failed with {type(error).__name__}: {error}; trying on")
            return 1.0
