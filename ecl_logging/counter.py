"""Counting in one group in one process: from a call of the program to pending counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ecl_logging.batches import CROWD, DRAIN_AT, Ledger, PendingCounts
from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.event_ids import MAX_LENGTH, InvalidEvent, amount_of, text_of
from ecl_logging.flusher import Flusher
from ecl_logging.locks import Interrupted
from ecl_logging.sender import Sender
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import Definition

__all__ = ["GroupCounter"]

_DEFAULT_SYNC_SECONDS = 1.0
_AT_ONCE = 1000  # arrivals that a thread drains that logs: half a millisecond


class GroupCounter:
    """Takes in events of one group, and has them sent. Thread safe.

    Methods never block and never raise, unless they say so.
    """

    def __init__(self, config: GroupConfig, flusher: Flusher) -> None:
        self.config = config
        self._flusher = flusher
        self._limit: int | None = None
        self._open()
        self.is_direct = config.sync_interval is None and config.sync_limit is None
        self.batch_by(None, None)

    def _open(self) -> None:
        """Begin with nothing pending, and with the store that the flusher has now."""
        config, store = self.config, self._flusher.store
        self._pending = PendingCounts(
            config.intervals,
            config.events,
            any_id=config.auto_declare_events,
            feed=self._flusher.tallies,
        )
        self._sender = Sender(config, self._pending, lambda: store, self._flusher.outage)
        self.arrivals = self._pending.arrivals
        self._append = self.arrivals.append
        self._pending.limit_to(self._limit)
        self._begin()

    def set_aside(self) -> Callable[[], None]:
        """Begin anew, as if nothing had been counted; return what puts all back as it was.

        What is pending waits until then.
        """
        names = ("_pending", "_sender", "arrivals", "_append")
        before = {name: getattr(self, name) for name in names}
        wanted = self._sender.definition.wanted
        self._open()
        self._sender.definition.expect(wanted.events)

        def put_back() -> None:
            vars(self).update(before)
            self._begin()

        return put_back

    @property
    def name(self) -> str:
        """The group's name."""
        return self.config.name

    @property
    def has_limit(self) -> bool:
        """Whether it matters at once that an ID has reached a count."""
        return self._limit is not None

    @property
    def flush_seconds(self) -> float:
        """Seconds between two flushes."""
        return self._period

    def batch_by(self, sync_interval: float | None, sync_limit: int | None) -> None:
        """Set how a handler's events are batched where the group's definition says nothing."""
        self._period = self.config.sync_interval or sync_interval or _DEFAULT_SYNC_SECONDS
        self._limit = self.config.sync_limit or sync_limit
        self._pending.limit_to(self._limit)
        self._flusher.tallies.forget_kinds()  # which have no fast path where there is a limit
        self._sender.note_period(self._period)
        self._begin()

    def _begin(self) -> None:
        self._notice_at = 0  # so many arrivals bring the next one to `_notice`
        self._next_flush = 0.0  # time.monotonic()

    # --- events

    def arrive(self, event_id: object, count: object, created: float) -> None:
        """Note an event of the time `created`."""
        if (
            type(event_id) is str
            and len(event_id) <= MAX_LENGTH
            and type(count) is int
            and count == 1
        ):
            self._append((event_id, 1, created))
            if len(self.arrivals) >= self._notice_at:
                self._notice()
            return
        try:
            text, n = text_of(event_id), amount_of(count)
        except InvalidEvent as reason:
            self.arrive_invalid(str(reason), created)
        except Exception:  # noqa: BLE001 - an object of the program's, with methods of its own
            self.arrive_invalid("raises when it is looked at", created)
        else:
            if n > 0:
                self._append((text, n, created))
                self._notice(n)

    def arrive_invalid(self, reason: str, created: float) -> None:
        """Note a value that is no event."""
        self._pending.note_invalid(reason)
        self._append((None, 1, created))
        self._notice()

    def write_through(self) -> None:
        """Have what has arrived written, and wait for one round trip at most."""
        if not self._flusher.is_ending and self._flusher.outage.may_try():
            self._flusher.write_through(self, STEP_SECONDS)

    def see_to_arrivals(self) -> None:
        """See that somebody sees to what has come by the fast path, if it is much."""
        if len(self.arrivals) >= self._notice_at > 0:
            self._notice()

    def _notice(self, n: int = 1) -> None:
        """See that somebody sees to the arrivals. On the thread that logs: takes no lock.

        `n`: how much the latest one counts.
        """
        if self._flusher.is_ending:
            self._flusher.count_at_the_end(self)
            return
        waiting = len(self.arrivals)
        is_first = self._notice_at == 0
        if is_first:
            # Before the thread is looked for: one that goes to rest at this moment sees the event.
            self._notice_at = min(self._limit or DRAIN_AT, DRAIN_AT)
            self._next_flush = 0.0  # the first event of all is sent at once
        if not self._flusher.be_running():
            self._notice_at = 0
        elif is_first or waiting >= self._notice_at or (n > 1 and self._limit is not None):
            self._flusher.wake()
        if waiting >= CROWD:
            self._pending.try_drain(_AT_ONCE)

    def begin(self) -> None:
        """Have the thread running: a program has begun to log."""
        if not self._flusher.is_ending:
            self._flusher.be_running()

    # --- IDs

    def declares(self, event_id: str) -> bool:
        """Whether the ID is declared, as far as this process knows."""
        return self._pending.knows(event_id)

    @property
    def auto_declare_events(self) -> bool:
        """Whether any ID counts."""
        return self.config.auto_declare_events

    @property
    def wanted(self) -> Definition:
        """What this process wants the group's definition to have."""
        return self._sender.definition.wanted

    def expect(self, event_ids: Iterable[str]) -> None:
        """Know these IDs; the store is told with the next flush."""
        self._sender.definition.expect(event_ids)

    def declare(self, event_ids: Iterable[str]) -> bool:
        """Know these IDs and tell the store. Waits for it; False where that has to wait."""
        try:
            self.expect(event_ids)
        except Interrupted:
            return False  # in a signal handler, amid our own work
        self.begin()
        return self._flusher.flush_one(self, STEP_SECONDS)

    # --- sending and ending; called by the flusher

    def is_due(self) -> bool:
        """Take a look at what has arrived: whether it is time to flush."""
        waiting = len(self.arrivals)
        if self._sender.definition.stored is not None or waiting >= DRAIN_AT:
            # Not before the definition is known: it decides how arrivals are cut.
            self._pending.drain()
            waiting = 0
        room = self._pending.room_to_limit()
        if self._notice_at and not self._flusher.is_ending:
            at_limit = room if self._flusher.outage.may_try() else None
            self._notice_at = DRAIN_AT if at_limit is None else min(max(1, at_limit), DRAIN_AT)
        if room is not None and waiting >= room:
            return True
        return time.monotonic() >= self._next_flush

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

    def is_unsure(self) -> bool:
        """Whether a batch has been sent of which nobody knows whether it was counted."""
        return self._sender.is_unsure()

    def tell(self) -> None:
        """Warn of what has come up."""
        self._sender.tell()

    def end_batching(self) -> None:
        """Bring every arrival from now on to `_notice`."""
        self._notice_at = 0

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return self._pending.is_interrupted() or self._sender.definition.is_interrupted()

    def has_arrivals(self) -> bool:
        """Whether anything has arrived that nobody has looked at."""
        return bool(self.arrivals)

    def drop_arrivals(self) -> None:
        """Book what came after the end."""
        self._pending.try_drain(_AT_ONCE)

    def give_up(self, *, closed: bool) -> int:
        """Drop what is pending as `shutdown`; return how many events that was.

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
        """Whether there are events that the store has not confirmed."""
        return self.snapshot()[1] > 0

    def snapshot(self) -> tuple[Ledger, int]:
        """Where the group's events went, and how many are pending."""
        return self._pending.snapshot()

    @property
    def source(self) -> str:
        """The source that counts in this process at present."""
        return self._sender.source

    @property
    def last_flush(self) -> float | None:
        """Unix time of the last flush that succeeded."""
        return self._sender.last_flush
