"""Queues in a file: its tables, what spoils them, several processes, kills, and speed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from itertools import count

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.queueing import AT_ONCE, Backlog, Message, question_of_events
from ecl_logging.stores.sql import handed_out
from ecl_logging.stores.sql import queues as queue_steps
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import wait_until
from tests.stores.killed import Killed
from tests.stores.programs import NOW, REQUESTS, Program, cells, fork, run_python, status_of
from tests.stores.publishing import ORDERS, EventProgram, bodies, bury_all, claim, ids
from tests.stores.saying import RecordProgram, seen
from tests.stores.sqlite_files.tables import execute, tables_in

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def reads_nothing(store: SqliteStore) -> bool:
    """Whether all that can be asked is answered as by an empty store."""
    events = store.events
    return (
        events.topics() == []
        and events.backlog(ORDERS) == Backlog()
        and events.dead_letters(ORDERS, 9) == []
        and claim(events) == []
        and events.ack(ORDERS, []) == events.put_back(ORDERS, [], pause=0) == 0
        and events.replay(ORDERS, []) == events.drop(ORDERS, []) == 0
    )


# --- the tables


@pytest.mark.once
def test_a_program_without_queues_does_not_import_them():
    ran = run_python(
        """
import sys
from ecl_logging.stores import open_store
store = open_store("memory://")
store.records.waiting()
print([name for name in sys.modules if name.startswith("ecl_logging") and "queue" in name])
print(store.events.topics())
"""
    )

    assert (ran.stdout, ran.stderr) == ("[]\n[]\n", "")


def test_asking_creates_no_file(store, path):
    assert reads_nothing(store)
    assert list(path.parent.iterdir()) == []


def test_a_file_of_an_older_version_is_one_without_queues_and_stays_as_it_is(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    RecordProgram(store.records).put(seen(1))
    before, message = tables_in(path), Message(ORDERS, "0123456789abcdef-1", b"", 1, 1)

    assert reads_nothing(store)
    assert store.events.ack(ORDERS, [message]) == 0
    assert store.events.bury(ORDERS, [message], "why") == 0
    assert store.events.drop(ORDERS, ["0123456789abcdef-1-1"]) == 0
    assert store.events.put(question_of_events("a" * 32, ORDERS)).number == 0
    assert tables_in(path) == before


def test_the_first_batch_creates_the_tables_and_all_else_goes_on_beside_them(store, path):
    store.define(REQUESTS)
    Program(store).send({"req1": 2})
    EventProgram(store.events).put("a")

    assert {"queues", "queue_sources", "queue_messages", "queue_bodies"} <= tables_in(path)
    assert "kept" not in tables_in(path)
    assert execute(path, "PRAGMA user_version") == [(1,)]
    Program(store, "b").send({"req1": 1})
    RecordProgram(store.records).put(seen(1))
    assert cells(store) == {"req1": 3}
    assert store.records.waiting().entries == 1
    assert bodies(claim(store.events)) == ["a"]


def test_a_topic_that_is_full_at_once_creates_no_tables(store, path):
    with pytest.raises(StoreUnavailable, match=f"^{store.shown}: topic orders is full: 0 events"):
        store.events.put(EventProgram(store.events).batch("a", max_waiting=0))

    assert not {name for name in tables_in(path) if "queue" in name}


def test_queues_can_be_read_where_nothing_may_be_written(store, path):
    EventProgram(store.events).put("a", "b")
    bury_all(store.events)
    EventProgram(store.events, "b" * 32).put("c")
    store.close()
    before = path.read_bytes()

    assert store.events.topics() == [ORDERS]
    assert store.events.backlog(ORDERS) == Backlog(waiting=1, dead_letters=2)
    assert bodies(store.events.dead_letters(ORDERS, 9)) == ["a", "b"]
    assert store.events.claim("nothing", 9, seconds=9) == []
    assert path.read_bytes() == before


def test_amounts_are_right_whoever_deletes_and_bodies_go_with_their_messages(store, path):
    EventProgram(store.events).put("a", "b", "c")
    bury_all(store.events)
    EventProgram(store.events, "b" * 32).put("d", "e", "f")
    execute(
        path, "DELETE FROM queue_messages WHERE number = (SELECT max(number) FROM queue_bodies)"
    )
    execute(path, "DELETE FROM queue_dead_letters WHERE number = 1")

    assert store.events.backlog(ORDERS) == Backlog(waiting=2, dead_letters=2)
    assert execute(path, "SELECT CAST(body AS TEXT) FROM queue_bodies") == [("d",), ("e",)]


def test_beyond_so_many_dead_letters_the_oldest_of_the_topic_go(store, monkeypatch):
    monkeypatch.setattr(handed_out, "MAX_DEAD_LETTERS", 3)
    EventProgram(store.events, "b" * 32, "returns").put("x")
    bury_all(store.events, "returns")
    program = EventProgram(store.events)
    for some in ("ab", "cd", "efgh"):
        program.put(*some)
        bury_all(store.events)

    assert bodies(store.events.dead_letters(ORDERS, 9)) == ["f", "g", "h"]
    assert store.events.backlog(ORDERS) == Backlog(dead_letters=3)
    assert store.events.backlog("returns") == Backlog(dead_letters=1)


# --- what others have stored


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x'ff00fe'", b"\xff\x00\xfe"),
        ("x''", b""),
        ("'größe'", "größe".encode()),
        ("'a' || char(0) || 'b'", b"a\x00b"),
        ("42", b"42"),
    ],
)
def test_a_foreign_body_is_handed_out_as_the_bytes_that_it_is(store, path, value, expected):
    EventProgram(store.events).put("first", "second", "third")
    execute(path, f"UPDATE queue_bodies SET body = {value} WHERE number = 2")

    found = claim(store.events)
    assert [message.body for message in found] == [b"first", expected, b"third"]
    store.events.bury(ORDERS, found, "why")
    letters = store.events.dead_letters(ORDERS, 9)
    assert [letter.body for letter in letters] == [b"first", expected, b"third"]


def test_a_message_whose_body_somebody_took_is_handed_out_without(store, path):
    EventProgram(store.events).put("a", "b")
    execute(path, "DELETE FROM queue_bodies WHERE number = 1")

    first = claim(store.events, 1)
    assert [message.body for message in first] == [b""]
    assert store.events.bury(ORDERS, first, "no body") == 1
    assert bodies(store.events.dead_letters(ORDERS, 9)) == [""]
    assert bodies(claim(store.events)) == ["b"]


@pytest.mark.parametrize("body", ["even", "odd", "größe \u0000 🎉"])
def test_in_a_database_of_two_bytes_a_letter_bodies_stay_as_they_are(clock, body):
    store = MemoryStore(clock=clock)
    store.events.topics()  # which makes the database
    store._transactions._connection.execute("PRAGMA encoding = 'UTF-16le'")
    EventProgram(store.events).put(body, "b")

    assert store._transactions._connection.execute("PRAGMA encoding").fetchone() == ("UTF-16le",)
    assert bodies(bury_all(store.events)) == [body, "b"]
    assert bodies(store.events.dead_letters(ORDERS, 9)) == [body, "b"]


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("UPDATE queue_messages SET token = 'x y'", claim),
        ("UPDATE queue_messages SET deliveries = 'many'", claim),
        (
            "UPDATE queue_topics SET messages = 'many'",
            lambda events: EventProgram(events, "b" * 32).put("b"),
        ),
        ("UPDATE queue_topics SET messages = 'many'", lambda events: events.backlog(ORDERS)),
        (
            "UPDATE queue_dead_letters SET at = 'late'",
            lambda events: events.dead_letters(ORDERS, 9),
        ),
        (
            "UPDATE queue_sources SET receipt = '{'",
            lambda events: events.put(EventProgram(events).batch("a")),
        ),
        ("DELETE FROM queues", lambda events: EventProgram(events, "b" * 32).put("b")),
    ],
)
def test_a_table_that_is_spoilt_is_an_error_and_nothing_is_written(store, path, statement, step):
    program = EventProgram(store.events)
    program.put("a")
    bury_all(store.events)
    program.put("b")
    execute(path, statement)
    before = execute(path, "SELECT * FROM queue_messages")

    with pytest.raises(StoreError, match=f"^{store.shown}: holds what") as caught:
        step(store.events)
    assert caught.type is StoreError
    assert execute(path, "SELECT * FROM queue_messages") == before


def test_a_file_that_is_locked_is_told_in_time_and_can_be_used_afterwards(store, path, mode):
    events, program = store.events, EventProgram(store.events)
    program.put("a", "b")
    held = claim(events, 1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for step in (
            lambda: events.put(program.batch("c"), timeout=0.05),
            lambda: events.claim(ORDERS, 9, seconds=9, timeout=0.05),
            lambda: events.ack(ORDERS, held, timeout=0.05),
            lambda: events.put_back(ORDERS, held, pause=0, timeout=0.05),
            lambda: events.extend(ORDERS, held, seconds=9, timeout=0.05),
            lambda: events.bury(ORDERS, held, "why", timeout=0.05),
        ):
            with pytest.raises(StoreUnavailable, match="is locked by another process"):
                step()
        assert events.claim("nothing", 9, seconds=9) == []  # who asks does not wait for it
        assert events.backlog(ORDERS) == Backlog(waiting=1, in_hand=1)

    program.put("c")
    assert bodies(claim(events)) == ["b", "c"]


# --- several processes


@needs_fork
def test_processes_that_claim_at_once_never_get_the_same_message(store, path, mode):
    program = EventProgram(store.events)
    program.put(*map(str, range(200)))
    store.close()

    def consume(output: int) -> None:
        events = SqliteStore(str(path), clock=lambda: NOW).events
        while messages := claim(events, 7):
            os.write(output, "".join(f"{id_}\n" for id_ in ids(messages)).encode())
            events.ack(ORDERS, messages[:3])

    got, children = [], []
    outputs = [os.pipe() for _ in range(2)]
    for _, output in outputs:
        children.append(fork(lambda output=output: consume(output)))
        os.close(output)
    for source, _ in outputs:
        with os.fdopen(source) as lines:
            got.append(lines.read().split())

    assert [status_of(child) for child in children] == [0, 0]
    assert len(got[0]) + len(got[1]) == len({*got[0], *got[1]}) == 200


def publishing(path, source: str) -> Killed:
    """Puts batches without end; says the total of each that was taken in."""

    def work(told: Callable[[str], object]) -> None:
        events = SqliteStore(str(path)).events
        program = EventProgram(events, source)
        while True:
            batch = program.batch(*(f"{source} {program.total + n}" for n in range(1, 4)))
            while True:
                with contextlib.suppress(StoreUnavailable):
                    events.put(batch)  # sent again as it was
                    break
            program.number, program.total = batch.number, batch.total
            told(f"{batch.total}\n")

    return Killed(work)


def consuming(path, done: str) -> Killed:
    """Claims, notes and acknowledges without end; buries one now and then."""

    def work(_: Callable[[str], object]) -> None:
        events = SqliteStore(str(path)).events
        for n in count(1):
            with contextlib.suppress(StoreUnavailable):
                messages = claim(events, 5, seconds=0.1)
                if n % 10 == 0:
                    events.bury(ORDERS, messages, "every tenth")
                    continue
                with open(done, "ab", buffering=0) as file:
                    file.write("".join(f"{body}\n" for body in bodies(messages)).encode())
                events.ack(ORDERS, messages)

    return Killed(work)


@needs_fork
@pytest.mark.once
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills like SIGKILL")
def test_processes_that_are_killed_amid_a_step_lose_nothing(path, tmp_path, mode, chance):
    done, store = str(tmp_path / "done"), SqliteStore(str(path))
    running = {f"{n:032x}": publishing(path, f"{n:032x}") for n in range(2)}
    consumers = [consuming(path, done)]
    told: dict[str, list[str]] = {}
    wait_until(lambda: os.path.exists(done))
    try:
        for n in range(2, 5):
            goal = os.path.getsize(done) + chance.randrange(1, 800)
            wait_until(lambda goal=goal: os.path.getsize(done) >= goal)
            source = chance.choice(sorted(running))
            told[source] = running.pop(source).kill()
            running[f"{n:032x}"] = publishing(path, f"{n:032x}")
            consumers.pop().kill()
            consumers.append(consuming(path, done))
    finally:
        told |= {source: publisher.kill() for source, publisher in running.items()}
        for consumer in consumers:
            consumer.kill()

    with open(done) as file:
        seen_bodies = set(file.read().splitlines())
    seen_bodies |= consumed_now(store)
    for source, totals in told.items():
        known = store.events.put(question_of_events(source, ORDERS)).total
        assert known - int(totals[-1] if totals else 0) in {0, 3}  # nothing, or one batch more
        assert {f"{source} {n}" for n in range(1, known + 1)} <= seen_bodies
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]
    assert execute(path, "SELECT count(*) FROM queue_bodies") == [(0,)]
    store.close()


def consumed_now(store: SqliteStore) -> set[str]:
    """What waits still, and the dead letters; of each topic there is nothing else."""
    found: Counter[str] = Counter()

    def consume() -> bool:
        messages = claim(store.events, AT_ONCE, seconds=5)
        found.update(bodies(messages))
        store.events.ack(ORDERS, messages)
        backlog = store.events.backlog(ORDERS)
        return backlog.waiting == backlog.in_hand == 0

    wait_until(consume)
    assert set(found.values()) <= {1}
    last = ""
    while letters := store.events.dead_letters(ORDERS, AT_ONCE, after=last):
        found.update(bodies(letters))
        last = letters[-1].id
    return set(found)


# --- speed


def fill(store: MemoryStore, amount: int) -> None:
    """Have so many messages of each state, some of them due."""
    program = EventProgram(store.events, "f" * 32)
    events = store.events
    for n in range(0, amount, AT_ONCE):
        program.put(*(f"{n} {m}" for m in range(5 * min(AT_ONCE, amount))))
        for step in (
            lambda held: None,
            lambda held: events.put_back(ORDERS, held, pause=3600),
            lambda held: events.put_back(ORDERS, held, pause=3600, counted=False),
        ):
            step(events.claim(ORDERS, min(AT_ONCE, amount), seconds=7200))


STEPS: dict[str, Callable[[MemoryStore, list[Message]], object]] = {
    "put": lambda store, held: EventProgram(store.events, "b" * 32).put(*"abcdefghij"),
    "claim": lambda store, held: claim(store.events, 10),
    "claim nothing": lambda store, held: store.events.claim("nothing", 10, seconds=9),
    "ack": lambda store, held: store.events.ack(ORDERS, held),
    "put_back": lambda store, held: store.events.put_back(ORDERS, held, pause=9),
    "extend": lambda store, held: store.events.extend(ORDERS, held, seconds=9),
    "bury": lambda store, held: store.events.bury(ORDERS, held, "why"),
    "topics": lambda store, held: store.events.topics(),
}


@pytest.mark.parametrize("step", STEPS)
def test_no_step_takes_longer_where_very_much_waits(clock, step):
    """Counted are the steps of SQLite's machine, by the hundred."""
    took = {}
    for amount in (10, 1000):
        store = MemoryStore(clock=clock)
        fill(store, amount)
        held = claim(store.events, 10)
        assert len(held) == 10
        took[amount] = hundreds_of_steps(
            store, lambda store=store, held=held: STEPS[step](store, held)
        )

    assert took[1000] < 1.5 * took[10] + 5, took


def test_a_dead_letter_is_found_among_many(clock):
    took = {}
    for amount in (10, 1000):
        store = MemoryStore(clock=clock)
        program = EventProgram(store.events)
        for n in range(0, amount, AT_ONCE):
            program.put(*(f"{n} {m}" for m in range(min(AT_ONCE, amount))))
            bury_all(store.events)
        (first, *_), events = store.events.dead_letters(ORDERS, 2), store.events

        def work(events=events, first=first) -> None:
            events.dead_letters(ORDERS, 2, after=first.id)
            events.replay(ORDERS, [first.id])

        took[amount] = hundreds_of_steps(store, work)

    assert took[1000] < 1.5 * took[10] + 5, took


def hundreds_of_steps(store: MemoryStore, work: Callable[[], object]) -> int:
    passed: list[None] = []
    connection = store._transactions._connection
    connection.set_progress_handler(lambda: passed.append(None), 100)
    work()
    connection.set_progress_handler(None, 0)
    assert store._transactions._connection is connection
    return len(passed)


def test_the_messages_of_one_claim_are_looked_for_by_an_index_alone(store):
    EventProgram(store.events).put("a", "b")
    with store._connections.reading(5) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {queue_steps._FRESH}", (1, 1)).fetchall()

    assert [one[-1] for one in plan] == ["SEARCH queue_messages USING INDEX queue_fresh (topic=?)"]
