"""Flusher: has the counts of an EventCountLogger sent, on time, on request, and at the end.

Its thread starts with the first event of a process: never at import or construction, because
servers fork afterwards, and never at exit, when Python starts no threads any more.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from ecl_logging.batches import Interrupted
from ecl_logging.lifetime import arm_exit_hooks, watch
from ecl_logging.outage import Outage
from ecl_logging.sender import flushing_threads
from ecl_logging.stores.protocols import Store
from ecl_logging.ticker import Ticker

__all__ = ["Flusher"]

_LONGEST_PAUSE = 60.0  # seconds
_PAUSE_WHILE_AWAY = 0.25
_SHARE_FOR_THE_THREAD = 0.75  # of the time at the end; one that hangs must not take it all
_HINT = "; choose another store with ECL_STORE"


class _Counter(Protocol):
    """What is asked of the counter of a group."""

    period: float  # seconds between flushes
    next_flush: float  # time.monotonic()

    def flush(self, timeout: float | None = None) -> bool: ...
    def end_batching(self) -> None: ...
    def drop_arrivals(self) -> None: ...
    def give_up(self, *, closed: bool) -> int: ...
    def is_interrupted(self) -> bool: ...
    def after_fork(self) -> None: ...


class Flusher:
    """Flushes counters that share one store. Thread safe."""

    exit_timeout = 2.0  # seconds

    def __init__(self, store: Store) -> None:
        self.store = store
        self.outage = Outage(_HINT)
        self.counters: Sequence[_Counter] = ()
        self._ticker = Ticker(self._flush_due)
        self._begin()
        watch(self)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self.is_ending = False
        self.is_closed = False
        self._seconds_left: float | None = None  # for flushing at the end, once that has come

    def after_fork(self) -> None:
        """Start anew in a forked child: nothing pending, no thread. Only assigns."""
        self.store.after_fork()
        self.outage.reset()
        self._ticker.reset()
        for counter in self.counters:
            counter.after_fork()
        self._begin()

    # --- on time

    def be_running(self) -> bool:
        """Have the exit hooks and the thread in this process. Never blocks.

        Returns whether the thread runs.
        """
        arm_exit_hooks()
        return self._ticker.start()

    def wake(self) -> None:
        """Flush counters whose time has come, now."""
        self._ticker.wake()

    def _flush_due(self) -> float:
        if not self.outage.may_try():
            return _PAUSE_WHILE_AWAY
        for counter in self.counters:
            if not self.outage.may_try():
                break  # the first one has found the store away; the others need not wait, too
            if time.monotonic() >= counter.next_flush:
                counter.next_flush = time.monotonic() + counter.period
                counter.flush()
        soonest = min((c.next_flush for c in self.counters), default=float("inf"))
        return min(_LONGEST_PAUSE, max(0.01, soonest - time.monotonic()))

    # --- on request

    def flush(self, timeout: float | None = None) -> bool:
        """Send all that is pending; True when nothing is left. Waits for the store.

        At most `timeout` seconds, and at the end at most what is left of its time.
        """
        if self._pid != os.getpid():
            self.after_fork()  # by a fork that ran no hooks
        if self._seconds_left is not None:
            timeout = self._seconds_left if timeout is None else min(timeout, self._seconds_left)
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        flushed = True
        for counter in self.counters:
            left = None if timeout is None else max(0.0, deadline - time.monotonic())
            flushed = counter.flush(left) and flushed
        return flushed

    # --- at the end

    def close(self, timeout: float | None) -> None:
        """Send what is pending, within `timeout` seconds, and count no more.

        Safe to call twice. In a signal handler that came into the midst of our own work it
        leaves that to the exit hook.
        """
        if self.is_closed:
            return
        amid_flush = threading.get_ident() in flushing_threads
        if amid_flush or any(counter.is_interrupted() for counter in self.counters):
            return
        self._flush_finally(self.exit_timeout if timeout is None else timeout)
        try:
            self._give_up(closed=True)
        except Interrupted:
            return
        self.is_closed = True
        self.store.close()

    def at_exit(self) -> None:
        """Send what is pending as the process ends; later events are sent as they come."""
        if self.is_closed:
            return
        if not self._flush_finally(self.exit_timeout):
            with contextlib.suppress(Interrupted):
                self._give_up(closed=False)
        self.store.close()  # and opened again if something more is logged

    def _flush_finally(self, timeout: float) -> bool:
        """Stop the thread and flush on this one; all calls together take `timeout` at most."""
        self.is_ending = self.outage.is_ending = True
        if self._seconds_left is None:
            self._seconds_left = timeout
        for counter in self.counters:
            counter.end_batching()  # first, so that whatever the flush misses is seen to
        with self._spending():
            self._ticker.stop(_SHARE_FOR_THE_THREAD * self._seconds_left)
        with self._spending():
            return self.flush()

    def _give_up(self, *, closed: bool) -> None:
        left = sum(counter.give_up(closed=closed) for counter in self.counters)
        self.outage.tell_of_loss(left)

    def count_at_the_end(self, counter: _Counter) -> None:
        """See to an event that came after `at_exit` or `close`: there is no thread any more."""
        if self.is_closed:
            counter.drop_arrivals()
        elif self._seconds_left is None or self._seconds_left > 0:
            with self._spending():
                counter.flush(self._seconds_left)

    @contextlib.contextmanager
    def _spending(self) -> Iterator[None]:
        """Take the time that the block takes from what is left at the end."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - began
            self._seconds_left = max(0.0, (self._seconds_left or 0.0) - spent)
