"""The steps of `KeepsRecords`, each within a transaction of its caller."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ecl_logging.errors import StoreError
from ecl_logging.stores.keeping import AT_ONCE, Entry, Receipt, RecordBatch, Repeated, Waiting
from ecl_logging.stores.protocols import APPLIED
from ecl_logging.stores.sql.rows import rows_of, slices_of_rows, text, time_in_words, time_of
from ecl_logging.stores.sql.sources import Judged
from ecl_logging.stores.sql.tables import RECORDS

if TYPE_CHECKING:
    import sqlite3

__all__ = ["ack", "can_claim", "claim", "put", "waiting"]

_FREE = "SELECT number FROM entries WHERE claimed_until = 0 ORDER BY first, number LIMIT ?"
"""The oldest that can be claimed, when those whose claim has run out are free again."""


# --- taking in


def put(connection: sqlite3.Connection, batch: RecordBatch, *, now: float) -> Receipt:
    """Take in a batch once; see `KeepsRecords.put`."""
    judged = Judged(connection, RECORDS, batch)
    if judged.refusal is not None:
        return judged.refusal
    _add(connection, batch.entries)
    pushed_out = _make_room(connection, batch.max_kinds, batch.max_bytes, now=now)
    return judged.taken_in(Receipt(APPLIED, pushed_out=pushed_out), now=now)


_OPEN = """
    ON CONFLICT (second, kind) WHERE is_open = 1 DO UPDATE SET
        repeats = repeats + excluded.repeats,
        record = CASE WHEN excluded.first < first THEN excluded.record ELSE record END,
        size = CASE WHEN excluded.first < first THEN excluded.size ELSE size END,
        first = min(first, excluded.first),
        last = max(last, excluded.last)
    """


def _add(connection: sqlite3.Connection, repeated: Sequence[Repeated]) -> None:
    # Of this batch alone, and not of the file: in a file that was set back to an older copy,
    # numbers come again.
    token = os.urandom(8).hex()
    columns = "token, kind, second, first, last, repeats, size, record"
    for r in repeated:
        if not (math.isfinite(r.first) and math.isfinite(r.last)):
            raise StoreError(f"a record of {r.first} to {r.last} is of no time")
    rows = (
        (token, r.kind, r.second, r.first, r.last, r.repeats, len(r.record.encode()), r.record)
        for r in repeated
    )
    for marks, values in slices_of_rows(rows, 8):
        connection.execute(
            f"INSERT INTO entries ({columns}) VALUES {marks} {_OPEN}",  # noqa: S608 - constants and question marks
            values,
        )


_AT_ONCE_OUT = 1000  # so many that have to make room are looked at in one go


def _make_room(
    connection: sqlite3.Connection, max_entries: int, max_bytes: int, *, now: float
) -> int:
    """Let the oldest go that nobody has claimed; return how many records these were."""
    is_crowded, pushed_out = False, 0
    while True:
        entries, size = connection.execute(
            "SELECT entries, size FROM kept WHERE what = ?", (RECORDS,)
        ).fetchone()
        beyond, bytes_beyond = int(entries) - max_entries, int(size) - max_bytes
        if beyond <= 0 and bytes_beyond <= 0:
            break
        if not is_crowded:
            is_crowded = True
            _free(connection, now=now)
        gone, records = _push_out(connection, beyond, bytes_beyond)
        pushed_out += records
        if gone < _AT_ONCE_OUT:
            break  # that was enough, or the others are claimed
    if pushed_out:
        connection.execute(
            "UPDATE kept SET pushed_out = pushed_out + ? WHERE what = ?", (pushed_out, RECORDS)
        )
    return pushed_out


def _push_out(connection: sqlite3.Connection, beyond: int, bytes_beyond: int) -> tuple[int, int]:
    """Delete the oldest while there are too many; return how many entries and records."""
    gone, records = connection.execute(
        f"""
        SELECT count(*), total(repeats) FROM (
            SELECT repeats, row_number() OVER oldest_first AS place,
                sum(size) OVER oldest_first - size AS bytes_before
            FROM entries WHERE number IN ({_FREE})
            WINDOW oldest_first AS (ORDER BY first, number)
        ) WHERE place <= ? OR bytes_before < ?
        """,  # noqa: S608 - a constant
        (_AT_ONCE_OUT, beyond, bytes_beyond),
    ).fetchone()
    connection.execute(f"DELETE FROM entries WHERE number IN ({_FREE})", (gone,))  # noqa: S608 - a constant
    return int(gone), int(records)


# --- handing out


def _free(connection: sqlite3.Connection, *, now: float) -> None:
    """What was claimed and not acknowledged in time can be claimed again, as it is."""
    connection.execute(
        "UPDATE entries SET claimed_until = 0 WHERE claimed_until > 0 AND claimed_until <= ?",
        (now,),
    )


def can_claim(connection: sqlite3.Connection, *, now: float) -> bool:
    """Whether a claim would get anything."""
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE claimed_until = 0)"
        " OR EXISTS (SELECT 1 FROM entries WHERE claimed_until > 0 AND claimed_until <= ?)",
        (now,),
    )
    return bool(found.fetchone()[0])


_ENTRY = (
    "number || ' ' || token || ' ' || hex(kind) || ' ' || second"
    f" || ' ' || {time_in_words('first')} || ' ' || {time_in_words('last')}"
    " || ' ' || repeats || ' ' || hex(record)"
)
_WORDS_OF_ENTRY = 10


def claim(connection: sqlite3.Connection, limit: int, *, seconds: float, now: float) -> list[Entry]:
    """Hand out the oldest; see `KeepsRecords.claim`."""
    limit = min(limit, AT_ONCE)
    _free(connection, now=now)
    packed = connection.execute(
        f"SELECT group_concat({_ENTRY}, ' ') FROM entries WHERE number IN ({_FREE})",  # noqa: S608 - constants
        (limit,),
    ).fetchone()[0]
    if packed is None:
        return []
    connection.execute(
        f"UPDATE entries SET is_open = 0, claimed_until = ? WHERE number IN ({_FREE})",  # noqa: S608 - a constant
        (now + seconds, limit),
    )
    return _entries_of(packed)


def _entries_of(packed: str) -> list[Entry]:
    """The entries, oldest first."""
    numbered = []
    for row in rows_of(packed, _WORDS_OF_ENTRY):
        number, token, kind, second, first, first_part, last, last_part, repeats, record = row
        entry = Entry(
            id=f"{token}-{number}",
            kind=text(kind),
            second=int(second),
            first=time_of(first, first_part),
            last=time_of(last, last_part),
            repeats=int(repeats),
            record=text(record),
        )
        numbered.append((entry.first, int(number), entry))
    return [entry for _, _, entry in sorted(numbered, key=lambda one: one[:2])]


_ID = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})", re.ASCII)


def ack(connection: sqlite3.Connection, ids: Collection[str]) -> int:
    """Forget entries; see `KeepsRecords.ack`."""
    found = (_ID.fullmatch(one) for one in set(ids))
    rows = [(match[1], int(match[2])) for match in found if match]
    forgotten = 0
    for marks, values in slices_of_rows(rows, 2):
        forgotten += connection.execute(
            f"""
            DELETE FROM entries WHERE number IN (
                WITH given (token, number) AS (VALUES {marks})
                SELECT entries.number FROM given CROSS JOIN entries
                ON entries.number = given.number AND entries.token = given.token
            )
            """,  # noqa: S608 - question marks only
            values,
        ).rowcount
    return forgotten


def waiting(connection: sqlite3.Connection, *, now: float) -> Waiting:
    """How much there is."""
    row = connection.execute(
        # The first of the conditions is that of the index.
        "SELECT entries,"
        " (SELECT count(*) FROM entries WHERE claimed_until > 0 AND claimed_until > ?),"
        " size, pushed_out FROM kept WHERE what = ?",
        (now, RECORDS),
    ).fetchone()
    return Waiting(*map(int, row))
