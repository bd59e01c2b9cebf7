"""Records that repeat, gathered by kind and second before they are sent.

Why there is no lock where a repeat is noted
--------------------------------------------
A known kind of record is looked up, its second compared, and the repeat noted in three slots.
CPython lets another thread run, and looks for signals, only where one of its functions is
entered, where a loop turns, and when a call has returned. From the comparison to the last of the
slots there is none of these: no call either, after which a signal handler could raise, and before
which a profiler is told. So whoever closes a `Seen`, by setting `end`, has all its repeats: nobody
can have seen it open, and note one later. All of it is one line, because a tracer may run between
two. Where Python has no such lock, all goes the careful way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from ecl_logging.fast_path import flushing_threads
from ecl_logging.pending_parts import REASONS, PendingParts, Taken
from ecl_logging.stores.keeping import Receipt, Repeated

__all__ = ["PendingRepeats", "Seen", "handle_repeats"]

_SHUT = float("-inf")
_MOST_KNOWN = 20_000
_IS_LOCKED = getattr(sys, "_is_gil_enabled", lambda: True)()


class Seen:
    """A kind of record in one second, as it comes in: the first record, and how many."""

    __slots__ = (
        "end",
        "first",
        "is_booked",
        "key",
        "kind",
        "last",
        "n",
        "record",
        "second",
        "start",
    )

    def __init__(self, key: object, kind: str, created: float, record: str) -> None:
        self.key = key
        self.kind = kind
        self.second = int(created)
        self.record = record  # JSON
        self.n = 1
        self.first = self.last = created
        self.start, self.end = float(self.second), self.second + 1.0
        self.is_booked = False


class _Repeats:
    """What is pending of a kind and second."""

    __slots__ = ("amount", "first", "kind", "last", "record", "second", "size")

    def __init__(self, seen: Seen) -> None:
        self.kind, self.second = seen.kind, seen.second
        self.record, self.size = seen.record, len(seen.record)
        self.first, self.last, self.amount = seen.first, seen.last, seen.n

    def add(self, other: _Repeats) -> None:
        earliest = self if self.first <= other.first else other
        self.record, self.size = earliest.record, earliest.size
        self.first = earliest.first
        self.last = max(self.last, other.last)
        self.amount += other.amount

    def as_sent(self) -> Repeated:
        return Repeated(self.kind, self.second, self.first, self.last, self.amount, self.record)


class PendingRepeats(PendingParts[Seen, tuple[str, int], _Repeats]):
    """Deduplicated records of a program. Thread safe."""

    reasons = (*REASONS, "queue_full")  # the store had no more room: its oldest went

    def __init__(self) -> None:
        self.known: dict[Any, Seen] = {}  # what further repeats are added to
        super().__init__()

    def reset(self) -> None:
        """Start with nothing, as a forked child does."""
        self.known.clear()
        super().reset()

    def see(self, seen: Seen) -> bool:
        """Note the first of a kind in a second. On the thread that logs: takes no lock.

        True, and it is noted; an exception out of a signal handler, and it is not.
        """
        arrivals, known = self.arrivals, self.known
        is_kept = _IS_LOCKED and len(known) < _MOST_KNOWN
        # In this order: what can be found has arrived, and will be booked with all its repeats.
        # No call from here on; see above.
        arrivals += (seen,)
        if is_kept:
            known[seen.key] = seen
        return True

    def sees_again(self, key: object, created: float) -> bool:
        """Note a repeat of what is known; False where it is not, in this second."""
        seen = self.known.get(key)
        if seen is None:
            return False
        if seen.start <= created < seen.end: seen.n += 1; seen.first = created if created < seen.first else seen.first; seen.last = created if created > seen.last else seen.last; return True  # noqa: E501, E701, E702, FURB136  # fmt: skip
        return False

    def _take_in(self, seen: Seen) -> None:
        if seen.is_booked:
            return  # a signal handler has raised just when that was done
        seen.end = _SHUT
        if self.known.get(seen.key) is seen:
            self.known.pop(seen.key, None)
        new = _Repeats(seen)
        n, ledger = new.amount, self.ledger
        if self._closed_as is not None:
            ledger.dropped[self._closed_as] += n
            ledger.counted += n
            seen.is_booked = True
            return
        key = (seen.kind, seen.second)
        part = self._parts.get(key)
        before = part.size if part is not None else 0
        if part is not None:
            new.add(part)
        self._parts[key] = new  # in the place of the old one
        self._size += new.size - before
        ledger.counted += n
        seen.is_booked = True

    def _left_out(self, taken: Taken[_Repeats], receipt: Receipt) -> dict[str, int]:
        return {"queue_full": receipt.pushed_out}


def handle_repeats(
    known: dict[Any, Seen],
    filters: list[Any],
    carefully: Callable[[logging.LogRecord], bool],
) -> Callable[[logging.LogRecord], bool]:
    """Return a handler's `handle`: it notes a repeat of a known place, or goes `carefully`."""

    def handle(record: logging.LogRecord) -> bool:
        try:
            message, line = record.msg, record.lineno
            if type(message) is str and type(line) is int and not flushing_threads and not filters:
                created = record.created
                if type(created) is not float:
                    return carefully(record)
                seen = known[message, line, record.pathname]
                if seen.start <= created < seen.end: seen.n += 1; seen.first = created if created < seen.first else seen.first; seen.last = created if created > seen.last else seen.last; return True  # noqa: E501, E701, E702, FURB136  # fmt: skip
        except Exception:  # noqa: BLE001, S110 - a kind that is new, or anything else
            pass
        return carefully(record)

    return handle
