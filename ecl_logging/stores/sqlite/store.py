"""SqliteStore: the protocol's steps, each one transaction of the file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence

from ecl_logging.errors import StoreError
from ecl_logging.intervals import Interval
from ecl_logging.stores import steps
from ecl_logging.stores.protocols import (
    SOURCE_SECONDS,
    Batch,
    Bucket,
    Definition,
    Finished,
    Reply,
    Source,
    Totals,
)
from ecl_logging.stores.sql.kept import KeptInSql
from ecl_logging.stores.sqlite.connection import Connections
from ecl_logging.stores.sqlite.tables import SqliteTables

__all__ = ["SqliteStore"]

_READ_SECONDS = 5.0


class SqliteStore(KeptInSql):
    """Counts in one SQLite file, for all processes of one machine. Thread safe.

    A `Keeper` and a `QueueKeeper`, too.
    """

    def __init__(
        self,
        path: str | Callable[[], str],
        *,
        private: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`path` may be a function, called when the file is needed; see `Connections`."""
        self._path = path
        self._clock = clock
        self._transactions = self._connections = Connections(self._absolute_path, private=private)
        if isinstance(path, str):
            # A process that changes its folder goes on with the file that was meant.
            self._path = os.path.abspath(path)

    def _absolute_path(self) -> str:
        return self._path() if callable(self._path) else self._path

    @property
    def shown(self) -> str:
        """The URL; for the embedded store without a home, what it is."""
        try:
            return f"sqlite:///{self._absolute_path()}"
        except StoreError:
            return "the embedded store"

    def define(
        self, wanted: Definition, *, replace: bool = False, timeout: float = 5.0
    ) -> Definition:
        known = None if replace else self.definition(wanted.group, timeout=timeout)
        if known is not None and steps.united(known, wanted) == known:
            return known  # the usual case, without waiting for writers
        with self._connections.writing(timeout) as connection:
            tables = SqliteTables(connection)
            return steps.define(tables, wanted, replace=replace, now=self._clock())

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        with self._connections.writing(timeout) as connection:
            return steps.apply(SqliteTables(connection), batch, now=self._clock())

    def groups(self) -> list[str]:
        with self._connections.reading(_READ_SECONDS) as connection:
            return SqliteTables(connection).groups()

    def definition(self, group: str, *, timeout: float = _READ_SECONDS) -> Definition | None:
        with self._connections.reading(timeout) as connection:
            return SqliteTables(connection).definition(group)

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        current = interval.start_of(int(self._clock()))
        starts = [current - age * interval.seconds for age in ages]
        with self._connections.reading(_READ_SECONDS) as connection:
            tables = SqliteTables(connection)
            return [Bucket(at, tables.bucket(group, interval.text, at)) for at in starts]

    def sources(self, group: str) -> list[Source]:
        with self._connections.reading(_READ_SECONDS) as connection:
            return SqliteTables(connection).sources(group, since=self._clock() - SOURCE_SECONDS)

    def rotate(self, group: str) -> list[Finished]:
        with self._connections.writing(_READ_SECONDS) as connection:
            return steps.rotate(SqliteTables(connection), group, now=self._clock())

    def totals(self, group: str) -> Totals | None:
        with self._connections.reading(_READ_SECONDS) as connection:
            tables = SqliteTables(connection)
            known = steps.totals_of(tables.bucket(group, *steps.TOTALS))
            # Nor is a file made where there is none.
            if known is not None or tables.definition(group) is None:
                return known
        with self._connections.writing(_READ_SECONDS) as connection:
            return steps.begin_totals(SqliteTables(connection), group, now=self._clock())

    def marks(self, group: str, reader: str) -> dict[str, int]:
        with self._connections.reading(_READ_SECONDS) as connection:
            return SqliteTables(connection).marks(group, reader)

    def mark(self, group: str, reader: str, interval: Interval, start: int) -> None:
        with self._connections.writing(_READ_SECONDS) as connection:
            steps.mark(SqliteTables(connection), group, reader, interval, start)

    def advice(self, *, timeout: float = 5.0) -> str | None:
        return None  # a journal mode that cannot be trusted is not used

    def close(self) -> None:
        self._connections.close()

    def after_fork(self) -> None:
        self._connections.after_fork()
