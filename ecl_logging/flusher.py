"""Flusher: has the counts of an EventCountLogger sent, on time, on request, and at the end.

The work is done in its thread: there no signal handler can come in between, and raise. The
thread starts with the first record of a process: never at import or construction, because
servers fork afterwards, and never at exit, when Python starts no threads any more.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ecl_logging.deadlines import Deadline
from ecl_logging.fast_path import flushing_threads
from ecl_logging.ledgers import Ledger
from ecl_logging.lifetime import arm_exit_hooks, has_ended, watch, watched
from ecl_logging.locks import Interrupted
from ecl_logging.outage import Outage
from ecl_logging.patience import Patience
from ecl_logging.retirement import Retirement
from ecl_logging.stores.fork_gate import is_interrupted_here
from ecl_logging.stores.protocols import Destination
from ecl_logging.tallies import Tallies
from ecl_logging.ticker import Ticker

__all__ = ["Flusher"]

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 60.0  # seconds
_PAUSE_WHILE_AWAY = 0.25
_PATIENCE_WITH_A_START = 1.0
_TOO_SHORT = 0.05  # for another try at the end
_SHORTEST_TURN = 0.1  # of one whose fellows have had all the time
_PAUSES_AT_THE_END = (0.0, 0.05, 0.1)  # before each try; a connection that breaks is no outage yet
_SHARE_FOR_THE_THREAD = 0.75  # of the time at the end; one that hangs must not take it all
_HINT = "; choose another store with ECL_STORE"  # whoever named a server knows that
_SERVERS = ("redis", "unix:", "sqs:", "kafka:")


class _Counter(Protocol):
    """What is asked of the counter of a group."""

    @property
    def name(self) -> str: ...
    def is_due(self) -> bool: ...
    def hurry(self) -> None: ...
    def seconds_to_flush(self) -> float: ...
    def flush(self, timeout: float | None = None) -> bool: ...
    def tell(self) -> None: ...
    def end_batching(self) -> None: ...
    def has_arrivals(self) -> bool: ...
    def has_pending(self) -> bool: ...
    def see_to_arrivals(self) -> None: ...
    def drop_arrivals(self) -> None: ...
    def give_up(self, *, closed: bool) -> int: ...
    def is_interrupted(self) -> bool: ...
    def snapshot(self) -> tuple[Ledger, int]: ...
    def after_fork(self) -> None: ...
    def set_aside(self) -> Callable[[], None]: ...


_patience_of_all = Patience()  # of calls in a row, with whatever flushers


class Flusher:
    """Flushes counters that share one store. Thread safe."""

    exit_timeout = 2.0  # seconds
    is_used: bool
    is_ending: bool
    is_closed: bool
    _pid: int

    def __init__(self, store: Destination, *, in_thread: bool = True, what: str = "counts") -> None:
        """`in_thread`: with a thread of its own; without, nothing is sent but on request.

        `what`: is sent, for warnings.
        """
        self._what = what
        self._use(store)
        self.counters: Sequence[_Counter] = ()
        self.tallies = Tallies(self)
        self._patience = Patience()
        self.retirement: Retirement | None = None
        self._in_thread = in_thread
        self._ticker = self._new_ticker()
        self._begin()
        watch(self)
        if has_ended():
            self.at_exit(spent=0.0, sharing=1)  # it is too late for a thread

    def _new_ticker(self) -> Ticker:
        ticker = Ticker(self._flush_due)
        if not self._in_thread:
            ticker.stop(0.0)
        return ticker

    def _use(self, store: Destination) -> None:
        self.store: Any = store  # which those whose flusher it is know
        hint = "" if store.shown.startswith(_SERVERS) else _HINT
        if self._what == "counts":
            self.outage = Outage(hint=hint)
        else:
            waiting = (f"{self._what} wait in memory", "they are being sent")
            self.outage = Outage(*waiting, hint=hint)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._reopen()
        self.is_used = False  # something was logged in this process
        self._patience.reset()

    def _reopen(self) -> None:
        self._seconds_left: float | None = None  # for flushing at the end, once that has come
        self.is_ending = False
        self._has_ended = False
        self.is_closed = False

    def after_fork(self) -> None:
        """Start anew in a forked child: nothing pending, no thread. Only assigns.

        Elsewhere, and when it has been done, do nothing. The fork may have run no hooks of
        Python's, or hooks of the program's that log before ours.
        """
        if self._pid == os.getpid():
            return
        self.store.after_fork()
        self.outage.reset()
        self._ticker.reset()
        _patience_of_all.reset()
        if self.retirement is not None:
            self.retirement.reset()
        self.tallies.reset()
        for counter in self.counters:
            counter.after_fork()
        self._begin()

    # --- on time

    def be_running(self) -> bool:
        """Have the exit hooks and the thread in this process. Never blocks.

        Returns whether the thread runs.
        """
        self.after_fork()  # if no hook has done it yet
        self.is_used = True
        arm_exit_hooks()
        return self._ticker.start()

    def wake(self) -> None:
        """Have the thread look at once whether a counter is due."""
        self._ticker.wake()

    def hurry(self) -> None:
        """Have the thread flush now, if there is one. Does not wait."""
        for counter in self.counters:
            counter.hurry()
        self.wake()

    def _flush_due(self) -> float:
        for counter in self.counters:
            if self.retirement is not None:
                counter.hurry()
            # Where one has found the store away, the others need not wait for it, too.
            if counter.is_due() and self.outage.may_try():
                counter.flush()
        self._tell()
        if self.retirement is not None:
            if self.retirement.is_over(self.counters):
                self._rest()
            return self.retirement.pause
        if not self.outage.may_try():
            return _PAUSE_WHILE_AWAY
        soonest = min((c.seconds_to_flush() for c in self.counters), default=_LONGEST_PAUSE)
        return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, soonest))

    # --- on request

    def flush(self, timeout: float | None = None) -> bool:
        """Send all that is pending; True when nothing is left. Waits for the store.

        At most `timeout` seconds, and at the end at most what is left of its time.
        """
        return self._flush_by(self._flush_all, timeout)

    def flush_here(self, timeout: float) -> bool:
        """Do so on this thread, without the other one. For tests."""
        return self._flush_all(timeout)

    def flush_one(self, counter: _Counter, timeout: float | None) -> bool:
        """Do so with one counter."""
        return self._flush_by(counter.flush, timeout)

    def write_through(self, counter: _Counter, timeout: float) -> bool:
        """Do so unless the store is known to be away: also where that is found out meanwhile."""
        return self._flush_by(lambda left: self.outage.may_try() and counter.flush(left), timeout)

    def flush_patiently(self) -> bool:
        """Do so for a handler: in `exit_timeout`, which calls in a row share.

        `logging.shutdown` makes such calls, for one handler after the other. So while this one
        waits, the threads of the others send what these have.
        """
        for other in watched():
            if isinstance(other, Flusher) and other is not self:
                other.hurry()
        left = self._patience.left(self.exit_timeout)
        turn = min(left, max(_SHORTEST_TURN, _patience_of_all.left(self.exit_timeout)))
        began = time.monotonic()
        flushed = self.flush(turn)
        if not flushed:
            waited = time.monotonic() - began
            _patience_of_all.spend(waited)
            self._patience.spend(waited + left - turn)
        return flushed

    def _flush_by(self, flush: Callable[[float | None], bool], timeout: float | None) -> bool:
        """Flush in the thread, which no signal handler interrupts; at the end in this one."""
        self.after_fork()
        if not self.is_used:
            return True  # nothing was logged, so a program that only ends writes nothing
        if self._seconds_left is not None:
            timeout = self._seconds_left if timeout is None else min(timeout, self._seconds_left)
        elif self._must_not_wait():
            return False
        else:
            # What there is to tell is told when the caller has his answer: the program's handlers
            # may have locks that the caller holds.
            deadline = Deadline(timeout)
            flushed = self._ticker.call(
                lambda: flush(None if timeout is None else deadline.seconds_left()),
                timeout,
                then=self._tell,
            )
            if flushed is not None:
                return flushed
            timeout = None if timeout is None else deadline.seconds_left()
        flushed = flush(timeout)
        self._tell()
        return flushed

    def _tell(self) -> None:
        for counter in self.counters:
            counter.tell()

    def _must_not_wait(self) -> bool:
        """Whether the thread may be waiting for this one.

        It is flushing, or about to fork, or in a signal handler that came into the midst of our
        own work.
        """
        return (
            threading.get_ident() in flushing_threads
            or is_interrupted_here()
            or self.tallies.is_interrupted()
            or any(counter.is_interrupted() for counter in self.counters)
        )

    def _flush_all(self, timeout: float | None) -> bool:
        deadline = Deadline(timeout)
        flushed = True
        for counter in self.counters:
            if not flushed and timeout is None and self.outage.is_away():
                break  # each of the others would wait as long
            left = None if timeout is None else deadline.seconds_left()
            flushed = counter.flush(left) and flushed
        return flushed

    # --- at the end

    def close(self, timeout: float | None) -> None:
        """Send what is pending, within `timeout` seconds, and count no more.

        Safe to call twice. In a signal handler that came into the midst of our own work it
        leaves that to the exit hook.
        """
        if self.is_closed or self._must_not_wait():
            return
        if timeout is None:
            timeout = self._patience.left(self.exit_timeout)
        if self._seconds_left is not None:  # the process ends: so much is left of it all
            timeout = min(timeout, self._seconds_left)
        self._flush_finally(timeout)
        try:
            self._give_up(closed=True)
        except Interrupted:
            return
        self.is_closed = True
        self.store.close()

    def retire(self) -> None:
        """Have neither thread nor connection where nothing comes and nothing is pending.

        Does not wait: the thread goes on until then. What comes later is counted all the same.
        """
        if self.is_closed or self.retirement is not None:
            return
        self.after_fork()
        self.retirement = Retirement()
        if not self.is_used:
            self.store.close()  # it may have been read
        elif self._ticker.start(patience=_PATIENCE_WITH_A_START):
            self.wake()
        else:
            self.flush_patiently()

    def _rest(self) -> None:
        """Let go of the thread, which this is, and of connections, until something comes."""
        for counter in self.counters:
            counter.end_batching()  # so the next one that comes starts the thread
        self.is_used = False
        self.store.close()
        self._ticker.leave()
        self.tallies.path.shut()  # from here on it is not opened without a thread
        if any(counter.has_pending() for counter in self.counters):
            self.be_running()  # it came before the thread was let go of

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Send what is pending as the process ends; later events are sent as they come.

        `spent`: seconds of `exit_timeout` that have passed; `sharing`: how many are to share what
        is left. False where its share was over, and it should have what the others leave.
        """
        if self.is_closed:
            return True
        self.after_fork()
        share = max(0.0, self.exit_timeout - spent) / sharing
        if self._has_ended:  # the end has two hooks in a child of multiprocessing
            share = min(share, self._seconds_left or 0.0)
        if not self._flush_finally(share):
            has_had_all = self._has_ended or spent + share > self.exit_timeout - _TOO_SHORT
            if not self._seconds_left and not has_had_all:
                return False
            with contextlib.suppress(Interrupted):
                self._give_up(closed=False)
        self._has_ended = True
        for counter in self.counters:
            if counter.has_arrivals():  # that came just before
                self.count_at_the_end(counter)
        self.store.close()
        return True

    def _flush_finally(self, timeout: float) -> bool:
        """Stop the thread and flush on this one, within `timeout` seconds."""
        self._seconds_left = timeout
        self.is_ending = self.outage.is_ending = True
        self.tallies.path.shut()
        with self._spending():
            self._ticker.stop(_SHARE_FOR_THE_THREAD * self._seconds_left)
        for counter in self.counters:
            counter.end_batching()  # now that the thread does not undo it
        for pause in _PAUSES_AT_THE_END:
            with self._spending():
                time.sleep(min(pause, self._seconds_left))
                if self.flush():
                    return True
            if not self.outage.is_away():
                break
        return False

    def _give_up(self, *, closed: bool) -> None:
        left = sum(counter.give_up(closed=closed) for counter in self.counters)
        self.outage.tell_of_loss(left, self._what)

    def count_at_the_end(self, counter: _Counter) -> None:
        """See to events that came after `close` or `at_exit`: there is no thread any more.

        While one of these is at work, it takes them in.
        """
        if self.is_closed:
            counter.drop_arrivals()
        elif self._has_ended and self._seconds_left:
            with self._spending():
                counter.flush(self._seconds_left)
            counter.tell()
            self.store.close()  # and opened again if something more is logged

    @contextlib.contextmanager
    def _spending(self) -> Iterator[None]:
        """Take the time that the block takes from what is left at the end."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - began
            self._seconds_left = max(0.0, (self._seconds_left or 0.0) - spent)
