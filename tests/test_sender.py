"""One group's batches, each counted once whatever happens on the way to the store."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest

from ecl_logging.addresses import parse_address
from ecl_logging.batches import DROP_REASONS
from ecl_logging.confirmed import UNKNOWN_SECONDS
from ecl_logging.deadlines import elapsed
from ecl_logging.errors import StoreError
from ecl_logging.intervals import Interval
from ecl_logging.ledgers import Ledger
from ecl_logging.numbered import RENEW_SECONDS
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Definition
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.conftest import wait_until
from tests.faulty_stores import FlakyStore, HangingStore
from tests.programs import Program

MINUTE = Interval("1m", 60)


def booked(**amounts: int) -> Ledger:
    return dataclasses.replace(Ledger.of(DROP_REASONS), **amounts)


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


# --- the usual way


def test_what_was_logged_is_in_the_store_after_a_flush(store, clock):
    program = Program(store, clock)
    program.log("a")
    program.log("b", 5)

    assert program.flush()
    assert program.stored() == {"a": 1, "b": 5}
    assert program.ledger == booked(counted=6, applied=6)
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
    assert program.ledger == booked(counted=3, applied=3, retries=2)


@pytest.mark.fault("A2")
def test_a_batch_that_never_arrived_counts_once(store, clock, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.lose_requests = 2

    assert [program.flush() for _ in range(3)] == [False, False, True]
    assert program.stored() == {"a": 3}
    assert program.ledger == booked(counted=3, applied=3, retries=2)


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


# --- sources, and what becomes of a batch


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
    assert clone.dropped == {}
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
    assert clone.dropped == {}


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
    assert program.ledger == booked(counted=4, applied=4)


def test_a_batch_unheard_of_for_six_days_is_given_up(store, clock, machine_time, warnings_told):
    program = Program(store, clock)
    program.log("a", 3)
    store.lose_replies = 1
    program.flush()
    machine_time.now += UNKNOWN_SECONDS + 1
    program.log("b")

    assert program.flush()
    assert program.dropped == {"unknown": 3}
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
    assert program.ledger == booked(counted=3, applied=3)


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
    assert program.dropped == {}


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
    assert program.dropped == {"bad_cell": 4}
    assert warnings_told == ["group g: cell '1m a' holds no number that can be added to"]


# --- waiting


@pytest.mark.timed
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
    assert program.stored_lately() == {"a": 1}


@pytest.mark.timed
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


# --- what is told


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
