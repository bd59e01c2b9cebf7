"""The in-process side: what was counted and is not yet in the store.

A record's way through here: `arrivals` (one append) -> drained into counts by stretch ->
frozen, oldest stretch first -> under way in a batch -> acknowledged, into `Ledger.applied`.

Every event is in one of these places or in a drop counter at any time, and moves between
them with the lock held. So the sums add up whenever somebody looks.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ecl_logging.event_ids import InvalidEvent, check_text
from ecl_logging.stores.protocols import Reply, events_in
from ecl_logging.stretches import Frozen, Stretch, Stretches

if TYPE_CHECKING:
    from ecl_logging.intervals import Interval

__all__ = ["DROP_REASONS", "Interrupted", "Ledger", "PendingCounts"]

DROP_REASONS = (
    "undeclared",  # an ID that the group does not have
    "invalid",  # no event ID, or no count
    "bad_cell",  # the store's cell could not take it, in any interval
    "memory",  # no room while the store was away
    "closed",  # came after close()
    "shutdown",  # could not be sent before the process ended
    "unknown",  # sent, and never heard of again for six days
    "server_forgot",  # acknowledged by a store that has lost it since
)

DRAIN_AT = 10_000
"""So many arrivals may wait; then the thread is woken to drain them. About 1 MiB."""

CROWD = 20_000
"""So many, and the thread does not come: whoever adds one drains some."""

MAX_CELLS = 100_000
"""So many counts (of one ID in one stretch) are kept apart; beyond, stretches are merged."""


class Interrupted(Exception):  # noqa: N818 - a state, handled by its only callers
    """This thread holds the lock already: a signal handler has come in between."""


@dataclass(slots=True)
class Ledger:
    """Where every event of a group went, in numbers of events."""

    counted: int = 0
    applied: int = 0
    late: int = 0
    ahead: int = 0
    other: int = 0
    retries: int = 0  # batches sent again
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DROP_REASONS, 0))


class PendingCounts:
    """Counts of one group on their way to the store. Thread safe.

    Arrivals are appended to a deque: one call into C, which neither another thread nor a
    signal handler can see half done, so counting needs no lock. All else happens with the
    lock held, in the flusher's thread as a rule; a thread that logs never waits for it.
    """

    def __init__(
        self, intervals: tuple[Interval, ...], declared: Iterable[str], *, any_id: bool
    ) -> None:
        """`any_id`: the group declares unknown IDs by itself."""
        self.arrivals: deque[tuple[str | None, int, float]] = deque()
        self._intervals = intervals
        self._known = frozenset(declared)
        self._any_id = any_id
        self._limit: int | None = None
        self.reset()

    def reset(self) -> None:
        """Start with nothing, as a forked child does. Takes no lock: a new one is made."""
        self._lock = threading.RLock()
        self.arrivals.clear()
        self.ledger = Ledger()
        self._stretches = Stretches(MAX_CELLS)
        self._under_way = 0
        self._closed_as: str | None = None
        self._frozen: Frozen | None = None  # what is under way
        self._since_flush: dict[str, int] = {}  # counts of each ID, where there is a limit
        self._most = 0  # the largest of them
        self._invalid_reasons: dict[str, bool] = {}  # reason -> already told

    def _held(self) -> threading.RLock:
        """Return the lock, to be held by `with`.

        Raises Interrupted where this thread holds it already. (`with` takes a lock and lets go
        of it without a moment in between at which a signal handler could raise.)
        """
        if self.is_interrupted():
            raise Interrupted
        return self._lock

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]  # as Condition does

    # --- in

    def note_invalid(self, reason: str) -> None:
        """Remember why a value was invalid, to be told once. The arrival itself has no ID."""
        self._invalid_reasons.setdefault(reason, False)

    def limit_to(self, sync_limit: int | None) -> None:
        """Watch for one ID to reach `sync_limit` between two flushes."""
        self._limit = sync_limit

    def try_drain(self, most: int) -> None:
        """Drain so many, unless somebody is at it. For threads that log: never waits."""
        if self.is_interrupted():
            return
        try:
            if self._lock.acquire(blocking=False):
                self._drain(most)
        finally:
            # In line, because a signal handler can raise where a function is entered: the lock
            # must not be left behind.
            try:  # noqa: SIM105 - as said
                self._lock.release()
            except RuntimeError:
                pass  # it was not had

    def room_to_limit(self) -> int | None:
        """How many may be counted before an ID can have reached the limit; None without one."""
        return max(0, self._limit - self._most) if self._limit else None

    def drain(self) -> bool:
        """Drain; return whether there is anything to send."""
        with self._held():
            self._drain()
            return self._frozen is not None or self._stretches.has_any()

    def _drain(self, most: int | None = None) -> None:
        """Move arrivals into their stretches, all or so many. Call with the lock held.

        Each is taken away when it has been counted, not before: a signal handler can raise in
        here, and what it finds in hand would be lost.
        """
        arrivals, ledger = self.arrivals, self.ledger
        popleft = arrivals.popleft
        stretch = self._stretches.latest
        start, end, counts = stretch.start, stretch.end, stretch.counts
        waiting = len(arrivals)
        for _ in range(waiting if most is None else min(waiting, most)):
            event_id, n, created = arrivals[0]
            # A record made by hand can have any object as its time, and that say anything.
            kind = type(created)
            is_latest = (kind is float or kind is int) and start <= created < end
            if self._closed_as is not None:
                ledger.dropped[self._closed_as] += n
            else:
                if not is_latest:
                    stretch = self._stretches.at(created, self._intervals)
                    start, end, counts = stretch.start, stretch.end, stretch.counts
                if self._limit and event_id is not None:
                    self._note_towards_limit(event_id, n)
                if event_id in counts:
                    counts[event_id] += n
                else:
                    self._add_first(stretch, event_id, n)
            # From the addition to here no function is entered: that is where Python looks for
            # signals.
            ledger.counted += n
            popleft()

    def _note_towards_limit(self, event_id: str, n: int) -> None:
        if len(self._since_flush) >= DRAIN_AT and event_id not in self._since_flush:
            return  # an outage with many IDs: there is no flush to bring on
        count = self._since_flush[event_id] = self._since_flush.get(event_id, 0) + n
        self._most = max(self._most, count)

    def _add_first(self, stretch: Stretch, event_id: str | None, n: int) -> None:
        """Add an ID that the stretch's counts do not have yet."""
        reason = None
        if event_id is not None:
            try:
                check_text(event_id)
            except InvalidEvent as invalid:
                reason = str(invalid)
                self.note_invalid(reason)
        if event_id is None or reason is not None:
            stretch.invalid += 1
            self.ledger.dropped["invalid"] += n
            return
        is_known = event_id in self._known
        counts = stretch.counts if is_known or self._any_id else stretch.unsure
        if event_id in counts:
            counts[event_id] += n
        elif self._stretches.has_room() or is_known:
            self._stretches.add_cell(counts, event_id, n)
        elif self._any_id:
            stretch.other += n
        else:
            self.ledger.dropped["memory"] += n

    # --- out

    def follow(self, intervals: tuple[Interval, ...], declared: Iterable[str]) -> None:
        """Cut by `intervals` from now on, and know these IDs."""
        with self._held():
            self._drain()  # what is there was logged under the old definition
            self._intervals = intervals
            self._known = frozenset(declared)
            self._stretches.forget_latest()

    def knows(self, event_id: str) -> bool:
        """Whether the ID is declared, as far as this process has heard."""
        return event_id in self._known

    def has_unsure(self) -> bool:
        """Whether IDs wait here for the store to say that it knows them."""
        with self._held():
            return self._stretches.has_unsure()

    def settle_unsure(self) -> list[str]:
        """Count the IDs that are known by now, drop and return the others."""
        with self._held():
            undeclared = self._stretches.settle_unsure(self._known)
            self.ledger.dropped["undeclared"] += sum(undeclared.values())
            return list(undeclared)

    def freeze(self) -> Frozen | None:
        """Take out counts of the oldest stretch for one batch; None when there are none.

        They are under way, and returned again, until `acknowledge` or `drop_under_way`.
        """
        with self._held():
            if self._frozen is None:
                self._since_flush.clear()
                self._most = 0
                self._frozen = self._stretches.freeze_oldest()
                self._under_way = events_in(self._frozen.counts) if self._frozen else 0
            return self._frozen

    def acknowledge(self, reply: Reply) -> None:
        """The batch under way has been applied."""
        with self._held():
            self._frozen = None
            if not self._under_way:
                return  # notes only, or given up at the end while the store was thinking
            ledger = self.ledger
            ledger.applied += self._under_way - reply.dropped
            ledger.dropped["bad_cell"] += reply.dropped
            ledger.late += reply.late
            ledger.ahead += reply.ahead
            ledger.other += reply.other
            self._under_way = 0

    def drop_under_way(self, reason: str) -> int:
        """Give up the batch under way; return how many events it had."""
        with self._held():
            dropped, self._under_way, self._frozen = self._under_way, 0, None
            self.ledger.dropped[reason] += dropped
            return dropped

    def forget_applied(self, events: int) -> None:
        """The store has lost this many events that it had acknowledged."""
        with self._held():
            self.ledger.applied -= events
            self.ledger.dropped["server_forgot"] += events

    def sent_again(self) -> None:
        """A batch is sent once more."""
        with self._held():
            self.ledger.retries += 1

    def close(self, *, reason_from_now_on: str | None) -> int:
        """Drop what is pending as `shutdown`; return how many events that was.

        What arrives later, or has since the last drain, is dropped for the reason given; with
        None, it is counted.
        """
        with self._held():
            self._closed_as = reason_from_now_on
            self._drain()
            left = self._under_way + self._stretches.events()
            self.ledger.dropped["shutdown"] += left
            self._stretches = Stretches(MAX_CELLS)
            self._under_way, self._frozen = 0, None
            return left

    # --- looking at it

    def snapshot(self) -> tuple[Ledger, int]:
        """The ledger as it stands, and the number of events that are pending."""
        try:
            with self._held():
                self._drain()
                return self._snapshot()
        except Interrupted:
            ledger, pending = self._snapshot()
            # An event may be in hand, counted and not yet noted as such.
            ledger.counted = ledger.applied + pending + sum(ledger.dropped.values())
            return ledger, pending

    def _snapshot(self) -> tuple[Ledger, int]:
        ledger = dataclasses.replace(self.ledger, dropped=dict(self.ledger.dropped))
        return ledger, self._under_way + self._stretches.events()

    def take_news(self) -> tuple[list[str], int]:
        """Reasons of invalid values, and events whose stretches merged, since the last call."""
        with self._held():
            reasons = [reason for reason, told in list(self._invalid_reasons.items()) if not told]
            self._invalid_reasons.update(dict.fromkeys(reasons, True))
            blurred, self._stretches.blurred = self._stretches.blurred, 0
        return reasons, blurred
