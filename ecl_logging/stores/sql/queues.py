"""How events come into queues and are handed out, each step in a transaction of its caller.

Whose turn it is: fresh messages go by their number, those that were handed out before by the time
at which they became due. The first of either line is compared, by when the one came in and the
other became due, and the earlier is handed out: a message that fails again and again stands in
line anew each time, behind what has come in since, and what comes in later never gets in front of
one that is due. So neither line keeps the other waiting.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import APPLIED
from ecl_logging.stores.queueing import (
    AT_ONCE,
    CLAIM_BYTES,
    Backlog,
    EventBatch,
    Message,
    Published,
)
from ecl_logging.stores.sql.bodies import WithBodies
from ecl_logging.stores.sql.queue_tables import EVENTS, FRESH, HELD, QUEUES
from ecl_logging.stores.sql.rows import slices_of_rows, text, words
from ecl_logging.stores.sql.sources import Judged

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "append",
    "backlog",
    "can_claim",
    "claim",
    "last_number",
    "put",
    "topic_number",
    "topics",
]


# --- taking in


def put(connection: sqlite3.Connection, batch: EventBatch, *, now: float) -> Receipt:
    """Take in a batch once; see `KeepsEvents.put`."""
    judged = Judged(connection, EVENTS, batch, QUEUES)
    if judged.refusal is not None:
        return judged.refusal
    if batch.events:
        number = _topic_with_room(connection, batch)
        _add(connection, number, batch.events, now=now)
    return judged.taken_in(Receipt(APPLIED), now=now)


def _topic_with_room(connection: sqlite3.Connection, batch: EventBatch) -> int:
    """The topic's number, where it has room for the batch."""
    found = connection.execute(
        "SELECT number, messages FROM queue_topics WHERE topic = ?", (batch.topic,)
    ).fetchone()
    messages = 0 if found is None else int(found[1])
    if messages + len(batch.events) > batch.max_waiting:
        raise StoreUnavailable(f"topic {batch.topic} is full: {messages} events wait for consumers")
    if found is not None:
        return int(found[0])
    added = connection.execute("INSERT INTO queue_topics (topic) VALUES (?)", (batch.topic,))
    return int(added.lastrowid or 0)


def _add(
    connection: sqlite3.Connection, topic: int, events: Sequence[Published], *, now: float
) -> None:
    last = last_number(connection)
    # Half of a surrogate pair is no UTF-8; JSON has the same escapes for it as Python.
    rows = (
        (last + n, event.body.encode(errors="backslashreplace"))
        for n, event in enumerate(events, start=1)
    )
    for marks, values in slices_of_rows(rows, 2):
        connection.execute(
            f"INSERT INTO queue_bodies (number, body) VALUES {marks}",  # noqa: S608 - question marks only
            values,
        )
    append(connection, topic, last, now=now)


def last_number(connection: sqlite3.Connection) -> int:
    """The largest number of a message that is there; what comes after it goes to the end."""
    found = connection.execute(
        "SELECT max(coalesce((SELECT max(number) FROM queue_messages), 0),"
        " coalesce((SELECT max(number) FROM queue_bodies), 0))"
    )
    return int(found.fetchone()[0])


def append(connection: sqlite3.Connection, topic: int, last: int, *, now: float) -> None:
    """Make fresh messages of a topic of all bodies whose numbers come after `last`."""
    # The token is of this step alone, and not of the file: in a file that was set back to an
    # older copy, numbers come again; and they do so where all have been acknowledged.
    connection.execute(
        "INSERT INTO queue_messages (number, topic, token, at)"
        " SELECT number, ?, ?, ? FROM queue_bodies WHERE number > ? ORDER BY number",
        (topic, os.urandom(8).hex(), now, last),
    )


# --- handing out


def topic_number(connection: sqlite3.Connection, topic: str) -> int | None:
    """The topic's number; None where nothing was ever put into it."""
    found = connection.execute(
        "SELECT number FROM queue_topics WHERE topic = ?", (topic,)
    ).fetchone()
    return None if found is None else int(found[0])


def can_claim(connection: sqlite3.Connection, topic: str, *, now: float) -> bool:
    """Whether a claim would get anything."""
    found = connection.execute(
        """
        SELECT EXISTS (SELECT 1 FROM queue_messages WHERE topic = queue_topics.number AND state = 0)
        OR EXISTS (
            SELECT 1 FROM queue_messages
            WHERE topic = queue_topics.number AND state = 1 AND due <= :now
        ) OR EXISTS (
            SELECT 1 FROM queue_messages
            WHERE topic = queue_topics.number AND state >= 2 AND due <= :now
        ) FROM queue_topics WHERE topic = :topic
        """,
        {"topic": topic, "now": now},
    ).fetchone()
    return found is not None and bool(found[0])


def claim(
    connection: sqlite3.Connection, topic: str, limit: int, *, seconds: float, now: float
) -> list[Message]:
    """Hand out the oldest; see `KeepsEvents.claim`."""
    number = topic_number(connection, topic)
    if number is None:
        return []
    _end_pauses(connection, number, now=now)
    again = _due_again(connection, number, now=now)
    if again is not None:
        return _hand_out(connection, topic, "?", (again,), due=now + seconds)
    amount = _fresh_at_once(connection, number, min(limit, AT_ONCE))
    return _hand_out(connection, topic, _FRESH, (number, amount), due=now + seconds)


_FRESH = "SELECT number FROM queue_messages WHERE topic = ? AND state = 0 ORDER BY number LIMIT ?"


def _end_pauses(connection: sqlite3.Connection, topic: int, *, now: float) -> None:
    """What was never handed out, as far as that counts, is fresh again after its pause."""
    connection.execute(
        "UPDATE queue_messages SET state = ? WHERE topic = ? AND state = 1 AND due <= ?",
        (FRESH, topic, now),
    )


def _due_again(connection: sqlite3.Connection, topic: int, *, now: float) -> int | None:
    """The number of a message that was handed out before, where it is the turn of one."""
    found = connection.execute(
        """
        SELECT number, due <= coalesce(
            (SELECT at FROM queue_messages WHERE topic = :topic AND state = 0
             ORDER BY number LIMIT 1), due)
        FROM queue_messages WHERE topic = :topic AND state >= 2 AND due <= :now
        ORDER BY due, number LIMIT 1
        """,
        {"topic": topic, "now": now},
    ).fetchone()
    return int(found[0]) if found is not None and found[1] else None


def _fresh_at_once(connection: sqlite3.Connection, topic: int, limit: int) -> int:
    """How many of the fresh messages are handed out together, at most `limit`."""
    found = connection.execute(
        f"""
        SELECT count(*) FROM (
            SELECT row_number() OVER oldest_first AS place,
                sum(length(body)) OVER oldest_first AS size
            FROM queue_bodies WHERE number IN ({_FRESH})
            WINDOW oldest_first AS (ORDER BY number)
        ) WHERE place = 1 OR size <= ?
        """,  # noqa: S608 - a constant
        (topic, limit, CLAIM_BYTES),
    )
    return max(1, int(found.fetchone()[0]))  # the oldest one also where somebody took its body


_MESSAGES = WithBodies("m.number || ' ' || token || ' ' || deliveries", 3)


def _hand_out(
    connection: sqlite3.Connection,
    topic: str,
    chosen: str,
    values: tuple[int, ...],
    *,
    due: float,
) -> list[Message]:
    """Hand out messages whose numbers are `chosen`, in SQL."""
    found = (
        "queue_messages AS m LEFT JOIN queue_bodies AS b ON b.number = m.number"
        f" WHERE m.number IN ({chosen})"
    )
    holder = int.from_bytes(os.urandom(7)) + 1
    messages = {}
    for (number, token, deliveries), body in _MESSAGES.read(connection, found, values):
        messages[int(number)] = Message(
            topic, f"{token}-{number}", body, int(deliveries) + 1, holder
        )
    connection.execute(
        f"""
        UPDATE queue_messages SET state = {HELD}, due = ?, deliveries = deliveries + 1, holder = ?
        WHERE number IN ({chosen})
        """,  # noqa: S608 - constants
        (due, holder, *values),
    )
    return [messages[number] for number in sorted(messages)]


# --- how much there is


def topics(connection: sqlite3.Connection) -> list[str]:
    """Topics in which there ever was anything, sorted."""
    found = connection.execute("SELECT group_concat(hex(topic), ' ') FROM queue_topics")
    return sorted(text(digits) for digits in words(found.fetchone()[0]))


def backlog(connection: sqlite3.Connection, topic: str, *, now: float) -> Backlog:
    """How much there is. Of what somebody has, the time may be over: it waits."""
    found = connection.execute(
        """
        SELECT messages, dead_letters, (
            SELECT count(*) FROM queue_messages
            WHERE topic = queue_topics.number AND state = 3 AND due > ?
        ) FROM queue_topics WHERE topic = ?
        """,
        (now, topic),
    ).fetchone()
    if found is None:
        return Backlog()
    messages, dead_letters, in_hand = map(int, found)
    return Backlog(messages - in_hand, in_hand, dead_letters)
