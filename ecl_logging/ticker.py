"""Ticker: a thread that calls one function, each time when that function wants it next.

Others may have their work done in it, too. Python runs signal handlers in the main thread
only; so what must not be cut in two by an exception out of one is done here.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from ecl_logging.locks import Interrupted, do_alone
from ecl_logging.notices import warn

__all__ = ["Ticker"]

_LOOK_AGAIN = 0.5  # seconds; whether there is still somebody who can answer
_PAUSE_AFTER_FAILURE = 1.0  # seconds
_T = TypeVar("_T")


class Ticker:
    """Calls `tick` in a thread of its own; `tick` returns the seconds until the next call.

    The thread starts with `start`, of which nothing is done at import or construction: servers
    fork afterwards. Thread safe, and safe in signal handlers.
    """

    def __init__(
        self, tick: Callable[[], float], *, name: str = "ecl-flusher", work: str = "flushing"
    ) -> None:
        """`name` is the thread's; `work`, what has failed when `tick` raises."""
        self._tick = tick
        self._name, self._work = name, work
        self.reset()

    def reset(self) -> None:
        """Start with no thread, as a forked child does. Only assigns."""
        self._starting = threading.RLock()
        # Not an Event, whose `set` deadlocks when a signal handler comes into its midst.
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def start(self, *, patience: float = 0.0) -> bool:
        """Start the thread unless it runs; return whether it does. Never raises.

        Never blocks, but for `patience` seconds where another thread is about to start it.
        """
        if self._thread is not None and self._thread.is_alive():
            return True
        if self._is_stopping:
            return False
        try:
            return bool(do_alone(self._starting, self._start, timeout=patience))
        except Interrupted:
            return False

    def _start(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True  # another one was faster
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            self._thread = thread  # before it runs: of two, the one that is not here ends
            thread.start()
        except RuntimeError:  # no thread is to be had now, or no more: the exit hook flushes
            return False
        return True

    def wake(self) -> None:
        """Have `tick` called at once."""
        if self._calls.empty():
            self._calls.put(None)

    def call(
        self,
        work: Callable[[], bool],
        timeout: float | None,
        *,
        then: Callable[[], None] | None = None,
    ) -> bool | None:
        """Have `work` done in the thread, and return what it returns; `then` is done after that.

        False when that takes longer than `timeout` seconds; the work goes on if it has begun, and
        is not begun any more. None where there is no other thread to do it.
        """
        if not self.start() or self._thread is threading.current_thread():
            return None
        call = _Call(work, then)
        self._calls.put(call)
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                return call.answers.get(timeout=min(left, _LOOK_AGAIN))
            if self._thread is None or not self._thread.is_alive():
                return None  # it was stopped in between
        call.is_abandoned = True
        return False

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds for a call that is under way."""
        self._is_stopping = True
        self._calls.put(None)
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))

    def leave(self) -> None:
        """Let the thread end after this call of `tick`, in which this is called."""
        if self._thread is threading.current_thread():
            self._thread = None

    def _run(self) -> None:
        due = time.monotonic()
        me = threading.current_thread()
        while not self._is_stopping and self._thread is me:
            call = None
            with contextlib.suppress(Empty):
                call = self._calls.get(timeout=max(0.0, due - time.monotonic()))
            if call is not None:
                self._safely(call.do)
            # Others' work, however much there is, does not hold up what is due.
            if (call is None or time.monotonic() >= due) and not self._is_stopping:
                pause = self._safely(self._tick)
                due = time.monotonic() + (_PAUSE_AFTER_FAILURE if pause is None else pause)

    def _safely(self, work: Callable[[], _T]) -> _T | None:
        try:
            return work()
        except BaseException as error:  # noqa: BLE001 - the thread must outlive any surprise
            warn(f"{self._work} failed with {type(error).__name__}: {error}; trying on")
            return None


class _Call:
    """Something that the thread is asked to do."""

    def __init__(self, work: Callable[[], bool], then: Callable[[], None] | None) -> None:
        self._work, self._then = work, then
        self.answers: SimpleQueue[bool] = SimpleQueue()
        self.is_abandoned = False  # nobody waits for the answer

    def do(self) -> None:
        if self.is_abandoned:
            return
        done = False
        try:
            done = self._work()
        finally:
            self.answers.put(done)
        if self._then is not None:
            self._then()
