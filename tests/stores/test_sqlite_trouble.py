"""SQLite's own, second part: what is told of a file that cannot be used, and what comes after."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.stores.programs import (
    FIVE_MINUTES,
    NOW,
    REQUESTS,
    Program,
    cells,
    fork,
    status_of,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.db"


@pytest.fixture(params=["rollback", "wal"])
def mode(request, monkeypatch) -> str:
    """Each of the journal modes that the version of SQLite decides on."""
    is_wal = request.param == "wal"
    monkeypatch.setattr("ecl_logging.stores.sqlite.connection.wal_is_safe", lambda _: is_wal)
    return str(request.param)


@pytest.fixture
def store(mode, path, clock):
    store = SqliteStore(str(path), clock=clock)
    yield store
    store.close()


def execute(path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def refused(store: SqliteStore, *, error: type[StoreError] = StoreUnavailable) -> str:
    """How the store says that it can count nothing; it says so twice alike."""
    told = []
    for _ in range(2):
        with pytest.raises(error) as caught:
            store.apply(Program(store).batch({"req1": 2}), timeout=0.05)
        assert caught.type is error
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert told[0].startswith(f"{store.shown}: ")
    return told[0].removeprefix(f"{store.shown}: ")


def counts_again(store: SqliteStore) -> bool:
    store.define(REQUESTS)
    Program(store, "afterwards").send({"req1": 2})
    return cells(store) == {"req1": 2}


# --- files that are none of ours


@pytest.mark.fault("E6")
def test_a_missing_folder_is_named(tmp_path):
    store = SqliteStore(str(tmp_path / "missing" / "counts.db"), clock=lambda: NOW)

    assert str(tmp_path / "missing") in refused(store)
    (tmp_path / "missing").mkdir()
    assert counts_again(store)
    store.close()


@pytest.mark.fault("E6")
def test_a_folder_is_no_file(store, path):
    path.mkdir()

    assert refused(store) == "is a folder"
    with pytest.raises(StoreUnavailable, match=r"counts\.db: is a folder"):
        store.groups()
    path.rmdir()
    assert counts_again(store)


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").touch()
    store = SqliteStore(str(tmp_path / "file" / "counts.db"))

    with pytest.raises(StoreUnavailable, match=r"(?i)not a (directory|folder)"):
        store.groups()


@pytest.mark.fault("E6")
@pytest.mark.parametrize("content", ["hello", "no database\n" * 1000])
def test_a_file_that_is_no_database_is_refused(store, path, content):
    path.write_text(content)

    assert refused(store, error=StoreError) == "is no database, or a damaged one"
    with pytest.raises(StoreError, match="is no database"):
        store.groups()
    assert path.read_text() == content
    path.unlink()
    assert counts_again(store)


@pytest.mark.parametrize("statement", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 7"])
def test_the_database_of_another_program_is_refused_and_left_alone(store, path, statement):
    execute(path, statement)
    before = path.read_bytes()

    assert refused(store, error=StoreError) == "is the database of another program"
    with pytest.raises(StoreError, match="another program"):
        store.groups()
    assert path.read_bytes() == before
    path.unlink()
    assert counts_again(store)


def test_a_file_of_a_newer_version_is_refused(store, path):
    store.define(REQUESTS)
    store.close()
    execute(path, "PRAGMA user_version = 2")

    assert refused(store, error=StoreError) == "was written by a newer version (format 2)"
    with pytest.raises(StoreError, match="format 2"):
        store.groups()
    execute(path, "PRAGMA user_version = 1")
    assert counts_again(store)


@pytest.mark.fault("E6")
def test_a_damaged_file_is_a_store_error(store, path):
    store.define(REQUESTS)
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 8)

    with pytest.raises(StoreError, match="damaged"):
        store.apply(Program(store).batch({"req1": 2}))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE definitions SET body = 'no json'",
        "UPDATE definitions SET body = '{}'",
        "UPDATE sources SET reply = 'no json'",
        'UPDATE sources SET reply = \'{"bad_cells": [], "x": 1}\'',
        f"INSERT INTO counts VALUES ('requests', 'often', {NOW}, 'x', 1)",
    ],
)
def test_what_somebody_wrote_into_our_tables_raises_nothing_but_store_errors(
    store, path, clock, statement
):
    store.define(REQUESTS)
    program = Program(store)
    program.send({"req1": 2})
    execute(path, statement)
    clock.now += 3600

    for step in (
        lambda: store.apply(program.batch({"req1": 3})),
        lambda: store.definition("requests"),
        lambda: store.sources("requests"),
        lambda: store.rotate("requests"),
    ):
        with contextlib.suppress(StoreError):
            step()
    assert store.groups() == ["requests"]


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("UPDATE definitions SET body = '{}'", lambda store: store.definition("requests")),
        ("UPDATE sources SET reply = '{}'", lambda store: store.sources("requests")),
    ],
)
def test_a_step_that_failed_keeps_no_lock(store, path, statement, step):
    """A connection that is closed lives, and keeps its locks, as long as its half-read cursors."""
    store.define(REQUESTS)
    Program(store, "a").send({"req1": 2})
    Program(store, "b").send({"req1": 2})
    execute(path, statement)
    with pytest.raises(StoreError) as kept:  # with its traceback, and what that holds
        step(store)

    with contextlib.closing(sqlite3.connect(path, timeout=0.1)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
    assert kept.type is StoreError


# --- files that others hold


@pytest.fixture
def somebody(store, path):
    """Another program's connection to the file."""
    store.define(REQUESTS)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.fault("E6")
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
@pytest.mark.timed
def test_a_locked_file_is_waited_for_and_then_told(store, somebody, lock):
    somebody.execute(f"BEGIN {lock}")
    begun = time.monotonic()

    assert refused(store) == "is locked by another process"
    assert time.monotonic() - begun < 2
    somebody.execute("COMMIT")
    assert counts_again(store)


@pytest.mark.timed
def test_a_locked_file_is_waited_for_as_long_as_allowed(store, somebody):
    somebody.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()

    with pytest.raises(StoreUnavailable):
        store.apply(Program(store).batch({"req1": 2}), timeout=0.5)
    assert 0.4 < time.monotonic() - begun < 2


@pytest.mark.timed
def test_defining_waits_no_longer_than_it_may(store, somebody):
    somebody.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()

    with pytest.raises(StoreUnavailable):
        store.define(dataclasses.replace(REQUESTS, history=9), timeout=0.1)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("mode", ["rollback"], indirect=True)
def test_a_commit_that_a_reader_holds_up_leaves_nothing_behind(store, somebody):
    program = Program(store)
    somebody.execute("BEGIN")
    somebody.execute("SELECT * FROM counts").fetchall()
    assert refused(store) == "is locked by another process"
    somebody.execute("COMMIT")

    program.send({"req1": 2})
    assert cells(store) == {"req1": 2}


@pytest.mark.fault("E6")
def test_an_error_within_a_step_leaves_nothing_behind(store, path):
    store.define(REQUESTS)
    program = Program(store)
    program.send({"req1": 2})
    execute(
        path,
        "CREATE TRIGGER full BEFORE INSERT ON sources BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    batch = program.batch({"req1": 3})
    with pytest.raises(StoreUnavailable, match="disk full"):
        store.apply(batch)
    execute(path, "DROP TRIGGER full")

    assert cells(store) == {"req1": 2}
    assert store.apply(batch).status == "applied"
    assert cells(store) == {"req1": 5}


# --- users without rights

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)
NOBODY = 65534


@pytest.fixture
def public(mode, clock):
    """A store of root's in a folder that everybody can enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "counts.db"
        store = SqliteStore(str(file), clock=clock)
        store.define(REQUESTS)
        Program(store).send({"req1": 2})
        store.close()
        file.chmod(0o644)
        yield store
        store.close()


def as_nobody(work: Callable[[], object]) -> str:
    """Do some work in a child that is nobody; return the error that it met, or nothing."""
    reading_end, writing_end = os.pipe()

    def child() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            work()
        except StoreError as error:
            os.write(writing_end, f"{type(error).__name__}: {error}".encode())

    child_id = fork(child)
    os.close(writing_end)
    with os.fdopen(reading_end) as pipe:
        error = pipe.read()
    assert status_of(child_id) == 0
    return error


def reads_two(store: SqliteStore) -> None:
    assert cells(store) == {"req1": 2}
    assert store.groups() == ["requests"]
    assert len(store.sources("requests")) == 1


@as_root
def test_a_user_who_may_only_read_reads(public):
    assert as_nobody(lambda: reads_two(public)) == ""


@as_root
@pytest.mark.parametrize("mode", ["wal"], indirect=True)
def test_a_log_that_a_killed_writer_has_left_is_for_who_may_write(public, path):
    file = public.shown.removeprefix("sqlite:///")
    execute(file, "PRAGMA journal_mode = wal")
    child = fork(lambda: (Program(public, "b").send({"req1": 1}), os.kill(os.getpid(), 9)))
    assert status_of(child) == -9
    Path(f"{file}-shm").unlink()

    error = as_nobody(lambda: reads_two(public))
    assert error.endswith("counts.db: its log has to be read by somebody who may write it, first")
    assert cells(public) == {"req1": 3}


@pytest.mark.fault("E6")
@as_root
@pytest.mark.parametrize(
    "step",
    [
        lambda store: Program(store, "b").send({"req1": 1}),
        lambda store: store.totals("requests"),
        lambda store: store.mark("requests", "push:a", FIVE_MINUTES, NOW),
    ],
    ids=["count", "totals", "mark"],
)
def test_a_user_who_may_not_write_is_told_whose_file_it_is(public, step):
    error = as_nobody(lambda: step(public))

    assert error == (
        f"StoreUnavailable: {public.shown}: cannot be written by user nobody; "
        "it belongs to root (mode 0644)"
    )


@as_root
def test_a_user_who_may_not_read_is_told_whose_file_it_is(public):
    Path(public.shown.removeprefix("sqlite:///")).chmod(0o600)

    error = as_nobody(public.groups)

    assert error.endswith("cannot be read by user nobody; it belongs to root (mode 0600)")


@as_root
def test_a_user_who_may_not_write_the_folder_is_told_whose_folder_it_is(public):
    folder = Path(public.shown.removeprefix("sqlite:///")).parent
    store = SqliteStore(str(folder / "another.db"))

    error = as_nobody(lambda: store.define(REQUESTS))

    assert error.endswith(f"folder {folder} (owner root, mode 0755) cannot be written")


def test_text_that_is_no_text_spoils_its_cell_only(tmp_path):
    """sqlite3 refuses to read such a row: it stopped the whole group, and reading."""
    path = tmp_path / "counts.db"
    store = SqliteStore(str(path), clock=lambda: NOW)
    store.define(REQUESTS)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for event_id, count in (
            ("'req1'", "CAST(x'ff' AS TEXT)"),
            ("CAST(x'fe' AS TEXT)", "3"),
            ("''", "4"),
            ("'a b'", "5"),
        ):
            connection.execute(
                f"INSERT INTO counts VALUES ('requests', '5m', {NOW}, {event_id}, {count})"
            )
    reply = Program(store).send({"req1": 10, "req2": 5}, intervals=(FIVE_MINUTES,))

    assert (reply.dropped, reply.bad_cells) == (10, ("5m req1",))
    assert cells(store) == {"req2": 5, "\N{REPLACEMENT CHARACTER}": 3, "": 4, "a b": 5}
    store.close()


@pytest.mark.timed
def test_writing_waits_no_longer_than_its_timeout_in_all(tmp_path):
    """A writer first and a reader then: each had the whole time."""
    path = tmp_path / "counts.db"
    store = SqliteStore(str(path), clock=lambda: NOW)
    store.define(REQUESTS)
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")

    def let_read() -> None:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM counts").fetchall()
        writer.execute("ROLLBACK")

    letting = threading.Timer(0.8, let_read)
    letting.start()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="is locked by another process"):
        store.apply(Program(store).batch({"req1": 1}), timeout=1.0)

    assert time.monotonic() - began < 1.6
    letting.join()
    for connection in (writer, reader):
        connection.close()
    store.close()


def test_threads_that_create_the_file_do_so_one_after_the_other(tmp_path, monkeypatch):
    """Closing a descriptor of the file takes away the locks that the other's SQLite has."""
    path = str(tmp_path / "folder" / "counts.db")
    closing, checked = threading.Event(), threading.Event()
    close = os.close

    def close_slowly(descriptor: int) -> None:
        closing.set()
        checked.wait(10)
        close(descriptor)

    monkeypatch.setattr("ecl_logging.stores.sqlite.connection.os.close", close_slowly)
    first = SqliteStore(lambda: path, private=True, clock=lambda: NOW)
    second = SqliteStore(lambda: path, private=True, clock=lambda: NOW)
    threads = [threading.Thread(target=s.define, args=(REQUESTS,)) for s in (first, second)]
    threads[0].start()
    assert closing.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    assert os.path.getsize(path) == 0
    checked.set()
    for thread in threads:
        thread.join()

    assert first.groups() == ["requests"]
    for store in (first, second):
        store.close()
