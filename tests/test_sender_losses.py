"""What a store has lost of what it had confirmed is told to the last count, and nothing else is."""

from __future__ import annotations

import copy

import pytest

from ecl_logging.numbered import RENEW_SECONDS
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import SOURCE_SECONDS
from tests.conftest import Clock
from tests.faulty_stores import FlakyStore
from tests.programs import Program


@pytest.mark.fault("B2", "B13")
def test_a_store_that_was_emptied_is_told_exactly_and_counting_goes_on(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 7)
    program.flush()
    store.inner = MemoryStore(clock=clock)
    program.log("a", 2)

    assert program.flush()
    assert program.stored() == {"a": 2}
    assert (program.ledger.applied, program.dropped) == (2, {"server_forgot": 7})
    assert warnings_told == ["group g: the store has lost 7 counts that it had confirmed"]


@pytest.mark.fault("B2")
def test_a_store_that_was_set_back_has_lost_what_it_confirmed_since(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 7)
    program.flush()
    saved = store.inner.sources("g")[0]
    program.log("a", 5)
    program.flush()
    store.inner._tables.save_source("g", saved)
    program.log("a", 2)

    assert program.flush()
    assert (program.ledger.applied, program.dropped) == (9, {"server_forgot": 5})


def test_after_a_gap_a_new_source_begins(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a")
    program.flush()
    first = program.sender.source
    store.inner = MemoryStore(clock=clock)
    program.log("a")
    program.flush()

    assert program.sender.source != first
    [source] = store.sources("g")
    assert (source.source, source.number, source.total) == (program.sender.source, 1, 1)


def emptied(store: FlakyStore, clock: Clock) -> None:
    store.inner = MemoryStore(clock=clock)


@pytest.mark.fault("B2", "B13")
def test_a_store_that_is_emptied_twice_is_told_twice(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    for n in (7, 20, 300):
        program.log("a", n)
        program.flush()
        emptied(store, clock)
    program.log("a", 4000)
    program.flush()

    assert (program.ledger.applied, program.dropped) == (4000, {"server_forgot": 327})


@pytest.mark.fault("B2", "B13")
def test_what_was_confirmed_before_a_partial_loss_is_lost_with_the_rest(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 100)
    program.flush()
    saved = store.inner.sources("g")[0]
    program.log("a", 10)
    program.flush()
    store.inner._tables.save_source("g", saved)
    program.log("a", 1)
    program.flush()
    assert program.dropped == {"server_forgot": 10}

    emptied(store, clock)
    program.log("a", 1)
    program.flush()
    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 111})


def test_a_store_that_was_emptied_during_a_quiet_day_is_told(clock, machine_time, warnings_told):
    """The program's source is a new one by then, whose first batch no store refuses."""
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 100)
    program.flush()
    machine_time.now += RENEW_SECONDS + 1
    emptied(store, clock)
    program.log("a", 1)
    program.flush()

    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 100})


def with_another_program(store: FlakyStore, clock: Clock) -> None:
    """The other one makes the group known again, before this one has a word with the store."""
    other = Program(store, clock)
    other.log("b")
    assert other.flush()


@pytest.mark.parametrize("meanwhile", [lambda *_: None, with_another_program])
def test_what_a_store_has_lost_of_earlier_sources_is_told_exactly(clock, warnings_told, meanwhile):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    copies = []
    for n in (1, 20, 300):
        program.log("a", n)
        program.flush()
        copies.append(copy.deepcopy(store.inner._tables))
    store.inner._tables = copies[1]
    program.log("a", 4000)
    program.flush()
    assert program.dropped == {"server_forgot": 300}

    store.inner._tables = copies[0]
    meanwhile(store, clock)
    program.log("a", 50_000)
    program.flush()
    assert (program.stored()["a"], program.dropped) == (50_001, {"server_forgot": 4320})

    emptied(store, clock)
    meanwhile(store, clock)
    program.log("a", 600_000)
    program.flush()
    assert (program.stored()["a"], program.dropped) == (600_000, {"server_forgot": 54_321})


def test_a_store_that_was_emptied_during_a_quiet_day_is_told_though_others_count_in_it(
    clock, machine_time, warnings_told
):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 100)
    program.flush()
    machine_time.now += RENEW_SECONDS + 1
    emptied(store, clock)
    with_another_program(store, clock)
    program.log("a", 1)
    program.flush()

    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 100})
    assert warnings_told == ["group g: the store has lost 100 counts that it had confirmed"]


def lose_one(store: FlakyStore, *, is_question: bool) -> None:
    """Lose the next request of one kind: that of a batch, or a question about a source."""
    apply = store.apply

    def apply_unless_lost(batch, **options):
        if (not batch.counts) == is_question:
            store.apply = apply
            store.lose_requests = 1
        return apply(batch, **options)

    store.apply = apply_unless_lost


def with_a_new_source(store: FlakyStore, clock: Clock, machine_time: Clock) -> Program:
    """A program whose 100 events are those of an earlier source, with one more to send."""
    program = Program(store, clock)
    program.log("a", 100)
    program.flush()
    machine_time.now += RENEW_SECONDS + 1
    program.log("a", 1)
    return program


def test_a_store_that_is_emptied_while_a_sources_first_batch_is_under_way_is_told(
    clock, machine_time, warnings_told
):
    """So the store is asked about earlier sources when the new one is known to it, not before."""
    store = FlakyStore(MemoryStore(clock=clock))
    program = with_a_new_source(store, clock, machine_time)
    lose_one(store, is_question=False)
    assert not program.flush()
    emptied(store, clock)
    with_another_program(store, clock)
    assert program.flush()

    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 100})


def test_a_question_that_was_lost_is_asked_with_the_next_flush(clock, machine_time, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = with_a_new_source(store, clock, machine_time)
    emptied(store, clock)
    with_another_program(store, clock)
    lose_one(store, is_question=True)
    assert not program.flush()
    assert (program.ledger.applied, program.dropped) == (101, {})

    assert program.flush()
    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 100})


def test_a_source_that_the_store_forgets_by_right_is_not_taken_for_a_loss(
    clock, machine_time, warnings_told
):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 100)
    program.flush()
    for time in (clock, machine_time):
        time.now += SOURCE_SECONDS + 1
    with_another_program(store, clock)  # which has the store look for what it can forget
    program.log("a", 1)
    program.flush()

    assert len(store.sources("g")) == 2
    assert (program.ledger.applied, program.dropped) == (101, {})

    emptied(store, clock)
    program.log("a", 1)
    program.flush()
    assert (program.ledger.applied, program.dropped) == (1, {"server_forgot": 101})


@pytest.mark.parametrize("declares", [False, True])
@pytest.mark.parametrize("days", [(), (1.05,) * 10, (1.05, 7), (7.1,)])
def test_what_a_store_has_lost_of_sources_that_are_old_by_now_is_told(
    clock, machine_time, warnings_told, days, declares
):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("a", 10)
    program.flush()
    for pause in days:
        for time in (clock, machine_time):
            time.now += pause * 86400
        program.log("a", 10)
        program.flush()
    for time in (clock, machine_time):
        time.now += 7.1 * 86400
    emptied(store, clock)
    if declares:  # which makes the group known before anything is sent
        program.declare("b")
    program.log("a", 2)
    program.flush()

    assert program.ledger.applied == 2
    assert program.dropped == {"server_forgot": 10 + 10 * len(days)}


def test_a_store_that_is_set_back_all_the_time_is_asked_about_so_many_sources_only(
    clock, warnings_told
):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    for _ in range(120):
        program.log("a")
        program.flush()
        saved = copy.deepcopy(store.inner._tables)
        program.log("a")
        program.flush()
        store.inner._tables = saved
    program.log("a")
    before = store.attempts
    program.flush()

    assert store.attempts - before <= 102
    assert program.dropped == {"server_forgot": 120}
    emptied(store, clock)
    program.log("a", 7)
    program.flush()
    assert (program.ledger.applied, program.dropped) == (7, {"server_forgot": 241})


def test_a_store_that_does_not_know_the_group_at_first_has_lost_nothing(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.flush()
    emptied(store, clock)
    program.log("a", 5)
    program.flush()

    assert (program.ledger.applied, program.dropped) == (5, {})
    assert warnings_told == []


def test_what_the_store_could_not_take_is_not_forgotten_by_it(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("b")
    program.flush()
    start = int(clock.now) // 60 * 60
    store.inner._tables.buckets["g", "1m"][start]["a"] = "spoilt"
    program.log("a", 10)
    program.flush()
    emptied(store, clock)
    program.log("b")
    program.flush()

    assert program.dropped == {"bad_cell": 10, "server_forgot": 1}
    assert program.ledger.applied == 1
