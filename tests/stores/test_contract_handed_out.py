"""The contract of queues, second part: what becomes of messages that were handed out."""

from __future__ import annotations

import pytest

from ecl_logging.stores.queueing import Backlog
from tests.stores.publishing import ORDERS, EventProgram, bodies, claim, ids

WEEK = 7 * 86400


@pytest.fixture
def program(events) -> EventProgram:
    return EventProgram(events)


# --- giving back


def test_what_does_not_count_is_as_if_it_had_not_been_handed_out(events, program, clock):
    program.put("a", "b", "c")
    held = claim(events, 2)
    assert events.put_back(ORDERS, held, pause=0, counted=False) == 2
    clock.now += 1

    found = claim(events)
    assert bodies(found) == ["a", "b", "c"]  # together, and in their place
    assert [message.deliveries for message in found] == [1, 1, 1]
    assert ids(found)[:2] == ids(held)


def test_what_does_not_count_has_its_pause_too(events, program, clock):
    program.put("a", "b")
    events.put_back(ORDERS, claim(events, 1), pause=30, counted=False)
    clock.now += 29
    assert bodies(claim(events, 1)) == ["b"]
    program.put("c")
    clock.now += 2

    assert bodies(claim(events)) == ["a", "c"]


def test_one_that_was_handed_out_before_that_stays_alone(events, program, clock):
    program.put("a", "b")
    events.put_back(ORDERS, claim(events, 1), pause=0)
    clock.now += 1
    found = claim(events)
    if bodies(found) != ["a"]:
        found = claim(events)
    assert found[0].deliveries == 2
    events.put_back(ORDERS, found, pause=0, counted=False)
    program.put("c")
    clock.now += 1

    alone = [found for found in (claim(events) for _ in range(3)) if "a" in bodies(found)]
    assert [(bodies(found), found[0].deliveries) for found in alone] == [(["a"], 2)]


def test_the_same_step_once_more_takes_back_no_other_delivery(events, program, clock):
    """As by one who has not heard that it was done."""
    program.put("a")
    for _ in range(2):
        clock.now += 1
        events.put_back(ORDERS, claim(events), pause=0)
    clock.now += 1
    third = claim(events)
    assert [message.deliveries for message in third] == [3]
    for _ in range(2):
        events.put_back(ORDERS, third, pause=0, counted=False)
    clock.now += 1

    assert [message.deliveries for message in claim(events)] == [3]


def test_steps_that_are_called_again_leave_it_as_it_is(events, program, clock):
    program.put("a", "b")
    a, b = claim(events, seconds=30)
    for _ in range(2):
        events.put_back(ORDERS, [a], pause=30)
        events.extend(ORDERS, [b], seconds=90)
    clock.now += 31

    assert [(bodies([m]), m.deliveries) for m in claim(events)] == [(["a"], 2)]
    assert claim(events) == []


# --- more time


def test_who_asks_for_more_time_has_it_from_then_on(events, program, clock):
    program.put("a")
    held = claim(events, seconds=10)
    clock.now += 8
    assert events.extend(ORDERS, held, seconds=10) == 1
    clock.now += 9
    assert claim(events) == []
    assert events.backlog(ORDERS) == Backlog(in_hand=1)
    clock.now += 2

    assert [message.deliveries for message in claim(events)] == [2]


def test_who_asks_too_late_has_it_where_nobody_else_does(events, program, clock):
    program.put("a")
    held = claim(events, seconds=10)
    clock.now += 11

    assert events.extend(ORDERS, held, seconds=10) == 1
    assert claim(events) == []


def test_time_can_be_cut_short(events, program, clock):
    program.put("a")
    events.extend(ORDERS, claim(events, seconds=3600), seconds=5)
    clock.now += 6

    assert bodies(claim(events)) == ["a"]


# --- who is late


@pytest.mark.parametrize("counted", [True, False])
def test_what_was_put_back_is_not_its_receivers_any_more(events, program, clock, counted):
    """As one thread may not know yet that extends what another one has put back."""
    program.put("a")
    held = claim(events)
    assert events.put_back(ORDERS, held, pause=0, counted=counted) == 1

    assert [step(events, held) for step in STEPS.values()] == [0, 0, 0, 0]
    assert events.backlog(ORDERS) == Backlog(waiting=1)
    clock.now += 1
    assert [message.deliveries for message in claim(events)] == [2 if counted else 1]


STEPS = {
    "put_back": lambda events, held: events.put_back(ORDERS, held, pause=0),
    "uncounted": lambda events, held: events.put_back(ORDERS, held, pause=0, counted=False),
    "extend": lambda events, held: events.extend(ORDERS, held, seconds=3600),
    "bury": lambda events, held: events.bury(ORDERS, held, "late"),
}


def test_what_another_one_has_by_now_is_left_alone(events, program, clock):
    program.put("a")
    late = claim(events, seconds=10)
    clock.now += 11
    held = claim(events, seconds=10)

    assert ids(held) == ids(late)
    assert_left_alone(events, late)
    clock.now += 11
    assert [message.deliveries for message in claim(events)] == [3]


def test_a_delivery_that_did_not_count_is_none_of_the_next_one(events, program, clock):
    """Both have the same number of deliveries, but they are not the same."""
    program.put("a")
    late = claim(events)
    events.put_back(ORDERS, late, pause=0, counted=False)
    clock.now += 1
    held = claim(events, seconds=10)

    assert held[0].deliveries == late[0].deliveries == 1
    assert_left_alone(events, late)
    clock.now += 11
    assert [message.deliveries for message in claim(events)] == [2]


def assert_left_alone(events, late) -> None:
    for step in STEPS.values():
        assert step(events, late) == 0
        assert claim(events) == []
        assert events.backlog(ORDERS) == Backlog(in_hand=1)


@pytest.mark.parametrize("end", ["ack", "bury"])
def test_what_is_gone_does_not_come_back(events, program, clock, end):
    program.put("a")
    held = claim(events)
    assert (events.ack(ORDERS, held) if end == "ack" else events.bury(ORDERS, held, "why")) == 1

    assert [step(events, held) for step in STEPS.values()] == [0, 0, 0, 0]
    clock.now += 3601
    assert claim(events) == []
    assert events.backlog(ORDERS) == Backlog(dead_letters=1 if end == "bury" else 0)


@pytest.mark.parametrize("step", STEPS)
def test_of_several_it_is_done_for_those_that_nobody_else_has(events, program, clock, step):
    program.put("a", "b")
    late = claim(events, seconds=10)
    clock.now += 11
    claim(events, seconds=60)

    assert STEPS[step](events, [*late, *late]) == 1
