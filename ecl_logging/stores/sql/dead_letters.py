"""What is done with dead letters, each step in a transaction of its caller.

The ID of one is that of its message and its own number, in whose order they are: so who reads them
in parts finds the place again where the last one was replayed or dropped meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecl_logging.stores.queueing import AT_ONCE, CLAIM_BYTES, DeadLetter
from ecl_logging.stores.sql.bodies import WithBodies
from ecl_logging.stores.sql.queues import append, last_number, topic_number
from ecl_logging.stores.sql.rows import slices_of_rows, text, time_in_words, time_of

if TYPE_CHECKING:
    import sqlite3

__all__ = ["dead_letters", "drop", "replay"]

_ID = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


_OLDEST = (
    "SELECT number FROM queue_dead_letters WHERE topic = ? AND number > ? ORDER BY number LIMIT ?"
)
_LETTERS = WithBodies(
    "number || ' ' || token || ' ' || message || ' ' || deliveries || ' ' || hex(reason)"
    f" || ' ' || {time_in_words('at')}",
    7,
)


def dead_letters(
    connection: sqlite3.Connection, topic: str, limit: int, *, after: str
) -> list[DeadLetter]:
    """The oldest ones; see `KeepsEvents.dead_letters`. None comes after what is no ID."""
    place, last = topic_number(connection, topic), _ID.fullmatch(after)
    if place is None or (after and last is None):
        return []
    first = int(last[3]) if last else 0
    amount = _at_once(connection, place, first, min(limit, AT_ONCE))
    found = f"queue_dead_letters WHERE number IN ({_OLDEST})"
    values = (place, first, amount)
    letters = {}
    for row, body in _LETTERS.read(connection, found, values):
        letters[int(row[0])] = _letter(topic, row, body)
    return [letters[number] for number in sorted(letters)]


def _letter(topic: str, row: list[str], body: bytes) -> DeadLetter:
    number, token, message, deliveries, reason, at, part = row
    return DeadLetter(
        topic,
        id=f"{token}-{message}-{number}",
        body=body,
        deliveries=int(deliveries),
        reason=text(reason),
        at=time_of(at, part),
    )


def _at_once(connection: sqlite3.Connection, place: int, after: int, limit: int) -> int:
    found = connection.execute(
        f"""
        SELECT count(*) FROM (
            SELECT row_number() OVER oldest_first AS place,
                sum(length(body)) OVER oldest_first AS size
            FROM queue_dead_letters WHERE number IN ({_OLDEST})
            WINDOW oldest_first AS (ORDER BY number)
        ) WHERE place = 1 OR size <= ?
        """,  # noqa: S608 - a constant
        (place, after, limit, CLAIM_BYTES),
    )
    return int(found.fetchone()[0])


_COLUMNS_OF_NAMES = 4


def _named(marks: str) -> str:
    """Return the SELECT of the dead letters of these names."""
    return f"""
        WITH given (topic, number, message, token) AS (VALUES {marks})
        SELECT d.number FROM given CROSS JOIN queue_dead_letters AS d
        ON d.number = given.number AND d.message = given.message
        AND d.token = given.token AND d.topic = given.topic
        """  # noqa: S608 - question marks only


def _names(place: int, ids: Sequence[str]) -> list[tuple[object, ...]]:
    found = (_ID.fullmatch(one) for one in dict.fromkeys(ids))
    return [(place, int(match[3]), int(match[2]), match[1]) for match in found if match]


def replay(connection: sqlite3.Connection, topic: str, ids: Sequence[str], *, now: float) -> int:
    """Move them to the end of their topic, the oldest first; see `KeepsEvents.replay`."""
    place = topic_number(connection, topic)
    if place is None:
        return 0
    last = last_number(connection)
    moved = 0
    for marks, values in slices_of_rows(_names(place, ids), _COLUMNS_OF_NAMES):
        connection.execute(
            f"""
            INSERT INTO queue_bodies (number, body)
            SELECT ? + row_number() OVER (ORDER BY number), body
            FROM queue_dead_letters WHERE number IN ({_named(marks)})
            """,  # noqa: S608 - question marks only
            (last + moved, *values),
        )
        moved += _forget(connection, marks, values)
    append(connection, place, last, now=now)
    return moved


def drop(connection: sqlite3.Connection, topic: str, ids: Sequence[str]) -> int:
    """Forget them; see `KeepsEvents.drop`."""
    place = topic_number(connection, topic)
    if place is None:
        return 0
    slices = slices_of_rows(_names(place, ids), _COLUMNS_OF_NAMES)
    return sum(_forget(connection, marks, values) for marks, values in slices)


def _forget(connection: sqlite3.Connection, marks: str, values: list[object]) -> int:
    return connection.execute(
        f"DELETE FROM queue_dead_letters WHERE number IN ({_named(marks)})",  # noqa: S608 - question marks only
        values,
    ).rowcount
