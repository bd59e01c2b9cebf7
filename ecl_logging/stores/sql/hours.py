"""Common messages: how often each was said, in the two hours of each speaker."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ecl_logging.stores.keeping import HOUR, OTHER_MESSAGES, Common, Hour
from ecl_logging.stores.protocols import AHEAD_SECONDS, MAX_CELL
from ecl_logging.stores.sql.rows import (
    MOST_PARAMETERS,
    in_slices,
    rows_of,
    slices_of_rows,
    text,
    words,
)
from ecl_logging.stores.sql.speakers import Speaker, known_numbers

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Additions", "common"]

_KEPT = 2  # the current hour and the last one

_ToldApart = dict[int, int]
"""Start of an hour -> how many messages are told apart in it."""


class Additions:
    """What one batch adds to the hours of each speaker: worked out whole, then written."""

    def __init__(self, connection: sqlite3.Connection, *, most: int, now: float) -> None:
        """`most`: so many messages of an hour are told apart."""
        self._connection, self._most, self._now = connection, most, now
        self._this_hour = int(now // HOUR) * HOUR
        self.late = self.ahead = self.other = 0
        self._new: list[tuple[int, int]] = []
        self._old: list[tuple[int, int]] = []
        self._moved: list[tuple[int, int]] = []
        self._counts: list[tuple[int, int, str, int]] = []

    def add(self, said: Mapping[int, Mapping[int, Mapping[str, int]]]) -> None:
        """Plan for each speaker, hour and message how often it was said."""
        known = _known_hours(self._connection, said)
        for speaker, counts in said.items():
            self._plan(speaker, self._by_hour(counts), self._by_the_clock(speaker, known[speaker]))

    def _by_hour(self, counts: Mapping[int, Mapping[str, int]]) -> dict[int, Counter[str]]:
        hours: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for given, messages in counts.items():
            start = given // HOUR * HOUR
            if start > self._now + AHEAD_SECONDS:
                self.ahead += sum(messages.values())
                start = self._this_hour
            hours[start].update(messages)
        return hours

    def _by_the_clock(self, speaker: int, known: _ToldApart) -> _ToldApart:
        """Have a current hour that is ahead, as when the clock was set back, be this one."""
        current = max(known, default=0)
        if current <= self._now + AHEAD_SECONDS:
            return known
        self._moved.append((speaker, current))
        self._old += [(speaker, start) for start in known if self._this_hour <= start < current]
        kept = {start: n for start, n in known.items() if start < self._this_hour}
        return kept | {self._this_hour: known[current]}

    def _plan(self, speaker: int, hours: Mapping[int, Counter[str]], known: _ToldApart) -> None:
        kept = sorted({*hours, *known}, reverse=True)[:_KEPT]
        self._old += [(speaker, start) for start in known if start not in kept]
        for start, messages in hours.items():
            if start not in kept:
                self.late += messages.total()
                continue
            if start not in known:
                self._new.append((speaker, start))
            capped = self._capped(speaker, start, messages, known.get(start, 0))
            self._counts += [(speaker, start, message, n) for message, n in capped.items()]

    def _capped(
        self, speaker: int, start: int, messages: Counter[str], told_apart: int
    ) -> Counter[str]:
        """Return the counts with those under OTHER_MESSAGES that are beyond the cap."""
        beyond = {OTHER_MESSAGES} & messages.keys()
        if told_apart + len(messages) > self._most:
            there = self._there(speaker, start, messages) | beyond
            new = [message for message in messages if message not in there]
            beyond |= set(new[max(0, self._most - told_apart) :])
        if not beyond:
            return messages
        other = sum(messages[message] for message in beyond)
        self.other += other
        capped = Counter({message: n for message, n in messages.items() if message not in beyond})
        capped[OTHER_MESSAGES] = other
        return capped

    def _there(self, speaker: int, start: int, messages: Iterable[str]) -> set[str]:
        """Which of these messages the hour has."""
        moved_from = dict(self._moved).get(speaker)
        if moved_from is not None and start == self._this_hour:
            start = moved_from  # it is moved when all is written
        there: set[str] = set()
        for some in in_slices(messages, MOST_PARAMETERS - 2):
            packed = self._connection.execute(
                f"""
                SELECT group_concat(hex(message), ' ') FROM message_counts
                WHERE speaker = ? AND start = ? AND message IN ({",".join("?" * len(some))})
                """,  # noqa: S608 - question marks only
                (speaker, start, *some),
            ).fetchone()[0]
            there.update(map(text, words(packed)))
        return there

    def write(self) -> None:
        execute = self._connection.execute
        for marks, values in slices_of_rows(self._old, 2):
            execute(
                f"DELETE FROM message_hours WHERE (speaker, start) IN (VALUES {marks})",  # noqa: S608 - question marks only
                values,
            )
        for moved in self._moved:
            for table in ("message_hours", "message_counts"):
                execute(
                    f"UPDATE {table} SET start = ? WHERE speaker = ? AND start = ?",  # noqa: S608 - a constant
                    (self._this_hour, *moved),
                )
        for marks, values in slices_of_rows(self._new, 2):
            execute(f"INSERT INTO message_hours (speaker, start) VALUES {marks}", values)  # noqa: S608 - question marks only
        for marks, values in slices_of_rows(self._counts, 4):
            execute(
                f"""
                INSERT INTO message_counts VALUES {marks}
                ON CONFLICT (speaker, start, message) DO UPDATE SET count = count + excluded.count
                WHERE typeof(count) = 'integer' AND count <= {MAX_CELL} - excluded.count
                """,  # noqa: S608 - question marks and a constant
                values,
            )


def _known_hours(
    connection: sqlite3.Connection, speaking: Iterable[int]
) -> defaultdict[int, _ToldApart]:
    """Return the hours of each speaker."""
    hours: defaultdict[int, _ToldApart] = defaultdict(dict)
    for some in in_slices(speaking, MOST_PARAMETERS):
        packed = connection.execute(
            f"""
            SELECT group_concat(speaker || ' ' || start || ' ' || messages, ' ')
            FROM message_hours WHERE speaker IN ({",".join("?" * len(some))})
            """,  # noqa: S608 - question marks only
            some,
        ).fetchone()[0]
        found = map(int, words(packed))
        for speaker, start, messages in zip(found, found, found, strict=True):
            hours[speaker][start] = messages
    return hours


_AT_ONCE = 20  # speakers of which one text has all messages


def common(connection: sqlite3.Connection, asked: Sequence[Speaker]) -> list[Common]:
    """The two hours of each; see `KeepsMessages.common`."""
    numbers = known_numbers(connection, asked)
    hours = _known_hours(connection, numbers.values())
    counts: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for some in in_slices(numbers.values(), _AT_ONCE):
        packed = connection.execute(
            f"""
            SELECT group_concat(speaker || ' ' || start || ' ' || hex(message) || ' ' || count, ' ')
            FROM message_counts
            WHERE speaker IN ({",".join("?" * len(some))})
            AND typeof(count) = 'integer' AND typeof(message) = 'text'
            """,  # noqa: S608 - question marks only
            some,
        ).fetchone()[0]
        for speaker, start, message, n in rows_of(packed, 4):
            counts[int(speaker), int(start)][text(message)] = int(n)
    return [_common_of(numbers.get(name, -1), hours, counts) for name in asked]


def _common_of(
    speaker: int,
    hours: Mapping[int, _ToldApart],
    counts: Mapping[tuple[int, int], Mapping[str, int]],
) -> Common:
    starts = sorted(hours.get(speaker, ()), reverse=True)[:_KEPT]
    return Common(*(Hour(start, dict(counts.get((speaker, start), {}))) for start in starts))
