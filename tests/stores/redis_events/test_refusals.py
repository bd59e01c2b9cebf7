"""Queues of events on Redis: what a server does, refuses and forgets, and whom it refuses."""

from __future__ import annotations

import contextlib

import pytest

from ecl_logging import StoreError, StoreUnavailable, open_store
from ecl_logging.stores.queueing import (
    AT_ONCE,
    Backlog,
    question_of_events,
)
from ecl_logging.stores.redis import events as redis_events
from tests.server_troubles import demoted, documented_rights, full, set_user, url_of
from tests.stores.looking import contents, everything, without_each
from tests.stores.redis_events.queues import (
    CLAIMED,
    Publisher,
    claim,
    in_all_keys,
    told,
)

# Of scripts on the server; the contract has each redis-py call them, by both protocols.
pytestmark = pytest.mark.once


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
