"""Deduplicated records in Redis: keys and their forms, what others spoil, and what one step costs."""

from __future__ import annotations

import contextlib
import dataclasses
import re

import pytest

from ecl_logging import StoreError, StoreUnavailable, open_store
from ecl_logging.addresses import parse_address
from ecl_logging.stores.keeping import AT_ONCE, Waiting, question_of_records
from ecl_logging.stores.redis.store import RedisStore
from tests.server_troubles import documented_rights, full, set_user, url_of
from tests.stores.kinds import OldProtocolKind, RedisKind
from tests.stores.looking import contents, everything, without_each
from tests.stores.programs import NOW, run_python
from tests.stores.saying import RecordProgram, as_duplicate, seen, told

KEYS = {
    "@records:state": "hash",
    "@records:waiting": "zset",
    "@records:sources": "hash",
    "@records:claimed": "zset",
    "@records:about": "hash",
    "@records:text": "hash",
    "@records:open": "hash",
}


@pytest.fixture(params=[RedisKind, OldProtocolKind])
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return request.param(request)


@pytest.fixture
def records(store):
    return store.records


@pytest.fixture
def program(records) -> RecordProgram:
    return RecordProgram(records)


# --- keys and forms


def test_these_are_all_the_keys_there_are(records, program, client):
    program.put(seen(1), seen(2))
    records.claim(1)

    assert {key: client.type(key) for key in client.scan_iter()} == KEYS


def test_what_is_in_the_keys(records, program, client, clock):
    program.put(seen(1, NOW + 0.1, repeats=2, record='"ä"'), seen(2, NOW + 5, last=NOW + 5.5))
    (claimed,) = records.claim(1, seconds=60)
    (waiting,) = client.zrange("@records:waiting", 0, -1)

    assert re.fullmatch(r"000000000001-[0-9a-f]{16}", claimed.id)
    assert re.fullmatch(r"000000000002-[0-9a-f]{16}", waiting)
    one, two = f"{1:032x}", f"{2:032x}"
    assert everything(client) == {
        "@records:state": {"next": "3", "bytes": "6", "pushed_out": "0", "pruned": f"{NOW}.000"},
        "@records:waiting": [(waiting, NOW + 5)],
        "@records:claimed": [(claimed.id, NOW + 60)],
        "@records:about": {
            claimed.id: f"{one} {NOW} {NOW + 0.1!r} {NOW + 0.1!r} 2 4",
            waiting: f"{two} {NOW + 5} {NOW + 5.0!r} {NOW + 5.5!r} 1 2",
        },
        "@records:text": {claimed.id: '"ä"', waiting: "{}"},
        "@records:open": {f"{two}:{NOW + 5}": waiting},
        "@records:sources": {program.source: f"1 3 {NOW}.000000 0 0 0 0 "},
    }


def test_nothing_is_left_of_what_was_acknowledged(records, program, client):
    program.put(seen(1), seen(2))
    records.ack([entry.id for entry in records.claim(1)])
    records.ack(client.zrange("@records:waiting", 0, -1))

    assert set(client.scan_iter()) == {"@records:state", "@records:sources"}
    assert client.hget("@records:state", "bytes") == "0"


def test_a_prefix_stands_before_all_keys(empty_server, client):
    address = parse_address(empty_server.url)
    store = RedisStore(address.target, address.settings, shown=address.shown, prefix="shop:")
    with contextlib.closing(store):
        RecordProgram(store.records).put(seen(1), seen(2))
        store.records.claim(1)

    assert set(client.scan_iter()) == {f"shop:{key}" for key in KEYS}


# --- what somebody else has written


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_type_is_told_and_nothing_is_written(records, program, client, key):
    program.put(seen(1))
    (entry,) = records.claim(1)
    program.put(seen(1), seen(3, NOW + 1))
    client.delete(key)
    client.set(key, "not ours")
    before = everything(client)

    batch = program.batch(seen(1), seen(2))
    for step in (lambda: records.put(batch), lambda: records.claim(1), lambda: records.ack(["x"])):
        with pytest.raises(StoreError, match="wrong kind of value"):
            step()
    with pytest.raises(StoreError):
        records.ack([entry.id])
    assert everything(client) == before
    client.delete(key)
    assert records.put(batch).status == ("gap" if key == "@records:sources" else "applied")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_type_is_told_by_an_empty_store_too(records, program, client, key):
    client.set(key, "not ours")
    with pytest.raises(StoreError, match="wrong kind of value"):
        records.put(program.batch(seen(1)))

    assert set(client.scan_iter()) == {key}


def test_a_spoilt_source_or_state_is_told_and_nothing_is_written(records, program, client):
    program.put(seen(1))
    for key, field in (("@records:sources", program.source), ("@records:state", "bytes")):
        was = client.hget(key, field)
        client.hset(key, field, "spoilt")
        before = everything(client)
        with pytest.raises(StoreError, match="spoilt"):
            records.put(program.batch(seen(2)))
        assert everything(client) == before
        client.hset(key, field, was)
    program.put(seen(2))


def test_what_somebody_else_has_put_among_the_waiting_is_in_nobodys_way(records, program, client):
    client.zadd("@records:waiting", {"stray": 1, "half": 2})
    client.zadd("@records:claimed", {"claimed stray": 3})
    client.hset("@records:about", "half", f"{9:032x} {NOW} {NOW} {NOW} 1 5")
    client.hset("@records:about", "stray", "spoilt")
    program.put(seen(1))

    assert [int(entry.kind, 16) for entry in records.claim(1)] == [1]
    assert records.claim(1) == []
    assert records.waiting().entries == 1


def test_repeats_go_to_no_entry_that_is_not_waiting(records, program, client):
    program.put(seen(1, repeats=2))
    client.delete("@records:waiting")
    program.put(seen(1, repeats=3))

    assert [entry.repeats for entry in records.claim(9)] == [3]


@pytest.mark.parametrize(
    ("first", "kind_"), [("nan", "a"), ("inf", "a"), ("1e300", "a"), (f"{NOW}", "a b")]
)
def test_an_entry_that_is_none_is_refused_whole(records, program, client, first, kind_):
    bad = dataclasses.replace(seen(2, NOW), first=float(first), last=float(first), kind=kind_)
    with pytest.raises(StoreError, match="no entry is"):
        records.put(program.batch(seen(1), bad))

    assert everything(client) == {}


def test_text_that_utf_8_does_not_have_is_kept_as_far_as_it_goes(records, program):
    program.put(seen(1, record='"\ud800!"'))

    assert told(records.claim(1))[0][-1] == '"?!"'


# --- what a server does


def test_each_step_is_one_command(records, program, client):
    program.put(seen(1))
    entries = records.claim(1)
    records.ack([entry.id for entry in entries])
    records.waiting()
    client.config_resetstat()
    program.put(*(seen(kind, NOW + kind) for kind in range(AT_ONCE)))
    records.waiting()
    records.ack([entry.id for entry in records.claim(AT_ONCE)])

    stats = client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 4
    assert "cmdstat_eval" not in stats


def test_a_server_that_has_forgotten_the_scripts_is_told_them_once(records, program, client):
    batch = program.batch(seen(1))
    records.put(batch)
    client.script_flush()

    assert records.put(batch).status == "duplicate"
    assert records.put(batch).status == "duplicate"


def test_a_full_server_refuses_records_and_lets_those_that_it_has_go(own_server, own_store):
    records = own_store.records
    program = RecordProgram(records)
    program.put(seen(1, repeats=2), seen(2))
    with full(own_server):
        batch = program.batch(seen(3))
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            records.put(batch)
        assert records.put(question_of_records(program.source)).number == 1
        entries = records.claim(9)
        assert len(entries) == 2
        assert records.ack([entry.id for entry in entries]) == 2
        assert records.waiting() == Waiting()
    assert records.put(batch).status == "applied"


KEEPS, GATHERS = documented_rights("keeps"), documented_rights("gathers")


def test_users_with_the_documented_rights_can_put_and_gather(own_server):
    with contextlib.closing(own_server.client()) as client:
        set_user(client, "keeper", f"~* {KEEPS}")
        set_user(client, "gatherer", f"~* {GATHERS}")
    with (
        contextlib.closing(open_store(url_of(own_server, "keeper"))) as keeper,
        contextlib.closing(open_store(url_of(own_server, "gatherer"))) as gatherer,
    ):
        program = RecordProgram(keeper.records)
        program.put(seen(1), seen(2))
        program.put(seen(1), seen(3), max_kinds=2)
        entries = gatherer.records.claim(9)
        assert len(entries) == 2
        assert gatherer.records.ack([entry.id for entry in entries]) == 2
        assert gatherer.records.waiting() == Waiting(pushed_out=1 + 1)


def test_a_right_that_is_missing_leaves_nothing_half_done(own_server, own_store):
    """Redis takes nothing back when a script fails in its midst."""
    refused = 0
    with contextlib.closing(own_server.client()) as client:
        for right, others in without_each(KEEPS):
            client.flushall()
            RecordProgram(own_store.records, "b" * 32).put(seen(1), seen(2, NOW + 1))
            (old,) = own_store.records.claim(1)
            set_user(client, "keeper", f"~* {others}")
            batch = RecordProgram(own_store.records).batch(
                seen(1), seen(2, NOW + 1), seen(3, NOW + 2), max_kinds=2
            )
            before, receipt = contents(client), None
            keeper = open_store(url_of(own_server, "keeper"))
            with contextlib.closing(keeper), contextlib.suppress(StoreError):
                receipt = keeper.records.put(batch)
            refused += receipt is None
            if receipt is None:
                assert contents(client) == before, right
                assert own_store.records.put(batch).status == "applied"
            else:
                assert own_store.records.put(batch) == as_duplicate(receipt)
            assert own_store.records.waiting().entries == 2, right
            assert own_store.records.ack([old.id]) == 1
    assert refused >= 11


def test_a_gatherer_without_a_right_leaves_nothing_half_done(own_server, own_store):
    with contextlib.closing(own_server.client()) as client:
        for right, others in without_each(GATHERS):
            client.flushall()
            RecordProgram(own_store.records).put(seen(1), seen(2, NOW + 1))
            (old,) = own_store.records.claim(1, seconds=3600)
            set_user(client, "gatherer", f"~* {others}")
            before = contents(client)
            with contextlib.closing(open_store(url_of(own_server, "gatherer"))) as gatherer:
                got, gone = None, None
                with contextlib.suppress(StoreError):
                    got = gatherer.records.claim(9)
                if got is None:
                    assert contents(client) == before, right
                before = contents(client)
                with contextlib.suppress(StoreError):
                    gone = gatherer.records.ack([old.id])
                if gone is None:
                    assert contents(client) == before, right
            assert own_store.records.waiting().entries == (2 if gone is None else 1)
            assert len(own_store.records.claim(9)) == (0 if got else 1)


# --- very many


def test_very_many_that_have_to_go_do_not_hold_up_the_server(records, program):
    for first in range(0, 3000, AT_ONCE):
        program.put(*(seen(kind, NOW + kind) for kind in range(first, first + AT_ONCE)))
    receipt = program.put(seen(1, NOW + 9999), max_kinds=10)

    assert receipt.pushed_out == 1000
    assert records.waiting().entries == 2001
    assert [program.put(max_kinds=10).pushed_out for _ in range(3)] == [1000, 991, 0]
    assert [entry.first - NOW for entry in records.claim(99)] == [*range(2991, 3000), 9999]


@pytest.mark.once
def test_claims_and_sizes_are_right_with_a_hundred_thousand(own_store):
    records = own_store.records
    program = RecordProgram(records)
    for first in range(0, 100_000, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        entries = (seen(n, NOW + n / 8, record=f'"{n:06}"') for n in numbers)
        program.put(*entries)
    assert records.waiting() == Waiting(entries=100_000, size=800_000)

    receipt = program.put(seen(7, NOW + 10**6, record='"more"'))
    assert receipt.pushed_out == 1
    assert records.waiting() == Waiting(entries=100_000, size=800_000 - 8 + 6, pushed_out=1)
    entries = records.claim(AT_ONCE)
    assert [int(entry.kind, 16) for entry in entries] == list(range(1, AT_ONCE + 1))
    assert records.ack([entry.id for entry in entries]) == AT_ONCE
    assert records.waiting().size == 800_000 - 2 - AT_ONCE * 8


def test_who_only_counts_does_not_pay_for_it():
    program = """
import sys
from ecl_logging import open_store
store = open_store("redis://localhost:1/0")
parts = {"records", "messages", "receipts"}
assert not any(f"ecl_logging.stores.redis.{part}" in sys.modules for part in parts)
assert "ecl_logging.stores.keeping" not in sys.modules
assert store.records is store.records
"""
    ran = run_python(program)
    assert (ran.returncode, ran.stderr) == (0, "")
