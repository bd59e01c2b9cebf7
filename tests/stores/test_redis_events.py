"""Queues of events on Redis: keys and their forms, what others add and spoil, and what one step costs."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time

import pytest

from ecl_logging import StoreError, StoreUnavailable, open_store
from ecl_logging.addresses import parse_address
from ecl_logging.stores.queueing import (
    AT_ONCE,
    CLAIM_BYTES,
    Backlog,
    EventBatch,
    Message,
    Published,
    question_of_events,
)
from ecl_logging.stores.redis import events as redis_events
from ecl_logging.stores.redis.store import RedisStore
from tests.server_troubles import demoted, documented_rights, full, set_user, url_of
from tests.stores.kinds import OldProtocolKind, RedisKind
from tests.stores.looking import contents, everything, without_each
from tests.stores.programs import NOW, run_python

STREAM, DEAD = "@queue:orders", "@queue:orders:dead"
CLAIMED, PAUSED = "@queue:orders:claimed", "@queue:orders:paused"
KEYS = {
    "@queue:@state": "hash",
    "@queue:@topics": "set",
    "@queue:@sources": "hash",
    STREAM: "stream",
    CLAIMED: "zset",
    PAUSED: "zset",
    "@queue:orders:claims": "hash",
    DEAD: "stream",
}


@pytest.fixture(params=[RedisKind, OldProtocolKind])
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return request.param(request)


@pytest.fixture
def events(store):
    return store.events


class Publisher:
    """A program that publishes to one topic."""

    def __init__(self, events, source="a" * 32):
        self.events, self.source, self.number = events, source, 0

    def batch(self, *bodies, topic="orders", **more):
        published = tuple(Published(f"LG{body}", "shop", body) for body in bodies)
        total = 100 * self.number + len(bodies)
        return EventBatch(self.source, self.number + 1, total, topic, published, **more)

    def put(self, *bodies, **more):
        receipt = self.events.put(self.batch(*bodies, **more))
        assert receipt.status == "applied"
        self.number += 1
        return receipt


@pytest.fixture
def program(events):
    return Publisher(events)


def claim(events, limit=AT_ONCE, seconds=60.0):
    return events.claim("orders", limit, seconds=seconds)


def told(messages):
    return [(message.body.decode(), message.deliveries) for message in messages]


def in_all_keys(events, program):
    """Have something in each key; return what somebody has in hand."""
    program.put("1", "2", "3", "4")
    one, two, three = claim(events, 3)
    events.put_back("orders", [one], pause=60, counted=False)
    events.bury("orders", [two], "bad")
    return three


# --- keys and forms


def test_these_are_all_the_keys_there_are(events, program, client):
    in_all_keys(events, program)

    assert {key: client.type(key) for key in client.scan_iter()} == KEYS


def test_what_is_in_the_keys(events, program, client):
    three = in_all_keys(events, program)
    (one, first), (third, _), (_, last) = client.xrange(STREAM)

    assert first == {"event": "1", "id": "LG1", "channel": "shop"}
    assert last == {"event": "4", "id": "LG4", "channel": "shop"}
    assert third == three.id
    found = everything(client)
    (_, buried), *others = found[DEAD][0]
    assert others == []
    assert list(buried) == ["reason", "deliveries", "at", "event", "id", "channel"]
    assert buried["at"] == f"{NOW}.000000"
    assert (buried["reason"], buried["deliveries"], buried["event"]) == ("bad", "1", "2")
    del found[STREAM], found[DEAD]
    assert found == {
        "@queue:@state": {"pruned": f"{NOW}.000", "turn:orders": "any"},
        "@queue:@topics": {"orders"},
        "@queue:@sources": {program.source: f"1 4 {NOW}.000000 0 0 0 0 "},
        CLAIMED: [(three.id, NOW + 60)],
        PAUSED: [(one, NOW + 60)],
        "@queue:orders:claims": {one: three.handle, three.id: three.handle},
    }


def test_nothing_is_left_of_what_was_acknowledged(events, program, client):
    program.put("1", "2")
    one, two = claim(events)
    events.put_back("orders", [one], pause=0, counted=False)
    assert events.ack("orders", [one, two]) == 2

    assert client.xinfo_stream(STREAM)["length"] == 0
    assert client.xpending(STREAM, "ecl")["pending"] == 0
    shared = {key for key in KEYS if "@queue:@" in key}
    assert set(client.scan_iter()) == {*shared, STREAM}


def test_a_prefix_stands_before_all_keys(empty_server, client):
    address = parse_address(empty_server.url)
    store = RedisStore(address.target, address.settings, shown=address.shown, prefix="shop:")
    with contextlib.closing(store):
        in_all_keys(store.events, Publisher(store.events))

    assert set(client.scan_iter()) == {f"shop:{key}" for key in KEYS}


@pytest.mark.parametrize("topic", ["orders:dead", "", "@topics", "a b", ".."])
def test_what_is_no_topic_is_no_part_of_a_key(events, program, topic):
    for step in (
        lambda: events.put(program.batch("1", topic=topic)),
        lambda: events.claim(topic, 1, seconds=1),
        lambda: events.backlog(topic),
    ):
        with pytest.raises(ValueError, match="is no topic"):
            step()


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


# --- whose a message is


def test_a_claim_before_a_delivery_that_does_not_count_is_an_old_one(events, program):
    program.put("1")
    first = claim(events)
    events.put_back("orders", first, pause=0, counted=False)
    second = claim(events)

    assert told(first) == told(second) == [("1", 1)]
    assert events.put_back("orders", first, pause=0) == 0
    assert events.extend("orders", first, seconds=1) == 0
    assert events.bury("orders", first, "bad") == 0
    assert events.backlog("orders") == Backlog(in_hand=1)
    assert events.extend("orders", second, seconds=1) == 1


def test_putting_back_twice_takes_one_delivery_back(events, program):
    program.put("1")
    messages = claim(events)
    for _ in range(3):
        assert events.put_back("orders", messages, pause=0, counted=False) == 1

    assert told(claim(events)) == [("1", 1)]


def test_what_was_put_back_is_not_kept_by_who_asks_for_more_time(events, program):
    """As one thread may that does not know yet what another one has done."""
    program.put("1")
    messages = claim(events)
    events.put_back("orders", messages, pause=0)

    assert events.extend("orders", messages, seconds=3600) == 0
    assert told(claim(events)) == [("1", 2)]


def test_deliveries_that_do_not_count_leave_messages_together(events, program):
    program.put("1", "2", "3", "4")
    first = claim(events, 3)
    events.put_back("orders", first[1:], pause=0, counted=False)
    events.put_back("orders", first[:1], pause=0)

    assert told(claim(events)) == [("1", 2)]
    assert told(claim(events)) == [("2", 1), ("3", 1), ("4", 1)]


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


# --- what a server does


def test_each_step_is_one_command(events, program, client):
    messages = [in_all_keys(events, program)]
    program.put("5")
    events.extend("orders", messages, seconds=5)
    events.ack("orders", claim(events))
    (letter,) = events.dead_letters("orders", 9)
    events.replay("orders", [letter.id])
    events.drop("orders", [letter.id])
    events.backlog("orders")
    events.topics()
    client.config_resetstat()
    program.put(*map(str, range(AT_ONCE)))
    messages = claim(events)
    events.extend("orders", messages, seconds=5)
    events.put_back("orders", messages, pause=0, counted=False)
    messages = claim(events)
    events.bury("orders", messages, "bad")
    letters = events.dead_letters("orders", AT_ONCE)
    events.replay("orders", [letter.id for letter in letters])
    assert events.ack("orders", claim(events)) == AT_ONCE
    events.drop("orders", ["1-1"])
    events.backlog("orders")
    events.topics()

    stats = client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 13
    assert "cmdstat_eval" not in stats


def test_a_batch_whose_answer_was_lost_is_found_to_be_a_duplicate(events, program, monkeypatch):
    batch = program.batch("1", "2", token="ab")

    def lost(answer):
        raise StoreUnavailable("no answer in time")

    with monkeypatch.context() as patched:
        patched.setattr(redis_events, "_receipt_or_size_of", lost)
        with pytest.raises(StoreUnavailable):
            events.put(batch)
    receipt = events.put(batch)
    assert (receipt.status, receipt.total, receipt.token) == ("duplicate", 2, "ab")
    assert told(claim(events)) == [("1", 1), ("2", 1)]


def test_a_topic_that_is_full_says_so_and_takes_what_there_is_room_for(events, program, client):
    program.put("1", "2", max_waiting=2)
    before = everything(client)
    with pytest.raises(StoreUnavailable) as caught:
        events.put(program.batch("3", max_waiting=2))

    assert str(caught.value).endswith(": topic orders is full: 2 events wait for consumers")
    assert everything(client) == before
    assert events.put(program.batch(max_waiting=1)).status == "applied"
    program.number += 1
    events.ack("orders", claim(events, 1))
    program.put("3", max_waiting=2)


def test_a_full_server_refuses_events_and_lets_those_that_it_has_go(own_server, own_store):
    events = own_store.events
    program = Publisher(events)
    program.put("1", "2", "3", "4")
    with full(own_server):
        batch = program.batch("5")
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            events.put(batch)
        assert events.put(question_of_events(program.source, "orders")).number == 1
        messages = claim(events)
        assert len(messages) == 4
        assert events.extend("orders", messages, seconds=60) == 4
        assert events.put_back("orders", messages[:1], pause=0, counted=False) == 1
        assert events.bury("orders", messages[1:2], "bad") == 1
        assert events.ack("orders", messages[2:]) == 2
        assert events.ack("orders", claim(events)) == 1
        (letter,) = events.dead_letters("orders", 9)
        assert events.replay("orders", [letter.id]) == 1
        assert events.ack("orders", claim(events)) == 1
        assert events.backlog("orders") == Backlog()
    assert events.put(batch).status == "applied"


def test_a_replica_that_is_read_only_can_be_tried_again(own_server, own_store):
    events = own_store.events
    program = Publisher(events)
    program.put("1", "2")
    messages = claim(events, 1)
    with demoted(own_server):
        for step in (
            lambda: events.put(program.batch("3")),
            lambda: claim(events),
            lambda: events.ack("orders", messages),
        ):
            with pytest.raises(StoreUnavailable, match="read only"):
                step()
        assert events.backlog("orders") == Backlog(waiting=1, in_hand=1)
    assert events.ack("orders", messages) == 1
    assert events.put(program.batch("3")).status == "applied"


PUBLISHES, CONSUMES = documented_rights("publishes"), documented_rights("consumes")


def test_users_with_the_documented_rights_can_publish_and_consume(own_server):
    with contextlib.closing(own_server.client()) as client:
        set_user(client, "publisher", f"~* {PUBLISHES}")
        set_user(client, "consumer", f"~* {CONSUMES}")
    with (
        contextlib.closing(open_store(url_of(own_server, "publisher"))) as publisher,
        contextlib.closing(open_store(url_of(own_server, "consumer"))) as consumer,
    ):
        events = consumer.events
        three = in_all_keys(events, Publisher(publisher.events, "b" * 32))
        assert events.extend("orders", [three], seconds=60) == 1
        assert events.ack("orders", [three]) == 1
        (letter,) = events.dead_letters("orders", 9)
        assert events.replay("orders", [letter.id]) == 1
        assert events.drop("orders", [letter.id]) == 0
        assert events.topics() == ["orders"]
        assert events.backlog("orders") == Backlog(waiting=3)
        with contextlib.closing(own_server.client()) as client:
            client.delete(CLAIMED)
        assert told(claim(events)) == [("4", 1), ("2", 1)]


def test_a_publisher_without_a_right_leaves_nothing_half_done(own_server, own_store):
    refused = 0
    with contextlib.closing(own_server.client()) as client:
        for right, others in without_each(PUBLISHES):
            client.flushall()
            Publisher(own_store.events, "b" * 32).put("1")
            set_user(client, "publisher", f"~* {others}")
            batch = Publisher(own_store.events).batch("2", "3")
            before, receipt = contents(client), None
            publisher = open_store(url_of(own_server, "publisher"))
            with contextlib.closing(publisher), contextlib.suppress(StoreError):
                receipt = publisher.events.put(batch)
            refused += receipt is None
            if receipt is None:
                assert contents(client) == before, right
            status = own_store.events.put(batch).status
            assert status == ("applied" if receipt is None else "duplicate")
            assert own_store.events.backlog("orders").waiting == 3
    assert refused >= 9


def test_a_consumer_without_a_right_leaves_nothing_half_done(own_server, own_store):
    refused = 0
    with contextlib.closing(own_server.client()) as client:
        for right, others in without_each(CONSUMES):
            client.flushall()
            three = in_all_keys(own_store.events, Publisher(own_store.events))
            (letter,) = own_store.events.dead_letters("orders", 9)
            set_user(client, "consumer", f"~* {others}")
            with contextlib.closing(open_store(url_of(own_server, "consumer"))) as consumer:
                events = consumer.events
                for step in (
                    lambda e=events: claim(e),
                    lambda e=events, m=three: e.extend("orders", [m], seconds=5),
                    lambda e=events, m=three: e.put_back("orders", [m], pause=5, counted=False),
                    lambda e=events, m=three: e.bury("orders", [m], "bad"),
                    lambda e=events, x=letter: e.replay("orders", [x.id]),
                    lambda e=events, m=three: e.ack("orders", [m]),
                ):
                    before = contents(client)
                    try:
                        step()
                    except StoreError:
                        refused += 1
                        assert contents(client) == before, right
    assert refused >= 60


# --- very large, and very many


def test_a_claim_has_so_many_bytes_or_one_message_that_has_more(events, client):
    sizes = [10, CLAIM_BYTES - 10, 1, 10 * 10**6, 5, CLAIM_BYTES, 7]
    for size in sizes:
        client.xadd(STREAM, {"event": b"x" * size})

    claims = [claim(events) for _ in range(5)]
    assert [[len(m.body) for m in c] for c in claims] == [
        [10, CLAIM_BYTES - 10],
        [1],
        [10 * 10**6],
        [5],
        [CLAIM_BYTES],
    ]
    assert events.backlog("orders") == Backlog(waiting=1, in_hand=6)
    events.put_back("orders", [*claims[0], *claims[1]], pause=0, counted=False)
    assert [len(m.body) for m in claim(events)] == [10, CLAIM_BYTES - 10]
    assert [len(m.body) for m in claim(events)] == [1, 7]
    assert events.bury("orders", claims[2], "large") == 1
    assert events.bury("orders", claims[3], "small") == 1
    assert [len(x.body) for x in events.dead_letters("orders", 9)] == [10 * 10**6]
    (large,) = events.dead_letters("orders", 9)
    assert [len(x.body) for x in events.dead_letters("orders", 9, after=large.id)] == [5]
    assert events.replay("orders", [large.id]) == 1


def test_of_dead_letters_the_newest_stay(events, program, client, monkeypatch):
    monkeypatch.setattr(redis_events, "MAX_DEAD_LETTERS", 200)
    for _ in range(3):
        program.put(*map(str, range(200)))
        events.bury("orders", claim(events), "bad")

    assert 200 <= events.backlog("orders").dead_letters <= 400
    (newest, _), *_ = client.xrevrange(DEAD, count=1)
    letters, after = [], ""
    while some := events.dead_letters("orders", AT_ONCE, after=after):
        letters += some
        after = some[-1].id
    assert letters[-1].id == newest
    assert [letter.body for letter in letters[-200:]] == [b"%d" % n for n in range(200)]


def test_whoever_claims_at_once_gets_each_message_alone(store, open_store, kind):
    program = Publisher(store.events)
    for first in range(0, 600, 200):
        program.put(*map(str, range(first, first + 200)))
    got = []

    def consume():
        events = open_store().events
        while messages := events.claim("orders", 7, seconds=3600):
            got.extend(message.body for message in messages)
            events.ack("orders", messages)

    threads = [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, got)) == list(range(600))
    assert store.events.backlog("orders") == Backlog()


def test_processes_share_a_topic(store, empty_server):
    program = Publisher(store.events)
    for first in range(0, 1000, 500):
        program.put(*map(str, range(first, first + 500)))
    consume = f"""
from ecl_logging import open_store
events = open_store({empty_server.url!r}).events
while messages := events.claim("orders", 9, seconds=3600):
    print(*(message.body.decode() for message in messages))
    events.ack("orders", messages)
"""
    ran = []
    threads = [threading.Thread(target=lambda: ran.append(run_python(consume))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.stderr for one in ran] == ["", ""]
    got = itertools.chain.from_iterable(map(int, one.stdout.split()) for one in ran)
    assert sorted(got) == list(range(1000))


def test_who_only_counts_does_not_pay_for_it():
    program = """
import sys
from ecl_logging import open_store
store = open_store("redis://localhost:1/0")
assert "ecl_logging.stores.redis.events" not in sys.modules
assert "ecl_logging.stores.queueing" not in sys.modules
assert store.events is store.events
"""
    ran = run_python(program)
    assert (ran.returncode, ran.stderr) == (0, "")
