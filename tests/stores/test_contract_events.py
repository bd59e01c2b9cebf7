"""The contract of queues: each event is taken in once, and handed out until it is done with."""

from __future__ import annotations

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.queueing import (
    AT_ONCE,
    Backlog,
    KeepsEvents,
    Message,
    QueueKeeper,
    checked_topic,
    question_of_events,
)
from tests.stores.publishing import ORDERS, EventProgram, bodies, bury_all, claim, ids
from tests.stores.saying import as_duplicate

WEEK = 7 * 86400


@pytest.fixture
def program(events) -> EventProgram:
    return EventProgram(events)


def claim_until_empty(events: KeepsEvents) -> list[str]:
    return bodies(list(itertools.chain.from_iterable(iter(lambda: claim(events), []))))


def test_a_store_keeps_queues(store, events):
    assert isinstance(store, QueueKeeper)
    assert isinstance(events, KeepsEvents)


@pytest.mark.parametrize("topic", ["orders", "a", "A.b-c_9", "..a", "x" * 200])
def test_a_topic_has_letters_digits_and_three_signs(topic):
    assert checked_topic(topic) == topic


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "ä", "a\n", "x" * 201, None, b"a"])
def test_what_no_queue_has_as_its_name_is_refused(topic):
    with pytest.raises(ValueError, match="is no topic: those are 1 to 200 letters"):
        checked_topic(topic)


# --- each batch once


def test_what_was_put_is_handed_out_as_it_was(events, program):
    body = '{"payload": "Grüße\\n\\u0000 \u0000 日本 🎉"}'
    receipt = program.put(body)

    assert (receipt.status, receipt.number, receipt.total) == ("applied", 1, 1)
    (message,) = claim(events)
    assert (message.topic, message.body, message.deliveries) == (ORDERS, body.encode(), 1)
    assert message.id


def test_half_of_a_surrogate_pair_is_handed_out_as_json_escapes_it(events, program):
    program.put('"\ud800"')

    assert bodies(claim(events)) == ['"\\ud800"']


def test_a_batch_that_is_sent_again_is_taken_in_once(events, program):
    batch = dataclasses.replace(program.batch("a", "b"), token="ab12")
    first = events.put(batch)

    assert (first.status, first.number, first.total, first.token) == ("applied", 1, 2, "ab12")
    assert events.put(batch) == as_duplicate(first)
    assert bodies(claim(events)) == ["a", "b"]
    assert events.put(batch) == as_duplicate(first)
    assert claim(events) == []


def test_a_copied_source_hears_the_token_of_the_batch_that_was_taken_in(events, program):
    mine = dataclasses.replace(program.batch("a"), token="aaaa")
    events.put(mine)

    assert events.put(dataclasses.replace(mine, token="bbbb")).token == "aaaa"


def test_an_older_batch_is_a_duplicate_of_the_last(events, program):
    old = program.batch("a")
    program.put("a")
    program.put("b", "c")

    receipt = events.put(old)
    assert (receipt.status, receipt.number, receipt.total) == ("duplicate", 2, 3)
    assert events.backlog(ORDERS) == Backlog(waiting=3)


def test_a_batch_that_jumps_ahead_is_a_gap_and_writes_nothing(events, program):
    program.put("a")
    receipt = events.put(program.batch("c", number=3))

    assert (receipt.status, receipt.number, receipt.total) == ("gap", 1, 1)
    program.put("b")
    assert bodies(claim(events)) == ["a", "b"]


def test_a_source_that_the_store_has_forgotten_meets_a_gap(events, program, kind):
    program.put("a")
    kind.empty()

    receipt = events.put(program.batch("b"))
    assert (receipt.status, receipt.number, receipt.total) == ("gap", 0, 0)
    assert events.backlog(ORDERS) == Backlog()
    assert events.topics() == []


def test_a_question_tells_what_is_known_of_a_source_and_writes_nothing(events, program):
    question = question_of_events(program.source, ORDERS)
    unknown = events.put(question)
    assert (unknown.status, unknown.number, unknown.total) == ("gap", 0, 0)
    assert events.topics() == []
    program.put("a", "b")

    for _ in range(2):
        known = events.put(question)
        assert (known.status, known.number, known.total) == ("gap", 1, 2)
    assert events.put(question_of_events("b" * 32, ORDERS)) == unknown


def test_a_batch_without_events_is_taken_in(events, program):
    program.put()
    program.put("a")

    assert bodies(claim(events)) == ["a"]


def test_a_source_that_was_silent_for_a_week_is_forgotten(events, program, clock):
    program.put("a")
    loud = EventProgram(events, "b" * 32)
    clock.now += WEEK + 1
    loud.put("b")
    clock.now += 3601
    loud.put("c")

    assert events.put(question_of_events(program.source, ORDERS)).number == 0
    assert events.put(question_of_events(loud.source, ORDERS)).number == 2
    assert events.backlog(ORDERS).waiting == 3  # its events stay


# --- how many may wait


def test_a_topic_that_is_full_takes_nothing_until_there_is_room(events, program):
    program.put("a", "b", max_waiting=3)
    batch = program.batch("c", "d", max_waiting=3)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="topic orders is full: 2 events wait for consu"):
            events.put(batch)
    assert events.put(question_of_events(program.source, ORDERS)).number == 1
    assert events.backlog(ORDERS) == Backlog(waiting=2)

    (first, _) = claim(events)  # which somebody has, but nobody has acknowledged
    with pytest.raises(StoreUnavailable, match="is full"):
        events.put(batch)
    events.ack(ORDERS, [first])
    assert events.put(batch).status == "applied"
    assert bodies(claim(events)) == ["c", "d"]


def test_the_first_batch_can_be_too_large_for_its_topic(events, program):
    with pytest.raises(StoreUnavailable, match="topic orders is full: 0 events wait"):
        events.put(program.batch("a", "b", max_waiting=1))

    assert events.topics() == []
    assert program.put("a", max_waiting=1).status == "applied"


def test_a_duplicate_is_one_where_its_topic_is_full(events, program):
    batch = program.batch("a", "b", max_waiting=2)
    first = events.put(batch)

    assert events.put(batch) == as_duplicate(first)


def test_other_topics_and_dead_letters_leave_room(events, program):
    EventProgram(events, "b" * 32, "returns").put("x", "y")
    program.put("a", "b", max_waiting=2)
    bury_all(events)

    assert program.put("c", "d", max_waiting=2).status == "applied"


# --- handing out


def test_the_oldest_are_handed_out_first_whoever_sent_them(events, program, clock):
    program.put("a", "b")
    clock.now += 5
    EventProgram(events, "b" * 32).put("c")
    clock.now -= 20  # the order is that in which they came, whatever the clock says
    program.put("d", "e")

    assert bodies(claim(events, 3)) == ["a", "b", "c"]
    assert bodies(claim(events, 3)) == ["d", "e"]
    assert claim(events, 3) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_who_wants_nothing_gets_nothing(events, program, limit):
    program.put("a")

    assert claim(events, limit) == []
    assert events.backlog(ORDERS) == Backlog(waiting=1)


def test_topics_do_not_meet(events, program):
    program.put("a")
    EventProgram(events, "b" * 32, "returns").put("b")
    (message,) = events.claim("returns", 9, seconds=60)

    assert (message.topic, bodies([message])) == ("returns", ["b"])
    assert events.ack(ORDERS, [message]) == 0
    assert bodies(claim(events)) == ["a"]
    assert events.claim("nothing", 9, seconds=60) == []


def test_no_more_than_so_many_are_handed_out_at_once(events, program):
    program.put(*map(str, range(AT_ONCE)))
    program.put("x", "y")

    assert bodies(claim(events, 10 * AT_ONCE)) == list(map(str, range(AT_ONCE)))
    assert bodies(claim(events, 10 * AT_ONCE)) == ["x", "y"]


def test_no_more_than_so_many_bytes_are_handed_out_together(events, program, claim_bytes):
    half = "x" * (claim_bytes // 2)
    program.put(half, half, "a", "b")
    program.put("x" * (claim_bytes + 1), "c")

    assert bodies(claim(events)) == [half, half]
    assert bodies(claim(events)) == ["a", "b"]
    assert [len(message.body) for message in claim(events)] == [claim_bytes + 1]
    assert bodies(claim(events)) == ["c"]


def test_what_was_not_acknowledged_in_time_is_handed_out_again_as_it_was(events, program, clock):
    program.put("a")
    (first,) = claim(events, seconds=60)
    clock.now += 59
    assert claim(events) == []
    clock.now += 2

    (second,) = claim(events, seconds=60)
    assert (second.id, second.body, second.deliveries) == (first.id, first.body, 2)
    assert claim(events) == []


def test_what_was_put_back_comes_when_its_pause_is_over(events, program, clock):
    program.put("a")
    (first,) = claim(events, seconds=3600)

    assert events.put_back(ORDERS, [first], pause=30) == 1
    clock.now += 29
    assert claim(events) == []
    clock.now += 2
    (second,) = claim(events)
    assert (second.id, second.deliveries) == (first.id, 2)


def test_what_was_handed_out_before_is_handed_out_alone(events, program, clock):
    program.put("a", "b", "c")
    events.put_back(ORDERS, claim(events, 2), pause=0)
    clock.now += 1
    program.put("d")

    found = [claim(events) for _ in range(4)]
    assert sorted(map(bodies, found)) == [[], ["a"], ["b"], ["c", "d"]]


def test_one_that_fails_again_and_again_keeps_nobody_waiting(events, program, clock):
    program.put("bad", "a", "b")
    (bad,) = claim(events, 1)
    seen = []
    for _ in range(6):
        events.put_back(ORDERS, [bad], pause=0)
        clock.now += 1
        for message in claim(events, 1):
            if message.id == bad.id:
                bad = message
            else:
                events.ack(ORDERS, [message])
            seen += bodies([message])
        clock.now += 1

    assert {"a", "b"} <= set(seen)


def test_one_that_was_put_back_is_not_kept_waiting_by_those_that_come_in(events, program, clock):
    program.put("old", "a")
    (old,) = claim(events, 1)
    events.put_back(ORDERS, [old], pause=5)
    seen = []
    for n in range(10):
        program.put(f"new {n}")
        clock.now += 1
        seen += bodies(claim(events, 1))

    assert "old" in seen


def test_the_one_that_has_been_due_for_the_longest_comes_first(events, program, clock):
    program.put("a", "b", "c")
    a, b, c = claim(events)
    for message, pause in ((a, 30), (b, 10), (c, 20)):
        events.put_back(ORDERS, [message], pause=pause)
    clock.now += 31

    assert claim_until_empty(events) == ["b", "c", "a"]


# --- acknowledging


def test_what_is_acknowledged_is_gone_once(events, program, clock):
    program.put("a", "b", "c")
    a, b = claim(events, 2)

    assert events.ack(ORDERS, []) == 0
    assert events.ack(ORDERS, [a]) == 1
    assert events.ack(ORDERS, [a, b, b, dataclasses.replace(b, id="unheard-of")]) == 1
    assert events.ack(ORDERS, [a, b]) == 0
    clock.now += 3600
    assert claim_until_empty(events) == ["c"]


def test_nothing_can_be_done_in_a_store_that_is_empty(events, program):
    message = Message(ORDERS, "0123456789abcdef-1", b"", 1, 1)

    assert events.ack(ORDERS, [message]) == 0
    assert events.put_back(ORDERS, [message], pause=0) == 0
    assert events.extend(ORDERS, [message], seconds=9) == 0
    assert events.bury(ORDERS, [message], "why") == 0
    assert events.replay(ORDERS, [message.id]) == events.drop(ORDERS, [message.id]) == 0
    assert events.topics() == []


def test_an_acknowledgement_holds_when_the_time_is_over_and_when_another_one_has_it(
    events, program, clock
):
    program.put("a", "b")
    a, b = claim(events, seconds=5)
    clock.now += 6
    assert events.ack(ORDERS, [a]) == 1
    (again,) = claim(events, seconds=5)
    assert again.id == b.id

    assert events.ack(ORDERS, [b]) == 1
    assert events.ack(ORDERS, [again]) == 0
    clock.now += 6
    assert claim(events) == []
    assert events.backlog(ORDERS) == Backlog()


# --- how much there is


def test_topics_are_those_in_which_there_ever_was_anything(events, program):
    assert events.topics() == []
    EventProgram(events, "b" * 32, "returns").put("a")
    program.put("a")
    EventProgram(events, "c" * 32, "Zoo").put("a")
    events.ack("returns", events.claim("returns", 9, seconds=9))
    bury_all(events)
    events.drop(ORDERS, ids(events.dead_letters(ORDERS, 9)))

    assert events.topics() == ["Zoo", ORDERS, "returns"]


def test_it_is_told_how_much_there_is(events, program, clock):
    assert events.backlog(ORDERS) == Backlog()
    program.put("a", "b", "c", "d", "e")
    a, b, c, _ = claim(events, 4, seconds=10)
    events.put_back(ORDERS, [a], pause=3600)
    events.bury(ORDERS, [b], "why")
    events.put_back(ORDERS, [c], pause=3600, counted=False)
    assert events.backlog(ORDERS) == Backlog(waiting=3, in_hand=1, dead_letters=1)

    clock.now += 11  # whose time is over can be handed out
    assert events.backlog(ORDERS) == Backlog(waiting=4, in_hand=0, dead_letters=1)


# --- IDs


def test_an_id_is_not_used_again_after_all_were_acknowledged(events, program):
    seen = []
    for body in "abc":
        program.put(body)
        found = claim(events)
        events.ack(ORDERS, found)
        seen += ids(found)

    assert len(set(seen)) == 3


def test_an_id_is_not_used_again_after_the_store_was_emptied(events, kind):
    seen = []
    for source in "abc":
        EventProgram(events, source * 32).put("a", "b")
        seen += ids(claim(events))
        kind.empty()

    assert len(set(seen)) == 6


def test_an_id_is_not_used_again_after_the_store_was_set_back(store, events, program, kind, clock):
    """Who has the first one still must not end the second."""
    program.put("a")
    store.close()  # so that a file has all that there is
    copy = kind.copied()
    program.put("b")
    before = claim(events)
    store.close()
    kind.set_back(copy)
    EventProgram(events, "b" * 32).put("c")
    a, c = claim(events)

    assert (bodies([a]), bodies([c])) == (["a"], ["c"])
    assert c.id not in ids(before)
    assert events.extend(ORDERS, before, seconds=3600) == 0  # "a" neither: another one has it
    assert events.ack(ORDERS, before[1:]) == 0


# --- several at once


def test_programs_that_put_at_once_lose_nothing(open_store, events):
    def put(n: int) -> None:
        program = EventProgram(open_store().events, f"{n:032x}")
        for batch in range(5):
            program.put(*(f"{n} {batch} {m}" for m in range(5)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(4)))

    found = bodies(claim(events, AT_ONCE))
    expected = [f"{n} {batch} {m}" for n in range(4) for batch in range(5) for m in range(5)]
    assert sorted(found, key=lambda body: body[0]) == expected  # each program's in their order


def test_engines_that_claim_at_once_never_get_the_same_message(open_store, events, program):
    program.put(*map(str, range(200)))

    def engine(_: int) -> list[str]:
        own, got = open_store().events, []
        while messages := claim(own, 7):
            got += bodies(messages)
            own.ack(ORDERS, messages[:5])
        return got

    with ThreadPoolExecutor(4) as threads:
        got = [body for some in threads.map(engine, range(4)) for body in some]

    assert sorted(map(int, got)) == list(range(200))
    left = events.backlog(ORDERS)
    assert left.waiting == 0
    assert 0 < left.in_hand < 100
