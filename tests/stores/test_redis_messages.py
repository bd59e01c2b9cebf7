"""Recent and common messages in Redis: keys and their forms, what others spoil, what a step costs."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest

from ecl_logging import StoreError, StoreUnavailable, open_store
from ecl_logging.addresses import parse_address
from ecl_logging.stores.keeping import Common, Hour
from ecl_logging.stores.redis.store import RedisStore
from tests.server_troubles import documented_rights, full, set_user, url_of
from tests.stores.kinds import OldProtocolKind, RedisKind
from tests.stores.looking import contents, everything, without_each
from tests.stores.programs import NOW
from tests.stores.saying import CART, MessageProgram, as_duplicate, hours, line, said

HOUR = 3600
KEYS = {
    "recent:@state": "hash",
    "recent:@names": "set",
    "recent:@sources": "hash",
    "recent:shop.cart:warning": "list",
    "common:shop.cart:warning": "zset",
    "common:shop.cart:warning:last": "zset",
    "common:shop.cart:warning:start": "string",
    "common:shop.cart:warning:pstart": "string",
}
OF_ONE_SPEAKER = [key for key in KEYS if "@" not in key]
OF_ALL = ["recent:@names", "recent:@sources"]


@pytest.fixture(params=[RedisKind, OldProtocolKind])
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return request.param(request)


@pytest.fixture
def messages(store):
    return store.messages


@pytest.fixture
def program(messages) -> MessageProgram:
    return MessageProgram(messages)


BOTH_HOURS = said({NOW: {"a": 2}, NOW - HOUR: {"b": 3}}, [line("a")])


# --- keys and forms


def test_these_are_all_the_keys_there_are(program, client):
    program.say(BOTH_HOURS)

    assert {key: client.type(key) for key in client.scan_iter()} == KEYS


def test_what_is_in_the_keys(program, client):
    program.say(BOTH_HOURS)

    assert everything(client) == {
        "recent:@state": {"pruned": f"{NOW}.000"},
        "recent:@names": {"shop.cart:warning"},
        "recent:@sources": {program.source: f"1 5 {NOW}.000000 0 0 0 0 "},
        "recent:shop.cart:warning": ["2027-01-15T08:00:00.000Z a"],
        "common:shop.cart:warning": [("a", 2)],
        "common:shop.cart:warning:last": [("b", 3)],
        "common:shop.cart:warning:start": "2027-01-15T08:00:00",
        "common:shop.cart:warning:pstart": "2027-01-15T07:00:00",
    }


@pytest.mark.parametrize(
    "hour",
    [
        *("1970-01-01T00", "1999-12-31T23", "2000-02-29T05", "2024-02-29T23", "2024-12-31T00"),
        *("2025-03-01T01", "2026-11-27T16", "2096-02-29T09", "2100-02-28T23", "2100-03-01T00"),
    ],
)
def test_the_hour_is_written_as_python_writes_it(program, messages, client, clock, hour):
    start = datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=UTC)
    clock.now = start.timestamp() + 1800.5
    program.say(said({int(start.timestamp()): {"a": 1}}))
    text = client.get("common:shop.cart:warning:start")

    assert text == start.replace(tzinfo=None).isoformat()
    program.say(said({int(start.timestamp()): {"a": 1}}))
    assert hours(messages) == ((int(start.timestamp()), {"a": 2}), None)


def test_a_prefix_stands_before_all_keys(empty_server, client, clock):
    address = parse_address(empty_server.url)
    store = RedisStore(
        address.target, address.settings, shown=address.shown, prefix="shop:", clock=clock
    )
    with contextlib.closing(store):
        MessageProgram(store.messages).say(BOTH_HOURS)
        assert store.messages.speakers() == [CART]
        assert hours(store.messages) == ((NOW, {"a": 2}), (NOW - HOUR, {"b": 3}))
        assert store.messages.recent([CART], 1) == [[line("a")]]

    assert set(client.scan_iter()) == {f"shop:{key}" for key in KEYS}


# --- programs of another origin


def test_what_another_program_has_written_is_counted_on(messages, program, client):
    key = "common:shop.cart:warning"
    client.zadd(key, {"a": 5, "b": 1})
    client.set(f"{key}:start", "2027-01-15T07:00:00")
    client.zadd(f"{key}:last", {"old": 1})
    client.set(f"{key}:pstart", "2027-01-15T06:00:00")
    program.say(said({NOW - HOUR: {"a": 2}}))
    assert hours(messages) == ((NOW - HOUR, {"a": 7, "b": 1}), (NOW - 2 * HOUR, {"old": 1}))

    program.say(said({NOW: {"c": 1}}))
    assert hours(messages) == ((NOW, {"c": 1}), (NOW - HOUR, {"a": 7, "b": 1}))


@pytest.mark.parametrize("start", ["2999-01-01T00:00:00", "9999-99-99T99:00:00", "noon", ""])
def test_an_hour_that_is_none_or_far_ahead_does_not_freeze_it(
    messages, program, client, clock, start
):
    client.zadd("common:shop.cart:warning", {"forged": 5})
    client.set("common:shop.cart:warning:start", start)
    assert program.say(said({NOW: {"a": 1}})).late == 0
    assert hours(messages)[0][0] == NOW
    assert hours(messages)[0][1]["a"] == 1

    clock.now = NOW + HOUR
    program.say(said({NOW + HOUR: {"b": 1}}))
    assert hours(messages)[0] == (NOW + HOUR, {"b": 1})
    assert hours(messages)[1][0] == NOW


def test_lines_of_another_form_stay_where_they_are(messages, program, client):
    key = "recent:shop.cart:warning"
    program.say(said({}, [line("a", NOW - 10)]))
    client.lpush(key, "Fri Jan 15 07:59:55 2027 - foreign")
    program.say(said({}, [line("c", NOW - 2), line("d", NOW - 1)]))
    program.say(said({}, [line("b", NOW - 3), line("0", NOW - 20), "no time"]))

    found = [text.rpartition(" ")[2] for text in messages.recent([CART], 99)[0]]
    assert found == ["d", "c", "b", "foreign", "a", "time", "0"]


def test_lines_from_ahead_that_are_there_keep_no_others_out(messages, program, client):
    key = "recent:shop.cart:warning"
    client.rpush(key, *(line(f"x{n}", NOW + 10**8) for n in range(5)))
    program.say(said({}, [line("a", NOW)]), recent=5)
    program.say(said({}, [line("b", NOW)]), recent=5)

    found = [text.rpartition(" ")[2] for text in messages.recent([CART], 99)[0]]
    assert found == ["b", "a", "x0", "x1", "x2"]


def test_scores_that_are_no_whole_numbers_are_left_out(messages, client):
    client.zadd(
        "common:shop.cart:warning",
        {"a": 3, "b": 2.5, "c": float("inf"), "d": float("-inf"), "e": 2**60, "f": 1e300},
    )
    client.set("common:shop.cart:warning:start", "2027-01-15T08:00:00")

    (common,) = messages.common([CART])
    assert common.current.counts == {"a": 3, "e": 2**60, "f": int(1e300)}


def test_bytes_that_are_no_text_are_read_all_the_same(messages, client):
    client.sadd("recent:@names", b"\xff:info", "nothing")
    client.rpush(b"recent:x:info", b"\xff\xfe")

    assert messages.speakers() == [("\ufffd", "info")]
    assert messages.recent([("x", "info")], 1) == [["\ufffd\ufffd"]]


def test_text_that_utf_8_does_not_have_is_kept_as_far_as_it_goes(messages, program):
    speaker = ("\udcff", "info")
    program.say(said({NOW: {"a\ud800": 1}}, [line("a\ud800")], speaker))

    assert messages.speakers() == [("?", "info")]
    assert messages.recent([speaker], 1) == [[line("a?")]]
    assert hours(messages, speaker) == ((NOW, {"a?": 1}), None)


@pytest.mark.parametrize("key", OF_ONE_SPEAKER)
def test_a_speaker_whose_key_is_spoilt_is_passed_over_and_named(messages, program, client, key):
    other = ("other", "info")
    if client.type(key) == "none":
        client.hset(key, "not", "ours")
    batch = program.batch(BOTH_HOURS, said({NOW: {"a": 7}}, [line("a")], other))
    receipt = messages.say(batch)

    assert receipt.status == "applied"
    assert receipt.bad == ("shop.cart:warning",)
    assert messages.say(batch) == as_duplicate(receipt)
    assert hours(messages, other) == ((NOW, {"a": 7}), None)
    assert messages.speakers() == [other]
    assert client.hgetall(key) == {"not": "ours"}
    assert [k for k in OF_ONE_SPEAKER if client.exists(k)] == [key]
    assert messages.common([CART]) == [Common()]
    assert messages.recent([CART, other], 9) == [[], [line("a")]]


@pytest.mark.parametrize("key", OF_ALL)
def test_a_key_of_all_that_is_spoilt_is_told_and_nothing_is_written(program, client, key):
    program.say(BOTH_HOURS)
    client.delete(key)
    client.set(key, "not ours")
    before = everything(client)
    with pytest.raises(StoreError, match="wrong kind of value"):
        program.messages.say(program.batch(BOTH_HOURS))

    assert everything(client) == before


def test_a_spoilt_source_is_told_and_nothing_is_written(program, client):
    program.say(BOTH_HOURS)
    client.hset("recent:@sources", program.source, "spoilt")
    before = everything(client)
    with pytest.raises(StoreError, match=f"the record of source {program.source} is spoilt"):
        program.messages.say(program.batch(BOTH_HOURS))

    assert everything(client) == before


# --- what a server does


def test_each_step_is_one_command(messages, program, client):
    def all_steps() -> None:
        program.say(BOTH_HOURS, *(said({NOW: {"a": 1}}, speaker=(str(n), "x")) for n in range(50)))
        messages.speakers()
        messages.recent([CART], 100)
        messages.common([CART])
        messages.now()

    all_steps()
    client.config_resetstat()
    all_steps()
    stats = client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 5
    assert "cmdstat_eval" not in stats


def test_large_hours_are_read_some_at_a_time(messages, program, client):
    speakers = [(str(n), "info") for n in range(4)]
    counts = {f"m{n}": 1 for n in range(9000)}
    for speaker in speakers:
        program.say(said({NOW: counts}, speaker=speaker))
    client.config_resetstat()

    assert messages.common(speakers) == [Common(Hour(NOW, counts))] * 4
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 2


def test_a_full_server_refuses_messages_whole(own_server, own_store):
    messages = own_store.messages
    program = MessageProgram(messages)
    program.say(BOTH_HOURS)
    with contextlib.closing(own_server.client()) as client:
        before = everything(client)
        with full(own_server):
            batch = program.batch(BOTH_HOURS)
            with pytest.raises(StoreUnavailable, match="maxmemory"):
                messages.say(batch)
            assert everything(client) == before
            assert len(messages.recent([CART], 9)[0]) == 1
        assert messages.say(batch).status == "applied"


KEEPS, TAILS = documented_rights("keeps"), documented_rights("tails")


def test_a_user_with_the_documented_rights_can_read(own_server, own_store):
    at = own_store.messages.now()
    MessageProgram(own_store.messages).say(said({int(at): {"a": 2}}, [line("a", at)]))
    with contextlib.closing(own_server.client()) as client:
        set_user(client, "reader", f"~* {TAILS}")
    with contextlib.closing(open_store(url_of(own_server, "reader"))) as reader:
        messages = reader.messages
        assert messages.speakers() == [CART]
        assert messages.recent([CART], 9) == [[line("a", at)]]
        assert hours(messages) == ((int(at) // HOUR * HOUR, {"a": 2}), None)
        assert messages.now() >= at
        with pytest.raises(StoreError):
            messages.say(MessageProgram(messages, "b" * 32).batch(BOTH_HOURS))


def test_a_right_that_is_missing_leaves_nothing_half_done(own_server, own_store):
    """Redis takes nothing back when a script fails in its midst."""
    now = int(own_store.messages.now()) // HOUR * HOUR
    before_that, refused = now - HOUR, 0
    with contextlib.closing(own_server.client()) as client:
        for right, others in without_each(KEEPS):
            client.flushall()
            first = said({before_that: {"a": 1}}, [line("a", now), line("c", now + 2)])
            MessageProgram(own_store.messages, "b" * 32).say(first)
            set_user(client, "keeper", f"~* {others}")
            batch = MessageProgram(own_store.messages).batch(
                said({now: {"b": 2, "c": 1}}, [line("b", now + 1)]), max_messages=1
            )
            before, receipt = contents(client), None
            keeper = open_store(url_of(own_server, "keeper"))
            with contextlib.closing(keeper), contextlib.suppress(StoreError):
                receipt = keeper.messages.say(batch)
            refused += receipt is None
            if receipt is None:
                assert contents(client) == before, right
                assert own_store.messages.say(batch).status == "applied"
            else:
                assert own_store.messages.say(batch) == as_duplicate(receipt)
            assert hours(own_store.messages) == (
                (now, {"b": 2, "@other": 1}),
                (before_that, {"a": 1}),
            ), right
            lines = own_store.messages.recent([CART], 9)[0]
            assert [text[-1] for text in lines] == ["c", "b", "a"], right
    assert refused >= 12
