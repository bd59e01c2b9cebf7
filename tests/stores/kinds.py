"""The kinds of stores that tests count in, and what others may do to each behind its back.

A new store joins by one entry in `KINDS`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import Any, Protocol

import pytest

from ecl_logging.addresses import parse_address
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore, _MemoryTables
from ecl_logging.stores.protocols import Store
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import Clock
from tests.faults.oracle import (
    Buckets,
    buckets_in_file,
    buckets_in_redis,
    totals_in_file,
    totals_in_redis,
)
from tests.redis_servers import RedisServer

__all__ = ["KINDS", "Kind"]


class Kind(Protocol):
    """How a kind of store is made, and what others may do to it behind its back."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        """Get ready; what is needed (a folder, a server) is asked of `request`."""

    def open(self, clock: Clock) -> Store:
        """Another store object for the same counts."""

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        """Put into a cell of the group `requests` what is no number."""

    def spoil_totals(self, cell: str) -> None:
        """Put into a cell of that group's totals what is no number."""

    def empty(self) -> None:
        """Take away everything that was stored."""

    def copied(self) -> Any:
        """A copy of everything that is stored. No store has it open."""

    def set_back(self, copy: Any) -> None:
        """Have what such a copy has in the place of all that is stored. No store has it open."""

    def buckets(self, group: str) -> Buckets:
        """All buckets of a group, seen by nothing of ours."""

    def totals(self, group: str) -> dict[str, int]:
        """The cells of a group's totals, with the one that says since when, seen so, too."""


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

    def spoil_totals(self, cell: str) -> None:
        buckets = self._store._tables.buckets.setdefault(("requests", "@totals"), {})
        buckets.setdefault(0, {})[cell] = "spoilt"

    def empty(self) -> None:
        self._store._tables = _MemoryTables()
        self._store._transactions._connection = None

    def copied(self) -> tuple[_MemoryTables, bytes]:
        with self._store._transactions.reading(5) as connection:
            is_empty = connection.execute("PRAGMA page_count").fetchone() == (0,)
            kept = b"" if is_empty else connection.serialize()  # which SQLite refuses for nothing
        return self._store._tables, kept  # tables are never changed

    def set_back(self, copy: tuple[_MemoryTables, bytes]) -> None:
        self._store._tables, kept = copy
        self._store._transactions._connection = None
        if kept:
            with self._store._transactions._inside() as connection:
                connection.deserialize(kept)

    def buckets(self, group: str) -> Buckets:
        return {
            (interval, start): cells
            for (name, interval), buckets in self._store._tables.buckets.items()
            for start, cells in buckets.items()
            if name == group and cells and interval != "@totals"
        }

    def totals(self, group: str) -> dict[str, int]:
        return self._store._tables.bucket(group, "@totals", 0)


class SqliteKind:
    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._path = request.getfixturevalue("tmp_path") / "counts.db"

    def open(self, clock: Clock) -> SqliteStore:
        return SqliteStore(str(self._path), clock=clock)

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        self._spoil(interval.text, start, cell)

    def spoil_totals(self, cell: str) -> None:
        self._spoil("@totals", 0, cell)

    def _spoil(self, *place: object) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO counts VALUES ('requests', ?, ?, ?, 'spoilt')", place
            )

    def empty(self) -> None:
        self._path.unlink(missing_ok=True)

    def copied(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    def set_back(self, copy: bytes | None) -> None:
        self._path.unlink(missing_ok=True)
        if copy is not None:
            self._path.write_bytes(copy)

    def buckets(self, group: str) -> Buckets:
        return buckets_in_file(self._path, group) if self._path.exists() else {}

    def totals(self, group: str) -> dict[str, int]:
        return totals_in_file(self._path, group) if self._path.exists() else {}


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
        self._passed = 0.0  # by the test's clock

    def open(self, clock: Clock) -> RedisStore:
        clock.on_change = self._pass_time
        address = parse_address(f"{self._server.url}?protocol={self.protocol}")
        return RedisStore(address.target, address.settings, shown=address.shown, clock=clock)

    def _pass_time(self, seconds: float) -> None:
        """Have the times to live of all keys pass with the test's clock."""
        self._passed += seconds
        keys = self._client.keys()
        for key, left in zip(keys, self._of_each(keys, "pttl"), strict=True):
            if left > 0:
                self._client.pexpire(key, int(left - seconds * 1000))

    def _of_each(self, keys: Iterable[str], question: str) -> list[Any]:
        """What the server says of each key, in one look."""
        with self._client.pipeline(transaction=True) as look:
            for key in keys:
                getattr(look, question)(key)
            return look.execute()

    def spoil(self, interval: Interval, start: int, cell: str) -> None:
        self._client.hset(f"requests:{interval.text}:{start}", cell, "spoilt")

    def spoil_totals(self, cell: str) -> None:
        self._client.hset("requests:@totals", cell, "spoilt")

    def empty(self) -> None:
        self._client.flushall()

    def copied(self) -> tuple[float, list[tuple[str, float, bytes]]]:
        keys = self._client.keys()
        with contextlib.closing(self._server.client(decode_responses=False)) as client:
            dumped = [client.dump(key) for key in keys]
        return self._passed, list(zip(keys, self._of_each(keys, "pttl"), dumped, strict=True))

    def set_back(self, copy: tuple[float, list[tuple[str, float, bytes]]]) -> None:
        at, entries = copy
        self._client.flushall()
        for key, left, dumped in entries:
            if left <= 0:
                self._client.restore(key, 0, dumped)
            elif (still := int(left - (self._passed - at) * 1000)) > 0:
                self._client.restore(key, still, dumped)

    def buckets(self, group: str) -> Buckets:
        return buckets_in_redis(self._client, group)

    def totals(self, group: str) -> dict[str, int]:
        return totals_in_redis(self._client, group)


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
