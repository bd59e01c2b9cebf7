"""A SQL database, through SQLAlchemy: a row for each kind and second of a record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from ecl_logging.deadlines import elapsed
from ecl_logging.records.destinations.protocol import Refused, Stored
from ecl_logging.records.destinations.sql_errors import RefusedContent, as_ours
from ecl_logging.records.destinations.sql_places import open_place
from ecl_logging.records.destinations.sql_tables import (
    GATHERED,
    METADATA,
    insert_new_ids,
    rows_of,
    upsert,
)
from ecl_logging.stores.keeping import AT_ONCE, Entry

__all__ = ["SqlDestination"]

_T = TypeVar("_T")

# How long an ID is kept. Once it is acknowledged, the entry can be in the hands of another
# gatherer only, which gives it up when its claim is over. Else it comes again, when somebody
# gathers.
_KEPT_ACKNOWLEDGED = timedelta(days=1)
_KEPT = timedelta(days=90)
_TIDY_SECONDS = 600.0
_TIDIED_AT_ONCE = 20 * AT_ONCE

_LOCK_KEY = 0x65636C5F72656373  # of those who create the tables: `ecl_recs`


class SqlDestination:
    """A database's tables `ecl_records` and `ecl_gathered`, created where they are missing.

    An entry counts once, however often it is stored, and whoever stores it: its ID is kept. The
    database's own clock says how long.
    """

    def __init__(self, url: str) -> None:
        """Raises ConfigError where the URL is wrong, or a package is missing."""
        place = open_place(url)
        self.shown = place.shown
        self.file = place.file  # of a SQLite database
        self._secrets = place.secrets
        self._engine = place.engine
        self._upsert = upsert(place.engine.dialect.name)
        self._is_ready = False
        self._acknowledged: set[str] = set()  # and not noted in the database
        self._next_tidy = 0.0

    def open(self) -> None:
        """Have the tables. Raises StoreUnavailable, StoreError."""
        if not self._is_ready:
            self._in_transaction(lambda _: None)

    def store(self, entries: Sequence[Entry]) -> Stored:
        """Store what the database does not have. Raises StoreUnavailable, StoreError."""
        try:
            self._in_transaction(lambda connection: self._store(connection, entries))
            return Stored()
        except RefusedContent as error:
            if len(entries) == 1:
                return Stored((Refused(entries[0], str(error)),))
        # One of them is refused: each by itself. Those that are in are known by their IDs.
        refused = [one for entry in entries for one in self.store([entry]).refused]
        return Stored(tuple(refused))

    def acknowledged(self, ids: Sequence[str]) -> None:
        """Have these IDs forgotten, a day later."""
        self._acknowledged.update(ids)

    def tidy(self) -> None:
        """Note what was acknowledged, and forget old IDs. Raises StoreUnavailable, StoreError."""
        if self._acknowledged:
            self._in_transaction(lambda _: None)
        if elapsed() >= self._next_tidy:
            is_done = self._in_transaction(_forget_old_ids) < _TIDIED_AT_ONCE
            self._next_tidy = elapsed() + _TIDY_SECONDS if is_done else 0.0

    def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(Exception):
            self._engine.dispose()

    def _in_transaction(self, step: Callable[[sa.Connection], _T]) -> _T:
        """Do a step together with what is to be noted. Raises ours, and RefusedContent."""
        try:
            if not self._is_ready:
                self._create_tables()
                self._is_ready = True
            noted = sorted(self._acknowledged)[: 10 * AT_ONCE]
            with self._engine.begin() as connection:
                _note_acknowledged(connection, noted)
                done = step(connection)
        except (sa.exc.SQLAlchemyError, OSError, ValueError, TypeError, ArithmeticError) as error:
            # After an error nobody knows what the connection is good for.
            self.close()
            raise as_ours(error, self.shown, self._secrets) from None
        self._acknowledged.difference_update(noted)
        return done

    def _store(self, connection: sa.Connection, entries: Sequence[Entry]) -> None:
        by_id = {one.id: one for one in entries}  # an ID that is given twice is the same entry
        new = insert_new_ids(connection, list(by_id), _now(connection))
        if rows := rows_of([by_id[one] for one in new]):
            connection.execute(self._upsert, rows)

    def _create_tables(self) -> None:
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql" and _lacks_tables(connection):
                # Two at a time would be in each other's way, in spite of IF NOT EXISTS.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
            METADATA.create_all(connection)


def _lacks_tables(connection: sa.Connection) -> bool:
    inspector = sa.inspect(connection)
    return not all(inspector.has_table(name) for name in METADATA.tables)


def _now(connection: sa.Connection) -> datetime:
    """The database's clock: those of gatherers may differ."""
    return connection.execute(sa.select(sa.func.now())).scalar_one()


def _note_acknowledged(connection: sa.Connection, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), AT_ONCE):
        here = GATHERED.c.id.in_(ids[start : start + AT_ONCE])
        connection.execute(sa.update(GATHERED).where(here).values(acknowledged=True))


def _forget_old_ids(connection: sa.Connection) -> int:
    """Delete IDs whose time is over, some at a time; return how many."""
    now, at = _now(connection), GATHERED.c.at
    is_old = (at < now - _KEPT) | ((at < now - _KEPT_ACKNOWLEDGED) & GATHERED.c.acknowledged)
    chosen = sa.select(GATHERED.c.id).where(is_old).limit(_TIDIED_AT_ONCE)
    return connection.execute(sa.delete(GATHERED).where(GATHERED.c.id.in_(chosen))).rowcount
