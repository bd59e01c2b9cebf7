"""The contract, fifth part: threads, forks, and closing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecl_logging.stores.protocols import Store
from tests.conftest import wait_until
from tests.stores.programs import REQUESTS, Program, cells, fork, status_of

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(REQUESTS)


def run_at_once(*works: Callable[[], object]) -> None:
    """Do each work in a thread of its own; raise what one of them raised."""
    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(work) for work in works]
    for one in running:
        one.result()


def test_threads_add_up(store):
    def count(source: str) -> None:
        program = Program(store, source)
        for _ in range(25):
            program.send({"req1": 1, source: 2})

    run_at_once(*(lambda n=n: count(f"thread{n}") for n in range(6)))

    own = {f"thread{n}": 50 for n in range(6)}
    assert cells(store) == {"req1": 150, **own}
    assert sum(source.total for source in store.sources("requests")) == 450


def test_one_batch_sent_by_many_threads_at_once_counts_once(store):
    batch = Program(store).batch({"req1": 2})
    replies = []
    run_at_once(*[lambda: replies.append(store.apply(batch).status)] * 6)

    assert sorted(replies) == ["applied"] + ["duplicate"] * 5
    assert cells(store) == {"req1": 2}


def test_threads_that_define_at_once_lose_nothing(store):
    def define(n: int) -> None:
        store.define(type(REQUESTS)("requests", REQUESTS.intervals, events=frozenset({f"id{n}"})))

    run_at_once(*(lambda n=n: define(n) for n in range(6)))

    assert store.definition("requests").events == {"req1"} | {f"id{n}" for n in range(6)}


def test_a_reader_sees_batches_whole(store):
    done = threading.Event()
    torn = []

    def count() -> None:
        program = Program(store)
        try:
            for _ in range(40):
                program.send({"req1": 1, "req2": 1})
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            seen = cells(store)
            if seen.get("req1") != seen.get("req2"):
                torn.append(seen)

    run_at_once(count, read, read)

    assert torn == []
    assert cells(store) == {"req1": 40, "req2": 40}


def test_a_closed_store_can_be_used_again(store):
    program = Program(store)
    program.send({"req1": 1})
    store.close()
    store.close()
    program.send({"req1": 1})

    assert cells(store) == {"req1": 2}


def test_a_store_can_be_closed_before_it_was_used(open_store):
    store = open_store()
    store.close()

    assert store.groups() == ["requests"]


@needs_fork
def test_a_forked_child_and_its_parent_count_on(store):
    program = Program(store)
    program.send({"req1": 1})

    def child() -> None:
        store.after_fork()
        Program(store, "child").send({"req1": 10})
        assert cells(store)["req1"] == 11

    assert status_of(fork(child)) == 0
    program.send({"req1": 100})
    assert cells(store)["req1"] in {101, 111}  # memory: the child counted in its own copy


@needs_fork
def test_children_that_were_forked_beside_a_counting_thread_can_count(store, tmp_path):
    program = Program(store)
    done = threading.Event()
    quiet = tmp_path / "quiet"

    def count() -> None:
        while not done.is_set():
            program.send({"req1": 1})
            cells(store)

    def child(source: str) -> None:
        store.after_fork()
        wait_until(quiet.exists)  # from then on nobody holds a lock
        store.apply(Program(store, source).batch({"req2": 1}), timeout=1)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        children = [fork(lambda n=n: child(f"child{n}")) for n in range(8)]
    finally:
        done.set()
        thread.join()
        quiet.touch()

    assert [status_of(child) for child in children] == [0] * 8
    assert cells(store)["req1"] == program.total
