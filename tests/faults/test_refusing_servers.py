"""A server that refuses gets nothing half done; what it did not take is kept, and counted later."""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from ecl_logging import open_store
from ecl_logging.stores.redis import scripts
from ecl_logging.stores.redis import store as redis_store
from tests.faults.one_program import assert_all_counted_once, count_all, counted
from tests.programs import Program
from tests.redis_servers import RedisServer
from tests.server_troubles import (
    busy,
    demoted,
    documented_rights,
    full,
    set_user,
    unable_to_save,
    url_of,
    user_gone,
    user_with,
    without_replicas,
)

pytestmark = pytest.mark.usefixtures("warnings_told")

COUNTER = "counter"
RIGHTS = f"~* {documented_rights('counts')}"


@pytest.fixture
def admin(own_server: RedisServer) -> Iterator[redis.Redis]:
    with contextlib.closing(own_server.client()) as client:
        set_user(client, COUNTER, RIGHTS)
        yield client


@pytest.fixture
def program(own_server: RedisServer, admin: redis.Redis) -> Iterator[Program]:
    """It counts as a user that has the documented rights."""
    with contextlib.closing(open_store(url_of(own_server, COUNTER))) as store:
        yield Program(store)


def everything(client: redis.Redis) -> dict[str, Any]:
    """All that counts: buckets and what is known of sources."""
    names = [name for name in client.scan_iter("g:*") if client.type(name) == "hash"]
    return {name: client.hgetall(name) for name in names if not name.endswith("@def")}


def revoking(rights: str) -> Any:
    """The trouble of a user whose rights become these."""
    return functools.partial(user_with, name=COUNTER, during=rights, afterwards=RIGHTS)


def case(name: str, trouble: Any, told: str, row: str) -> Any:
    return pytest.param(trouble, told, id=name, marks=pytest.mark.fault(row))


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        case("busy", busy, "BUSY", "B5"),
        case("full", full, "maxmemory", "B6"),
        case("without replicas", without_replicas, "Not enough good replicas", "B9"),
        case("unable to save", unable_to_save, "snapshots", "B9"),
        case("demoted", demoted, "read only", "B9"),
        case("no script", revoking(f"{RIGHTS} -evalsha -eval"), "no permissions", "B15"),
        case("a command", revoking(f"{RIGHTS} -hincrby"), "can't run this command", "B15"),
        case("another", revoking(f"{RIGHTS} -hset"), "can't run this command", "B15"),
        case("keys", revoking(RIGHTS.replace("~*", "~other:*")), "no permissions", "B15"),
        case("buckets", revoking(RIGHTS.replace("~*", "~g:@*")), "can't", "B15"),
        case(
            "login",
            functools.partial(user_gone, name=COUNTER, afterwards=RIGHTS),
            "password",
            "B15",
        ),
    ],
)
def test_what_a_server_refuses_for_a_while_is_kept_and_then_counted(
    program: Program, own_server: RedisServer, admin: redis.Redis, trouble: Any, told: str
) -> None:
    logged = count_all(program, flushes=3)
    before = everything(admin)
    with trouble(own_server):
        for number in range(3):
            program.log("a", 100)
            program.log(f"new{number}")
            assert not program.flush()
            assert program.left == 101 * (number + 1)
        assert told.lower() in (program.outage.last_error or "").lower()
    assert everything(admin) == before

    logged += Counter({"a": 300, "new0": 1, "new1": 1, "new2": 1})
    logged += count_all(program, flushes=2)
    assert_all_counted_once(program, logged)


@pytest.mark.fault("B6")
def test_a_server_whose_memory_fills_up_amid_the_counting_takes_batches_whole_or_not(
    program: Program, own_server: RedisServer, admin: redis.Redis
) -> None:
    """New IDs until there is no room for more; what it has then is what its sources say."""
    logged = count_all(program, flushes=1)
    with full(own_server, room=64 * 1024):
        for number in range(200):
            for place in range(100):
                program.log(f"id {number} {place}")
                logged[f"id {number} {place}"] += 1
            if not program.flush():
                break
        assert "maxmemory" in (program.outage.last_error or "")
        assert program.left == 100
        [source] = program.store.sources("g")
        assert source.total == counted(program).total() == logged.total() - 100

    assert program.flush()
    assert_all_counted_once(program, logged)


# --- a script that is refused in its midst: Redis takes nothing back


@pytest.fixture
def write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script counts before it knows that it may note the batch's number."""
    probe = "redis.call('HSET', KEYS[3], source, record or '0 0 0 0 0 0 0 0 ')"
    monkeypatch.setattr(redis_store.scripts, "APPLY", changed_script(probe, ""))


@pytest.fixture
def stop_at_a_bad_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script ends with the first cell that it cannot add to."""
    script = changed_script("redis.pcall('HINCRBY'", "redis.call('HINCRBY'")
    monkeypatch.setattr(redis_store.scripts, "APPLY", script)


def changed_script(old: str, new: str) -> scripts.Script:
    script = copy.copy(scripts.APPLY)
    assert script.text.count(old) == 1
    script.text = script.text.replace(old, new)
    script.digest = hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
    return script


@pytest.mark.fault("B15", control=True)
@pytest.mark.usefixtures("write_at_once")
def test_a_script_that_does_not_look_first_what_it_may_do_counts_each_try(
    program: Program, own_server: RedisServer
) -> None:
    logged = count_all(program, flushes=3)
    with revoking(f"{RIGHTS} -hset")(own_server):
        program.log("a", 100)
        for _ in range(3):
            assert not program.flush()
    assert program.flush()

    assert counted(program)["a"] == logged["a"] + 400


def spoil(admin: redis.Redis, kind: str) -> None:
    """Put something into the way of what is counted next."""
    [bucket] = admin.keys("g:1m:[0-9]*")
    if kind == "text":
        admin.hset(bucket, "spoilt", "many")
    elif kind == "full":
        admin.hset(bucket, "spoilt", 2**63 - 1)
    else:
        admin.set(f"g:1h:{int(bucket.split(':')[-1]) // 3600 * 3600}", "no hash")


@pytest.fixture
def two_intervals(own_server: RedisServer, admin: redis.Redis) -> Iterator[Program]:
    """1h has no bucket before its keys are spoilt: the group gets it by a second program."""
    with contextlib.closing(open_store(url_of(own_server, COUNTER))) as store:
        yield Program(store, intervals=["1m", "1h"])


@pytest.mark.fault("B14")
@pytest.mark.parametrize("kind", ["text", "full", "no hash"])
@pytest.mark.usefixtures("amid_a_minute")
def test_a_cell_that_takes_nothing_spoils_no_other(
    program: Program,
    two_intervals: Program,
    admin: redis.Redis,
    warnings_told: list[str],
    kind: str,
) -> None:
    logged = count_all(program, flushes=2)
    spoil(admin, kind)
    two_intervals.log("a", 5)
    two_intervals.log("spoilt", 7)
    two_intervals.log("b")

    assert two_intervals.flush()
    good = Counter(logged) + Counter({"a": 5, "b": 1})
    if kind == "no hash":  # 1m has taken all of it, 1h nothing
        good["spoilt"] = 7
    stored = Counter(admin.hgetall(admin.keys("g:1m:[0-9]*")[0]))
    assert {name: int(n) for name, n in stored.items() if name in good} == good
    assert not any(two_intervals.ledger.dropped.values())  # one of both intervals has each
    assert any("holds no number" in told for told in warnings_told)
    assert_goes_on(two_intervals, admin, kind)


def assert_goes_on(program: Program, admin: redis.Redis, kind: str) -> None:
    """Batches without the cell are as they were."""
    before = counted(program)["a"]
    program.log("a", 11)
    assert program.flush()
    assert counted(program)["a"] == before + 11


@pytest.mark.fault("B14", control=True)
@pytest.mark.usefixtures("amid_a_minute", "stop_at_a_bad_cell")
def test_a_script_that_ends_at_a_bad_cell_counts_the_others_with_each_try(
    program: Program, admin: redis.Redis
) -> None:
    logged = count_all(program, flushes=2)
    spoil(admin, "text")
    program.log("a", 5)
    program.log("spoilt", 7)
    for _ in range(3):
        assert not program.flush()

    assert counted(program)["a"] == logged["a"] + 15


# --- keys that somebody takes away


@pytest.mark.fault("B13")
@pytest.mark.parametrize(
    ("key", "forgotten"),
    [("g:@def", 0), ("g:@events", 0), ("@groups", 0), ("g:@sources", 22)],
)
def test_a_key_that_was_deleted_doubles_nothing(
    program: Program, admin: redis.Redis, key: str, forgotten: int
) -> None:
    """Who knows no more what it had counted tells all of it as lost: nothing is sent again."""
    logged = count_all(program, flushes=2)
    admin.delete(key)
    logged += count_all(program, flushes=2)

    assert counted(program) == logged
    assert program.ledger.dropped["server_forgot"] == forgotten


@pytest.mark.fault("B13")
def test_a_bucket_that_was_deleted_is_gone_and_counting_goes_on(
    program: Program, admin: redis.Redis
) -> None:
    """Nobody can tell; what is counted later is whole."""
    count_all(program, flushes=2)
    admin.delete(*admin.keys("g:1m:[0-9]*"))

    assert counted(program) == {}
    assert counted(program) != (logged := count_all(program, flushes=2))
    assert counted(program) == logged


# --- a server that evicts


@pytest.mark.fault("B7")
@pytest.mark.parametrize("policy", ["allkeys-random", "volatile-random"])
def test_what_a_server_evicts_is_never_doubled(
    program: Program,
    own_server: RedisServer,
    admin: redis.Redis,
    warnings_told: list[str],
    policy: str,
) -> None:
    """Under `allkeys` the sources go as well, which is told; under `volatile` buckets only."""
    admin.config_set("maxmemory-policy", policy)
    logged = count_all(program, flushes=2)
    assert any(policy in told for told in warnings_told)
    with full(own_server):
        with contextlib.suppress(redis.OutOfMemoryError):
            admin.set("somebody's", "word")  # has the server make room
        left = set(admin.keys("*"))
    logged += count_all(program, flushes=2)

    assert not counted(program) - logged
    assert counted(program)["a"] == 2
    keeps_sources = policy.startswith("volatile")
    assert ("g:@sources" in left) == keeps_sources
    assert program.ledger.dropped["server_forgot"] == (0 if keeps_sources else 22)
