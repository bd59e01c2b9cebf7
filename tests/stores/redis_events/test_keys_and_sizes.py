"""Queues of events on Redis: keys and their forms, whose a message is, and what is very large."""

from __future__ import annotations

import contextlib
import itertools
import threading

import pytest

from ecl_logging.addresses import parse_address
from ecl_logging.stores.queueing import (
    AT_ONCE,
    CLAIM_BYTES,
    Backlog,
)
from ecl_logging.stores.redis import events as redis_events
from ecl_logging.stores.redis.store import RedisStore
from tests.stores.looking import everything
from tests.stores.programs import NOW, run_python
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
        "@queue:orders:claims": {three.id: three.handle},
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
    done = [events.put_back("orders", messages, pause=0, counted=False) for _ in range(3)]

    assert done == [1, 0, 0]
    assert told(claim(events)) == [("1", 1)]


def test_deliveries_that_do_not_count_leave_messages_together(events, program):
    program.put("1", "2", "3", "4")
    first = claim(events, 3)
    events.put_back("orders", first[1:], pause=0, counted=False)
    events.put_back("orders", first[:1], pause=0)

    assert told(claim(events)) == [("1", 2)]
    assert told(claim(events)) == [("2", 1), ("3", 1), ("4", 1)]


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
    program.put(*map(str, range(300)))
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
    assert sorted(map(int, got)) == list(range(300))
    assert store.events.backlog("orders") == Backlog()


def test_processes_share_a_topic(store, empty_server):
    program = Publisher(store.events)
    program.put(*map(str, range(500)))
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
    assert sorted(got) == list(range(500))


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
