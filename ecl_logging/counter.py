"""Counting in one group in one process: from a call of the program to pending counts."""

from __future__ import annotations

from collections.abc import Iterable

from ecl_logging.batches import DRAIN_AT, Ledger, PendingCounts
from ecl_logging.event_ids import MAX_LENGTH, InvalidEvent, amount_of, text_of
from ecl_logging.flusher import Flusher
from ecl_logging.sender import STEP_SECONDS, Sender
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import Definition

__all__ = ["GroupCounter"]

_DEFAULT_SYNC_SECONDS = 1.0


class GroupCounter:
    """Takes in events of one group, and has them sent. Thread safe.

    Methods never block and never raise, unless they say so.
    """

    def __init__(self, config: GroupConfig, flusher: Flusher) -> None:
        self.config = config
        self._flusher = flusher
        self._pending = PendingCounts(
            config.intervals, config.events, any_id=config.auto_declare_events
        )
        self._sender = Sender(config, self._pending, lambda: flusher.store, flusher.outage)
        self._arrivals = self._pending.arrivals
        self._append = self._arrivals.append
        self.is_direct = config.sync_interval is None and config.sync_limit is None
        self.batch_by(None, None)

    def batch_by(self, sync_interval: float | None, sync_limit: int | None) -> None:
        """Set how a handler's events are batched where the group's definition says nothing."""
        self.period = self.config.sync_interval or sync_interval or _DEFAULT_SYNC_SECONDS
        self._limit = self.config.sync_limit or (sync_limit if self.is_direct else None)
        self._pending.limit_to(self._limit)
        self._drain_at = 0  # so many arrivals bring the next one to `_notice`
        self.next_flush = 0.0

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
            if len(self._arrivals) >= self._drain_at:
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
                self._notice()

    def arrive_invalid(self, reason: str, created: float) -> None:
        """Note a value that is no event."""
        self._pending.note_invalid(reason)
        self._append((None, 1, created))
        self._notice()

    def write_through(self) -> None:
        """Write what has arrived, and wait for one round trip at most."""
        if self._flusher.is_ending:
            return  # `_notice` has seen to it
        if not self._flusher.outage.may_try() or not self._sender.flush(STEP_SECONDS):
            self._notice()

    def _notice(self) -> None:
        """See to the arrivals, on the thread that logs."""
        if self._flusher.is_ending:
            self._flusher.count_at_the_end(self)
            return
        is_running = self._flusher.be_running()
        if self._limit is None and len(self._arrivals) < DRAIN_AT:
            if is_running:
                self._drain_at = DRAIN_AT
            return
        room = self._pending.try_drain()
        if room is None:
            return
        if room == 0:
            self.next_flush = 0.0
            self._flusher.wake()
        self._drain_at = max(1, room)

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
        return self._sender.wanted

    def expect(self, event_ids: Iterable[str]) -> None:
        """Know these IDs; the store is told with the next flush."""
        self._sender.expect(event_ids)

    def declare(self, event_ids: Iterable[str]) -> bool:
        """Know these IDs and tell the store. Waits for it; False where that has to wait."""
        return self._sender.declare(event_ids)

    # --- sending and ending

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is pending. Waits for the store; True when nothing is left."""
        return self._sender.flush(timeout)

    def end_batching(self) -> None:
        """Bring every arrival from now on to `_notice`."""
        self._drain_at = 0

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return self._pending.is_interrupted()

    def drop_arrivals(self) -> None:
        """Book what came after the end."""
        self._pending.try_drain()

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
        self._drain_at = 0
        self.next_flush = 0.0

    # --- looking at it

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
