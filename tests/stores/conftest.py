"""Every store in turn: a test that takes `store` is part of the contract.

A new store joins by one entry in `KINDS`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore, _MemoryTables
from ecl_logging.stores.protocols import Store
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import Clock


class Kind(Protocol):
    """How a kind of store is made, and what others may do to it behind its back."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        """Get ready; what is needed (a folder, a server) is asked of `request`."""

    def open(self, clock: Clock) -> Store:
        """Another store object for the same counts."""

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        """Put into a cell of the group `requests` what is no number."""

    def empty(self) -> None:
        """Take away everything that was stored."""


class MemoryKind:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._store: MemoryStore | None = None

    def open(self, clock: Clock) -> MemoryStore:
        if self._store is None:
            self._store = MemoryStore(clock=clock)
        return self._store

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        buckets = self._store._tables.buckets.setdefault(("requests", interval.text), {})
        buckets.setdefault(start, {})[cell] = "spoilt"

    def empty(self) -> None:
        self._store._tables = _MemoryTables()


class SqliteKind:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._path = request.getfixturevalue("tmp_path") / "counts.db"

    def open(self, clock: Clock) -> SqliteStore:
        return SqliteStore(str(self._path), clock=clock)

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO counts VALUES ('requests', ?, ?, ?, 'spoilt')",
                (interval.text, start, cell),
            )

    def empty(self) -> None:
        self._path.unlink()


class WalKind(SqliteKind):
    """As with an SQLite that can be trusted with a write-ahead log."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        monkeypatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setattr("ecl_logging.stores.sqlite.connection.wal_is_safe", lambda _: True)


KINDS: dict[str, type[Kind]] = {"memory": MemoryKind, "sqlite": SqliteKind, "wal": WalKind}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param](request)


@pytest.fixture
def open_store(kind: Kind, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens the test's store, as each program does for itself."""
    with contextlib.ExitStack() as opened:

        def opening() -> Store:
            store = kind.open(clock)
            opened.callback(store.close)
            return store

        yield opening


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()
