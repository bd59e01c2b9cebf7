"""A definition that a reader knows already is not told again; one that has changed is."""

from __future__ import annotations

import dataclasses

import pytest

from tests.stores.kinds import RedisKind
from tests.stores.programs import REQUESTS

MANY = dataclasses.replace(REQUESTS, events=frozenset(f"event{n:04}" for n in range(1000)))


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return RedisKind(request)


def told(client, read) -> int:
    """How many bytes the server says while this reads."""
    before = client.info("stats")["total_net_output_bytes"]
    read()
    between = client.info("stats")["total_net_output_bytes"]
    return (between - before) - (client.info("stats")["total_net_output_bytes"] - between)


def test_what_a_reader_knows_is_not_told_again(open_store, client):
    open_store().define(MANY)
    store = open_store()
    first = told(client, lambda: store.definition("requests"))
    second = told(client, lambda: store.definition("requests"))

    assert first > 10_000
    assert second < 500
    assert store.definition("requests").events == MANY.events


def test_what_somebody_else_has_changed_is_told(open_store, client):
    one, other = open_store(), open_store()
    one.define(REQUESTS)
    assert other.definition("requests").events == {"req1"}
    one.define(dataclasses.replace(REQUESTS, events=frozenset({"req2"}), history=9))
    assert other.definition("requests").events == {"req1", "req2"}
    assert other.definition("requests").history == 9
    one.define(dataclasses.replace(REQUESTS, events=frozenset({"req3"})), replace=True)
    assert other.definition("requests").events == {"req3"}


def test_a_server_that_has_forgotten_is_believed(open_store, client):
    """Also where the clock stands still, so that another definition has the same version."""
    one, other = open_store(), open_store()
    one.define(REQUESTS)
    before = other.definition("requests")
    client.flushdb()
    assert other.definition("requests") is None
    one.define(dataclasses.replace(REQUESTS, events=frozenset({"another"})))
    after = other.definition("requests")

    assert after.events == {"another"}
    assert after.version == before.version


def test_a_server_that_was_set_back_is_believed(open_store, client):
    one, other = open_store(), open_store()
    one.define(REQUESTS)
    before = {key: client.dump(key) for key in ("requests:@def", "requests:@events")}
    renamed = dataclasses.replace(REQUESTS, events=frozenset({"another"}))
    one.define(renamed, replace=True)
    assert other.definition("requests").events == {"another"}
    for key, dumped in before.items():
        client.restore(key, 0, dumped, replace=True)

    assert other.definition("requests").events == {"req1"}


def test_what_is_changed_by_hand_is_seen(open_store, client):
    store = open_store()
    store.define(REQUESTS)
    assert store.definition("requests").events == {"req1"}
    client.sadd("requests:@events", "by-hand")
    client.hset("requests:@def", "history", 77)
    assert store.definition("requests").events == {"req1", "by-hand"}
    assert store.definition("requests").history == 77
