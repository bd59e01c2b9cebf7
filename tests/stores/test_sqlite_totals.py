"""SQLite's own of totals: where they are in the file, and who cannot begin them."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.protocols import Totals
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import FIVE_MINUTES, NOW, REQUESTS, Program, cells


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.db"


@pytest.fixture
def store(path, clock):
    store = SqliteStore(str(path), clock=clock)
    yield store
    store.close()


def rows_of(path, question: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


def test_asking_for_totals_or_marks_creates_no_file(store, path):
    assert store.totals("requests") is None
    assert store.marks("requests", "push:a") == {}
    assert not path.exists()


def test_totals_and_marks_are_rows_like_those_of_buckets_and_rotations(store, path):
    store.define(REQUESTS)
    store.totals("requests")
    store.mark("requests", "push:a", FIVE_MINUTES, NOW)
    Program(store).send({"req1": 2, "@=0:m": -1}, intervals=(FIVE_MINUTES,))

    rows = rows_of(path, "SELECT start, id, count FROM counts WHERE interval = '@totals'")
    assert sorted(rows) == [(0, "@=0:m", -1), (0, "@since", NOW), (0, "req1", 2)]
    assert rows_of(path, "SELECT * FROM rotations") == [("requests", "5m push:a", NOW)]


def test_a_mark_that_is_no_number_is_none(store, path):
    store.mark("requests", "push:a", FIVE_MINUTES, NOW + 300)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rotations SET start = 'spoilt'")

    assert store.marks("requests", "push:a") == {}
    store.mark("requests", "push:a", FIVE_MINUTES, NOW)
    assert store.marks("requests", "push:a") == {"5m": NOW}


def test_who_may_not_write_can_read_totals_that_are_there(store, path, monkeypatch):
    """As SQLite has it where the user may not write: root may, whatever a file's mode says."""
    store.define(REQUESTS)
    Program(store, "a").send({"req1": 1})

    def refuse(*_, **__):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    with monkeypatch.context() as patch:
        patch.setattr("ecl_logging.stores.sqlite.connection._open_to_write", refuse)
        store.close()
        with pytest.raises(StoreUnavailable, match=r"counts\.db: attempt to write a readonly"):
            store.totals("requests")
        assert cells(store) == {"req1": 1}
    begun = store.totals("requests")
    assert begun == Totals(NOW)
    Program(store, "b").send({"req1": 2})
    store.close()
    monkeypatch.setattr("ecl_logging.stores.sqlite.connection._open_to_write", refuse)

    assert store.totals("requests") == Totals(NOW, {"req1": 2})
