"""Lines that wait to be sent: so many at most, and each of them is accounted for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LineQueue", "LineTotals"]


@dataclass(frozen=True, slots=True)
class LineTotals:
    """What has become of all lines: `pushed` is the sum of the other three."""

    pushed: int
    sent: int
    pending: int
    dropped: int


class LineQueue:
    """In the order in which they came. Thread safe; nothing is called with the lock held.

    Where there are too many, the oldest are dropped: who looks at a dashboard wants the newest.
    Lines that are being sent are not among them.

    A signal handler may push in the midst of a push, or raise. So a line and its count change in
    one stretch: with no call and no turn of a loop in between, where Python looks for signals.
    """

    def __init__(self, most: int) -> None:
        """`most` lines wait, beside those that are being sent."""
        self._most = most
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._under_way: list[bytes] = []
        self._amount = 0  # of those that wait
        self._sent = self._dropped = 0
        self._is_closed = False

    def put(self, lines: Iterable[bytes]) -> None:
        """Add lines; they are dropped where it is closed."""
        lines = list(lines)
        amount = len(lines)
        with self._lock:
            self._amount += amount
            self._waiting.extend(lines)
            self._drop()

    def take(self, most: int) -> list[bytes]:
        """Return the oldest lines, to be sent: `done` or `put_back` says how that ended."""
        with self._lock:
            amount = min(most, len(self._waiting))
            self._under_way = [self._waiting.popleft() for _ in range(amount)]
            self._amount -= amount
            return self._under_way

    def done(self) -> None:
        """What was taken was sent."""
        with self._lock:
            self._sent += len(self._under_way)
            self._under_way = []

    def put_back(self) -> None:
        """What was taken was not sent, or not all of it, and waits again."""
        with self._lock:
            self._waiting.extendleft(reversed(self._under_way))
            self._amount += len(self._under_way)
            self._under_way = []
            self._drop()

    def close(self) -> int:
        """Drop what waits, and what comes; return how much waited."""
        with self._lock:
            self._is_closed = True
            return self._drop()

    def _drop(self) -> int:
        most, dropped = 0 if self._is_closed else self._most, 0
        while self._amount > most:
            self._amount -= 1
            self._dropped += 1
            del self._waiting[0]
            dropped += 1
        return dropped

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to take."""
        return bool(self._waiting)

    def totals(self) -> LineTotals:
        """Return what has become of all lines, at this moment."""
        with self._lock:
            sent, pending, dropped = self._sent, self._amount, self._dropped
            pending += len(self._under_way)
            return LineTotals(sent + pending + dropped, sent, pending, dropped)
