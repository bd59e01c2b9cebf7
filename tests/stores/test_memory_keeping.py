"""What is kept in memory: when SQLite is asked for it, forks, threads, and signals."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores import sql
from ecl_logging.stores.keeping import AT_ONCE, Waiting
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.queueing import Backlog
from tests.interruptions import interrupted_at
from tests.stores.programs import NOW, fork, run_python, status_of
from tests.stores.publishing import ORDERS, EventProgram, claim
from tests.stores.saying import CART, MessageProgram, RecordProgram, hours, line, said, seen, told

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def store(clock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.mark.once
def test_a_program_that_keeps_nothing_does_not_import_sqlite():
    ran = run_python(
        """
import sys
from ecl_logging.stores import open_store
store = open_store("memory://")
store.records, store.messages, store.groups(), store.after_fork(), store.close()
before = "sqlite3" in sys.modules
store.records.waiting()
print(before, "sqlite3" in sys.modules)
"""
    )

    assert (ran.stdout, ran.stderr) == ("False True\n", "")


def test_a_python_without_sqlite_is_told(store, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ecl_logging.stores.sqlite.errors", None)

    with pytest.raises(StoreError, match=r"^memory://: this Python has no sqlite3"):
        store.records.waiting()


def test_stores_in_memory_have_nothing_in_common(store, clock):
    RecordProgram(store.records).put(seen(1))

    assert MemoryStore(clock=clock).records.waiting() == Waiting()


# --- threads


def test_threads_that_put_claim_and_acknowledge_at_once_agree(store):
    def work(n: int) -> int:
        program, gathered = RecordProgram(store.records, f"{n:032x}"), 0
        for second in range(20):
            program.put(*(seen(kind, NOW + second, repeats=n + 1) for kind in range(10)))
            entries = store.records.claim(7)
            gathered += sum(entry.repeats for entry in entries)
            assert store.records.ack([entry.id for entry in entries]) == len(entries)
        return gathered

    with ThreadPoolExecutor(5) as threads:
        gathered = sum(threads.map(work, range(5)))

    left = sum(entry.repeats for entry in store.records.claim(AT_ONCE))
    assert gathered + left == sum((n + 1) * 200 for n in range(5))


# --- what comes amid a step


def test_a_signal_handler_that_comes_amid_a_step_is_turned_away(store):
    """It is in the same thread: were it let in, its step would be part of the other one."""
    program = RecordProgram(store.records)
    program.put(seen(1))
    with store._transactions.writing(5) as connection:
        connection.execute("UPDATE entries SET repeats = 7")
        with pytest.raises(StoreUnavailable, match=r"^memory://: a signal handler came amid"):
            store.records.claim(1)

    assert [entry.repeats for entry in store.records.claim(1)] == [7]


def test_what_is_raised_amid_a_step_takes_it_back(store):
    RecordProgram(store.records).put(seen(1))

    def step() -> None:
        with store._transactions.writing(5) as connection:
            connection.execute("DELETE FROM entries")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step()

    assert store.records.waiting().entries == 1


def test_a_step_whose_end_was_skipped_is_taken_back_by_the_next(store):
    RecordProgram(store.records).put(seen(1))
    connection = store._transactions._connection
    connection.execute("BEGIN")  # as if its thread had been interrupted twice
    connection.execute("DELETE FROM entries")

    assert store.records.waiting().entries == 1


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What an interruption has left in a cycle is not cleared amid the next one."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_a_step_that_is_interrupted_at_any_moment_happens_whole_or_not_at_all(clock):
    """What a signal handler raises comes between any two lines; here it does at each of them."""
    fates = set()
    for moment in count(1):
        records = MemoryStore(clock=clock).records
        program = RecordProgram(records)
        program.put(seen(1))
        batch = program.batch(seen(1, repeats=2), seen(2, NOW + 1))
        if not interrupted_at(moment, partial(records.put, batch), within=sql.__path__[0]):
            break
        fates.add(records.put(batch).status)
        assert [entry.repeats for entry in records.claim(9)] == [3, 1]

    assert moment > 15
    assert fates == {"applied", "duplicate"}


def put_event(store: MemoryStore) -> object:
    return EventProgram(store.events, "b" * 32).put("new")


def claim_and_bury(store: MemoryStore) -> object:
    return store.events.bury(ORDERS, claim(store.events), "why")


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("step", "states"),
    [
        (put_event, [Backlog(2), Backlog(3)]),
        (claim_and_bury, [Backlog(2), Backlog(0, 2), Backlog(dead_letters=2)]),
    ],
)
def test_a_step_of_a_queue_that_is_interrupted_happens_whole_or_not_at_all(clock, step, states):
    fates = []
    for moment in count(1):
        store = MemoryStore(clock=clock)
        EventProgram(store.events).put("a", "b")
        if not interrupted_at(moment, partial(step, store), within=sql.__path__[0]):
            break
        fates.append(store.events.backlog(ORDERS))
        assert len(store.events.dead_letters(ORDERS, 9)) == fates[-1].dead_letters

    assert moment > 15
    assert set(fates) == set(states)


def test_a_table_that_is_spoilt_is_told_with_the_stores_name(store):
    RecordProgram(store.records).put(seen(1))
    with store._transactions.writing(5) as connection:
        connection.execute("UPDATE kept SET entries = 'many'")

    with pytest.raises(StoreError, match=r"^memory://: holds what this library did not write"):
        store.records.waiting()


@pytest.mark.parametrize("ending", ["del store", "sys.exit()"])
def test_a_store_that_is_dropped_leaves_nothing_open(ending):
    ran = run_python(
        f"""
import sys, warnings
warnings.simplefilter("error")
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.queueing import Backlog
store = MemoryStore()
store.records.put(__import__("tests.stores.saying").stores.saying.RecordProgram(None).batch())
{ending}
"""
    )

    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


# --- forks


@needs_fork
def test_a_forked_child_goes_on_with_a_copy_of_its_own(store):
    program, talker = RecordProgram(store.records), MessageProgram(store.messages)
    program.put(seen(1), seen(2, NOW + 1))
    talker.say(said({NOW: {"a": 1}}, [line("a")]))
    mine = store.records.claim(1)

    def child() -> None:
        store.after_fork()
        entries = store.records.claim(9)
        assert [int(entry.kind, 16) for entry in entries] == [2]
        assert store.records.ack([entry.id for entry in (*mine, *entries)]) == 2
        program.put(seen(3))
        talker.say(said({NOW: {"a": 1}}))
        assert hours(store.messages)[0] == (NOW, {"a": 2})

    assert status_of(fork(child)) == 0
    assert store.records.waiting() == Waiting(entries=2, claimed=1, size=4)
    assert hours(store.messages)[0] == (NOW, {"a": 1})
    assert store.messages.recent([CART], 9) == [[line("a")]]
    program.put(seen(3))
    assert told(store.records.claim(9)) == [
        (3, NOW, NOW, 1, "{}"),
        (2, NOW + 1, NOW + 1, 1, "{}"),
    ]


@needs_fork
def test_children_that_were_forked_beside_a_busy_thread_have_a_whole_copy(store):
    """The fork waits for the step that is under way; the child is alone with its copy."""
    program, done = RecordProgram(store.records), threading.Event()
    program.put(seen(99))

    def put() -> None:
        while not done.is_set():
            program.put(*(seen(kind, NOW + kind) for kind in range(50)))

    def child() -> None:
        before = store.records.waiting()
        assert before.entries in {1, 51}  # batches are in it whole
        entries = store.records.claim(AT_ONCE)
        assert len({entry.repeats for entry in entries if int(entry.kind, 16) < 50}) <= 1
        assert store.records.ack([entry.id for entry in entries]) == before.entries
        RecordProgram(store.records, "c" * 32).put(seen(1))

    thread = threading.Thread(target=put)
    thread.start()
    try:
        children = [fork(child) for _ in range(20)]
    finally:
        done.set()
        thread.join()

    assert [status_of(one) for one in children] == [0] * 20
    assert store.records.waiting().entries == 51


FORKED_AMID = """
import os, sys, threading, warnings
from ecl_logging.stores import fork_gate
from ecl_logging.stores import sql
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.queueing import Backlog
from tests.interruptions import interrupted_at
from tests.stores.publishing import ORDERS, EventProgram, claim
from tests.stores.saying import RecordProgram, seen

warnings.simplefilter("ignore", DeprecationWarning)
fork_gate._LONGEST_WAIT = 0.1  # the step goes on until the fork has come
store = MemoryStore()
program = RecordProgram(store.records)
program.put(seen(1))
begun, forked = threading.Event(), threading.Event()

def step():
    with store._transactions.writing(5) as connection:
        connection.execute("UPDATE entries SET repeats = 7")
        begun.set()
        forked.wait(10)

thread = threading.Thread(target=step)
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    store.after_fork()
    print("child", store.records.waiting().entries)
    print("child", program.records.put(program.batch(seen(2))).status)
    RecordProgram(store.records, "b" * 32).put(seen(2))
    print("child", store.records.claim(9)[0].repeats)
    sys.exit(0)  # as every program ends
forked.set()
status = os.waitpid(child, 0)[1]
thread.join()
print("parent", status, store.records.claim(9)[0].repeats)
"""


@needs_fork
def test_a_child_that_was_forked_amid_a_step_starts_with_nothing():
    """Its copy is half changed, and may be locked for ever; that it is missing shows as a gap."""
    ran = run_python(FORKED_AMID)

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["child 0", "child gap", "child 1", "parent 0 7"]


@needs_fork
def test_a_child_of_a_child_goes_on_too(store):
    program = RecordProgram(store.records)
    program.put(seen(1))

    def grandchild() -> None:
        program.put(seen(3))
        assert store.records.waiting().entries == 3

    def child() -> None:
        program.put(seen(2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert status_of(fork(grandchild)) == 0
        assert store.records.waiting().entries == 2

    assert status_of(fork(child)) == 0
    assert store.records.waiting().entries == 1
