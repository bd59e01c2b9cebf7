"""What a Redis server refuses, and whom; and what puts counts at risk there."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import pytest
import redis

from ecl_logging import StoreError, StoreUnavailable, open_store
from ecl_logging.stores.protocols import Finished, Totals
from ecl_logging.stores.redis.errors import translated
from ecl_logging.stores.redis.store import RedisStore
from tests.redis_servers import CANARY, RedisServer
from tests.server_troubles import (
    busy,
    demoted,
    documented_rights,
    full,
    set_user,
    unable_to_save,
    url_of,
    without_replicas,
)
from tests.stores.programs import FIVE_MINUTES, NOW, REQUESTS, Program, cells, count_now

# They read the bucket that is current, which must not end in between.
pytestmark = pytest.mark.usefixtures("amid_a_minute")


@pytest.fixture
def server(own_server: RedisServer) -> RedisServer:
    return own_server


@pytest.fixture
def store(own_store: RedisStore) -> RedisStore:
    return own_store


# --- what a server refuses


def refused(store: RedisStore) -> StoreError:
    """A batch is refused; return what the store says."""
    batch = Program(store, "refused").batch({"req1": 1, "new": 2}, start=int(time.time()))
    with pytest.raises(StoreError) as caught:
        store.apply(batch)
    assert CANARY not in str(caught.value)
    return caught.value


def applied_after_all(store: RedisStore) -> None:
    batch = Program(store, "refused").batch({"req1": 1, "new": 2}, start=int(time.time()))
    assert store.apply(batch).status == "applied"
    assert cells(store) == {"req1": 1, "new": 2}


@pytest.mark.fault("B5", "B6", "B9")
@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (full, "maxmemory"),
        (demoted, "read only"),
        (without_replicas, "Not enough good replicas"),
        (unable_to_save, "snapshots"),
        (busy, "BUSY"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_server_that_cannot_take_it_now_refuses_batches_whole(server, store, trouble, told):
    store.define(REQUESTS)
    with trouble(server):
        error = refused(store)
        assert isinstance(error, StoreUnavailable)
        assert told in str(error)
        assert "script:" not in str(error)
    assert cells(store) == {}
    applied_after_all(store)


COUNTS, READS = documented_rights("counts"), documented_rights("reads")
EXPORTS = documented_rights("exports")


@pytest.mark.fault("B15")
def test_a_user_with_the_documented_rights_can_count_and_rotate(server):
    with contextlib.closing(server.client()) as client:
        set_user(client, "counter", f"~* {COUNTS}")
    with contextlib.closing(open_store(url_of(server, "counter"))) as store:
        assert count_now(store)["req1"] == 1
        assert store.advice() is None
        assert len(store.rotate("requests")) == 2
        assert len(store.sources("requests")) == 1


@pytest.mark.fault("B15")
def test_a_user_with_the_documented_rights_can_read(server, store):
    count_now(store)
    with contextlib.closing(server.client()) as client:
        set_user(client, "reader", f"~* {READS}")
    with contextlib.closing(open_store(url_of(server, "reader"))) as reader:
        assert cells(reader)["req1"] == 1
        assert reader.groups() == ["requests"]
        assert reader.definition("requests") == store.definition("requests")
        assert len(reader.sources("requests")) == 1
        assert not isinstance(refused(reader), StoreUnavailable)
        assert cells(reader)["req1"] == 1


def test_a_user_with_the_documented_rights_can_export(server, store):
    count_now(store)
    with contextlib.closing(server.client()) as client:
        set_user(client, "exporter", f"~* {EXPORTS}")
    with contextlib.closing(open_store(url_of(server, "exporter"))) as exporter:
        assert exporter.groups() == ["requests"]
        assert exporter.totals("requests").cells == {}
        Program(store, "counts").send({"req1": 2}, start=int(time.time()))
        assert exporter.totals("requests").cells == {"req1": 2}
        assert cells(exporter)["req1"] == 3
        exporter.mark("requests", "push", FIVE_MINUTES, NOW)
        assert exporter.marks("requests", "push") == {"5m": NOW}
        assert not isinstance(refused(exporter), StoreUnavailable)


@pytest.mark.parametrize("command", sorted(set(EXPORTS.split()) - set(READS.split())))
def test_an_exporter_needs_every_right_that_a_reader_has_not(server, store, command):
    """Who only reads may ask for totals as soon as somebody else has done so."""
    count_now(store)
    rules = " ".join(rule for rule in EXPORTS.split() if rule != command)
    with contextlib.closing(server.client()) as client:
        set_user(client, "exporter", f"~* {rules}")
    with contextlib.closing(open_store(url_of(server, "exporter"))) as exporter:
        for step in (
            lambda: exporter.totals("requests"),
            lambda: exporter.mark("requests", "push", FIVE_MINUTES, NOW),
        ):
            with pytest.raises(StoreError, match="The user executing the script can't"):
                step()
        begun = store.totals("requests")
        assert exporter.totals("requests") == begun


@pytest.mark.fault("B15")
@pytest.mark.parametrize("command", COUNTS.split())
def test_a_right_that_is_missing_leaves_nothing_half_done(server, store, command):
    """Redis takes nothing back when a script fails in its midst."""
    store.define(REQUESTS)
    begun = store.totals("requests").since
    with contextlib.closing(server.client()) as client:
        rules = [rule for rule in COUNTS.split() if rule != command]
        set_user(client, "counter", f"~* {' '.join(rules)}")
        batch = Program(store).batch({"req1": 1, "new": 2}, start=int(time.time()))
        with contextlib.closing(open_store(url_of(server, "counter"))) as counter:
            reply = None
            with contextlib.suppress(StoreError):
                reply = counter.apply(batch)
            before = cells(store)
            assert before in ({}, {"req1": 1, "new": 2})
            assert reply is None or (reply.status == "applied" and before)
            set_user(client, "counter", f"~* {COUNTS}")
            status = store.apply(batch).status
            assert status == ("duplicate" if before else "applied")
    assert cells(store) == {"req1": 1, "new": 2}
    assert store.totals("requests") == Totals(begun, {"req1": 1, "new": 2})


@pytest.mark.fault("B15")
@pytest.mark.parametrize("command", ["+hset", "+sadd", "+srem", "+del", "+set", "+mset"])
def test_a_definition_that_is_refused_leaves_declared_what_should_be(server, store, command):
    store.define(REQUESTS)
    wanted = dataclasses.replace(REQUESTS, events=frozenset({"new"}), history=99)
    with contextlib.closing(server.client()) as client:
        rules = [rule for rule in COUNTS.split() if rule != command]
        set_user(client, "counter", f"~* {' '.join(rules)}")
        counter = open_store(url_of(server, "counter"))
        with contextlib.closing(counter), contextlib.suppress(StoreError):
            counter.define(wanted, replace=True)
        stored = store.definition("requests")
    assert stored is not None
    assert stored.events >= (wanted.events if stored.history == 99 else REQUESTS.events)
    assert store.define(wanted, replace=True).events == {"new"}


@pytest.mark.parametrize("command", COUNTS.split())
def test_a_bucket_is_told_as_finished_or_stays_to_be_told(server, store, command):
    count_now(store)
    with contextlib.closing(server.client()) as client:
        rules = [rule for rule in COUNTS.split() if rule != command]
        set_user(client, "counter", f"~* {' '.join(rules)}")
        with contextlib.closing(open_store(url_of(server, "counter"))) as counter:
            told: list[Finished] = []
            with contextlib.suppress(StoreError):
                told = counter.rotate("requests")
    assert len(told) + len(store.rotate("requests")) >= 2
    assert len(told) in {0, 2}


@pytest.mark.parametrize("rights", ["~requests:@* +@all", f"~* {READS.replace('+hgetall', '')}"])
def test_a_bucket_that_may_not_be_read_is_not_an_empty_one(server, store, rights):
    count_now(store)
    with contextlib.closing(server.client()) as client:
        set_user(client, "reader", rights)
    with (
        contextlib.closing(open_store(url_of(server, "reader"))) as reader,
        pytest.raises(StoreError, match="The user executing the script can't"),
    ):
        cells(reader)


def test_a_script_that_was_killed_can_be_tried_again():
    with (
        pytest.raises(StoreUnavailable, match=r"^redis://x: Script killed"),
        translated("redis://x"),
    ):
        raise redis.ResponseError("Script killed by user with SCRIPT KILL.")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            (
                "OOM command not allowed when used memory > 'maxmemory'. script: "
                f"{'a' * 40}, on @user_script:120."
            ),
            "OOM command not allowed when used memory > 'maxmemory'",
        ),
        (
            (
                f"Error running script (call to f_{'a' * 40}): @user_script:439: @user_script: 439: "
                "-OOM command not allowed when used memory > 'maxmemory'."
            ),
            "-OOM command not allowed when used memory > 'maxmemory'.",
        ),
        (
            "OOM command not allowed when used memory > 'maxmemory'. script: on @user_script:439.",
            "OOM command not allowed when used memory > 'maxmemory'",
        ),
    ],
)
def test_the_words_of_other_versions_are_understood(said, told):
    """Redis 7, Redis 6.2 and Valkey 9, in turn."""
    with pytest.raises(StoreUnavailable) as caught, translated("redis://x"):
        raise redis.ResponseError(said)

    assert str(caught.value) == f"redis://x: {told}"


# --- what its place puts at risk


@pytest.mark.fault("B7")
def test_a_server_that_may_evict_is_told_once(server, store):
    with contextlib.closing(server.client()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    told = store.advice()

    assert told == (
        f"{store.shown}: maxmemory-policy is allkeys-lru: when memory is full the server removes"
        " counts; set it to noeviction"
    )
    assert store.advice() is None


@pytest.mark.fault("B7")
@pytest.mark.parametrize("protocol", [2, 3])
def test_noeviction_is_nothing_to_tell(server, protocol):
    with contextlib.closing(open_store(f"{server.url}?protocol={protocol}")) as store:
        assert store.advice() is None
        with contextlib.closing(server.client()) as client:
            client.config_set("maxmemory-policy", "volatile-ttl")
        with contextlib.closing(open_store(f"{server.url}?protocol={protocol}")) as other:
            assert "volatile-ttl" in (other.advice() or "")
