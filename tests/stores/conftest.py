"""Every store in turn: a test that takes `store` is part of the contract.

A new store joins by one entry in `KINDS`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
import redis

from ecl_logging import stores
from ecl_logging.addresses import parse_address
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore, _MemoryTables
from ecl_logging.stores.protocols import Store
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import Clock
from tests.redis_servers import RedisServer


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


class RedisKind:
    protocol = 3

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._server: RedisServer = request.getfixturevalue("empty_server")
        self._client = self._server.client()
        request.addfinalizer(self._client.close)

    def open(self, clock: Clock) -> RedisStore:
        clock.on_change = self._pass_time
        address = parse_address(f"{self._server.url}?protocol={self.protocol}")
        return RedisStore(address.target, address.settings, shown=address.shown, clock=clock)

    def _pass_time(self, seconds: float) -> None:
        """Have the times to live of all keys pass with the test's clock."""
        for key in self._client.scan_iter():
            if (left := self._client.pttl(key)) > 0:
                self._client.pexpire(key, int(left - seconds * 1000))

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        self._client.hset(f"requests:{interval.text}:{start}", cell, "spoilt")

    def empty(self) -> None:
        self._client.flushall()


class OldProtocolKind(RedisKind):
    """As with a server, or a setting, that speaks the older protocol."""

    protocol = 2


KINDS: dict[str, type[Kind]] = {
    "memory": MemoryKind,
    "sqlite": SqliteKind,
    "wal": WalKind,
    "redis": RedisKind,
    "resp2": OldProtocolKind,
}


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


@pytest.fixture
def client(empty_server: RedisServer) -> Iterator[redis.Redis]:
    """A look at the server of the Redis kinds, and what others may do to it."""
    with contextlib.closing(empty_server.client()) as client:
        yield client


@pytest.fixture
def own_store(own_server: RedisServer) -> Iterator[RedisStore]:
    with contextlib.closing(stores.open_store(own_server.url)) as store:
        assert isinstance(store, RedisStore)
        yield store
