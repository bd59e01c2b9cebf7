"""The contract, seventh part: what was counted since somebody asked, and how far readers are."""

from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecl_logging.errors import StoreError
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores.protocols import MAX_CELL, Store, Totals
from tests.stores.programs import FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program, cells


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(REQUESTS)


@pytest.fixture
def asked(store: Store) -> Store:
    """A store of which somebody has asked the totals."""
    assert store.totals("requests") == Totals(NOW)
    return store


def totals(store: Store) -> dict[str, int]:
    found = store.totals("requests")
    assert found.since == NOW
    return dict(found.cells)


def test_a_group_that_nobody_defined_has_no_totals_and_gets_none(store, kind):
    assert store.totals("unheard-of") is None
    assert kind.totals("unheard-of") == {}


def test_what_was_counted_before_somebody_asked_is_not_in_them(store, kind, clock):
    program = Program(store)
    program.send({"req1": 2})
    assert kind.totals("requests") == {}
    clock.now = NOW + 3.9

    assert store.totals("requests") == Totals(NOW + 3)
    program.send({"req1": 3})
    assert store.totals("requests") == Totals(NOW + 3, {"req1": 3})
    assert cells(store) == {"req1": 5}


def test_asking_again_changes_nothing(asked, kind, clock):
    Program(asked).send({"req1": 2})
    before = kind.totals("requests")
    clock.now = NOW + 1000

    assert totals(asked) == totals(asked) == {"req1": 2}
    assert kind.totals("requests") == before == {"@since": NOW, "req1": 2}


def test_an_event_is_in_them_once_however_many_intervals_it_counts_in(asked):
    program = Program(asked)
    program.send({"req1": 2, "x": 1})
    program.send({"req1": 3}, intervals=(FIVE_MINUTES,))

    assert totals(asked) == {"req1": 5, "x": 1}


def test_they_outlive_buckets_history_and_definitions(asked, clock):
    Program(asked, "a").send({"req1": 2})
    clock.now = NOW + 10 * 86400
    Program(asked, "b").send({"req1": 3}, start=int(clock.now))
    asked.rotate("requests")
    clock.now += 4000
    hourly = dataclasses.replace(REQUESTS, intervals=(FIVE_SECONDS,), events=frozenset())
    asked.define(hourly, replace=True)
    asked.rotate("requests")

    assert totals(asked) == {"req1": 5}


def test_late_events_and_those_ahead_are_there_under_their_own_ids(asked):
    sent = {"req1": 2, "x": 3, "@invalid": 1, **counted("m", [2.5]), **sum_cells("m", [2.5])}
    late = Program(asked, "a").send(sent, start=0)
    ahead = Program(asked, "b").send(sent, start=NOW + 4000)

    assert (late.late, ahead.ahead) == (6, 6)
    assert totals(asked) == {cell: 2 * n for cell, n in sent.items()}


def test_a_batch_that_is_sent_again_is_in_them_once(asked):
    batch = Program(asked).batch({"req1": 2})
    assert [asked.apply(batch).status for _ in range(3)] == ["applied", "duplicate", "duplicate"]

    assert totals(asked) == {"req1": 2}


def test_a_batch_after_a_gap_is_not_in_them(asked):
    assert asked.apply(Program(asked).batch({"req1": 2}, number=5)).status == "gap"

    assert totals(asked) == {}


def test_measures_add_up_in_them_over_programs(asked):
    expected: Counter[str] = Counter()
    for source, values in {"a": [0.1, -4.0], "b": [0.1, 0.0, -9.75]}.items():
        sent = counted("m", values) | sum_cells("m", values)
        Program(asked, source).send(sent)
        expected.update(sent)

    assert min(expected.values()) < 0
    assert totals(asked) == expected


# --- the cap


def test_undeclared_ids_beyond_the_cap_are_other_in_them_and_no_reply_tells(asked, clock):
    asked.define(dataclasses.replace(REQUESTS, max_events=2), replace=True)
    program = Program(asked)
    program.send({"x1": 1, "x2": 2, "req1": 1})
    clock.now = NOW + 300
    reply = program.send({"x3": 4, "x4": 8, "x1": 16}, start=NOW + 300)

    assert reply.other == 16  # of new buckets, which have had room for two
    assert cells(asked) == {"x3": 4, "x4": 8, "@other": 16}
    assert totals(asked) == {"x1": 17, "x2": 2, "req1": 1, "@other": 12}


def test_measures_and_notes_take_no_room_in_them(asked):
    asked.define(dataclasses.replace(REQUESTS, max_events=2), replace=True)
    program = Program(asked)
    sent = counted("m", [1.0, 2.0, 4.0]) | sum_cells("m", [7.0]) | {"@invalid": 1, "@other": 3}
    program.send(sent)
    program.send({"x1": 1, "x2": 2})
    program.send({"x3": 4})

    assert totals(asked) == sent | {"x1": 1, "x2": 2, "@other": 7}


def test_ids_that_were_declared_since_give_their_room_back(asked):
    asked.define(dataclasses.replace(REQUESTS, max_events=2), replace=True)
    program = Program(asked)
    program.send({"x1": 1, "x2": 2})
    asked.define(dataclasses.replace(REQUESTS, events=frozenset({"x1"}), max_events=2))
    program.send({"x3": 4, "x4": 8})

    assert totals(asked) == {"x1": 1, "x2": 2, "x3": 4, "@other": 8}


# --- what others have spoilt


def test_a_cell_of_them_that_holds_no_number_stops_nothing_and_is_left_out(asked, kind):
    kind.spoil_totals("req1")
    reply = Program(asked).send({"x1": 1, "req1": 2, "x2": 4})

    assert (reply.status, reply.bad_cells, reply.dropped) == ("applied", (), 0)
    assert cells(asked) == {"x1": 1, "req1": 2, "x2": 4}
    assert totals(asked) == {"x1": 1, "x2": 4}


def test_a_cell_of_them_that_is_full_stays_as_it_is(asked, clock):
    Program(asked, "a").send({"req1": MAX_CELL - 1}, intervals=(FIVE_SECONDS,))
    clock.now = NOW + 5
    reply = Program(asked, "b").send({"req1": 2}, start=NOW + 5, intervals=(FIVE_SECONDS,))

    assert (reply.bad_cells, reply.dropped) == ((), 0)
    assert totals(asked) == {"req1": MAX_CELL - 1}


def test_what_a_bucket_cannot_take_they_have_all_the_same(asked, kind):
    kind.spoil(FIVE_SECONDS, NOW, "req1")
    reply = Program(asked).send({"req1": 2}, intervals=(FIVE_SECONDS,))

    assert reply.dropped == 2
    assert totals(asked) == {"req1": 2}


def test_totals_without_a_beginning_are_told_as_spoilt_and_counting_goes_on(asked, kind):
    kind.spoil_totals("@since")

    with pytest.raises(
        StoreError, match=r"the totals .*requests.* are spoilt: @since is no number"
    ):
        asked.totals("requests")
    assert Program(asked).send({"req1": 2}).bad_cells == ()
    assert cells(asked) == {"req1": 2}


# --- several at once


def test_of_several_who_ask_at_once_all_get_the_same_and_nothing_is_lost(open_store, store):
    """Some ask for the first time while others count; each batch after an answer is in them."""

    def ask_and_count(source: str) -> int:
        own = open_store()
        since = own.totals("requests").since
        program = Program(own, source)
        for _ in range(10):
            program.send({source: 1, "all": 1})
        return since

    with ThreadPoolExecutor(6) as threads:
        since = list(threads.map(ask_and_count, "abcdef"))

    assert since == [NOW] * 6
    assert totals(store) == {"all": 60} | dict.fromkeys("abcdef", 10)


def test_the_totals_are_the_callers_own(asked):
    Program(asked).send({"req1": 2})
    found = asked.totals("requests")
    found.cells["req1"] = 99

    assert totals(asked) == {"req1": 2}


# --- marks


READER = "push:graphite:2003:ecl"


def test_nobody_has_read_in_the_beginning(store):
    assert store.marks("requests", READER) == {}
    assert store.marks("unheard-of", READER) == {}


def test_a_mark_is_where_its_reader_was_last_in_each_interval(store, open_store):
    store.mark("requests", READER, FIVE_SECONDS, NOW)
    store.mark("requests", READER, FIVE_MINUTES, NOW - 300)
    store.mark("requests", READER, FIVE_SECONDS, NOW + 5)

    assert open_store().marks("requests", READER) == {"5s": NOW + 5, "5m": NOW - 300}


def test_a_mark_never_goes_back(store):
    store.mark("requests", READER, FIVE_SECONDS, NOW + 5)
    store.mark("requests", READER, FIVE_SECONDS, NOW)

    assert store.marks("requests", READER) == {"5s": NOW + 5}


def test_readers_and_groups_have_marks_of_their_own(store):
    for n, (group, reader) in enumerate(
        [("requests", "a"), ("requests", "b"), ("requests", "ba"), ("other", "a")]
    ):
        store.mark(group, reader, FIVE_SECONDS, NOW + n)

    assert store.marks("requests", "a") == {"5s": NOW}
    assert store.marks("requests", "b") == {"5s": NOW + 1}
    assert store.marks("requests", "ba") == {"5s": NOW + 2}
    assert store.marks("other", "a") == {"5s": NOW + 3}


def test_a_mark_is_no_rotation_and_a_rotation_no_mark(store):
    store.mark("requests", READER, FIVE_SECONDS, NOW + 1000)
    told = store.rotate("requests")

    assert [(one.interval.text, one.start) for one in told] == [("5m", NOW - 300), ("5s", NOW - 5)]
    assert store.marks("requests", READER) == {"5s": NOW + 1000}
    assert store.marks("requests", "") == {}


def test_marks_outlive_pruning_and_new_definitions(store, clock):
    store.mark("requests", READER, FIVE_SECONDS, NOW)
    store.define(dataclasses.replace(REQUESTS, intervals=(FIVE_MINUTES,)), replace=True)
    clock.now = NOW + 30 * 86400
    store.rotate("requests")

    assert store.marks("requests", READER) == {"5s": NOW}


def test_of_marks_that_are_made_at_once_the_latest_stays(open_store, store):
    def mark_some(offset: int) -> None:
        own = open_store()
        for n in range(offset, 60, 6):
            own.mark("requests", READER, FIVE_SECONDS, NOW + n)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(mark_some, range(6)))

    assert store.marks("requests", READER) == {"5s": NOW + 59}
