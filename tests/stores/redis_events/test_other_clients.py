"""Queues of events on Redis: what other clients add to them, take from them, remove and spoil."""

from __future__ import annotations

import json
import time

import pytest

from ecl_logging import StoreError
from ecl_logging.stores.queueing import (
    Backlog,
    Message,
)
from tests.stores.looking import everything
from tests.stores.redis_events.queues import (
    CLAIMED,
    DEAD,
    KEYS,
    PAUSED,
    STREAM,
    Publisher,
    claim,
    in_all_keys,
    told,
)

# Of scripts on the server; the contract has each redis-py call them, by both protocols.
pytestmark = pytest.mark.once


# --- what others add


def test_what_any_client_adds_is_handed_out(events, client):
    client.xadd(STREAM, {"event": '{"id": 1}'})
    client.xadd(STREAM, {"other": "x", "event": b"\xff\x00", "id": "LG1"})
    client.xadd(STREAM, {"a": "1", "b": '"'}, id="*")

    one, two, three = claim(events)
    assert (one.body, two.body) == (b'{"id": 1}', b"\xff\x00")
    assert json.loads(three.body) == {"a": "1", "b": '"'}
    assert events.topics() == ["orders"]
    assert events.bury("orders", [two, three], "no event") == 2
    letters = events.dead_letters("orders", 9)
    assert [letter.body for letter in letters] == [two.body, three.body]
    assert events.replay("orders", [letter.id for letter in letters]) == 2
    ((_, fields),) = client.xrevrange(STREAM, count=1)
    assert fields == {"a": "1", "b": '"'}


def test_an_entry_of_very_many_fields_ends_as_a_dead_letter_too(events, client):
    many = {f"f{n}": "x" for n in range(5000)}
    client.xadd(STREAM, many)
    client.xadd(STREAM, many | {"event": "{}", "channel": "shop"})

    messages = claim(events)
    assert [json.loads(message.body) for message in messages] == [many, {}]
    assert events.bury("orders", messages, "too many") == 2
    letters = events.dead_letters("orders", 9)
    assert [json.loads(letter.body) for letter in letters] == [many, {}]
    assert events.replay("orders", [letter.id for letter in letters]) == 2
    assert [json.loads(message.body) for message in claim(events)] == [many, {}]


def test_ids_of_another_form_are_in_their_order(events, client):
    for id_ in ("1-1", "1-2", "1-10", "2-1", "11-1", "9007199254740993-1"):
        client.xadd(STREAM, {"event": id_}, id=id_)
    messages = claim(events)
    events.put_back("orders", messages[::-1], pause=0)

    assert [claim(events)[0].id for _ in messages] == [message.id for message in messages]


def test_a_stream_whose_ids_are_used_up_takes_in_a_batch_whole_or_not_at_all(
    events, program, client
):
    program.put("1")
    client.xadd(STREAM, {"event": "2"}, id=f"{2**64 - 1}-{2**64 - 2}")
    batch = program.batch("3", "4")
    with pytest.raises(StoreError, match="exhausted"):
        events.put(batch)

    assert told(claim(events)) == [("1", 1), ("2", 1)]
    with pytest.raises(StoreError, match="exhausted"):
        events.put(batch)
    client.xadd("other", {"event": "5"}, id=f"{2**64 - 1}-{2**64 - 1}")
    client.rename("other", STREAM)
    assert told(claim(events)) == [("5", 1)]
    assert claim(events) == []
    client.delete(STREAM)
    assert events.put(batch).status == "applied"


def test_dead_letters_that_somebody_has_added_are_told_as_they_are(events, client, program):
    client.xadd(DEAD, {"event": "{}"}, id="5000-1")
    client.xadd(DEAD, {"reason": "r", "deliveries": "many", "at": "nan"}, id="6000-1")
    client.xadd(DEAD, {"reason": "r", "deliveries": "1e9", "at": "7.5", "event": "x"}, id="7000-1")

    letters = events.dead_letters("orders", 9)
    assert [(x.body, x.deliveries, x.reason, x.at) for x in letters] == [
        (b"{}", 0, "", 5.0),
        (b"", 0, "r", 6.0),
        (b"x", 0, "r", 7.5),
    ]
    assert events.replay("orders", ["5000-1", "6000-1", "7000-1", "8000-1", "x", "5000-1"]) == 3
    assert told(claim(events)) == [("{}", 1), ("", 1), ("x", 1)]
    assert events.drop("orders", ["5000-1", "x"]) == 0


@pytest.mark.parametrize("id_", ["x", "1-2-3", "-", "1", "0-0\n", f"{2**64}-1"])
def test_what_is_no_id_is_of_no_message(events, program, id_):
    program.put("1")
    forged = [Message("orders", id_, b"", 1, 1)]

    assert events.ack("orders", forged) == 0
    assert events.extend("orders", forged, seconds=1) == 0
    assert events.put_back("orders", forged, pause=1) == 0
    assert events.bury("orders", forged, "bad") == 0
    assert events.drop("orders", [id_]) + events.replay("orders", [id_]) == 0
    with pytest.raises(StoreError, match="no dead letter"):
        events.dead_letters("orders", 1, after=id_)
    assert events.backlog("orders") == Backlog(waiting=1)


# --- messages that nobody has a time for


def test_what_a_foreign_client_has_taken_and_left_is_handed_out_after_a_while(
    events, program, client
):
    program.put("1", "2")
    assert claim(events, 0) == []
    client.xgroup_create(STREAM, "ecl", id="0")
    client.xreadgroup("ecl", "foreign", {STREAM: ">"}, count=1)

    assert told(claim(events)) == [("2", 1)]
    assert claim(events, seconds=0.02) == []
    assert events.backlog("orders") == Backlog(in_hand=2)


def test_it_is_so_when_as_much_time_has_passed_as_a_claim_has(events, program, client):
    program.put("1")
    client.xgroup_create(STREAM, "ecl", id="0")
    client.xreadgroup("ecl", "foreign", {STREAM: ">"}, count=1)
    time.sleep(0.02)

    (message,) = claim(events, seconds=0.01)
    assert (message.body, message.deliveries) == (b"1", 2)
    assert events.ack("orders", [message]) == 1


@pytest.mark.parametrize("key", [CLAIMED, "@queue:orders:claims"])
def test_nothing_is_stuck_when_a_key_is_removed(events, program, client, clock, key):
    program.put("1", "2", "3")
    first = claim(events)
    client.delete(key)
    assert claim(events) == []
    clock.now += 61

    assert [claim(events)[0].id for _ in first] == [message.id for message in first]


def test_many_messages_without_a_time_get_one_some_thousand_at_once(events, client, clock):
    with client.pipeline() as filling:
        for n in range(12_000):
            filling.xadd(STREAM, {"event": str(n)})
        filling.xgroup_create(STREAM, "ecl", id="0")
        filling.xreadgroup("ecl", "foreign", {STREAM: ">"}, count=12_000)
        filling.execute()

    counts = []
    for _ in range(4):
        assert claim(events) == []
        counts.append(client.zcard(CLAIMED))
    assert counts == [5000, 10_000, 12_000, 12_000]
    assert client.hgetall("@queue:@state") == {}
    clock.now += 61
    assert [message.deliveries for message in claim(events)] == [2]


def test_strays_are_in_nobodys_way(events, program, client):
    program.put("1", "2")
    ids = [id_ for id_, _ in client.xrange(STREAM)]
    client.zadd(CLAIMED, {"stray": 1, "5-5": 2, f"5-{2**64}": 3, ids[1]: 3})
    client.zadd(PAUSED, {"stray": 1, "6-6": 2})
    client.hset("@queue:@state", mapping={"seen:orders": f"{2**64}-1", "turn:orders": "spoilt"})
    client.xgroup_create(STREAM, "ecl", id="0")

    assert told(claim(events)) == [("1", 1), ("2", 1)]
    assert client.exists(PAUSED) == 0
    assert client.zcard(CLAIMED) == 2


def test_what_others_have_removed_from_the_stream_is_gone(events, program, client, clock):
    program.put("1", "2", "3", "4")
    messages = claim(events, 3)
    client.xdel(STREAM, messages[0].id)
    client.xack(STREAM, "ecl", messages[1].id)
    clock.now += 61

    assert told(claim(events)) == [("3", 2)]
    assert told(claim(events)) == [("4", 1)]
    assert client.xpending(STREAM, "ecl")["pending"] == 2
    assert client.zcard(CLAIMED) == 2
    assert events.bury("orders", messages[:2], "bad") == 0


# --- what is removed as a whole


def test_a_group_that_was_removed_begins_anew_with_all_that_nobody_is_done_with(
    events, program, client
):
    program.put("1", "2", "3")
    first = claim(events, 2)
    events.put_back("orders", first[:1], pause=60, counted=False)
    client.xgroup_destroy(STREAM, "ecl")

    assert events.extend("orders", first, seconds=60) == 0
    assert events.put_back("orders", first, pause=0) == 0
    assert events.bury("orders", first, "bad") == 0
    messages = claim(events)
    assert told(messages) == [("1", 1), ("2", 1), ("3", 1)]
    assert events.ack("orders", messages) == 3
    assert events.backlog("orders") == Backlog()


def test_a_message_can_be_acknowledged_without_a_group(events, program, client):
    program.put("1")
    messages = claim(events)
    client.xgroup_destroy(STREAM, "ecl")

    assert events.ack("orders", messages) == 1
    assert claim(events) == []
    assert client.exists(CLAIMED) == 0


def test_of_a_stream_that_was_removed_nothing_remains(events, program, client):
    three = in_all_keys(events, program)
    client.delete(STREAM)
    assert claim(events) == []
    assert events.ack("orders", [three]) == 0
    assert client.exists(CLAIMED, PAUSED, "@queue:orders:claims") == 0

    program.put("5")
    assert told(claim(events)) == [("5", 1)]


def test_a_server_that_has_forgotten_all_tells_so_and_goes_on(events, program, client):
    program.put("1")
    messages = claim(events)
    program.put("2")
    client.flushall()

    assert claim(events) == []
    assert events.ack("orders", messages) == 0
    assert events.put_back("orders", messages, pause=0) == 0
    assert events.topics() == []
    assert events.put(program.batch("3")).status == "gap"
    Publisher(events, "b" * 32).put("3")
    assert told(claim(events)) == [("3", 1)]


# --- keys that are spoilt


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_type_is_told_and_nothing_is_written(events, program, client, key):
    three = in_all_keys(events, program)
    program.put("5")
    client.delete(key)
    client.set(key, "not ours")
    before = everything(client)

    for step in (
        lambda: events.put(program.batch("6")),
        lambda: claim(events),
        lambda: events.ack("orders", [three]),
        lambda: events.put_back("orders", [three], pause=0),
        lambda: events.extend("orders", [three], seconds=5),
        lambda: events.bury("orders", [three], "bad"),
        lambda: events.replay("orders", ["1-1"]),
    ):
        with pytest.raises(StoreError, match="wrong kind of value"):
            step()
        assert everything(client) == before


def test_a_spoilt_source_is_told_and_nothing_is_written(events, program, client):
    program.put("1")
    client.hset("@queue:@sources", program.source, "spoilt")
    before = everything(client)
    with pytest.raises(StoreError, match="spoilt"):
        events.put(program.batch("2"))
    assert everything(client) == before


@pytest.mark.parametrize("seconds", [float("nan"), float("-inf"), 1e300])
def test_what_is_no_time_is_told_and_nothing_is_written(events, program, client, seconds):
    program.put("1", "2")
    messages = claim(events, 1)
    before = everything(client)
    for step in (
        lambda: claim(events, seconds=seconds),
        lambda: events.put_back("orders", messages, pause=seconds),
        lambda: events.extend("orders", messages, seconds=seconds),
    ):
        with pytest.raises(StoreError, match="is no time"):
            step()
    assert everything(client) == before


def test_text_that_utf_8_does_not_have_is_kept_as_far_as_it_goes(events, program):
    program.put('"\ud800!"')

    assert told(claim(events)) == [('"\\ud800!"', 1)]
