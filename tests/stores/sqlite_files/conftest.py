"""A file of SQLite, and a store in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    store = SqliteStore(str(path), clock=clock)
    yield store
    store.close()


@pytest.fixture(params=["rollback", "wal"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the journal modes that the version of SQLite decides on."""
    is_wal = request.param == "wal"
    monkeypatch.setattr("ecl_logging.stores.sqlite.connection.wal_is_safe", lambda _: is_wal)
    return str(request.param)
