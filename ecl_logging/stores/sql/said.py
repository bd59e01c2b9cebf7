"""The steps of `KeepsMessages`, each within a transaction of its caller."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ecl_logging.stores.keeping import (
    HOUR,
    OTHER_MESSAGES,
    Common,
    Hour,
    MessageBatch,
    Receipt,
)
from ecl_logging.stores.protocols import AHEAD_SECONDS, APPLIED, MAX_CELL
from ecl_logging.stores.sql.rows import (
    MOST_PARAMETERS,
    in_slices,
    question_marks,
    slices_of_rows,
    text,
    words,
)
from ecl_logging.stores.sql.sources import Judged
from ecl_logging.stores.sql.tables import MESSAGES

if TYPE_CHECKING:
    import sqlite3

__all__ = ["common", "recent", "say", "speakers"]

_Speaker = tuple[str, str]
_Counts = dict[int, Counter[str]]

_HOURS_KEPT = 2  # the current one and the last one


def say(connection: sqlite3.Connection, batch: MessageBatch, *, now: float) -> Receipt:
    """Take in a batch once; see `KeepsMessages.say`."""
    judged = Judged(connection, MESSAGES, batch)
    if judged.refusal is not None:
        return judged.refusal
    additions = _Additions(connection, batch, now)
    additions.write()
    receipt = Receipt(APPLIED, late=additions.late, ahead=additions.ahead, other=additions.other)
    return judged.taken_in(receipt, now=now)


class _Additions:
    """What one batch adds to each speaker: worked out whole, then written."""

    def __init__(self, connection: sqlite3.Connection, batch: MessageBatch, now: float) -> None:
        self._connection, self._max = connection, batch.max_messages
        self.late = self.ahead = self.other = 0
        lines: defaultdict[_Speaker, list[str]] = defaultdict(list)
        counts: defaultdict[_Speaker, _Counts] = defaultdict(lambda: defaultdict(Counter))
        for said in batch.said:
            lines[said.name, said.severity] += said.lines
            for start, messages in said.counts.items():
                counts[said.name, said.severity][self._hour(start, messages, now)].update(messages)
        numbers = _numbers(connection, lines.keys() | counts.keys())
        self._recent = max(0, batch.recent)
        self._lines = {numbers[name]: _newest(lines[name], self._recent) for name in lines}
        self._new_hours: list[tuple[int, int]] = []
        self._old_hours: list[tuple[int, int]] = []
        self._counts: list[tuple[int, int, str, int]] = []
        speaking = {numbers[name]: hours for name, hours in counts.items()}
        known = _known_hours(connection, speaking)
        for speaker, hours in speaking.items():
            self._plan(speaker, hours, known[speaker])

    def _hour(self, start: int, messages: Mapping[str, int], now: float) -> int:
        if start <= now + AHEAD_SECONDS:
            return start
        self.ahead += sum(messages.values())
        return int(now // HOUR) * HOUR

    def _plan(self, speaker: int, hours: _Counts, known: Mapping[int, int]) -> None:
        kept = sorted({*hours, *known}, reverse=True)[:_HOURS_KEPT]
        self._old_hours += [(speaker, start) for start in known if start not in kept]
        for start, messages in hours.items():
            if start not in kept:
                self.late += messages.total()
                continue
            if start not in known:
                self._new_hours.append((speaker, start))
            capped = self._capped(speaker, start, messages, known.get(start, 0))
            self._counts += [(speaker, start, message, n) for message, n in capped.items()]

    def _capped(
        self, speaker: int, start: int, messages: Counter[str], told_apart: int
    ) -> Counter[str]:
        """Return the counts with those under OTHER_MESSAGES that are beyond the cap."""
        if told_apart + len(messages) <= self._max:
            return messages
        there = self._there(speaker, start, messages) | {OTHER_MESSAGES}
        new = [message for message in messages if message not in there]
        beyond = set(new[max(0, self._max - told_apart) :])
        capped = Counter({message: n for message, n in messages.items() if message not in beyond})
        other = sum(messages[message] for message in beyond)
        if other:
            capped[OTHER_MESSAGES] += other
        self.other += other
        return capped

    def _there(self, speaker: int, start: int, messages: Iterable[str]) -> set[str]:
        """Which of these messages the hour has."""
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
        for marks, values in slices_of_rows(self._old_hours, 2):
            execute(
                f"DELETE FROM message_hours WHERE (speaker, start) IN (VALUES {marks})",  # noqa: S608 - question marks only
                values,
            )
        for marks, values in slices_of_rows(self._new_hours, 2):
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
        self._write_lines()

    def _write_lines(self) -> None:
        rows = ((s, _time_of(line), line) for s, lines in self._lines.items() for line in lines)
        for marks, values in slices_of_rows(rows, 3):
            self._connection.execute(
                f"INSERT INTO message_lines (speaker, at, line) VALUES {marks}",  # noqa: S608 - question marks only
                values,
            )
        for some in in_slices(self._lines, MOST_PARAMETERS - 1):
            self._connection.execute(
                f"""
                DELETE FROM message_lines WHERE number IN (
                    SELECT number FROM ({_placed(len(some))}) WHERE place > ?
                )
                """,  # noqa: S608 - question marks only
                (*some, self._recent),
            )


# --- lines


def _time_of(line: str) -> str:
    return line.partition(" ")[0]


def _newest(lines: Sequence[str], most: int) -> list[str]:
    """Return the newest, the oldest first. Of one time, the later in the list is the newer."""
    return sorted(lines, key=_time_of)[max(0, len(lines) - most) :]


def _placed(speakers: int) -> str:
    """A statement for the lines of so many speakers, and the place of each: 1 is the newest."""
    return f"""
        SELECT *, row_number() OVER (PARTITION BY speaker ORDER BY at DESC, number DESC) AS place
        FROM message_lines WHERE speaker IN ({",".join("?" * speakers)})
        """  # noqa: S608 - question marks only


def recent(
    connection: sqlite3.Connection, asked: Sequence[_Speaker], limit: int
) -> list[list[str]]:
    """The newest lines; see `KeepsMessages.recent`."""
    numbers = _known_numbers(connection, asked)
    found: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for some in in_slices(numbers.values(), MOST_PARAMETERS - 1):
        packed = connection.execute(
            f"""
            SELECT group_concat(speaker || ' ' || place || ' ' || hex(line), ' ')
            FROM ({_placed(len(some))}) WHERE place <= ?
            """,  # noqa: S608 - question marks only
            (*some, limit),
        ).fetchone()[0]
        one = words(packed)
        for speaker, place, line in zip(one[::3], one[1::3], one[2::3], strict=True):
            found[int(speaker)].append((int(place), text(line)))
    return [[line for _, line in sorted(found[numbers.get(name, -1)])] for name in asked]


# --- speakers


def _numbers(connection: sqlite3.Connection, names: Iterable[_Speaker]) -> dict[_Speaker, int]:
    """The number of each speaker, new ones included."""
    names = sorted(names)
    known = _known_numbers(connection, names)
    new = [name for name in names if name not in known]
    for marks, values in slices_of_rows(new, 2):
        connection.execute(f"INSERT INTO speakers (name, severity) VALUES {marks}", values)  # noqa: S608 - question marks only
    return known | (_known_numbers(connection, new) if new else {})


def _known_numbers(
    connection: sqlite3.Connection, names: Iterable[_Speaker]
) -> dict[_Speaker, int]:
    numbers: dict[_Speaker, int] = {}
    for some in in_slices(dict.fromkeys(names), MOST_PARAMETERS // 2):
        packed = connection.execute(
            f"""
            WITH asked (name, severity) AS (VALUES {question_marks(len(some), 2)})
            SELECT group_concat(number || ' ' || hex(name) || ' ' || hex(severity), ' ')
            FROM asked CROSS JOIN speakers USING (name, severity)
            """,  # noqa: S608 - question marks only
            list(chain.from_iterable(some)),
        ).fetchone()[0]
        found = words(packed)
        names_found = zip(map(text, found[1::3]), map(text, found[2::3]), strict=True)
        numbers |= dict(zip(names_found, map(int, found[::3]), strict=True))
    return numbers


def speakers(connection: sqlite3.Connection) -> list[_Speaker]:
    """Who has said something; see `KeepsMessages.speakers`."""
    packed = connection.execute(
        """
        SELECT group_concat(hex(name) || ' ' || hex(severity), ' ') FROM speakers
        WHERE EXISTS (SELECT 1 FROM message_lines WHERE speaker = speakers.number)
        OR EXISTS (SELECT 1 FROM message_hours WHERE speaker = speakers.number)
        """
    ).fetchone()[0]
    found = words(packed)
    return sorted(zip(map(text, found[::2]), map(text, found[1::2]), strict=True))


# --- hours


def _known_hours(
    connection: sqlite3.Connection, speaking: Iterable[int]
) -> defaultdict[int, dict[int, int]]:
    """Speaker -> start of an hour -> how many messages are told apart in it."""
    hours: defaultdict[int, dict[int, int]] = defaultdict(dict)
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


_SPEAKERS_AT_ONCE = 20  # of which one text has all messages


def common(connection: sqlite3.Connection, asked: Sequence[_Speaker]) -> list[Common]:
    """The two hours of each; see `KeepsMessages.common`."""
    numbers = _known_numbers(connection, asked)
    hours = _known_hours(connection, numbers.values())
    counts: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for some in in_slices(numbers.values(), _SPEAKERS_AT_ONCE):
        packed = connection.execute(
            f"""
            SELECT group_concat(speaker || ' ' || start || ' ' || hex(message) || ' ' || count, ' ')
            FROM message_counts
            WHERE speaker IN ({",".join("?" * len(some))})
            AND typeof(count) = 'integer' AND typeof(message) = 'text'
            """,  # noqa: S608 - question marks only
            some,
        ).fetchone()[0]
        found = words(packed)
        for speaker, start, message, n in zip(*(found[n::4] for n in range(4)), strict=True):
            counts[int(speaker), int(start)][text(message)] = int(n)
    return [_common_of(numbers.get(name, -1), hours, counts) for name in asked]


def _common_of(
    speaker: int,
    hours: Mapping[int, Mapping[int, int]],
    counts: Mapping[tuple[int, int], Mapping[str, int]],
) -> Common:
    starts = sorted(hours.get(speaker, ()), reverse=True)[:_HOURS_KEPT]
    return Common(*(Hour(start, dict(counts.get((speaker, start), {}))) for start in starts))
