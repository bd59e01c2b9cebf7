"""The contract, second part: late, ahead, the cap on undeclared IDs, and cells that cannot add."""

from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.stores.protocols import MAX_BAD_CELLS, Store
from tests.stores.programs import FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program, cells

LARGEST = 2**63 - 1


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(REQUESTS)


# --- late


def test_the_oldest_bucket_of_the_history_takes_its_counts(store, clock):
    clock.now = NOW + 0.9
    reply = Program(store).send({"req1": 2}, start=NOW - 3 * 5, intervals=(FIVE_SECONDS,))

    assert reply.late == 0
    assert cells(store, FIVE_SECONDS, age=3) == {"req1": 2}


def test_what_is_older_than_the_history_is_late_in_the_current_bucket(store):
    reply = Program(store).send(
        {"req1": 2, "req2": 3}, start=NOW - 3 * 5 - 1, intervals=(FIVE_SECONDS,)
    )

    assert reply.late == 5
    assert cells(store, FIVE_SECONDS, age=0) == {"@late": 5}
    assert cells(store, FIVE_SECONDS, age=4) == {}


def test_late_is_judged_for_each_interval(store):
    reply = Program(store).send({"req1": 2}, start=NOW - 300)

    assert reply.late == 2
    assert cells(store, FIVE_SECONDS) == {"@late": 2}
    assert cells(store, FIVE_MINUTES, age=1) == {"req1": 2}


def test_late_events_of_several_batches_add_up(store):
    program = Program(store)
    program.send({"req1": 2}, start=0)
    program.send({"req2": 3}, start=0)

    assert cells(store) == {"@late": 5}


def test_late_events_that_had_no_room_in_memory_are_late_too(store):
    reply = Program(store).send({"req1": 2, "@other": 3}, start=0)

    assert reply.late == 5
    assert cells(store) == {"@late": 5}


def test_late_notes_of_invalid_values_stay_notes(store):
    reply = Program(store).send({"req1": 2, "@invalid": 7}, start=0)

    assert (reply.late, reply.dropped) == (2, 0)
    assert cells(store) == {"@late": 2, "@invalid": 7}


def test_a_late_batch_without_events_leaves_no_late_cell(store):
    Program(store).send({"@invalid": 7}, start=0)

    assert cells(store) == {"@invalid": 7}


# --- ahead


def test_a_bucket_five_seconds_ahead_is_one_of_its_own(store, clock):
    reply = Program(store).send({"req1": 2}, start=NOW + 5)

    assert reply.ahead == 0
    assert cells(store, FIVE_SECONDS) == {}
    clock.now = NOW + 5
    assert cells(store, FIVE_SECONDS) == {"req1": 2}


def test_a_bucket_further_ahead_counts_in_the_current_one(store, clock):
    clock.now = NOW - 0.001
    reply = Program(store).send({"req1": 2, "@invalid": 1}, start=NOW + 5)

    assert reply.ahead == 2
    assert cells(store, FIVE_SECONDS) == {"req1": 2, "@invalid": 1}
    clock.now = NOW + 5
    assert cells(store, FIVE_SECONDS) == {}


def test_ahead_is_judged_for_each_interval(store):
    reply = Program(store).send({"req1": 2}, start=NOW + 10)

    assert reply.ahead == 2
    assert cells(store, FIVE_SECONDS, age=0) == {"req1": 2}
    assert cells(store, FIVE_MINUTES, age=0) == {"req1": 2}


def test_a_time_of_another_millennium_counts_now(store):
    assert Program(store).send({"req1": 2}, start=2**40).ahead == 2
    assert cells(store) == {"req1": 2}


# --- the cap on undeclared IDs


@pytest.fixture
def capped(store: Store) -> Store:
    """A store whose group takes two IDs that are not declared."""
    store.define(dataclasses.replace(REQUESTS, max_events=2), replace=True)
    return store


def test_ids_beyond_the_cap_count_as_other(capped):
    reply = Program(capped).send({"x1": 1, "x2": 2, "x3": 4, "x4": 8})

    assert reply.other == 12
    assert reply.dropped == 0
    assert cells(capped) == {"x1": 1, "x2": 2, "@other": 12}


def test_declared_ids_are_not_capped_and_take_no_room(capped):
    reply = Program(capped).send({"x1": 1, "req1": 32, "x2": 2})

    assert reply.other == 0
    assert cells(capped) == {"x1": 1, "req1": 32, "x2": 2}


def test_ids_that_have_a_cell_go_on_counting(capped):
    program = Program(capped)
    program.send({"x1": 1, "x2": 2})

    reply = program.send({"x3": 4, "x2": 10})

    assert reply.other == 4
    assert cells(capped) == {"x1": 1, "x2": 12, "@other": 4}


def test_the_cap_holds_over_several_batches_and_sources(capped):
    for n, source in enumerate("abcd"):
        Program(capped, source).send({f"x{n}": 1})

    assert cells(capped) == {"x0": 1, "x1": 1, "@other": 2}


def test_every_bucket_has_a_cap_of_its_own(capped, clock):
    program = Program(capped)
    program.send({"x1": 1, "x2": 2})
    clock.now = NOW + 5

    reply = program.send({"x3": 4, "x4": 8}, start=NOW + 5)

    assert reply.other == 12
    assert cells(capped, FIVE_SECONDS) == {"x3": 4, "x4": 8}
    assert cells(capped, FIVE_MINUTES) == {"x1": 1, "x2": 2, "@other": 12}


def test_an_id_that_was_declared_since_gives_its_room_back(capped):
    program = Program(capped)
    program.send({"x1": 1, "x2": 2})
    capped.define(dataclasses.replace(REQUESTS, events=frozenset({"x1"}), max_events=2))

    assert program.send({"x3": 4, "x4": 8}).other == 8
    assert cells(capped) == {"x1": 1, "x2": 2, "x3": 4, "@other": 8}


def test_many_declared_ids_take_no_room_either(store):
    """Whichever are fewer, cells or declared IDs, the undeclared ones are counted right."""
    declared = frozenset(f"d{n}" for n in range(50))
    store.define(dataclasses.replace(REQUESTS, events=declared, max_events=2), replace=True)
    program = Program(store)
    program.send(dict.fromkeys(sorted(declared)[:20], 1) | {"x1": 1, "@invalid": 3})

    assert program.send({"x2": 1, "x3": 4}).other == 4
    assert program.send(dict.fromkeys(declared, 1) | {"x4": 8}).other == 8


def test_notes_take_no_room(capped):
    program = Program(capped)
    program.send({"@invalid": 1, "@other": 2})

    assert program.send({"x1": 1, "x2": 2}).other == 0


def test_what_had_no_room_in_memory_counts_as_other(store):
    reply = Program(store).send({"req1": 1, "@other": 5})

    assert (reply.other, reply.total) == (5, 6)
    assert cells(store) == {"req1": 1, "@other": 5}


def test_a_cap_far_above_one_statement_is_kept_exactly(store):
    store.define(dataclasses.replace(REQUESTS, max_events=1500), replace=True)
    program = Program(store)
    program.send({f"x{n}": 1 for n in range(1000)})

    assert program.send({f"x{n}": 1 for n in range(500, 2000)}).other == 500
    assert cells(store)["@other"] == 500
    assert len(cells(store)) == 1501


# --- cells that cannot add


@pytest.mark.fault("B14")
def test_a_cell_that_holds_no_number_is_passed_over_and_reported(store, kind):
    kind.spoil(FIVE_MINUTES, NOW, "req1")

    reply = Program(store).send({"req1": 2, "req2": 3})

    assert reply.bad_cells == ("5m req1",)
    assert cells(store, FIVE_MINUTES)["req2"] == 3
    assert cells(store, FIVE_SECONDS) == {"req1": 2, "req2": 3}


@pytest.mark.fault("B14")
def test_events_are_dropped_only_where_no_interval_could_take_them(store, kind):
    program = Program(store)
    kind.spoil(FIVE_MINUTES, NOW, "req1")
    assert program.send({"req1": 2, "req2": 3}).dropped == 0

    kind.spoil(FIVE_SECONDS, NOW, "req1")
    reply = program.send({"req1": 2, "req2": 3})

    assert reply.dropped == 2
    assert set(reply.bad_cells) == {"5s req1", "5m req1"}
    assert reply.total == 10


def test_a_spoilt_late_cell_drops_what_is_late_everywhere(store, kind):
    kind.spoil(FIVE_SECONDS, NOW, "@late")

    reply = Program(store).send({"req1": 2, "req2": 3}, start=0, intervals=(FIVE_SECONDS,))

    assert reply.bad_cells == ("5s @late",)
    assert reply.dropped == 5


def test_what_a_spoilt_late_cell_could_not_take_is_not_told_as_late(store, kind):
    kind.spoil(FIVE_SECONDS, NOW, "@late")

    assert Program(store).send({"req1": 2}, start=0, intervals=(FIVE_SECONDS,)).late == 0


def test_late_events_that_one_interval_took_are_not_dropped(store, kind):
    kind.spoil(FIVE_SECONDS, NOW, "@late")

    reply = Program(store).send({"req1": 2}, start=0)

    assert (reply.late, reply.dropped) == (2, 0)


def test_a_spoilt_cell_is_reported_once_for_each_batch(store, kind):
    store.define(dataclasses.replace(REQUESTS, max_events=1), replace=True)
    kind.spoil(FIVE_SECONDS, NOW, "@other")

    reply = Program(store).send({f"x{n}": 1 for n in range(4)}, intervals=(FIVE_SECONDS,))

    assert reply.dropped == 3
    assert reply.bad_cells == ("5s @other",)


def test_a_cell_holds_up_to_the_largest_number(store):
    program = Program(store)
    program.send({"req1": LARGEST - 5})

    assert program.send({"req1": 5}).bad_cells == ()
    assert cells(store) == {"req1": LARGEST}


@pytest.mark.fault("B14")
def test_a_cell_that_cannot_hold_the_sum_is_left_as_it_is(store):
    Program(store, "a").send({"req1": LARGEST - 5})

    reply = Program(store, "b").send({"req1": 6, "req2": 1})

    assert set(reply.bad_cells) == {"5s req1", "5m req1"}
    assert reply.dropped == 6
    assert cells(store) == {"req1": LARGEST - 5, "req2": 1}


def test_ids_that_share_the_other_cell_do_not_overflow_it_together(store):
    store.define(dataclasses.replace(REQUESTS, max_events=1), replace=True)

    Program(store, "a").send({"x1": 1, "@other": LARGEST - 2})

    reply = Program(store, "b").send({"x2": 1, "x3": 1, "x4": 1})

    assert cells(store) == {"x1": 1, "@other": LARGEST}
    assert reply.dropped == 1


def test_a_running_total_may_outgrow_the_largest_cell(store):
    program = Program(store)
    program.send({"req1": LARGEST})

    assert program.send({"req2": 2}).total == LARGEST + 2
    assert store.apply(program.batch({"req2": 1}, number=9)).total == LARGEST + 2


@pytest.mark.fault("A1", "B14")
def test_a_batch_with_a_bad_cell_sent_again_repeats_the_reply(store, kind):
    kind.spoil(FIVE_MINUTES, NOW, "req1")
    batch = Program(store).batch({"req1": 2}, intervals=(FIVE_MINUTES,))
    first = store.apply(batch)

    assert first.dropped == 2
    assert store.apply(batch) == dataclasses.replace(first, status="duplicate")


def test_a_spoilt_cell_is_left_out_when_it_is_read(store, kind):
    Program(store).send({"req1": 1, "req2": 2})
    kind.spoil(FIVE_SECONDS, NOW, "req1")

    assert cells(store, FIVE_SECONDS) == {"req2": 2}
    assert cells(store, FIVE_MINUTES) == {"req1": 1, "req2": 2}


def test_a_reply_names_a_hundred_spoilt_cells_at_most(store, kind):
    counts = {f"x{n}": 1 for n in range(150)}
    for event_id in counts:
        kind.spoil(FIVE_SECONDS, NOW, event_id)

    reply = Program(store).send(counts, intervals=(FIVE_SECONDS,))

    assert (reply.dropped, len(reply.bad_cells)) == (150, MAX_BAD_CELLS)


def test_a_gap_tells_what_was_counted_not_what_was_dropped(store, kind):
    """So that a program does not report as forgotten what never was in the store."""
    program = Program(store)
    program.send({"req1": 5})
    kind.spoil(FIVE_SECONDS, NOW, "req2")
    program.send({"req2": 7}, intervals=(FIVE_SECONDS,))

    reply = store.apply(program.batch({"req1": 1}, number=9))

    assert (reply.status, reply.number, reply.total) == ("gap", 2, 5)
