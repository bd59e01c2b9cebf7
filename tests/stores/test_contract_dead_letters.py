"""The contract of queues, third part: what nobody could do anything with."""

from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.stores.queueing import AT_ONCE, Backlog, DeadLetter
from tests.stores.programs import NOW
from tests.stores.publishing import ORDERS, EventProgram, bodies, bury_all, claim, ids

WEEK = 7 * 86400


@pytest.fixture
def program(events) -> EventProgram:
    return EventProgram(events)


# --- dead letters


def test_a_dead_letter_says_what_was_wrong(events, program, clock):
    program.put("a", "b")
    events.put_back(ORDERS, claim(events, 1), pause=0)
    clock.now += 0.25
    found = [message for _ in range(2) for message in claim(events) if message.body == b"a"]
    assert events.bury(ORDERS, found, "KeyError: 'größe'\n\x00 🎉") == 1

    (letter,) = events.dead_letters(ORDERS, 9)
    assert dataclasses.replace(letter, id="") == DeadLetter(
        ORDERS, "", b"a", 2, "KeyError: 'größe'\n\x00 🎉", NOW + 0.25
    )
    assert letter.id
    assert events.backlog(ORDERS) == Backlog(in_hand=1, dead_letters=1)


def test_dead_letters_stay_where_they_are_and_are_not_handed_out(events, program, clock):
    program.put("a", "b")
    bury_all(events)
    clock.now += WEEK

    for _ in range(2):
        assert bodies(events.dead_letters(ORDERS, 9)) == ["a", "b"]
    assert claim(events) == []


def test_dead_letters_are_read_in_parts_the_oldest_first(events, program, clock):
    for body in "abcde":
        program.put(body)
        bury_all(events)
        clock.now += 1

    first = events.dead_letters(ORDERS, 2)
    second = events.dead_letters(ORDERS, 2, after=first[-1].id)
    third = events.dead_letters(ORDERS, 2, after=second[-1].id)
    assert list(map(bodies, (first, second, third))) == [["a", "b"], ["c", "d"], ["e"]]
    assert events.dead_letters(ORDERS, 2, after=third[-1].id) == []
    assert len({*ids(first), *ids(second), *ids(third)}) == 5


def test_who_reads_in_parts_goes_on_after_one_that_is_gone(events, program):
    program.put("a", "b", "c")
    bury_all(events)
    first = events.dead_letters(ORDERS, 2)
    events.drop(ORDERS, ids(first))

    assert bodies(events.dead_letters(ORDERS, 2, after=first[-1].id)) == ["c"]


def test_who_wants_no_dead_letters_gets_none(events, program):
    program.put("a")
    bury_all(events)

    assert events.dead_letters(ORDERS, 0) == events.dead_letters(ORDERS, -1) == []


def test_no_more_dead_letters_are_read_at_once_than_messages(events, program):
    program.put(*map(str, range(AT_ONCE)))
    bury_all(events)
    program.put("x")
    bury_all(events)

    assert len(events.dead_letters(ORDERS, 10 * AT_ONCE)) == AT_ONCE


def test_so_many_bytes_of_dead_letters_are_read_at_once(events, program, claim_bytes):
    half = "x" * (claim_bytes // 2)
    program.put(half, half, "a")
    program.put("x" * (claim_bytes + 1), "b")
    while bury_all(events):
        pass
    last, sizes = "", []
    while letters := events.dead_letters(ORDERS, 9, after=last):
        sizes.append([len(letter.body) for letter in letters])
        last = letters[-1].id

    assert sizes == [[len(half), len(half)], [1], [claim_bytes + 1], [1]]


def test_a_dead_letter_that_is_replayed_goes_to_the_end_as_if_never_handed_out(
    events, program, clock
):
    program.put("a", "b", "c")
    for _ in range(2):
        events.put_back(ORDERS, claim(events, 1), pause=0)
        clock.now += 1
    while bury_all(events):
        clock.now += 1
    program.put("d")
    letters = {letter.body: letter for letter in events.dead_letters(ORDERS, 9)}
    wanted = [letters[b"a"].id, letters[b"c"].id]

    assert events.replay(ORDERS, wanted) == 2
    assert events.replay(ORDERS, wanted) == 0
    assert bodies(events.dead_letters(ORDERS, 9)) == ["b"]
    assert events.backlog(ORDERS) == Backlog(waiting=3, dead_letters=1)
    found = claim(events)
    assert bodies(found)[0] == "d"
    assert sorted(bodies(found)) == ["a", "c", "d"]
    assert [message.deliveries for message in found] == [1, 1, 1]


def test_what_is_replayed_can_be_buried_again(events, program):
    program.put("a")
    bury_all(events, reason="once")
    (first,) = events.dead_letters(ORDERS, 9)
    events.replay(ORDERS, [first.id])
    bury_all(events, reason="twice")

    (second,) = events.dead_letters(ORDERS, 9)
    assert (second.reason, second.deliveries) == ("twice", 1)
    assert second.id != first.id


def test_a_dead_letter_that_is_dropped_is_gone(events, program):
    program.put("a", "b")
    bury_all(events)
    first, _ = events.dead_letters(ORDERS, 9)

    assert events.drop(ORDERS, []) == events.replay(ORDERS, []) == 0
    assert events.drop(ORDERS, [first.id, first.id, "unheard-of"]) == 1
    assert events.drop(ORDERS, [first.id]) == events.replay(ORDERS, [first.id]) == 0
    assert bodies(events.dead_letters(ORDERS, 9)) == ["b"]
    assert events.backlog(ORDERS) == Backlog(dead_letters=1)


def test_dead_letters_of_topics_do_not_meet(events, program):
    program.put("a")
    EventProgram(events, "b" * 32, "returns").put("b")
    bury_all(events, "returns")
    (letter,) = events.dead_letters("returns", 9)

    assert bodies([letter]) == ["b"]
    assert events.dead_letters(ORDERS, 9) == []
    # Of a topic that has dead letters itself, one may have the same ID.
    assert events.drop(ORDERS, [letter.id]) == events.replay(ORDERS, [letter.id]) == 0
    assert bodies(events.dead_letters("returns", 9)) == ["b"]
