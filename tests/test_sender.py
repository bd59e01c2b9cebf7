"""One group's batches, each counted once whatever happens on the way to the store."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest

from ecl_logging import sender
from ecl_logging.addresses import parse_address
from ecl_logging.batches import Ledger
from ecl_logging.confirmed import UNKNOWN_SECONDS
from ecl_logging.deadlines import elapsed
from ecl_logging.errors import StoreError
from ecl_logging.intervals import Interval
from ecl_logging.sender import RENEW_SECONDS
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import SOURCE_SECONDS, Definition
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import Clock, wait_until
from tests.faulty_stores import FlakyStore, HangingStore
from tests.programs import Program

MINUTE = Interval("1m", 60)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request, clock):
    if request.param == "memory":
        inner: Any = MemoryStore(clock=clock)
    elif request.param == "redis":
        address = parse_address(request.getfixturevalue("empty_server").url)
        inner = RedisStore(address.target, address.settings, shown=address.shown, clock=clock)
    else:
        inner = SqliteStore("counts.db", clock=clock)
    yield FlakyStore(inner)
    inner.close()


@pytest.fixture
def machine_time(monkeypatch) -> Clock:
    """The clock that never steps, moved by the test."""
    machine_time = Clock(1000.0)
    monkeypatch.setattr(sender, "elapsed", machine_time)
    return machine_time


def dropped(program: Program) -> dict[str, int]:
    return {reason: n for reason, n in program.ledger.dropped.items() if n}


# --- the usual way


def test_what_was_logged_is_in_the_store_after_a_flush(store, clock):
    program = Program(store, clock)
    program.log("a")
    program.log("b", 5)

    assert program.flush()
    assert program.stored() == {"a": 1, "b": 5}
    assert program.ledger == Ledger(counted=6, applied=6)
    assert program.sender.last_flush is not None


def test_batches_are_numbered_and_carry_the_running_total(store, clock):
    program = Program(store, clock)
    for n in (1, 2, 3):
        program.log("a", n)
        program.flush()

    assert [(batch.number, batch.total) for batch in store.applied] == [(1, 1), (2, 3), (3, 6)]
    assert {batch.source for batch in store.applied} == {program.sender.source}


def test_a_flush_of_nothing_asks_the_store_nothing(store, clock):
    program = Program(store, clock)
    program.flush()
    store.is_away = True

    assert program.flush()
    assert store.attempts == 0


def test_the_first_flush_makes_the_group_known_also_with_nothing_to_send(store, clock):
    """So that a monitor finds the group of the errors that have not happened yet."""
    program = Program(store, clock, events=["error"])

    assert program.flush()
    assert store.definition("g").events == {"error"}


def test_a_thread_that_is_flushing_does_not_flush_again(store, clock):
    program = Program(store, clock)
    flushed_within = []
    before = store.inner.apply

    def apply(batch, **options):
        flushed_within.append(program.flush())
        return before(batch, **options)

    store.inner.apply = apply
    program.log("a")

    assert program.flush()
    assert flushed_within == [False]


# --- the connection fails


@pytest.mark.fault("A1")
def test_a_batch_whose_reply_was_lost_counts_once(store, clock, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.lose_replies = 2

    assert [program.flush() for _ in range(3)] == [False, False, True]
    assert program.stored() == {"a": 3}
    assert program.ledger == Ledger(counted=3, applied=3, retries=2)


@pytest.mark.fault("A2")
def test_a_batch_that_never_arrived_counts_once(store, clock, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.lose_requests = 2

    assert [program.flush() for _ in range(3)] == [False, False, True]
    assert program.stored() == {"a": 3}
    assert program.ledger == Ledger(counted=3, applied=3, retries=2)


def test_what_came_meanwhile_is_sent_after_the_batch_under_way(store, clock, warnings_told):
    program = Program(store, clock)
    program.log("a")
    store.lose_replies = 1
    program.flush()
    program.log("a")

    assert program.flush()
    assert [(batch.number, batch.counts) for batch in store.applied] == [
        (1, {"a": 1}),
        (1, {"a": 1}),
        (2, {"a": 1}),
    ]
    assert program.stored() == {"a": 2}


def test_counts_of_an_outage_land_in_the_buckets_of_their_time(store, clock, warnings_told):
    program = Program(store, clock)
    store.is_away = True
    for minute in range(3):
        program.log("a", minute + 1)
        program.flush()
        clock.now += 60
    store.is_away = False

    assert program.flush()
    assert [program.stored(age) for age in (3, 2, 1)] == [{"a": 1}, {"a": 2}, {"a": 3}]


# --- the store forgets


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
    assert (program.ledger.applied, dropped(program)) == (2, {"server_forgot": 7})
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
    assert (program.ledger.applied, dropped(program)) == (9, {"server_forgot": 5})


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


def test_a_cloned_source_draws_a_new_one_and_loses_nothing(store, clock):
    program, clone = Program(store, clock), Program(store, clock)
    program.log("a")
    program.flush()
    clone.log("b")
    clone.flush()
    clone.continue_as(program)
    program.log("a", 10)
    clone.log("b", 20)

    assert program.flush()
    assert clone.flush()
    assert program.stored() == {"a": 11, "b": 21}
    assert dropped(clone) == {}
    assert clone.sender.source != program.sender.source


@pytest.mark.parametrize("lost_replies", [0, 1, 2])
def test_a_clone_that_counts_the_same_amounts_loses_nothing(
    store, clock, warnings_told, lost_replies
):
    """As where idle programs were restored together: number and total are no proof."""
    program, clone = Program(store, clock), Program(store, clock)
    program.log("a")
    program.flush()
    clone.continue_as(program)
    program.log("a", 10)
    program.flush()
    clone.log("b", 10)
    store.lose_replies = lost_replies
    for _ in range(lost_replies):
        assert not clone.flush()

    assert clone.flush()
    assert program.stored() == {"a": 11, "b": 10}
    assert dropped(clone) == {}


@pytest.mark.fault("A7")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_batch_that_another_layer_sends_twice_counts_once(store, clock, n):
    """Some proxies, and redis-py's own client, do so where a connection is cut."""
    program = Program(store, clock)
    for number in range(1, 5):
        program.log("a")
        store.repeat_requests = number == n
        assert program.flush()

    assert program.stored() == {"a": 4}
    assert program.ledger == Ledger(counted=4, applied=4)


def test_a_batch_unheard_of_for_six_days_is_given_up(store, clock, machine_time, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.lose_replies = 1
    program.flush()
    machine_time.now += UNKNOWN_SECONDS + 1
    program.log("b")

    assert program.flush()
    assert dropped(program) == {"unknown": 3}
    assert program.stored() == {"a": 3, "b": 1}
    assert "3 counts were sent six days ago and never confirmed" in warnings_told[-1]


def test_a_batch_that_was_refused_is_not_unsure(store, clock, warnings_told):
    program = Program(store, clock)
    program.define()
    apply, store.apply = store.apply, refuse
    program.log("a")
    assert not program.flush()
    assert not program.sender.is_unsure()

    store.apply = apply
    store.lose_replies = 1
    assert not program.flush()
    assert program.sender.is_unsure()
    store.apply = refuse
    assert not program.flush()
    assert program.sender.is_unsure()  # the one before it may have been applied
    store.apply = apply
    assert program.flush()
    assert not program.sender.is_unsure()
    assert program.stored() == {"a": 1}


def refuse(*_: object, **__: object) -> None:
    raise StoreError("store: refused")


def test_a_batch_that_never_left_is_not_given_up(store, clock, machine_time, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.is_away = True
    program.flush()
    machine_time.now += UNKNOWN_SECONDS + 1
    store.is_away = False

    assert program.flush()
    assert program.ledger == Ledger(counted=3, applied=3)


def test_a_source_that_was_silent_for_a_day_is_replaced(store, clock, machine_time):
    program = Program(store, clock)
    program.log("a")
    program.flush()
    first = program.sender.source
    machine_time.now += RENEW_SECONDS + 1
    program.log("a")
    program.flush()

    assert program.sender.source != first
    assert [batch.number for batch in store.applied] == [1, 1]
    assert dropped(program) == {}


def test_a_cell_that_is_no_number_is_told_and_dropped(clock, warnings_told):
    store = SqliteStore("counts.db", clock=clock)
    program = Program(store, clock)
    program.log("a")
    program.flush()
    with store._connections.writing(1.0) as connection:
        connection.execute("UPDATE counts SET count = 'spoilt'")
    program.log("a", 4)

    assert program.flush()
    store.close()
    assert dropped(program) == {"bad_cell": 4}
    assert warnings_told == ["group g: cell '1m a' holds no number that can be added to"]


# --- waiting


@pytest.mark.alone
def test_a_flush_takes_no_longer_than_its_timeout(warnings_told):
    program = Program(HangingStore())
    program.log("a")
    begin = elapsed()

    assert not program.flush(0.05)
    assert elapsed() - begin < 1
    assert program.left == 1


def test_a_flush_waits_no_longer_than_its_timeout_for_another(warnings_told):
    store = HangingStore()
    program = Program(store)
    program.log("a")
    other = threading.Thread(target=program.flush)
    other.start()
    wait_until(store.is_waiting.is_set)

    assert not program.flush(0.05)
    store.let_go.set()
    other.join()
    assert program.stored() == {"a": 1}


@pytest.mark.alone
def test_a_locked_file_holds_a_flush_up_no_longer_than_its_timeout(clock, warnings_told):
    store = SqliteStore("counts.db", clock=clock)
    program = Program(store, clock)
    store.define(Definition("g", (MINUTE,), events=frozenset({"of another program"})))
    program.log("a")
    begin = elapsed()
    with store._connections.writing(1.0) as connection:
        connection.execute("COMMIT")
        connection.execute("BEGIN EXCLUSIVE")
        flushed = program.flush(0.2)

    assert not flushed
    assert elapsed() - begin < 2
    store.close()


def test_ids_declared_during_a_flush_that_hangs_are_known_here():
    store = HangingStore()
    program = Program(store, auto_declare_events=False, events=["a"])
    program.log("a")
    other = threading.Thread(target=program.flush)
    other.start()
    wait_until(store.is_waiting.is_set)
    program.declare("b")
    program.flush(0.05)
    store.let_go.set()
    other.join()
    program.log("b")

    assert program.flush()
    assert program.stored() == {"a": 1, "b": 1}


# --- what a store has lost, and what it never had


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

    assert (program.ledger.applied, dropped(program)) == (4000, {"server_forgot": 327})


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
    assert dropped(program) == {"server_forgot": 10}

    emptied(store, clock)
    program.log("a", 1)
    program.flush()
    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 111})


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

    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 100})


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
    assert dropped(program) == {"server_forgot": 300}

    store.inner._tables = copies[0]
    meanwhile(store, clock)
    program.log("a", 50_000)
    program.flush()
    assert (program.stored()["a"], dropped(program)) == (50_001, {"server_forgot": 4320})

    emptied(store, clock)
    meanwhile(store, clock)
    program.log("a", 600_000)
    program.flush()
    assert (program.stored()["a"], dropped(program)) == (600_000, {"server_forgot": 54_321})


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

    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 100})
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

    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 100})


def test_a_question_that_was_lost_is_asked_with_the_next_flush(clock, machine_time, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = with_a_new_source(store, clock, machine_time)
    emptied(store, clock)
    with_another_program(store, clock)
    lose_one(store, is_question=True)
    assert not program.flush()
    assert (program.ledger.applied, dropped(program)) == (101, {})

    assert program.flush()
    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 100})


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
    assert (program.ledger.applied, dropped(program)) == (101, {})

    emptied(store, clock)
    program.log("a", 1)
    program.flush()
    assert (program.ledger.applied, dropped(program)) == (1, {"server_forgot": 101})


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
    assert dropped(program) == {"server_forgot": 10 + 10 * len(days)}


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
    assert dropped(program) == {"server_forgot": 120}
    emptied(store, clock)
    program.log("a", 7)
    program.flush()
    assert (program.ledger.applied, dropped(program)) == (7, {"server_forgot": 241})


def test_a_store_that_does_not_know_the_group_at_first_has_lost_nothing(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.flush()
    emptied(store, clock)
    program.log("a", 5)
    program.flush()

    assert (program.ledger.applied, dropped(program)) == (5, {})
    assert warnings_told == []


def test_what_the_store_could_not_take_is_not_forgotten_by_it(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock)
    program.log("b")
    program.flush()
    start = MINUTE.start_of(int(clock.now))
    store.inner._tables.buckets["g", "1m"][start]["a"] = "spoilt"
    program.log("a", 10)
    program.flush()
    emptied(store, clock)
    program.log("b")
    program.flush()

    assert dropped(program) == {"bad_cell": 10, "server_forgot": 1}
    assert program.ledger.applied == 1


def test_warnings_of_one_kind_do_not_silence_another(clock, warnings_told):
    store = FlakyStore(MemoryStore(clock=clock))
    program = Program(store, clock, auto_declare_events=False, events=["a"])
    for n in range(150):
        program.log(f"typo{n}")
    program.log("a")
    program.flush()
    start = MINUTE.start_of(int(clock.now))
    store.inner._tables.buckets["g", "1m"][start]["a"] = "spoilt"
    program.log("a")
    program.flush()

    assert len(warnings_told) == 101
    assert warnings_told[-1] == "group g: cell '1m a' holds no number that can be added to"


def test_a_time_out_that_a_store_raises_is_an_outage(clock, warnings_told):
    """A store's own TimeoutError was taken for the end of the flush's time: tried 100 a second."""
    store = MemoryStore(clock=clock)

    def apply(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    store.apply = apply  # type: ignore[method-assign]
    program = Program(store, clock)
    program.log("a")

    assert not program.flush()
    assert program.outage.is_on
    assert "timed out" in warnings_told[0]
