"""SQLite's own, first part: how the file is made, by which journal, and what replaces it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable

import pytest

from ecl_logging.addresses import embedded_path
from ecl_logging.stores.sqlite import schema
from ecl_logging.stores.sqlite.connection import wal_is_safe
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


def execute(path, statement: str) -> list[tuple]:
    """Do something to the file that our code would not."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def journal_mode(path) -> str:
    return execute(path, "PRAGMA journal_mode")[0][0]


# --- what is created, and when


def test_building_and_closing_create_nothing(store, path):
    store.close()
    store.after_fork()

    assert not path.exists()
    assert store.shown == f"sqlite:///{path}"


def test_reading_creates_nothing(store, path):
    assert store.groups() == []
    assert store.definition("requests") is None
    assert cells(store) == {}
    assert store.sources("requests") == []
    assert list(path.parent.iterdir()) == []


def test_reading_in_a_folder_that_is_missing_finds_nothing(tmp_path):
    store = SqliteStore(str(tmp_path / "missing" / "counts.db"))

    assert store.groups() == []
    assert not (tmp_path / "missing").exists()


def test_an_empty_file_is_read_as_an_empty_store_and_left_empty(store, path):
    path.touch()

    assert store.groups() == []
    assert path.stat().st_size == 0


def test_an_empty_file_becomes_a_store_with_the_first_write(store, path):
    path.touch()
    store.define(REQUESTS)

    assert store.groups() == ["requests"]


def test_a_place_that_is_a_function_is_asked_for_at_the_first_use(path):
    asked = []

    def place() -> str:
        asked.append(True)
        return str(path)

    store = SqliteStore(place)
    assert asked == []
    store.groups()
    assert asked == [True]


def test_a_relative_path_is_of_the_folder_in_which_the_store_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("counts.db")
    monkeypatch.chdir("/")
    store.define(REQUESTS)
    store.close()

    assert (tmp_path / "counts.db").exists()


@pytest.mark.parametrize(
    "name",
    ["a b.db", "50%25.db", "é日本.db", "a'b\".db", "#1?x=y.db", "file:x", "caf\udce9.db"],
)
def test_a_file_may_have_any_name(tmp_path, name):
    store = SqliteStore(str(tmp_path / name))
    store.define(REQUESTS)
    store.close()

    assert store.groups() == ["requests"]
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_the_embedded_file_is_for_its_owner_only(home):
    before = os.umask(0o022)
    try:
        store = SqliteStore(embedded_path, private=True)
        store.define(REQUESTS)
        store.close()
    finally:
        os.umask(before)

    file = embedded_path()
    assert file.startswith(str(home))
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700


def test_rights_that_somebody_gave_are_left_alone(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    file = folder / "counts.db"
    file.touch()
    file.chmod(0o664)
    store = SqliteStore(lambda: str(file), private=True)
    store.define(REQUESTS)
    store.close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE(file.stat().st_mode) == 0o664


def test_the_file_says_whose_it_is(store, path):
    store.define(REQUESTS)

    assert execute(path, "PRAGMA application_id") == [(0x45434C67,)]
    assert execute(path, "PRAGMA user_version") == [(1,)]


def test_cells_that_hold_no_number_are_left_out_when_read(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    execute(path, f"INSERT INTO counts VALUES ('requests', '5m', {NOW}, 'text', 'many')")
    execute(path, f"INSERT INTO counts VALUES ('requests', '5m', {NOW}, 'half', 2.5)")

    assert cells(store, FIVE_MINUTES) == {"req1": 2}


# --- the journal


@pytest.mark.fault("E7")
@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 7, 0), "delete"),
        ((3, 40, 1), "delete"),
        ((3, 44, 5), "delete"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "delete"),
        ((3, 45, 1), "delete"),
        ((3, 50, 4), "delete"),
        ((3, 50, 6), "delete"),
        ((3, 50, 7), "wal"),
        ((3, 51, 0), "delete"),
        ((3, 51, 2), "delete"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_a_new_file_uses_wal_only_where_sqlite_keeps_every_commit(
    store, path, monkeypatch, version, mode
):
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)
    store.define(REQUESTS)
    Program(store).send({"req1": 2})

    assert journal_mode(path) == mode
    assert cells(store) == {"req1": 2}
    assert wal_is_safe(version) == (mode == "wal")


@pytest.mark.fault("E7", control=True)
def test_without_the_gate_an_sqlite_that_may_lose_commits_would_use_wal(store, path, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr("ecl_logging.stores.sqlite.connection.wal_is_safe", lambda _: True)
    store.define(REQUESTS)

    assert journal_mode(path) == "wal"


@pytest.mark.fault("E7")
@pytest.mark.parametrize(("version", "synchronous"), [((3, 40, 1), 2), ((3, 51, 3), 1)])
def test_a_commit_is_as_durable_as_its_journal_needs(store, monkeypatch, version, synchronous):
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)

    with store._connections.writing(5) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)


@pytest.mark.fault("E7")
def test_a_file_with_a_rollback_journal_keeps_it(store, path, monkeypatch):
    store.define(REQUESTS)
    store.close()
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 51, 3))
    Program(store).send({"req1": 2})

    assert journal_mode(path) == "delete"


@pytest.fixture
def wal_file(store, path):
    """A file that a newer SQLite has left in WAL mode."""
    store.define(REQUESTS)
    store.close()
    assert execute(path, "PRAGMA journal_mode = wal") == [("wal",)]
    return path


@pytest.mark.fault("E7")
def test_a_wal_file_that_nobody_uses_gets_a_rollback_journal(store, wal_file, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 1))
    Program(store).send({"req1": 2})

    assert journal_mode(wal_file) == "delete"


@pytest.mark.fault("E7")
def test_a_wal_file_in_use_is_left_in_wal_mode(store, wal_file, monkeypatch):
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 40, 1))
    with contextlib.closing(sqlite3.connect(wal_file)) as somebody:
        somebody.execute("SELECT * FROM definitions").fetchall()
        Program(store).send({"req1": 2})

        assert somebody.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cells(store) == {"req1": 2}


# --- the file is taken away


def replaced_by_a_new_one(store, path):
    path.unlink()
    another = SqliteStore(str(path))
    another.define(type(REQUESTS)("jobs", REQUESTS.intervals))
    another.close()


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    "lose",
    [
        lambda store, path: path.unlink(),
        lambda store, path: path.rename(path.with_name("elsewhere.db")),
        replaced_by_a_new_one,
    ],
    ids=["removed", "renamed", "replaced"],
)
def test_a_store_whose_file_is_lost_knows_nothing_any_more(store, path, lose):
    store.define(REQUESTS)
    program = Program(store)
    program.send({"req1": 2})
    lose(store, path)

    assert store.apply(program.batch({"req1": 3})).status == "undefined"
    assert cells(store) == {}


@pytest.mark.fault("E6")
def test_a_file_that_was_removed_is_made_anew(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    path.unlink()
    store.define(REQUESTS)
    Program(store, "b").send({"req1": 3})

    assert cells(store) == {"req1": 3}


@pytest.mark.fault("E6")
def test_a_replaced_file_is_not_written_through_the_old_connection(store, path):
    store.define(REQUESTS)
    old = path.rename(path.with_name("elsewhere.db"))
    store.define(REQUESTS)
    Program(store).send({"req1": 3})

    assert execute(old, "SELECT count(*) FROM counts") == [(0,)]
    assert cells(store) == {"req1": 3}


class Interrupted:
    """A connection that another process comes before, at its n-th statement."""

    def __init__(self, connection: sqlite3.Connection, n: int, act: Callable[[], object]) -> None:
        self._connection, self._n, self._act = connection, n, act

    def execute(self, statement: str) -> sqlite3.Cursor:
        self._n -= 1
        if self._n == 0:
            self._act()
        return self._connection.execute(statement)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_file_that_another_process_creates_this_moment_is_ours(path, n):
    """Its tables were seen, and its mark had been looked for before they were there."""
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as here,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as there,
    ):
        found = schema.is_ours(Interrupted(here, n, lambda: schema.create_tables(there)))

    assert found == (n < 4)


# --- how long others wait


def test_a_batch_asks_as_little_of_sqlite_however_much_is_in_it(store, path):
    """Each call, and each row, lets go of Python's global lock, and of the file's not.

    In a process that computes it has the former again 5 ms later: others found the file locked
    for seconds.
    """
    program = Program(store)
    store.define(REQUESTS)
    program.send({"req1": 1})
    [(connection, _)] = store._connections._idle
    calls: list[str] = []
    connection.set_trace_callback(calls.append)
    connection.row_factory = lambda _, row: calls.append("row") or row
    asked = {}
    for n in (1, 50):
        counts = {f"e{number}": 1 for number in range(n)} | {f"new in {n}": 1}
        for is_there in (False, True):
            calls.clear()
            program.send(counts)
            asked[n, is_there] = len(calls)

    assert asked[1, False] == asked[50, False] <= 16
    assert asked[1, True] == asked[50, True] <= 14
