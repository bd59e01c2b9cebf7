"""Counting in one group in one process: from a call of the program to pending counts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from ecl_logging.batches import PendingCounts
from ecl_logging.batching import Batching
from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.event_ids import MAX_LENGTH, InvalidEvent, amount_of, text_of
from ecl_logging.flusher import Flusher
from ecl_logging.locks import Interrupted
from ecl_logging.measures import number_of
from ecl_logging.observed import Values, invalid_value
from ecl_logging.sender import Sender
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import Definition

__all__ = ["GroupCounter"]

_DEFAULT_SYNC_SECONDS = 1.0
_MOST_MEASURES = 100  # that calls of a program may add to a group: each is some hundred cells
_MANY_VALUES = 100_000  # may wait; then the thread is woken to make counts of them


class GroupCounter(Batching):
    """Takes in events of one group, and has them sent. Thread safe.

    Methods never block and never raise, unless they say so.
    """

    _pending: PendingCounts
    _sender: Sender

    def __init__(self, config: GroupConfig, flusher: Flusher) -> None:
        self.config = config
        self._flusher = flusher
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
        self._measures = frozenset(config.measures)
        self._values = 0  # about so many wait
        self.arrivals = self._pending.arrivals
        self._append = self.arrivals.append
        self._pending.limit_to(self._limit)
        self._begin()

    def set_aside(self) -> Callable[[], None]:
        """Begin anew, as if nothing had been counted; return what puts all back as it was.

        What is pending waits until then.
        """
        names = ("_pending", "_sender", "arrivals", "_append", "_measures")
        before = {name: getattr(self, name) for name in names}
        wanted = self._sender.definition.wanted
        self._open()
        self._sender.definition.expect(wanted.events)
        for measure in wanted.measures:
            self._add_measure(measure)

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

    def batch_by(self, sync_interval: float | None, sync_limit: int | None) -> None:
        """Set how a handler's events are batched where the group's definition says nothing."""
        self._period = self.config.sync_interval or sync_interval or _DEFAULT_SYNC_SECONDS
        self._limit = self.config.sync_limit or sync_limit
        self._pending.limit_to(self._limit)
        self._flusher.tallies.forget_kinds()  # which have no fast path where there is a limit
        self._sender.note_period(self._period)
        self._begin()

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

    def observe(self, measure: str, value: object, created: float) -> None:
        """Note a value of a measure at the time `created`."""
        try:
            number = number_of(value)
        except InvalidEvent as reason:
            self.arrive_invalid(invalid_value(measure, reason), created)
        else:
            if measure not in self._measures:
                self._add_measure(measure)
            self._append((Values(measure, (number,)), 1, created))
            if len(self.arrivals) >= self._notice_at:
                self._notice()

    def observe_by_name(self, name: object, value: object, created: float) -> str | None:
        """Note a value of a measure that a program names; return the name if it is one."""
        try:
            measure = text_of(name)
        except InvalidEvent as reason:
            self.arrive_invalid(f"has a measure whose name {reason}", created)
            return None
        except Exception:  # noqa: BLE001 - as above
            self.arrive_invalid("has a measure whose name raises when it is looked at", created)
            return None
        if measure not in self._measures and len(self._measures) >= _MOST_MEASURES:
            beyond = f"has a measure beyond the {_MOST_MEASURES} of its group"
            self.arrive_invalid(beyond, created)
            return None
        self.observe(measure, value, created)
        return measure

    def _add_measure(self, measure: str) -> None:
        with contextlib.suppress(Interrupted):
            if self._sender.definition.expect_measure(measure):
                self._measures |= {measure}

    def see_to_values(self, n: int) -> None:
        """See that somebody makes counts of the values that wait, of which `n` more do now."""
        self._values += n
        if self._values >= _MANY_VALUES:
            self._flusher.wake()

    def arrive_invalid(self, reason: str, created: float) -> None:
        """Note a value that is no event."""
        self._pending.note_invalid(reason)
        self._append((None, 1, created))
        self._notice()

    def write_through(self) -> None:
        """Have what has arrived written, and wait for one round trip at most."""
        if not self._flusher.is_ending and self._flusher.outage.may_try():
            self._flusher.write_through(self, STEP_SECONDS)

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
        if (
            self._sender.definition.stored is not None
            or waiting >= self.drain_at
            or self._values >= _MANY_VALUES
        ):
            # Not before the definition is known: it decides how arrivals are cut.
            self._values = 0
            self._pending.drain()
            waiting = 0
        room = self._pending.room_to_limit()
        if self._notice_at and not self._flusher.is_ending:
            at_limit = room if self._flusher.outage.may_try() else None
            most = self.drain_at
            self._notice_at = most if at_limit is None else min(max(1, at_limit), most)
        if room is not None and waiting >= room:
            return True
        return time.monotonic() >= self._next_flush

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return super().is_interrupted() or self._sender.definition.is_interrupted()
