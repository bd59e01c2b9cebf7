"""SQLite's own, fourth part: writers that are killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import wait_until
from tests.stores.programs import NOW, REQUESTS, Program, cells, fork, status_of

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counts.db"


@pytest.fixture
def store(path, clock):
    store = SqliteStore(str(path), clock=clock)
    store.define(REQUESTS)
    yield store
    store.close()


def is_sound(path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def half_written(store, path):
    """A file whose writer was killed when half of its transaction was in the file."""
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
    assert path.read_bytes() != before
    assert path.with_name("counts.db-journal").stat().st_size > 0
    return path


def test_a_reader_puts_right_what_a_killed_writer_left(store, half_written):
    assert cells(store) == {"req1": 2}
    assert is_sound(half_written)


def test_a_writer_puts_right_what_a_killed_writer_left(store, half_written):
    Program(store, "b").send({"req1": 3})

    assert cells(store) == {"req1": 5}
    assert is_sound(half_written)


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


def test_killed_writers_lose_nothing_that_was_acknowledged(store, path):
    chance = random.Random(4711)
    running = [Writer(path, f"source{n}") for n in range(4)]
    acknowledged: dict[str, int] = {}
    try:
        for n in range(4, 14):
            goal = counted(store) + chance.randrange(10, 40)
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
