"""What is stored in Redis: names, types and forms of the keys, as `docs/wire-format.md` has them."""

from __future__ import annotations

import contextlib
import dataclasses
import re

import pytest
import redis

from ecl_logging.addresses import parse_address
from ecl_logging.errors import StoreError
from ecl_logging.intervals import Interval
from ecl_logging.stores.redis.store import RedisStore
from tests.stores.kinds import RedisKind
from tests.stores.programs import FIVE_SECONDS, NOW, REQUESTS, Program, cells


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return RedisKind(request)


PLAIN = dataclasses.replace(REQUESTS, cur_last_keys=False)


def test_these_are_all_the_keys_there_are(store, client):
    store.define(PLAIN)
    Program(store).send({"req1": 2, "new": 1})
    store.rotate("requests")

    assert {key: client.type(key) for key in client.scan_iter()} == {
        "@groups": "set",
        "requests:@def": "hash",
        "requests:@events": "set",
        "requests:@sources": "hash",
        f"requests:5s:{NOW}": "hash",
        f"requests:5m:{NOW}": "hash",
    }


def test_with_the_first_seeds_keys_there_are_these_too(store, client):
    store.define(REQUESTS)
    Program(store).send({"req1": 2, "new": 1})

    assert sorted(key for key in client.keys("requests:5m:*") if str(NOW) not in key) == [
        "requests:5m:cur:@ts",
        "requests:5m:cur:new",
        "requests:5m:cur:req1",
        "requests:5m:last:req1",
    ]


def test_a_bucket_is_a_hash_of_counts(store, client):
    store.define(PLAIN)
    Program(store).send({"req1": 2, "@invalid": 1})

    assert client.hgetall(f"requests:5s:{NOW}") == {"req1": "2", "@invalid": "1"}


def test_groups_events_and_definition(store, client, clock):
    store.define(dataclasses.replace(PLAIN, measures=frozenset({"b", "ä"})))
    store.rotate("requests")
    clock.now = NOW + 5
    store.rotate("requests")

    assert client.smembers("@groups") == {"requests"}
    assert client.smembers("requests:@events") == {"req1"}
    definition = client.hgetall("requests:@def")
    assert re.fullmatch("[0-9a-f]{16}", definition.pop("token"))
    assert definition == {
        "version": str(NOW * 1000),
        "history": "3",
        "max_events": "10000",
        "cur_last_keys": "0",
        "intervals": "5s=5 5m=300",
        "measures": '["b", "ä"]',
        "pruned": f"{NOW}.000",
        "rotated:5s": str(NOW),
        "rotated:5m": str(NOW - 300),
    }


def test_a_source_is_a_line_of_numbers_and_one_for_each_spoilt_cell(store, client, kind):
    store.define(PLAIN)
    kind.spoil(FIVE_SECONDS, NOW, "req1")
    Program(store).send({"req1": 2, "new": 1}, intervals=(FIVE_SECONDS,))

    assert client.hgetall("requests:@sources") == {
        "a": f"1 3 {NOW}.000000 0 0 0 2 {NOW * 1000} \n5s req1"
    }


@pytest.mark.parametrize("start", [NOW, NOW - 15])
def test_a_bucket_lives_until_history_and_two_intervals_after_its_end(store, client, start):
    store.define(PLAIN)
    Program(store).send({"req1": 2}, start=start, intervals=(FIVE_SECONDS,))

    left = client.pttl(f"requests:5s:{start}") / 1000
    assert left == pytest.approx(start + 5 + (3 + 2) * 5 - NOW, abs=1)


def test_a_bucket_lives_by_the_history_there_was_when_it_was_last_counted_in(store, client):
    store.define(PLAIN)
    program = Program(store)
    program.send({"req1": 2}, intervals=(FIVE_SECONDS,))
    store.define(dataclasses.replace(PLAIN, history=300))
    assert client.pttl(f"requests:5s:{NOW}") <= 30_000

    program.send({"req1": 2}, intervals=(FIVE_SECONDS,))
    assert client.pttl(f"requests:5s:{NOW}") == pytest.approx(5 * 303 * 1000, abs=1000)


def test_a_key_of_ours_without_a_time_to_live_is_no_bucket(store, client):
    store.define(PLAIN)
    Program(store).send({"req1": 2})

    assert {key for key in client.scan_iter() if client.ttl(key) == -1} == {
        "@groups",
        "requests:@def",
        "requests:@events",
        "requests:@sources",
    }


def test_a_prefix_stands_before_all_keys(empty_server, client, clock):
    address = parse_address(empty_server.url)
    store = RedisStore(
        address.target, address.settings, shown=address.shown, prefix="shop:", clock=clock
    )
    with contextlib.closing(store):
        store.define(REQUESTS)
        Program(store).send({"req1": 2})
        store.rotate("requests")

        assert all(key.startswith("shop:") for key in client.scan_iter())
        assert store.groups() == ["requests"]
        assert cells(store) == {"req1": 2}
        assert client.get("shop:requests:5m:cur:req1") == "2"


@pytest.mark.fault("B14")
def test_a_bucket_key_that_is_no_hash_takes_no_counts_and_reads_empty(store, client):
    store.define(PLAIN)
    client.set(f"requests:5s:{NOW}", "not ours")
    reply = Program(store).send({"req1": 2, "req2": 3})

    assert reply.bad_cells == ("5s req1", "5s req2")
    assert reply.dropped == 0
    assert cells(store, FIVE_SECONDS) == {}
    assert client.get(f"requests:5s:{NOW}") == "not ours"
    assert client.ttl(f"requests:5s:{NOW}") == -1


def test_totals_that_are_no_hash_are_none_and_told_to_who_asks(store, client):
    store.define(PLAIN)
    client.set("requests:@totals", "not ours")

    assert Program(store).send({"req1": 2}).bad_cells == ()
    assert cells(store) == {"req1": 2}
    with pytest.raises(StoreError, match="requests:@totals is no hash"):
        store.totals("requests")
    assert client.get("requests:@totals") == "not ours"


def test_totals_and_marks_are_hashes_that_stay(store, client):
    store.define(PLAIN)
    store.totals("requests")
    store.mark("requests", "push:a", FIVE_SECONDS, NOW)
    Program(store).send({"req1": 2, "@+1:m": 1, "@=0:m": -1})

    assert client.hgetall("requests:@totals") == {
        "@since": str(NOW),
        "req1": "2",
        "@+1:m": "1",
        "@=0:m": "-1",
    }
    assert client.hgetall("requests:@marks") == {"5s push:a": str(NOW)}
    assert client.ttl("requests:@totals") == client.ttl("requests:@marks") == -1
    assert client.smembers("requests:@measured") == {"@+1:m", "@=0:m"}


@pytest.mark.parametrize("value", [None, "not ours"])
def test_without_the_names_of_measured_cells_some_room_is_missing_and_nothing_else(
    store, client, value
):
    store.define(dataclasses.replace(PLAIN, max_events=3))
    program = Program(store)
    program.send({"x1": 1, "@+1:m": 1})
    client.delete("requests:@measured")
    if value:
        client.set("requests:@measured", value)
    reply = program.send({"x2": 2, "x3": 4, "req1": 8})

    assert (reply.dropped, reply.bad_cells, reply.other) == (0, (), 4)
    assert cells(store) == {"x1": 1, "@+1:m": 1, "x2": 2, "@other": 4, "req1": 8}


def test_a_mark_that_is_no_number_is_none(store, client):
    store.define(PLAIN)
    client.hset("requests:@marks", mapping={"5s push:a": "spoilt", "odd": "1"})

    assert store.marks("requests", "push:a") == {}
    store.mark("requests", "push:a", FIVE_SECONDS, NOW)
    assert store.marks("requests", "push:a") == {"5s": NOW}


@pytest.mark.parametrize(
    "value", ["1.5", "", "abc", "-", "9" * 30, " 5", "1e3", "0x1", "9223372036854775808"]
)
def test_a_cell_that_holds_no_number_reads_as_none(store, client, value):
    store.define(PLAIN)
    client.hset(f"requests:5m:{NOW}", mapping={"req1": value, "req2": "-3"})

    assert cells(store) == {"req2": -3}


def test_bytes_that_are_no_text_are_read_all_the_same(store, client, empty_server):
    store.define(PLAIN)
    with contextlib.closing(redis.Redis.from_url(empty_server.url)) as raw:
        raw.hset(f"requests:5m:{NOW}", b"\xff\xfe", 3)

    assert cells(store) == {"\ufffd\ufffd": 3}


def test_a_large_sum_is_exact(store, kind):
    """Lua's own numbers are exact up to 2^53 only."""
    store.define(dataclasses.replace(PLAIN, max_events=0))
    large = 2**62 + 1
    Program(store, "a").send({"req1": large})
    assert cells(store)["req1"] == large

    kind.spoil(FIVE_SECONDS, NOW, "@other")
    counts = {f"x{n}": 2**53 + 1 for n in range(3)}
    reply = Program(store, "b").send(counts, intervals=(FIVE_SECONDS,))
    assert reply.dropped == 3 * (2**53 + 1)
    assert Program(store, "c").send(counts).other == 3 * (2**53 + 1)
    totals = {source.source: source.total for source in store.sources("requests")}
    assert totals == {"a": large, "b": 3 * (2**53 + 1), "c": 3 * (2**53 + 1)}


@pytest.mark.fault("B14")
def test_the_batch_of_a_spoilt_source_is_refused_whole(store, client):
    store.define(PLAIN)
    client.hset("requests:@sources", "a", "spoilt")

    with pytest.raises(StoreError, match="the record of source a is spoilt"):
        store.apply(Program(store).batch({"req1": 1}))
    assert cells(store) == {}


def test_what_somebody_else_has_put_among_the_sources_is_in_nobodys_way(store, client):
    store.define(PLAIN)
    client.hset("requests:@sources", mapping={"zz": "1 2 abc", "yy": "", "xx": "words"})
    client.hset(
        "requests:@def", mapping={"prune_cursor": "abc", "rotated:5s": "?", "shown:5s": "?"}
    )

    assert Program(store).send({"req1": 1}).status == "applied"
    assert len(store.rotate("requests")) == 2
    assert client.hkeys("requests:@sources") == ["a"]


@pytest.mark.fault("B14")
@pytest.mark.parametrize(
    "fields",
    [
        {"version": "x"},
        {"history": ""},
        {"max_events": "many"},
    ],
    ids=str,
)
def test_a_spoilt_definition_refuses_batches_whole(store, client, fields):
    store.define(PLAIN)
    client.hset("requests:@def", mapping=fields)

    with pytest.raises(StoreError, match="the definition in requests:@def is spoilt"):
        store.apply(Program(store).batch({"req1": 1}))
    assert client.keys("requests:5?:*") == []


def test_a_definition_with_something_missing_is_told_as_ours(store, client):
    client.sadd("@groups", "requests")
    client.hset("requests:@def", "version", "1")

    for step in (lambda: store.definition("requests"), lambda: store.define(PLAIN)):
        with pytest.raises(StoreError, match="holds what this library did not write"):
            step()
    with pytest.raises(StoreError, match="is spoilt"):
        store.rotate("requests")


def test_thousands_of_silent_sources_are_forgotten_some_at_a_time(store, client, clock):
    store.define(PLAIN)
    loud = Program(store, "loud")
    record = f"1 1 {NOW}.0 0 0 0 0 1 ab"
    for first in range(0, 25_000, 5000):
        known = {f"s{n}": record for n in range(first, first + 5000)}
        client.hset("requests:@sources", mapping=known)
    clock.now = NOW + 8 * 86400
    loud.send({"req1": 1}, start=int(clock.now))
    left = client.hlen("requests:@sources")
    assert 1 < left < 25_000

    for _ in range(9):
        loud.send({"req1": 1}, start=int(clock.now))
    assert client.hlen("requests:@sources") == 1
    assert client.hget("requests:@def", "prune_cursor") is None


def test_every_script_names_its_keys_arguments_and_answer():
    import pathlib

    import ecl_logging.stores.redis

    folder = pathlib.Path(ecl_logging.stores.redis.__file__).parent
    names = ("basics", "shared", "view", "receipts", "records", "hours", "events")
    parts = {f"{name}.lua" for name in names}
    steps = [path for path in folder.glob("*.lua") if path.name not in parts]
    assert len(steps) == 28
    for path in steps:
        header = re.match(r"(?:--.*\n)+", path.read_text())
        assert header is not None
        assert "Returns" in header[0]
        assert "KEYS" in header[0]


def test_an_interval_of_another_text_is_another_key(store, client):
    sixty = Interval.parse("60s")
    store.define(dataclasses.replace(PLAIN, intervals=(sixty,)))
    Program(store).send({"req1": 2}, intervals=(sixty,))

    assert client.exists(f"requests:60s:{NOW}") == 1
