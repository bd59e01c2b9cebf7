"""The in-process side: what was counted and is not yet in the store.

A record's way through here: `arrivals` (one append) -> drained into counts by stretch ->
frozen, oldest stretch first -> under way in a batch -> acknowledged, into `Ledger.applied`.

Every event is in one of these places or in a drop counter at any time, and moves between
them with the lock held. So the sums add up whenever somebody looks.

A signal handler can raise in the main thread wherever a function is entered, a loop turns or a
function in C returns. So what moves is added there and taken away here between two such moments:
by assignments that call nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ecl_logging.event_ids import InvalidEvent, check_text
from ecl_logging.ledgers import Booked, Ledger
from ecl_logging.locks import Interrupted, do_alone, unless_mine
from ecl_logging.observed import Values
from ecl_logging.stores.protocols import Reply
from ecl_logging.stretches import Frozen, Stretch, Stretches

if TYPE_CHECKING:
    from ecl_logging.intervals import Interval

__all__ = ["DROP_REASONS", "PendingCounts"]

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

_MOST_WATCHED = 10_000  # IDs whose counts may bring a flush on

_LOOK_AHEAD = 10  # arrivals; so many others may be between two values of a measure

MAX_CELLS = 100_000
"""So many counts (of one ID in one stretch) are kept apart; beyond, stretches are merged.

While the store takes what is sent, so many more than there are, up to 20 times as many in all:
then they go faster than they come, or nearly so.
"""


class Feed(Protocol):
    """What passes on events that are counted elsewhere; see `tallies`."""

    def harvest(self) -> None: ...
    def forget_kinds(self) -> None: ...


class PendingCounts(Booked):
    """Counts of one group on their way to the store. Thread safe.

    Arrivals are appended to a deque: one call into C, which neither another thread nor a
    signal handler can see half done, so counting needs no lock. All else happens with the
    lock held, in the flusher's thread as a rule; a thread that logs never waits for it.
    """

    def __init__(
        self,
        intervals: tuple[Interval, ...],
        declared: Iterable[str],
        *,
        any_id: bool,
        feed: Feed | None = None,
    ) -> None:
        """`any_id`: the group declares unknown IDs by itself."""
        self._feed = feed
        self.arrivals: deque[tuple[str | Values | None, int, float]] = deque()
        self._intervals = intervals
        self._known = frozenset(declared)
        self._any_id = any_id
        self._limit: int | None = None
        self.reset()

    def reset(self) -> None:
        """Start with nothing, as a forked child does. Takes no lock: a new one is made."""
        self._lock = threading.RLock()
        self.arrivals.clear()
        self.ledger = Ledger.of(DROP_REASONS)
        self._stretches = Stretches(MAX_CELLS)
        self._closed_as: str | None = None
        self._since_flush: dict[str, int] = {}  # counts of each ID, where there is a limit
        self._most = 0  # the largest of them
        self._invalid_reasons: dict[str, bool] = {}  # reason -> already told

    # --- in

    def note_invalid(self, reason: str) -> None:
        """Remember why a value was invalid, to be told once. The arrival itself has no ID."""
        self._invalid_reasons.setdefault(reason, False)

    def limit_to(self, sync_limit: int | None) -> None:
        """Watch for one ID to reach `sync_limit` between two flushes."""
        self._limit = sync_limit

    def try_drain(self, most: int) -> None:
        """Drain so many, unless somebody is at it. For threads that log: never waits."""
        with contextlib.suppress(Interrupted):
            do_alone(self._lock, lambda: self._drain(most))

    def room_to_limit(self) -> int | None:
        """How many may be counted before an ID can have reached the limit; None without one.

        None are, either way, where so many IDs wait that there would soon be no room for more.
        """
        if self._stretches.is_crowded():
            return 0
        return max(0, self._limit - self._most) if self._limit else None

    def drain(self) -> bool:
        """Drain; return whether there is anything to send."""
        self._gather()
        with unless_mine(self._lock):
            self._drain()
            return self._stretches.has_any()

    def _gather(self) -> None:
        """Have what the fast path has counted among the arrivals."""
        if self._feed is not None:
            self._feed.harvest()

    def _drain(self, most: int | None = None) -> None:
        """Move arrivals into their stretches, all or so many. Call with the lock held.

        Each is taken away when it has been counted, not before: a signal handler can raise in
        here, and what it finds in hand would be lost.
        """
        arrivals, ledger = self.arrivals, self.ledger
        popleft = arrivals.popleft
        stretches, known = self._stretches, self._known
        stretch = stretches.latest
        start, end, counts = stretch.start, stretch.end, stretch.counts
        room = stretches.room()
        left = len(arrivals) if most is None else min(len(arrivals), most)
        while left > 0:
            left -= 1
            event_id, n, created = arrivals[0]
            # A record made by hand can have any object as its time, and that say anything.
            kind = type(created)
            is_latest = (kind is float or kind is int) and start <= created < end
            if self._closed_as is not None:
                ledger.dropped[self._closed_as] += n
            else:
                if not is_latest:
                    stretch = stretches.at(created, self._intervals)
                    start, end, counts = stretch.start, stretch.end, stretch.counts
                if self._limit and type(event_id) is str:
                    self._note_towards_limit(event_id, n)
                if event_id in counts:
                    counts[event_id] += n
                elif room > 0 and event_id in known:
                    stretches.add_cell(counts, event_id, n)
                    room -= 1
                else:
                    left -= self._add_first(stretch, event_id, n)
                    room -= 1
            # From the addition to here nothing is called. It may have become more than `n`.
            ledger.counted += arrivals[0][1]
            popleft()

    def _note_towards_limit(self, event_id: str, n: int) -> None:
        if len(self._since_flush) >= _MOST_WATCHED and event_id not in self._since_flush:
            return  # an outage with many IDs: there is no flush to bring on
        count = self._since_flush[event_id] = self._since_flush.get(event_id, 0) + n
        self._most = max(self._most, count)

    def _add_first(self, stretch: Stretch, event_id: str | Values | None, n: int) -> int:
        """Add values, or an ID that the stretch's counts do not have yet.

        Returns how many arrivals have been added beside this one.
        """
        if isinstance(event_id, Values):
            taken_in = self._take_in_others(stretch, event_id)
            self._add_values(stretch, event_id)
            return taken_in
        self._add_first_id(stretch, event_id, n)
        return 0

    def _add_first_id(self, stretch: Stretch, event_id: str | None, n: int) -> None:
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

    def _take_in_others(self, stretch: Stretch, values: Values) -> int:
        """Put to the first arrival's values what comes soon after them and goes where they go.

        Values that came the careful way are alone, and it takes 20 times as long to work them out
        one by one; longer than a program takes to log them. Returns how many arrivals that were.
        """
        arrivals, taken_in, at, end = self.arrivals, 0, 1, _LOOK_AHEAD
        values.begin_growing()
        while at < min(len(arrivals), end) and values.may_grow():
            other, n, created = arrivals[at]
            kind = type(created)
            is_near = (kind is float or kind is int) and stretch.start <= created < stretch.end
            if is_near and isinstance(other, Values) and values.goes_with(other):
                first = arrivals[0]
                # These call nothing.
                values.raw += other.raw  # type: ignore[operator]
                arrivals[0] = (values, first[1] + n, first[2])
                del arrivals[at]
                taken_in, end = taken_in + 1, at + _LOOK_AHEAD
            else:
                at += 1
        return taken_in

    def _add_values(self, stretch: Stretch, values: Values) -> None:
        """Add values of a measure, all or none; each cell is taken away when it has been added."""
        values.work_out()
        counts, sums, dropped = stretch.counts, stretch.sums, self.ledger.dropped
        for reason in values.reasons:
            self.note_invalid(reason)
        cells, digits, invalid = values.cells, values.digits, values.invalid
        stretch.invalid += invalid
        dropped["invalid"] += invalid
        values.invalid = 0
        if not self._stretches.has_room() and not all(cell in counts for cell, _ in cells):
            left = sum(n for _, n in cells)
            dropped["memory"] += left
            values.cells = values.digits = []
            return
        while digits:
            cell, n = digits[-1]
            if cell in sums:
                sums[cell] += n
            else:
                sums[cell] = n
            del digits[-1]
        while cells:
            cell, n = cells[-1]
            if cell in counts:
                counts[cell] += n
            else:
                self._stretches.add_cell(counts, cell, n)
            del cells[-1]

    # --- out

    def follow(self, intervals: tuple[Interval, ...], declared: Iterable[str]) -> None:
        """Cut by `intervals` from now on, and know these IDs."""
        self._gather()
        with unless_mine(self._lock):
            self._drain()  # what is there was logged under the old definition
            self._intervals = intervals
            self._known = frozenset(declared)
            self._stretches.forget_latest()
        if self._feed is not None:
            self._feed.forget_kinds()

    def knows(self, event_id: str) -> bool:
        """Whether the ID is declared, as far as this process has heard."""
        return event_id in self._known

    def has_unsure(self) -> bool:
        """Whether IDs wait here for the store to say that it knows them."""
        with unless_mine(self._lock):
            return self._stretches.has_unsure()

    def settle_unsure(self) -> list[str]:
        """Count the IDs that are known by now, drop and return the others."""
        with unless_mine(self._lock):
            return self._stretches.settle_unsure(self._known, self.ledger.dropped)

    def freeze(self) -> Frozen | None:
        """Take out counts of the oldest stretch for one batch; None when there are none.

        They are under way, and returned again, until `acknowledge` or `drop_under_way`.
        """
        with unless_mine(self._lock):
            if self._stretches.frozen is None:
                self._since_flush.clear()
                self._most = 0
                self._stretches.freeze_oldest()
            return self._stretches.frozen

    def acknowledge(self, reply: Reply) -> None:
        """The batch under way has been applied."""
        with unless_mine(self._lock):
            frozen, ledger = self._stretches.frozen, self.ledger
            if frozen is None:
                return  # given up at the end, while the store was thinking
            self._stretches.make_way()
            self._stretches.frozen = None
            if frozen.events:  # not notes only
                ledger.applied += frozen.events - reply.dropped
                ledger.dropped["bad_cell"] += reply.dropped
                ledger.late += reply.late
                ledger.ahead += reply.ahead
                ledger.other += reply.other

    def drop_under_way(self, reason: str) -> int:
        """Give up the batch under way; return how many events it had."""
        with unless_mine(self._lock):
            frozen = self._stretches.frozen
            if frozen is None:
                return 0
            self._stretches.frozen = None
            self.ledger.dropped[reason] += frozen.events
            return frozen.events

    def close(self, *, reason_from_now_on: str | None) -> int:
        """Drop what is pending as `shutdown`; return how many events that was.

        What arrives later, or has since the last drain, is dropped for the reason given; with
        None, it is counted.
        """
        self._gather()
        with unless_mine(self._lock):
            self._closed_as = reason_from_now_on
            self._drain()
            left, none = self._stretches.events(), Stretches(MAX_CELLS)
            self._stretches = none
            self.ledger.dropped["shutdown"] += left
            return left

    # --- looking at it

    def _amount(self) -> int:
        return self._stretches.events()

    def take_news(self) -> tuple[list[str], int]:
        """Reasons of invalid values, and events whose stretches merged, since the last call."""
        with unless_mine(self._lock):
            reasons = [reason for reason, told in list(self._invalid_reasons.items()) if not told]
            self._invalid_reasons.update(dict.fromkeys(reasons, True))
            blurred, self._stretches.blurred = self._stretches.blurred, 0
        return reasons, blurred
