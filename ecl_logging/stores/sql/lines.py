"""Recent messages: the newest lines of each speaker."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ecl_logging.stores.protocols import AHEAD_SECONDS
from ecl_logging.stores.sql.rows import MOST_PARAMETERS, in_slices, slices_of_rows, text, words
from ecl_logging.stores.sql.speakers import Speaker, known_numbers

if TYPE_CHECKING:
    import sqlite3

__all__ = ["add", "recent"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(?= )", re.ASCII)


def add(
    connection: sqlite3.Connection,
    said: Mapping[int, Sequence[str]],
    *,
    most: int,
    now: float,
) -> None:
    """Add the lines of some speakers, and let their oldest go."""
    rows = [
        (speaker, time, line)
        for speaker, lines in said.items()
        for time, line in _newest(lines, most=most, now=now)
    ]
    for marks, values in slices_of_rows(rows, 3):
        connection.execute(
            f"INSERT INTO message_lines (speaker, at, line) VALUES {marks}",  # noqa: S608 - question marks only
            values,
        )
    for some in in_slices(said, MOST_PARAMETERS - 1):
        connection.execute(
            f"""
            DELETE FROM message_lines WHERE number IN (
                SELECT number FROM ({_placed(len(some))}) WHERE place > ?
            )
            """,  # noqa: S608 - question marks only
            (*some, max(0, most)),
        )


def _newest(lines: Sequence[str], *, most: int, now: float) -> list[tuple[str, str]]:
    """Return time and text of the newest lines, the oldest first; see `KeepsMessages.say`.

    Of one time, the later in the list is the newer. A line of another form is of the time of
    the line before it.
    """
    ahead, time = _text_of(now + AHEAD_SECONDS), ""
    timed = []
    for given in lines:
        found, line = _TIME.match(given), given
        time = found[0] if found else time
        if found and time > ahead:
            time = _text_of(now)
            line = time + given[found.end() :]
        timed.append((time, line))
    timed.sort(key=lambda one: one[0])
    return timed[max(0, len(timed) - max(0, most)) :]


def _text_of(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def _placed(speakers: int) -> str:
    """A statement for the lines of so many speakers, and the place of each: 1 is the newest."""
    return f"""
        SELECT *, row_number() OVER (PARTITION BY speaker ORDER BY at DESC, number DESC) AS place
        FROM message_lines WHERE speaker IN ({",".join("?" * speakers)})
        """  # noqa: S608 - question marks only


def recent(connection: sqlite3.Connection, asked: Sequence[Speaker], limit: int) -> list[list[str]]:
    """The newest lines; see `KeepsMessages.recent`."""
    numbers = known_numbers(connection, asked)
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
