"""What was said in a program and is not yet in the store: what records and messages share.

The way of each: `arrivals` (one append) -> drained into parts -> taken into a batch, the oldest
first -> under way -> acknowledged. A part is what is sent of one thing: of one kind of record in
one second, or of one logger with one severity.

The thread that logs only appends; all else is done with the lock held, in the flusher's thread as
a rule. Memory is bounded: beyond it the oldest parts go, into the drop counter `memory`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

from ecl_logging.ledgers import Booked, Ledger
from ecl_logging.locks import Interrupted, do_alone, unless_mine
from ecl_logging.stores.keeping import AT_ONCE, Receipt

__all__ = ["REASONS", "Part", "PendingParts", "Taken"]

REASONS = (
    "memory",  # no room while the store was away
    "closed",  # came after close()
    "shutdown",  # could not be sent before the process ended
    "unknown",  # sent, and never heard of again for six days
    "server_forgot",  # acknowledged by a store that has lost it since
)

_BATCH_SIZE = 2**20  # characters, about, of one batch
_MOST_PARTS, _LARGEST_SIZE = 20_000, 32 * 2**20  # that wait


class Part(Protocol):
    """What is sent of one thing."""

    amount: int  # records or messages
    size: int  # characters


_Part = TypeVar("_Part", bound=Part)
_Key = TypeVar("_Key")
_Arrival = TypeVar("_Arrival")


@dataclass(frozen=True, slots=True)
class Taken(Generic[_Part]):
    """Parts taken out for one batch."""

    parts: tuple[_Part, ...]
    amount: int


class PendingParts(Booked, Generic[_Arrival, _Key, _Part]):
    """Parts on their way to the store. Thread safe."""

    reasons: tuple[str, ...] = REASONS

    at_once = AT_ONCE
    """So many parts a batch may have."""

    left_out = 0
    """How much the store has not kept, by its last receipt."""

    def __init__(self) -> None:
        self.arrivals: deque[_Arrival] = deque()
        self.reset()

    def reset(self) -> None:
        """Start with nothing, as a forked child does. Takes no lock: a new one is made."""
        self._lock = threading.RLock()
        self.arrivals.clear()
        self._start()

    def _start(self) -> None:
        self.ledger = Ledger.of(self.reasons)
        self._parts: dict[_Key, _Part] = {}
        self._size = 0
        self._under_way: Taken[_Part] | None = None
        self._closed_as: str | None = None

    def set_aside(self) -> Callable[[], None]:
        """Begin anew; return what puts back what is here now.

        Whatever arrives meanwhile goes to either side; nothing is lost in between.
        """
        with unless_mine(self._lock):
            self._drain()
            before = {name: getattr(self, name) for name in _STATE}
            self._start()

        def put_back() -> None:
            with unless_mine(self._lock):
                self._drain()
                vars(self).update(before)

        return put_back

    # --- in

    def _take_in(self, arrival: _Arrival) -> None:
        """Add an arrival to its part, and count it."""
        raise NotImplementedError

    def drain(self) -> bool:
        """Drain; return whether there is anything to send."""
        with unless_mine(self._lock):
            self._drain()
            return bool(self._parts) or self._under_way is not None

    def try_drain(self, most: int) -> None:
        """Drain so many, unless somebody is at it. For threads that log: never waits."""
        with contextlib.suppress(Interrupted):
            do_alone(self._lock, lambda: self._drain(most))

    def _drain(self, most: int | None = None) -> None:
        arrivals = self.arrivals
        waiting = len(arrivals)
        for _ in range(waiting if most is None else min(waiting, most)):
            self._take_in(arrivals[0])
            arrivals.popleft()
        if len(self._parts) > _MOST_PARTS or self._size > _LARGEST_SIZE:
            self._make_room()

    def _make_room(self) -> None:
        # Looked for once: of a dict that has lost many, the first one is far from its beginning.
        for oldest in list(self._parts):
            if len(self._parts) <= _MOST_PARTS and self._size <= _LARGEST_SIZE:
                return
            part = self._parts[oldest]
            self.ledger.dropped["memory"] += part.amount
            self._size -= part.size
            del self._parts[oldest]

    # --- out

    def freeze(self) -> Taken[_Part] | None:
        """Take out parts for one batch, the oldest; None when there are none.

        They are under way, and returned again, until `acknowledge` or `drop_under_way`.
        """
        with unless_mine(self._lock):
            if self._under_way is None and self._parts:
                self._take_oldest()
            return self._under_way

    def _take_oldest(self) -> None:
        keys: list[_Key] = []
        size = 0
        for key, part in islice(self._parts.items(), self.at_once):
            if keys and size + part.size > _BATCH_SIZE:
                break
            keys.append(key)
            size += part.size
        left = dict(islice(self._parts.items(), len(keys), None))
        parts = tuple(self._parts[key] for key in keys)
        taken = Taken(parts, sum(part.amount for part in parts))
        self._under_way, self._parts, self._size = taken, left, self._size - size

    def acknowledge(self, receipt: Receipt) -> None:
        """The batch under way has been taken in."""
        with unless_mine(self._lock):
            taken, ledger = self._under_way, self.ledger
            self.left_out = 0
            if taken is None:
                return  # given up at the end, while the store was thinking
            dropped = dict(ledger.dropped)
            for reason, amount in self._left_out(taken, receipt).items():
                dropped[reason] += amount
                self.left_out += amount
            applied = ledger.applied + taken.amount - self.left_out
            # From here on nothing is called, so that no signal handler comes in between.
            self._under_way = None
            ledger.applied, ledger.dropped = applied, dropped
            ledger.ahead += receipt.ahead
            ledger.other += receipt.other

    def _left_out(self, taken: Taken[_Part], receipt: Receipt) -> dict[str, int]:
        """Return how much of it the store has not kept, by the reason for which that is dropped."""
        raise NotImplementedError

    def drop_under_way(self, reason: str) -> int:
        """Give up the batch under way; return how much it had."""
        with unless_mine(self._lock):
            taken = self._under_way
            if taken is None:
                return 0
            self._under_way = None
            self.ledger.dropped[reason] += taken.amount
            return taken.amount

    def close(self, *, reason_from_now_on: str | None) -> int:
        """Drop what is pending as `shutdown`; return how much that was.

        What arrives later, or has since the last drain, is dropped for the reason given; with
        None, it is taken in.
        """
        with unless_mine(self._lock):
            self._closed_as = reason_from_now_on
            self._drain()
            left = self._amount()
            self._under_way, self._parts, self._size = None, {}, 0
            self.ledger.dropped["shutdown"] += left
            return left

    def _amount(self) -> int:
        under_way = self._under_way.amount if self._under_way is not None else 0
        return under_way + sum(part.amount for part in list(self._parts.values()))


_STATE = ("ledger", "_parts", "_size", "_under_way", "_closed_as")
