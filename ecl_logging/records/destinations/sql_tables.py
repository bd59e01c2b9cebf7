"""The two tables in a SQL database, and the statements that fill them.

`ecl_records` has a row for each kind and second. `ecl_gathered` has the IDs of the entries in it,
so that none counts twice: an ID and what it stands for come with one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ecl_logging.records.destinations.contents import (
    UNREADABLE,
    document_of,
    fields_of,
    moment,
    number_or_none,
    text_of,
)
from ecl_logging.stores.keeping import Entry

__all__ = ["GATHERED", "METADATA", "RECORDS", "insert_new_ids", "rows_of", "upsert"]

METADATA = sa.MetaData()

_INDEXED_LENGTH = 500  # characters: PostgreSQL has no index on texts of more than some 2,700 bytes
_NUL = "\\x00"  # in the place of each NUL character, which PostgreSQL refuses

RECORDS = sa.Table(
    "ecl_records",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("second", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last", sa.DateTime(timezone=True), nullable=False),
    sa.Column("repeats", sa.BigInteger, nullable=False),
    sa.Column("logger", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("levelno", sa.BigInteger),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("template", sa.Text),
    sa.Column("path", sa.Text),
    sa.Column("line", sa.BigInteger),
    sa.Column("function", sa.Text),
    sa.Column("exc_text", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("process", sa.BigInteger),
    sa.Column("record", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    sa.Index("ecl_records_time", "time"),
    sa.Index("ecl_records_logger", "logger", "time"),
    sa.Index("ecl_records_level", "level", "time"),
)

GATHERED = sa.Table(
    "ecl_gathered",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("acknowledged", sa.Boolean, nullable=False),
    sa.Index("ecl_gathered_at", "at"),
)

_KEY = ("kind", "second")
_SUMMED = ("repeats", "last")  # all others are those of the earlier record


def rows_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the rows that these entries make, sorted, each kind and second once.

    Sorted, so that two who write the same rows do not wait for each other for ever.
    """
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for entry in sorted(entries, key=lambda one: one.first):
        row = rows.setdefault((entry.kind, entry.second), {})
        if not row:
            row.update(_row_of(entry))
        else:
            row["repeats"] += entry.repeats
            row["last"] = max(row["last"], moment(entry.last))
    return [rows[key] for key in sorted(rows)]


def _row_of(entry: Entry) -> dict[str, Any]:
    fields = fields_of(entry)

    def text(name: str, limit: int | None = None) -> str | None:
        value = fields.get(name)
        return None if value is None else text_of(value, nul=_NUL, limit=limit)

    return {
        "kind": text_of(entry.kind, nul=_NUL),
        "second": entry.second,
        "time": moment(entry.first),
        "last": moment(entry.last),
        "repeats": entry.repeats,
        "logger": text("name", _INDEXED_LENGTH) or "",
        "level": text("levelname", _INDEXED_LENGTH) or "",
        "levelno": number_or_none(fields.get("levelno")),
        "message": text("message") or "",
        "template": text("msg"),
        "path": text("pathname"),
        "line": number_or_none(fields.get("lineno")),
        "function": text("funcName"),
        "exc_text": text("exc_text"),
        "host": text("host") or text("hostname"),
        "process": number_or_none(fields.get("process")),
        "record": _document(entry, fields),
    }


def _document(entry: Entry, fields: dict[str, Any]) -> dict[str, Any]:
    if UNREADABLE in fields:
        return {UNREADABLE: text_of(entry.record, nul=_NUL)}
    return document_of(entry, nul=_NUL)


def upsert(dialect: str) -> Any:
    """Return the statement that adds a row to the one of the same kind and second."""
    new: Any = (postgresql if dialect == "postgresql" else sqlite).insert(RECORDS)
    have, got = RECORDS.c, new.excluded
    is_earlier = got.time < have.time
    changed: dict[str, Any] = {
        column.name: sa.case((is_earlier, got[column.name]), else_=column)
        for column in RECORDS.columns
        if column.name not in {*_KEY, *_SUMMED}
    }
    changed["repeats"] = have.repeats + got.repeats
    changed["last"] = sa.case((got.last > have.last, got.last), else_=have.last)
    return new.on_conflict_do_update(index_elements=_KEY, set_=changed)


def insert_new_ids(connection: sa.Connection, ids: Sequence[str], now: datetime) -> set[str]:
    """Note these IDs; return those that were not known.

    Another gatherer may be at the same ones. In PostgreSQL it is waited for, until it is known
    whether its transaction came to its end; in SQLite one alone has a transaction that writes.
    """
    if connection.dialect.name == "postgresql":
        given = sa.func.unnest(sa.literal(sorted(ids), postgresql.ARRAY(sa.Text)))
        chosen = sa.select(given, sa.literal(now, sa.DateTime(timezone=True)), sa.false())
        new: Any = postgresql.insert(GATHERED).from_select(["id", "at", "acknowledged"], chosen)
        new = new.on_conflict_do_nothing(index_elements=["id"]).returning(GATHERED.c.id)
        return set(connection.scalars(new))
    known = set(connection.scalars(sa.select(GATHERED.c.id).where(GATHERED.c.id.in_(ids))))
    unknown = [one for one in ids if one not in known]
    if unknown:
        rows = [{"id": one, "at": now, "acknowledged": False} for one in unknown]
        connection.execute(sa.insert(GATHERED), rows)
    return set(unknown)
