"""What becomes of messages that were handed out, each step in a transaction of its caller.

A message is known by its number and token, and its last receiver by random bits that are drawn
for each claim: deliveries alone would not do, because one that does not count is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from ecl_logging.stores.queueing import MAX_DEAD_LETTERS, Message
from ecl_logging.stores.sql.queue_tables import HELD, PAUSED, WAITING_AGAIN
from ecl_logging.stores.sql.queues import topic_number
from ecl_logging.stores.sql.rows import slices_of_rows

if TYPE_CHECKING:
    import sqlite3

__all__ = ["ack", "bury", "extend", "put_back"]

_ID = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})", re.ASCII)


def _named(messages: Collection[Message]) -> list[tuple[int, str, Message]]:
    """Number and token of each message, once."""
    found = {message.id: (_ID.fullmatch(message.id), message) for message in messages}
    return [(int(match[2]), match[1], message) for match, message in found.values() if match]


def ack(connection: sqlite3.Connection, topic: str, messages: Collection[Message]) -> int:
    """Forget messages, whoever has them by now; see `KeepsEvents.ack`."""
    place = topic_number(connection, topic)
    rows = [(place, number, token) for number, token, _ in _named(messages)]
    forgotten = 0
    for marks, values in slices_of_rows(rows, 3):
        forgotten += connection.execute(
            f"""
            DELETE FROM queue_messages WHERE number IN (
                WITH given (topic, number, token) AS (VALUES {marks})
                SELECT m.number FROM given CROSS JOIN queue_messages AS m
                ON m.number = given.number AND m.token = given.token AND m.topic = given.topic
            )
            """,  # noqa: S608 - question marks only
            values,
        ).rowcount
    return forgotten


_COLUMNS_OF_HOLDERS = 4


def _held(marks: str) -> str:
    """Return the SELECT of those that were not handed out to another one since."""
    return f"""
        WITH given (topic, number, token, holder) AS (VALUES {marks})
        SELECT m.number FROM given CROSS JOIN queue_messages AS m
        ON m.number = given.number AND m.token = given.token AND m.topic = given.topic
        AND m.holder = given.holder
        """  # noqa: S608 - question marks only


def _rows_of_holders(
    connection: sqlite3.Connection, topic: str, messages: Collection[Message]
) -> list[tuple[object, ...]]:
    place = topic_number(connection, topic)
    return [
        (place, number, token, message.handle)
        for number, token, message in _named(messages)
        if isinstance(message.handle, int) and message.handle > 0
    ]


def put_back(
    connection: sqlite3.Connection,
    topic: str,
    messages: Collection[Message],
    *,
    due: float,
    counted: bool,
) -> int:
    """Have them handed out again; see `KeepsEvents.put_back`."""
    if counted:
        change = f"state = {WAITING_AGAIN}, due = ?"
    else:
        change = (
            f"state = CASE WHEN deliveries > 1 THEN {WAITING_AGAIN} ELSE {PAUSED} END, due = ?,"
            " deliveries = max(deliveries - 1, 0)"
        )
    # Nobody is its receiver now: the same step once more takes no delivery back, and a thread that
    # extends what it believes to be in hand does not take it away from others again.
    return _change(connection, topic, messages, f"{change}, holder = 0", due)


def extend(
    connection: sqlite3.Connection, topic: str, messages: Collection[Message], *, due: float
) -> int:
    """Give their receiver until then; see `KeepsEvents.extend`."""
    return _change(connection, topic, messages, f"state = {HELD}, due = ?", due)


def _change(
    connection: sqlite3.Connection,
    topic: str,
    messages: Collection[Message],
    change: str,
    due: float,
) -> int:
    changed = 0
    rows = _rows_of_holders(connection, topic, messages)
    for marks, values in slices_of_rows(rows, _COLUMNS_OF_HOLDERS):
        changed += connection.execute(
            f"UPDATE queue_messages SET {change} WHERE number IN ({_held(marks)})",  # noqa: S608 - constants and question marks
            (due, *values),
        ).rowcount
    return changed


def bury(
    connection: sqlite3.Connection,
    topic: str,
    messages: Collection[Message],
    reason: str,
    *,
    now: float,
) -> int:
    """Move them to the dead letters; see `KeepsEvents.bury`."""
    shown = reason.encode(errors="backslashreplace").decode()
    buried = 0
    rows = _rows_of_holders(connection, topic, messages)
    for marks, values in slices_of_rows(rows, _COLUMNS_OF_HOLDERS):
        connection.execute(
            f"""
            INSERT INTO queue_dead_letters
                (topic, message, token, deliveries, at, reason, body)
            SELECT topic, m.number, token, deliveries, ?, ?, coalesce(body, x'')
            FROM queue_messages AS m LEFT JOIN queue_bodies AS b ON b.number = m.number
            WHERE m.number IN ({_held(marks)}) ORDER BY m.number
            """,  # noqa: S608 - question marks only
            (now, shown, *values),
        )
        buried += connection.execute(
            f"DELETE FROM queue_messages WHERE number IN ({_held(marks)})",  # noqa: S608 - question marks only
            values,
        ).rowcount
    if buried:
        _make_room(connection, topic)
    return buried


def _make_room(connection: sqlite3.Connection, topic: str) -> None:
    """Forget the oldest dead letters where there are too many."""
    number, dead_letters = connection.execute(
        "SELECT number, dead_letters FROM queue_topics WHERE topic = ?", (topic,)
    ).fetchone()
    beyond = int(dead_letters) - MAX_DEAD_LETTERS
    if beyond > 0:
        connection.execute(
            "DELETE FROM queue_dead_letters WHERE number IN"
            " (SELECT number FROM queue_dead_letters WHERE topic = ? ORDER BY number LIMIT ?)",
            (number, beyond),
        )
