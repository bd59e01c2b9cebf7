"""What is kept in a file: its tables, what spoils them, several processes, kills, and speed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.keeping import (
    AT_ONCE,
    Common,
    Entry,
    Waiting,
    question_of_messages,
    question_of_records,
)
from ecl_logging.stores.sql.entries import put as put_entries
from ecl_logging.stores.sqlite import connection as connections
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import wait_until
from tests.stores.killed import Killed
from tests.stores.programs import NOW, REQUESTS, Program, cells, fork, status_of
from tests.stores.saying import CART, MessageProgram, RecordProgram, hours, line, said, seen
from tests.stores.sqlite_files.tables import execute, tables_in

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def reads_nothing(store: SqliteStore) -> bool:
    """Whether all that can be asked is answered as by an empty store."""
    return (
        store.records.waiting() == Waiting()
        and store.records.claim(9) == []
        and store.records.ack([]) == 0
        and store.messages.speakers() == []
        and store.messages.recent([CART, CART], 9) == [[], []]
        and store.messages.common([CART]) == [Common()]
    )


# --- the tables


def test_asking_creates_no_file(store, path):
    assert reads_nothing(store)
    assert list(path.parent.iterdir()) == []


def test_a_file_of_an_older_version_is_one_in_which_nothing_was_kept(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    before = tables_in(path)

    assert reads_nothing(store)
    assert store.records.ack(["0123456789abcdef-1"]) == 0
    assert store.records.put(question_of_records("a" * 32)).number == 0
    assert store.messages.say(question_of_messages("a" * 32)).number == 0
    assert tables_in(path) == before


def test_the_first_batch_creates_the_tables_and_the_file_stays_of_its_version(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    RecordProgram(store.records).put(seen(1))
    MessageProgram(store.messages).say(said({NOW: {"a": 1}}, [line("a")]))

    assert {"kept", "entries", "message_counts", "message_lines"} <= tables_in(path)
    assert execute(path, "PRAGMA user_version") == [(1,)]
    assert cells(store) == {"req1": 2}
    assert store.records.waiting().entries == 1
    assert hours(store.messages) == ((NOW, {"a": 1}), None)


def test_what_is_kept_can_be_read_where_nothing_may_be_written(store, path):
    RecordProgram(store.records).put(seen(1))
    MessageProgram(store.messages).say(said({NOW: {"a": 1}}, [line("a")]))
    store.close()
    before = path.read_bytes()

    with store._connections.reading(5) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM entries")
    assert store.records.waiting().entries == 1
    assert store.messages.recent([CART], 9) == [[line("a")]]
    assert path.read_bytes() == before


def test_the_sums_are_right_whoever_deletes(store, path):
    RecordProgram(store.records).put(*(seen(kind, record='"äö"') for kind in range(5)))
    execute(path, "DELETE FROM entries WHERE number <= 2")

    assert store.records.waiting() == Waiting(entries=3, size=18)


# --- trouble


def put(store: SqliteStore) -> None:
    RecordProgram(store.records, "b" * 32).put(seen(1), max_kinds=1)


def put_again(store: SqliteStore) -> None:
    store.records.put(RecordProgram(store.records).batch(seen(1)))


def say(store: SqliteStore) -> None:
    MessageProgram(store.messages, "b" * 32).say(said({NOW: {"a": 1}}, [line("a")]))


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("UPDATE entries SET repeats = 'many'", lambda store: store.records.claim(1)),
        ("UPDATE entries SET first = 'early'", lambda store: store.records.claim(1)),
        ("UPDATE entries SET token = 'x y'", lambda store: store.records.claim(1)),
        ("UPDATE kept SET entries = 'many'", lambda store: store.records.waiting()),
        ("UPDATE kept SET entries = 'many'", put),
        ("UPDATE kept SET pruned = 'long ago'", put),
        ("DELETE FROM kept", put),
        ("UPDATE kept_sources SET receipt = '{'", put_again),
        ("UPDATE kept_sources SET receipt = '[]'", put_again),
        ("UPDATE kept_sources SET number = 'x'", put_again),
        ("UPDATE message_hours SET messages = 'x'", say),
        ("UPDATE message_hours SET start = 'x'", lambda store: store.messages.common([CART])),
    ],
)
def test_a_table_that_is_spoilt_is_an_error_and_nothing_is_written(store, path, statement, step):
    RecordProgram(store.records).put(seen(1))
    MessageProgram(store.messages).say(said({NOW: {"a": 1}}, [line("a")]))
    execute(path, statement)
    before = execute(path, "SELECT * FROM entries"), execute(path, "SELECT * FROM message_counts")

    with pytest.raises(StoreError, match=f"^{store.shown}: holds what") as caught:
        step(store)
    assert caught.type is StoreError
    assert before == (
        execute(path, "SELECT * FROM entries"),
        execute(path, "SELECT * FROM message_counts"),
    )


def test_a_count_that_is_no_number_is_left_alone_and_left_out(store, path):
    program = MessageProgram(store.messages)
    program.say(said({NOW: {"a": 1, "b": 1, "c": 1}}))
    execute(path, "UPDATE message_counts SET count = 'many' WHERE message = 'a'")
    execute(path, f"UPDATE message_counts SET count = {2**63 - 1} WHERE message = 'b'")
    program.say(said({NOW: {"a": 1, "b": 1, "c": 1}}))

    assert hours(store.messages) == ((NOW, {"b": 2**63 - 1, "c": 2}), None)


def test_a_record_of_no_time_is_refused(store):
    with pytest.raises(StoreError, match="is of no time") as caught:
        store.records.put(RecordProgram(store.records).batch(seen(1, float("nan"), second=NOW)))

    assert caught.type is StoreError
    assert reads_nothing(store)


def test_a_file_that_is_locked_is_told_in_time_and_can_be_used_afterwards(store, path, mode):
    program = RecordProgram(store.records)
    program.put(seen(1))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for step in (
            lambda: store.records.put(program.batch(seen(2)), timeout=0.05),
            lambda: store.records.claim(1, timeout=0.05),
            lambda: store.records.ack(["0123456789abcdef-1"], timeout=0.05),
            lambda: store.messages.say(MessageProgram(store.messages).batch(), timeout=0.05),
        ):
            with pytest.raises(StoreUnavailable, match="is locked by another process"):
                step()
        assert store.records.waiting().entries == 1  # readers do not wait for it

    program.put(seen(2))
    assert len(store.records.claim(9)) == 2


# --- several processes


@needs_fork
def test_processes_that_claim_at_once_never_get_the_same_entry(store, path, mode):
    program = RecordProgram(store.records)
    program.put(*(seen(kind, NOW + kind / 10) for kind in range(400)))
    store.close()

    def gather(output: int) -> None:
        records = SqliteStore(str(path), clock=lambda: NOW).records
        while entries := records.claim(7):
            os.write(output, "".join(f"{entry.id}\n" for entry in entries).encode())

    got, children = [], []
    outputs = [os.pipe() for _ in range(2)]
    for _, output in outputs:
        children.append(fork(lambda output=output: gather(output)))
        os.close(output)
    for source, _ in outputs:
        with os.fdopen(source) as lines:
            got.append(lines.read().split())

    assert [status_of(child) for child in children] == [0, 0]
    assert len(got[0]) + len(got[1]) == len({*got[0], *got[1]}) == 400


def writing(path, source: str) -> Killed:
    """Puts batches of some kinds without end; says the total of each that was taken in."""

    def work(told: Callable[[str], object]) -> None:
        records = SqliteStore(str(path)).records
        program = RecordProgram(records, source)
        for n in count():
            batch = program.batch(
                *(seen(kind, float(n // 3), repeats=1 + kind) for kind in (n % 5, 7))
            )
            while True:
                with contextlib.suppress(StoreUnavailable):
                    records.put(batch)  # sent again as it was
                    break
            program.number, program.total = batch.number, batch.total
            told(f"{batch.total}\n")

    return Killed(work)


def gathering(path, database: str) -> Killed:
    """Claims, stores in a database and acknowledges without end, as gatherers do."""

    def work(_: Callable[[str], object]) -> None:
        records = SqliteStore(str(path)).records
        while True:
            with contextlib.suppress(StoreUnavailable):
                entries = records.claim(10, seconds=0.1)
                store_in(database, entries)
                records.ack([entry.id for entry in entries])

    return Killed(work)


def store_in(database: str, entries: list[Entry]) -> None:
    """Append what is to be stored under its ID: the same twice is one."""
    if entries:
        lines = [json.dumps([entry.id, entry.kind, entry.repeats]) + "\n" for entry in entries]
        with open(database, "ab", buffering=0) as file:
            file.write("".join(lines).encode())


def stored_in(database: str) -> dict[str, list]:
    """ID -> what is stored under it; fails where that is not the same each time."""
    rows: dict[str, list] = {}
    with open(database) as file:
        for row in map(json.loads, file):
            assert rows.setdefault(row[0], row) == row
    return rows


@needs_fork
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL")
def test_processes_that_are_killed_amid_a_step_lose_nothing_and_double_nothing(
    path, tmp_path, mode, chance
):
    database, store = str(tmp_path / "database"), SqliteStore(str(path))
    running = {f"{n:032x}": writing(path, f"{n:032x}") for n in range(2)}
    gatherers = [gathering(path, database) for _ in range(2)]
    acknowledged: dict[str, list[str]] = {}
    wait_until(lambda: os.path.exists(database))
    try:
        for n in range(2, 8):
            goal = os.path.getsize(database) + chance.randrange(1, 1500)
            wait_until(lambda goal=goal: os.path.getsize(database) >= goal)
            source = chance.choice(sorted(running))
            acknowledged[source] = running.pop(source).kill()
            running[f"{n:032x}"] = writing(path, f"{n:032x}")
            gatherers.pop(chance.randrange(2)).kill()
            gatherers.append(gathering(path, database))
    finally:
        acknowledged |= {source: writer.kill() for source, writer in running.items()}
        for gatherer in gatherers:
            gatherer.kill()

    def gather_the_rest() -> bool:
        store_in(database, entries := store.records.claim(AT_ONCE, seconds=5))
        store.records.ack([entry.id for entry in entries])
        return store.records.waiting() == Waiting()

    wait_until(gather_the_rest)
    taken_in = 0
    for source, totals in acknowledged.items():
        known = store.records.put(question_of_records(source)).total
        told = int(totals[-1]) if totals else 0
        assert known - told in {0, *range(9, 14)}  # nothing, or one batch more
        taken_in += known
    assert sum(row[2] for row in stored_in(database).values()) == taken_in > 0
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]
    store.close()


# --- speed


def fill(store: SqliteStore, entries: int) -> None:
    """In one transaction, because each waits for the disk."""
    program = RecordProgram(store.records, "f" * 32)
    with store._connections.writing(5) as connection:
        for first in range(0, entries, AT_ONCE):
            batch = program.batch(*some_entries(first))
            program.number += put_entries(connection, batch, now=NOW).status == "applied"


def some_entries(first: int) -> list:
    """A batch of records as they come: of many kinds, in the order of their time."""
    return [
        seen(n * 7919 % 1000, NOW + n / 20, record=f'"{n:0200}"')
        for n in range(first, first + AT_ONCE)
    ]


def seconds_of(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("step", "allowed"),
    [
        (lambda store: RecordProgram(store.records, "b" * 32).put(seen(3)), 0),
        (lambda store: RecordProgram(store.records, "b" * 32).put(seen(3), max_kinds=1), 0),
        (lambda store: store.records.claim(1), 0),
        (lambda store: store.records.waiting(), 0),
        (lambda store: store.messages.recent([CART], 1), 0),
        (lambda store: MessageProgram(store.messages).say(said({NOW: {"b": 1}}, [line("b")])), 0),
        # of what has to be looked at whole:
        (lambda store: store.messages.speakers(), 1),
    ],
)
def test_no_step_looks_at_all_rows_of_a_table(store, step, allowed, monkeypatch):
    RecordProgram(store.records).put(seen(1), seen(2))
    MessageProgram(store.messages, "b" * 32).say(said({NOW: {"a": 1}}, [line("a")]))
    store.records.claim(1, seconds=60)
    statements: list[str] = []
    for name in ("_open_to_write", "_open_to_read"):
        monkeypatch.setattr(connections, name, traced(getattr(connections, name), statements))
    store.close()
    step(store)

    with store._connections.reading(5) as connection:
        scans = [
            plan
            for statement in statements
            if statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))
            for *_, plan in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
            if re.match(r"SCAN (entries|message_\w+|speakers|kept\w*)\b(?! USING INDEX)", plan)
        ]
    assert any("entries" in one or "message" in one for one in statements)
    assert len(scans) == allowed, scans


def traced(opening: Callable, statements: list[str]) -> Callable:
    """Have what is opened note what it is asked."""

    def opened(*arguments: Any, **options: Any) -> Any:
        found = opening(*arguments, **options)
        connection = found[0] if isinstance(found, tuple) else found
        connection.set_trace_callback(statements.append)
        return found

    return opened


def test_a_put_takes_no_longer_where_very_much_waits(path, tmp_path, clock):
    """Compared are the best of five, one beside the other: indexes and sums make them alike."""
    full, empty = SqliteStore(str(path), clock=clock), None
    fill(full, 100_000)
    assert full.records.waiting().entries == 100_000
    program = RecordProgram(full.records)
    took: dict[str, list[float]] = {"full": [], "empty": []}
    for n in range(5):
        entries = some_entries(100_000 + n * AT_ONCE)
        empty = SqliteStore(str(tmp_path / f"empty{n}.db"), clock=clock)
        first = RecordProgram(empty.records)
        first.put()  # the tables are there
        took["full"].append(seconds_of(lambda e=entries: program.put(*e, max_kinds=10**6)))
        took["empty"].append(seconds_of(lambda e=entries, p=first: p.put(*e)))
        empty.close()
    full.close()

    assert min(took["full"]) < 3 * min(took["empty"]), took
