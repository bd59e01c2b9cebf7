"""SQLite's own, fourth part: writers that are killed, in each journal mode.

The library writes with a rollback journal that it deletes, or in WAL mode; the other modes are those
in which another program may write the same file: see `journal_modes`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.sqlite import connection as connections
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import wait_until
from tests.faults.journal_modes import SAFE_MODES, UNSAFE_MODES, use_journal_mode
from tests.stores.programs import NOW, REQUESTS, Program, cells, fork, status_of

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.db"


@pytest.fixture(params=SAFE_MODES)
def mode(request, monkeypatch) -> str:
    """A journal mode that keeps what was committed."""
    return in_mode(request.param, monkeypatch)


def in_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write in this mode till the end of the test, in forked children too."""
    for name in ("wal_is_safe", "_choose_journal_mode"):
        monkeypatch.setattr(connections, name, getattr(connections, name))  # put back afterwards
    use_journal_mode(mode)
    return mode


@pytest.fixture
def store(mode, path, clock):
    store = SqliteStore(str(path), clock=clock)
    store.define(REQUESTS)
    yield store
    store.close()


def is_sound(path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_each_mode_is_the_one_that_is_tested(store, mode):
    with store._connections.writing(5) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1 if mode == "wal" else 2,)


def kill_half_way(store, path) -> None:
    """Kill a writer when half of its transaction is in the file, or in the log."""
    Program(store).send({"req1": 2})
    with store._connections.writing(5) as connection:
        rows = [(f"{n:0200}",) for n in range(2000)]
        connection.executemany("INSERT INTO counts VALUES ('g', '5m', 1, ?, 0)", rows)
    store.close()

    def child() -> None:
        with store._connections.writing(5) as connection:
            connection.execute("PRAGMA cache_size = 4")  # what is more goes to the file
            connection.execute("UPDATE counts SET count = 99")
            os.kill(os.getpid(), signal.SIGKILL)

    before = path.read_bytes()
    assert status_of(fork(child)) == -signal.SIGKILL
    assert path.read_bytes() != before or size_beside(path, "wal") > len(before) / 2


def size_beside(path, what: str) -> int:
    beside: Path = path.with_name(f"counts.db-{what}")
    return beside.stat().st_size if beside.exists() else 0


@pytest.fixture
def half_written(store, path, mode):
    """A file whose writer was killed within a transaction."""
    kill_half_way(store, path)
    assert size_beside(path, "wal" if mode == "wal" else "journal") > 0
    return path


@pytest.mark.fault("E5")
def test_a_reader_puts_right_what_a_killed_writer_left(store, half_written):
    assert cells(store) == {"req1": 2}
    assert is_sound(half_written)


@pytest.mark.fault("E5")
def test_a_writer_puts_right_what_a_killed_writer_left(store, half_written):
    Program(store, "b").send({"req1": 3})

    assert cells(store) == {"req1": 5}
    assert is_sound(half_written)


@pytest.mark.fault("E5")
@pytest.mark.parametrize("mode", ["persist"], indirect=True)
@pytest.mark.parametrize("next_mode", ["delete", "truncate"])
def test_a_writer_of_another_mode_puts_it_right(store, half_written, clock, monkeypatch, next_mode):
    """A journal of one mode is found by a writer that ends its own in another way."""
    monkeypatch.undo()
    in_mode(next_mode, monkeypatch)
    other = SqliteStore(str(half_written), clock=clock)
    Program(other, "b").send({"req1": 3})

    assert cells(other) == {"req1": 5}
    assert is_sound(half_written)
    assert size_beside(half_written, "journal") == 0
    other.close()


@pytest.mark.fault("E5", control=True)
@pytest.mark.parametrize("mode", UNSAFE_MODES)
def test_without_a_journal_on_disk_a_killed_writer_leaves_what_nobody_committed(
    path, clock, monkeypatch, mode
):
    in_mode(mode, monkeypatch)
    store = SqliteStore(str(path), clock=clock)
    store.define(REQUESTS)
    kill_half_way(store, path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        left = connection.execute("SELECT DISTINCT count FROM counts WHERE start = 1")

        assert (99,) in left.fetchall()
    store.close()


class Writer:
    """A process that counts until it is killed, and says what was acknowledged."""

    def __init__(self, path, source: str) -> None:
        self.source = source
        self._output, output = os.pipe()
        self._process = fork(lambda: self._count(str(path), output))
        os.close(output)

    def _count(self, path: str, output: int) -> None:
        program = Program(SqliteStore(path, clock=lambda: NOW), self.source)
        while True:
            batch = program.batch({"req1": 1 + program.number % 3, self.source: 1})
            try:
                program.store.apply(batch)
            except StoreUnavailable:
                continue  # sent again as it was
            program.number, program.total = batch.number, batch.total
            os.write(output, b"%d\n" % program.total)

    def kill(self) -> int:
        """End the process; return the last total that was acknowledged to it."""
        os.kill(self._process, signal.SIGKILL)
        assert status_of(self._process) == -signal.SIGKILL
        with os.fdopen(self._output) as output:
            totals = output.read().split()
        return int(totals[-1]) if totals else 0


def counted(store: SqliteStore) -> int:
    return sum(cells(store).values())


@pytest.mark.fault("E5")
def test_killed_writers_lose_nothing_that_was_acknowledged(store, path, chance):
    """Four at a time, each killed at a moment of its own, and another in its place."""
    running = [Writer(path, f"source{n}") for n in range(4)]
    acknowledged: dict[str, int] = {}
    try:
        for n in range(4, 10):
            goal = counted(store) + chance.randrange(5, 25)
            wait_until(lambda goal=goal: counted(store) >= goal)
            killed = running.pop(chance.randrange(4))
            acknowledged[killed.source] = killed.kill()
            running.append(Writer(path, f"source{n}"))
    finally:
        acknowledged |= {writer.source: writer.kill() for writer in running}

    assert is_sound(path)
    known = {source.source: source.total for source in store.sources("requests")}
    for source, total in acknowledged.items():
        assert known.get(source, 0) - total in {0, 2, 3, 4}  # nothing, or one batch more
    assert counted(store) == sum(known.values())
    assert sum(acknowledged.values()) > 0
