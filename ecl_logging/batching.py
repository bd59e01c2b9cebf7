"""Batching: what waits in a program, and when it is sent; as the flusher sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from ecl_logging.flusher import Flusher
from ecl_logging.ledgers import Ledger
from ecl_logging.numbered import NumberedSender

__all__ = ["Batching"]

AT_ONCE = 1000  # arrivals that a thread drains that logs: half a millisecond


class _Pending(Protocol):
    """What is asked of what is pending."""

    @property
    def arrivals(self) -> Any: ...
    def try_drain(self, most: int) -> None: ...
    def is_interrupted(self) -> bool: ...
    def close(self, *, reason_from_now_on: str | None) -> int: ...
    def reset(self) -> None: ...
    def snapshot(self) -> tuple[Ledger, int]: ...


class Batching:
    """Has what is pending sent, every so many seconds. Thread safe.

    Methods never block and never raise, unless they say so.
    """

    _flusher: Flusher
    _pending: _Pending
    _sender: NumberedSender[Any, Any]
    _period: float  # seconds between two flushes
    _limit: int | None = None  # so many arrivals may bring a flush on

    drain_at = 10_000
    """So many arrivals may wait; then the thread is woken to drain them. About 1 MiB."""

    crowd = 20_000
    """So many, and the thread does not come: whoever adds one drains some."""

    def _begin(self) -> None:
        self._notice_at = 0  # so many arrivals bring the next one to whoever sees to them
        self._next_flush = 0.0  # time.monotonic()

    @property
    def name(self) -> str:
        """What it is that is sent."""
        raise NotImplementedError

    def is_due(self) -> bool:
        """Take a look at what has arrived: whether it is time to flush."""
        raise NotImplementedError

    def set_aside(self) -> Callable[[], None]:
        """Begin anew, as if nothing had arrived; return what puts all back as it was."""
        raise NotImplementedError

    @property
    def flush_seconds(self) -> float:
        """Seconds between two flushes."""
        return self._period

    # --- what arrives

    def see_to_arrivals(self) -> None:
        """See that somebody sees to what has come by a fast path, if it is much."""
        if len(self._pending.arrivals) >= self._notice_at > 0:
            self._notice()

    def _notice(self, n: int = 1) -> None:
        """See that somebody sees to the arrivals. On the thread that logs: takes no lock.

        `n`: how much the latest one counts.
        """
        if self._flusher.is_ending:
            self._flusher.count_at_the_end(self)
            return
        waiting = len(self._pending.arrivals)
        is_first = self._notice_at == 0
        if is_first:
            # Before the thread is looked for: one that goes to rest at this moment sees the event.
            self._notice_at = min(self._limit or self.drain_at, self.drain_at)
            self._next_flush = 0.0  # the first event of all is sent at once
        if not self._flusher.be_running():
            self._notice_at = 0
        elif is_first or waiting >= self._notice_at or (n > 1 and self._limit is not None):
            self._flusher.wake()
        if waiting >= self.crowd:
            self._pending.try_drain(AT_ONCE)

    # --- sending and ending; called by the flusher

    def hurry(self) -> None:
        """Be due."""
        self._next_flush = 0.0

    def seconds_to_flush(self) -> float:
        """How long it is until the next flush."""
        return self._next_flush - time.monotonic()

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is pending. Waits for the store; True when nothing is left."""
        self._next_flush = time.monotonic() + self._period
        flushed = self._sender.flush(timeout)
        if not flushed:
            self._next_flush = time.monotonic()  # as soon as the outage's pauses allow
        return flushed

    def tell(self) -> None:
        """Warn of what has come up."""
        self._sender.tell()

    def is_unsure(self) -> bool:
        """Whether a batch has been sent of which nobody knows whether it was counted."""
        return self._sender.is_unsure()

    def end_batching(self) -> None:
        """Bring every arrival from now on to whoever sees to them."""
        self._notice_at = 0

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return self._pending.is_interrupted()

    def has_arrivals(self) -> bool:
        """Whether anything has arrived that nobody has looked at."""
        return bool(self._pending.arrivals)

    def drop_arrivals(self) -> None:
        """Book what came after the end."""
        self._pending.try_drain(AT_ONCE)

    def give_up(self, *, closed: bool) -> int:
        """Drop what is pending as `shutdown`; return how much that was.

        Raises Interrupted in a signal handler that came into the midst of our work.
        """
        left = self._pending.close(reason_from_now_on="closed" if closed else None)
        self._sender.give_up()
        return left

    def after_fork(self) -> None:
        """Start with nothing pending. Called in the child; only assigns."""
        self._pending.reset()
        self._sender.reset()
        self._begin()

    # --- looking at it

    def has_pending(self) -> bool:
        """Whether there is anything that the store has not confirmed."""
        return self.snapshot()[1] > 0

    def snapshot(self) -> tuple[Ledger, int]:
        """Where all went, and how much is pending."""
        return self._pending.snapshot()

    @property
    def source(self) -> str:
        """The source that counts in this process at present."""
        return self._sender.source

    @property
    def last_flush(self) -> float | None:
        """Unix time of the last flush that succeeded."""
        return self._sender.last_flush
