"""The most common messages of an hour, their shares, and how fast they come."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ecl_logging.stores.keeping import HOUR, OTHER_MESSAGES, Common, Hour
from ecl_logging.tools.moments import utc_time
from ecl_logging.tools.speakers import Audience, Speaker, messages_of

__all__ = ["CommonMessages", "Reading", "Row", "reading_object"]

_Message: TypeAlias = tuple[str, str, str]  # logger, severity, message
_Counts: TypeAlias = dict[_Message, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A message of one logger and severity."""

    name: str
    severity: str
    message: str
    count: int
    share: float  # of all messages of the reading, from 0 to 1
    rate: float | None = None  # messages a second since the reading before

    @property
    def is_other(self) -> bool:
        """Whether it stands for the messages that the store did not tell apart."""
        return self.message == OTHER_MESSAGES


@dataclass(frozen=True, slots=True)
class Reading:
    """The messages of one hour."""

    start: int | None  # Unix seconds; None where no hour is kept
    is_finished: bool
    seconds: float  # how much of the hour is over
    total: int = 0  # messages
    kinds: int = 0  # different ones, as far as they are told apart
    has_other: bool = False
    rows: tuple[Row, ...] = ()  # the most common first; what is not told apart last
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the store had at one time."""

    now: float  # by its clock
    hours: Mapping[int, _Counts]

    @property
    def start(self) -> int:
        """Of the hour that it is."""
        return int(self.now // HOUR) * HOUR

    def counts(self, start: int) -> _Counts:
        return self.hours.get(start, {})

    def newest_finished(self) -> int | None:
        return max((start for start in self.hours if start < self.start), default=None)


@dataclass(slots=True)
class CommonMessages:
    """Reads once, or again and again. Not thread safe."""

    audience: Audience
    limit: int
    finished: bool = False  # the newest finished hour, else the one that it is
    _before: _Seen | None = field(default=None, init=False)
    _places: dict[_Message, int] = field(default_factory=dict, init=False)

    def read(self) -> Reading:
        """Return the hour's messages; with rates, from the second time on. Raises StoreError."""
        seen, notes = self._look()
        start = seen.newest_finished() if self.finished else seen.start
        before, self._before = self._before, seen
        counts = seen.counts(start) if start is not None else {}
        if self.finished and start is None and not notes:
            notes = (f"no finished hour is kept in {self.audience.store}",)
        rates = _Rates(before, seen) if before is not None and not self.finished else None
        return Reading(
            start=start,
            is_finished=self.finished,
            seconds=HOUR if self.finished else seen.now - seen.start,
            total=sum(counts.values()),
            kinds=sum(1 for message in counts if message[2] != OTHER_MESSAGES),
            has_other=any(message[2] == OTHER_MESSAGES for message in counts),
            rows=tuple(self._rows(counts, rates)),
            notes=notes,
        )

    def _look(self) -> tuple[_Seen, tuple[str, ...]]:
        # The time first: an hour that begins meanwhile may be there then, but is not yet asked for.
        messages = self.audience.messages
        now = messages.now()
        speakers, notes = self.audience.speakers()
        hours: dict[int, _Counts] = {}
        for speaker, common in messages_of(speakers, messages.common):
            for hour in _hours(common):
                hours.setdefault(hour.start, {}).update(_named(speaker, hour))
        return _Seen(now, hours), notes

    def _rows(self, counts: _Counts, rates: _Rates | None) -> Iterator[Row]:
        """The rows, where equal counts keep the places that they had."""
        total, last = sum(counts.values()), len(self._places)

        def order(message: _Message) -> tuple[int, int, _Message]:
            return -counts[message], self._places.get(message, last), message

        told_apart = (message for message in counts if message[2] != OTHER_MESSAGES)
        shown = heapq.nsmallest(self.limit, told_apart, key=order)
        self._places = {message: place for place, message in enumerate(shown)}
        others = (message for message in counts if message[2] == OTHER_MESSAGES)
        for message in (*shown, *sorted(others, key=order)):
            n = counts[message]
            rate = rates.of(message) if rates is not None else None
            yield Row(*message, n, n / total if total else 0.0, rate)


def _hours(common: Common) -> Iterator[Hour]:
    yield from (hour for hour in (common.last, common.current) if hour is not None)


def _named(speaker: Speaker, hour: Hour) -> _Counts:
    return {(*speaker, message): n for message, n in hour.counts.items()}


class _Rates:
    """How many messages a second came from one time to another, by the store's clock."""

    def __init__(self, before: _Seen, after: _Seen) -> None:
        self._before, self._after = before, after
        if after.start <= before.start + HOUR:
            # What came after the first time and before the hour's turn is in the hour before.
            self._hours: Sequence[int] = range(before.start, after.start + 1, HOUR)
            self._seconds = after.now - before.now
        else:
            # Hours in between are not kept. The mean of this one is all that is known.
            self._hours = (after.start,)
            self._seconds = after.now - after.start

    def of(self, message: _Message) -> float | None:
        """Return the rate of one message; None where no time has passed."""
        if self._seconds <= 0:
            return None
        return sum(self._grown(message, start) for start in self._hours) / self._seconds

    def _grown(self, message: _Message, start: int) -> int:
        before = self._before.counts(start).get(message, 0)
        after = self._after.counts(start).get(message, 0)
        return (
            after - before if after >= before else after
        )  # less: it was forgotten, and began anew


# --- JSON


def reading_object(reading: Reading, *, with_rates: bool) -> dict[str, object]:
    """What was read, as it is in the JSON that is printed."""
    return {
        "start": utc_time(reading.start) if reading.start is not None else None,
        "finished": reading.is_finished,
        "total": reading.total,
        "kinds": reading.kinds,
        "rows": [_row_object(row, with_rates=with_rates) for row in reading.rows],
    }


def _row_object(row: Row, *, with_rates: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "name": row.name,
        "severity": row.severity,
        "message": row.message,
        "count": row.count,
        "share": round(row.share, 6),
    }
    if with_rates:
        found["rate"] = round(row.rate, 3) if row.rate is not None else None
    return found
