"""Programs that define a group differently, and IDs that are declared while they run."""

from __future__ import annotations

import pytest

from ecl_logging.definitions import SharedDefinition
from ecl_logging.stores.memory import MemoryStore
from tests.faulty_stores import FlakyStore
from tests.programs import Program


@pytest.fixture
def store(clock):
    return FlakyStore(MemoryStore(clock=clock))


@pytest.mark.fault("C9")
def test_two_programs_count_in_the_union_of_what_they_say(store, clock, warnings_told):
    first = Program(store, clock, events=["a"], intervals=["1m"], history=10, max_events=50)
    second = Program(store, clock, events=["b"], intervals=["5m"], history=20, max_events=5)
    for program in (first, second):
        program.log("x")
        program.flush()
    union = store.definition("g")

    assert [interval.text for interval in union.intervals] == ["1m", "5m"]
    assert union.events == {"a", "b"}
    assert (union.history, union.max_events) == (20, 50)


@pytest.mark.fault("C9")
def test_the_second_program_is_warned_once(store, clock, warnings_told):
    Program(store, clock, intervals=["1m"], history=10).define()
    second = Program(store, clock, intervals=["5m"], history=20, events=["b"])
    for _ in range(2):
        second.log("x")
        second.flush()

    assert warnings_told == [
        (
            "group g: another program has defined it differently; intervals are now 1m, 5m; "
            "history is 20; new events are 'b' "
            "('ecl-rotate CONFIG --define' makes one file the definition)"
        )
    ]


def test_programs_that_agree_are_not_warned(store, clock, warnings_told):
    for _ in range(2):
        program = Program(store, clock, events=["a"])
        program.log("a")
        program.flush()

    assert warnings_told == []


def count_by_turns(store, clock) -> Program:
    """Two programs of different intervals count; the first came before the second."""
    first = Program(store, clock, intervals=["1m"])
    first.log("a")
    first.flush()
    second = Program(store, clock, intervals=["5m"])
    for program in (second, first, second, first):
        program.log("a")
        program.flush()
    return first


@pytest.mark.fault("C9")
def test_both_follow_within_one_flush(store, clock, warnings_told):
    first = count_by_turns(store, clock)

    for batch in store.applied[-2:]:
        assert [interval.text for interval in batch.intervals] == ["1m", "5m"]
        assert batch.version == store.definition("g").version
    # Of the second, what came before it knew of the shorter interval is in the longer one only; of
    # the first, what came before the longer one, and the flush that told of it, in the shorter.
    assert (first.stored(interval="1m"), first.stored(interval="5m")) == ({"a": 4}, {"a": 3})


@pytest.mark.fault("C9", control=True)
def test_programs_that_do_not_follow_would_not_count_in_each_others_intervals(
    store, clock, warnings_told, monkeypatch
):
    monkeypatch.setattr(SharedDefinition, "follow", lambda *_: None)
    first = count_by_turns(store, clock)

    assert (first.stored(interval="1m"), first.stored(interval="5m")) == ({"a": 4}, {"a": 2})


def test_counts_from_before_the_definition_was_known_land_in_its_intervals_too(
    store, clock, warnings_told
):
    Program(store, clock, intervals=["1m", "1h"]).define()
    late = Program(store, clock, intervals=["1m"])
    late.log("a")
    clock.now += 60
    late.log("a")
    late.flush()

    assert late.stored(interval="1m", age=1) == {"a": 1}
    assert late.stored(interval="1m") == {"a": 1}
    assert late.stored(interval="1h") == {"a": 2}


def test_a_stretch_that_is_longer_than_a_new_interval_counts_where_it_fits(
    store, clock, warnings_told
):
    Program(store, clock, intervals=["1m", "1h"]).define()
    late = Program(store, clock, intervals=["1h"])
    late.log("a")
    late.flush()
    late.log("a")
    late.flush()

    assert late.stored(interval="1m") == {"a": 1}
    assert late.stored(interval="1h") == {"a": 2}


def test_intervals_of_one_length_are_one(store, clock, warnings_told):
    Program(store, clock, intervals=["1m"]).define()
    program = Program(store, clock, intervals=["60s"])
    program.log("a")
    program.flush()

    assert program.stored(interval="1m") == {"a": 1}
    assert warnings_told == []


# --- declared IDs


def test_an_id_that_another_program_declares_counts_here(store, clock, warnings_told):
    here = Program(store, clock, auto_declare_events=False, events=["a"])
    there = Program(store, clock, auto_declare_events=False, events=["a"])
    for program in (here, there):
        program.log("a")
        program.flush()
    there.declare("b")
    there.flush()
    here.log("b")

    assert here.flush()
    assert here.stored() == {"a": 2, "b": 1}


def test_an_id_that_nobody_declares_is_dropped_with_one_warning(store, clock, warnings_told):
    program = Program(store, clock, auto_declare_events=False, events=["a"])
    for _ in range(2):
        program.log("typo", 2)
        program.flush()

    assert program.ledger.dropped["undeclared"] == 4
    assert warnings_told == [
        "group g: event 'typo' is not declared and not counted; name it in events, or set auto_declare_events"
    ]


def test_the_first_hundred_undeclared_ids_are_told(store, clock, warnings_told):
    program = Program(store, clock, auto_declare_events=False, events=["a"])
    for n in range(150):
        program.log(f"typo{n}")
    program.flush()

    assert len(warnings_told) == 100


def test_what_a_program_declares_itself_is_no_difference_to_another(store, clock, warnings_told):
    program = Program(store, clock, events=["a"])
    program.log("a")
    program.flush()
    program.declare("b")
    program.log("b")
    program.flush()

    assert store.definition("g").events == {"a", "b"}
    assert warnings_told == []


def test_an_id_that_is_declared_while_the_store_is_away_is_known_elsewhere_when_it_is_back(
    store, clock, warnings_told
):
    program = Program(store, clock, auto_declare_events=False, events=["a"])
    store.is_away = True

    program.declare("b")
    assert not program.flush()
    program.log("b")
    program.flush()
    assert program.left == 1
    store.is_away = False
    assert program.flush()
    assert store.definition("g").events == {"a", "b"}
    assert program.stored() == {"b": 1}


def test_values_that_are_invalid_are_told_once_for_each_reason(store, clock, warnings_told):
    program = Program(store, clock)
    for event_id in ("", "", "@x"):
        program.log(event_id)
    program.flush()

    assert program.stored() == {"@invalid": 3}
    assert warnings_told == [
        "group g: an event is empty; it is counted as @invalid",
        "group g: an event starts with '@'; it is counted as @invalid",
    ]
