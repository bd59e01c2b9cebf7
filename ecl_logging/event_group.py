"""EventGroup: counting in one group, and reading it; DummyEventGroup where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ecl_logging.batches import DRAIN_AT, Ledger, PendingCounts
from ecl_logging.config import GroupConfig, find_interval
from ecl_logging.errors import ConfigError
from ecl_logging.event_ids import MAX_LENGTH, InvalidEvent, amount_of, text_of
from ecl_logging.intervals import Interval
from ecl_logging.sender import STEP_SECONDS, Sender
from ecl_logging.views import CURRENT, LAST, read_views

if TYPE_CHECKING:
    from ecl_logging.groups import EventCountLogger

__all__ = ["DummyEventGroup", "EventGroup"]

_DEFAULT_SYNC_SECONDS = 1.0


class EventGroup:
    """Counts events of one group, and reads them. Thread safe.

    Made by `EventCountLogger.get_group`.
    """

    def __init__(self, config: GroupConfig, owner: EventCountLogger) -> None:
        self.name = config.name
        self.config = config
        self._owner = owner
        self._pending = PendingCounts(
            config.intervals, config.events, any_id=config.auto_declare_events
        )
        self._sender = Sender(config, self._pending, lambda: owner.store, owner.outage)
        self._arrivals = self._pending.arrivals
        self._append = self._arrivals.append
        self._is_direct = config.sync_interval is None and config.sync_limit is None
        self.batch_by(None, None)

    def batch_by(self, sync_interval: float | None, sync_limit: int | None) -> None:
        """Set how a handler's events are batched where the group's definition says nothing."""
        limit = self.config.sync_limit or (sync_limit if self._is_direct else None)
        self.period = self.config.sync_interval or sync_interval or _DEFAULT_SYNC_SECONDS
        self._limit = limit
        self._pending.limit_to(limit)
        self._drain_at = 0  # arrivals that bring the next one to `_notice`
        self.next_flush = 0.0

    def log(self, event_id: object, count: object = 1) -> None:
        """Count an event, `count` times. Never raises.

        `event_id`: 1 to 200 printable characters, not starting with '@'; a whole number or
        an Enum with a text value becomes text. `count`: a whole number from 0 to 2^53. What
        is neither counts one under `@invalid`. An ID that the group does not have is dropped
        with a warning, unless it declares IDs by itself.

        In a group with `sync_interval` or `sync_limit` this only notes the event. In any
        other it writes to the store, and waits for one round trip at most; what could not be
        written stays pending.
        """
        self.arrive(event_id, count, time.time())
        if self._is_direct:
            self._write_through()

    def arrive(self, event_id: object, count: object, created: float) -> None:
        """Note an event of the time `created`. Never blocks, never raises."""
        if (
            event_id.__class__ is str
            and len(event_id) <= MAX_LENGTH
            and count.__class__ is int
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
        """Note a value that is no event. Never blocks, never raises."""
        self._pending.note_invalid(reason)
        self._append((None, 1, created))
        self._notice()

    def _notice(self) -> None:
        """See to the arrivals, on the thread that logs. Never blocks, never raises."""
        if self._owner.is_ending:
            self._owner.count_at_the_end(self)
            return
        self._owner.be_running()
        if self._limit is None and len(self._arrivals) < DRAIN_AT:
            self._drain_at = DRAIN_AT
            return
        room = self._pending.try_drain()
        if room is None:
            return
        if room == 0:
            self.next_flush = 0.0
            self._owner.wake()
        self._drain_at = max(1, room)

    def _write_through(self) -> None:
        if self._owner.is_ending:
            return  # `_notice` has seen to it
        if not self._owner.may_try() or not self._sender.flush(STEP_SECONDS):
            self._notice()

    # --- for the EventCountLogger that it belongs to

    def after_fork(self) -> None:
        """Start with nothing pending. Called in the child; only assigns."""
        self._pending.reset()
        self._sender.reset()
        self._drain_at = 0
        self.next_flush = 0.0

    def expect(self, event_ids: Iterable[str]) -> None:
        """Know these IDs; the store is told with the next flush. Does no I/O."""
        self._sender.expect(event_ids)

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

    def drop_arrivals(self) -> None:
        """Book what came after the end. Never blocks."""
        self._pending.try_drain()

    def give_up(self, *, closed: bool) -> int:
        """Drop what is pending as `shutdown`; return how many events that was.

        Raises Interrupted in a signal handler that came into the midst of our work.
        """
        left = self._pending.close(reason_from_now_on="closed" if closed else None)
        self._sender.give_up()
        return left

    def end_batching(self) -> None:
        """Bring every arrival from now on to `_notice`."""
        self._drain_at = 0

    # --- sending

    def sync(self, timeout: float | None = None) -> bool:
        """Write everything that is pending now. Waits for the store; True when nothing is left."""
        return self._sender.flush(timeout)

    def declare_event_id(self, event_id: object) -> None:
        """Make an ID known to every process that counts in the group; see `declare_event_ids`."""
        self.declare_event_ids([event_id])

    def declare_event_ids(self, event_ids: Iterable[object]) -> None:
        """Make IDs known to every process that counts in the group.

        Waits for the store. Where it is away, they are known here at once, and elsewhere when
        it is back. Raises ConfigError for what is no event ID.
        """
        problems, texts = [], []
        for event_id in event_ids:
            try:
                texts.append(text_of(event_id))
            except InvalidEvent as reason:
                problems.append(f"group {self.name}: event ID {reason}")
        if problems:
            raise ConfigError(problems)
        self._sender.declare(texts)

    # --- reading

    def get_counts(self, interval: str, current: bool = False) -> dict[str, int]:  # noqa: FBT001, FBT002 - the signature of event_count_logger
        """Return the counts of the last finished bucket, or of the current one.

        Declared IDs are there also at zero. With `current`, what this process has pending is
        sent first, and so included. Waits for the store; raises StoreUnavailable, and
        ConfigError for an interval that the group does not have.
        """
        return self._counts(interval, CURRENT if current else LAST)

    def get_last_count(self, event_id: str, interval: str) -> int:
        """Return one ID's count in the last finished bucket; see `get_counts`."""
        return self.get_counts(interval).get(event_id, 0)

    def get_current_count(self, event_id: str, interval: str) -> int:
        """Return one ID's count in the current bucket; see `get_counts`."""
        return self.get_counts(interval, current=True).get(event_id, 0)

    def get_current_counts(self, event_id: str) -> dict[str, int]:
        """Return one ID's count in the current bucket of each interval, as {'5s': 3, ...}."""
        intervals, _ = self._definition()
        return {i.text: self.get_current_count(event_id, i.text) for i in intervals}

    def get_history(self, interval: str, n: int | None = None) -> list[tuple[int, dict[str, int]]]:
        """Return the last `n` finished buckets as (start, counts), oldest first.

        `n` is at most the group's history, and that by default. A bucket in which nothing was
        counted has zeros. Waits and raises as `get_counts` does.
        """
        intervals, declared = self._definition()
        found = find_interval(interval, intervals, self.name)
        most = self.config.history
        definition = self._owner.store.definition(self.name)
        if definition is not None:
            most = definition.history
        ages = range(min(most, most if n is None else max(0, n)), 0, -1)
        views = read_views(self._owner.store, self.name, found, declared=declared, ages=ages)
        return [(view.start, view.counts) for view in views]

    def _counts(self, interval: str, age: int) -> dict[str, int]:
        intervals, declared = self._definition()
        found = find_interval(interval, intervals, self.name)
        if age == CURRENT:
            self.sync()
        views = read_views(self._owner.store, self.name, found, declared=declared, ages=[age])
        return views[0].counts

    def _definition(self) -> tuple[tuple[Interval, ...], frozenset[str]]:
        """Intervals and declared IDs: the store's, and those that it has not been told yet."""
        definition = self._owner.store.definition(self.name)
        own = self._sender.wanted.events
        if definition is None:
            return self.config.intervals, own
        return definition.intervals, definition.events | own


class DummyEventGroup:
    """Stands in for a group that is not configured: writers do nothing, readers return nothing."""

    name = ""

    def log(self, event_id: object, count: object = 1) -> None:
        """Do nothing."""

    def arrive(self, event_id: object, count: object, created: float) -> None:
        """Do nothing."""

    def sync(self, timeout: float | None = None) -> bool:
        """Return True: nothing is pending."""
        return True

    def declare_event_id(self, event_id: object) -> None:
        """Do nothing."""

    def declare_event_ids(self, event_ids: Iterable[object]) -> None:
        """Do nothing."""

    def get_counts(self, interval: str, current: bool = False) -> dict[str, int]:  # noqa: FBT001, FBT002 - as in EventGroup
        """Return no counts."""
        return {}

    def get_last_count(self, event_id: str, interval: str) -> int:
        """Return 0."""
        return 0

    def get_current_count(self, event_id: str, interval: str) -> int:
        """Return 0."""
        return 0

    def get_current_counts(self, event_id: str) -> dict[str, int]:
        """Return no counts."""
        return {}

    def get_history(self, interval: str, n: int | None = None) -> list[tuple[int, dict[str, int]]]:
        """Return no buckets."""
        return []
