"""Groups of very many IDs in Redis: what is read at once, what in parts, and what rotation takes."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.stores.protocols import Totals
from ecl_logging.stores.redis import store as redis_store
from tests.redis_servers import RedisServer
from tests.stores.kinds import RedisKind
from tests.stores.programs import FIVE_SECONDS, NOW, REQUESTS, Program, cells

# What is read are keys on a server, which are the same on every Python.
pytestmark = pytest.mark.once

PLAIN = dataclasses.replace(REQUESTS, cur_last_keys=False, max_events=10_000_000)
KEY = f"requests:5m:{NOW}"


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return RedisKind(request)


def fill(client, n: int) -> dict[str, int]:
    """Put so many IDs into a bucket, as if they had been counted."""
    counts = {f"id{at}": at + 1 for at in range(n)}
    items = list(counts.items())
    for first in range(0, n, 5000):
        client.hset(KEY, mapping=dict(items[first : first + 5000]))
    return counts


def calls(client, command: str) -> int:
    return client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]


@pytest.mark.parametrize(
    ("ids", "hgetall", "hscan"),
    [(10_000, 1, 0), (10_001, 1, 0), (100_000, 1, 0), (200_000, 0, 20)],
)
def test_a_bucket_of_any_size_is_read_whole(store, client, ids, hgetall, hscan):
    store.define(PLAIN)
    counts = fill(client, ids)
    client.config_resetstat()

    assert cells(store) == counts
    assert calls(client, "hgetall") == hgetall
    assert hscan <= calls(client, "hscan") <= hscan * 2


@pytest.mark.parametrize(
    ("ids", "hgetall", "hscan"), [(999, 1, 0), (1000, 1, 0), (2999, 1, 0), (3000, 0, 3)]
)
def test_totals_of_any_size_are_read_whole(store, client, monkeypatch, *, ids, hgetall, hscan):
    monkeypatch.setattr(redis_store, "_CELLS_AT_ONCE", 1000)
    monkeypatch.setattr(redis_store, "_MOST_AT_ONCE", 3000)
    store.define(PLAIN)
    store.totals("requests")
    counts = fill(client, ids)
    client.copy(KEY, f"{KEY}:copy")
    client.hset(f"{KEY}:copy", "@since", NOW)
    client.rename(f"{KEY}:copy", "requests:@totals")
    client.config_resetstat()

    assert store.totals("requests") == Totals(NOW, counts)
    assert calls(client, "hgetall") == hgetall
    assert hscan <= calls(client, "hscan") <= hscan * 2
    assert calls(client, "hset") == 0


def test_names_with_line_breaks_and_no_numbers_are_told_apart_in_large_buckets_too(store, client):
    store.define(PLAIN)
    counts = fill(client, 10_001)
    client.hset(KEY, mapping={"two\nlines": 3, "no number": "x", "below": -4, "007": "9" * 30})

    assert cells(store) == counts | {"two\nlines": 3, "below": -4}


def test_buckets_that_are_many_together_are_read_by_one_clock(store, client, clock, monkeypatch):
    monkeypatch.setattr(redis_store, "_CELLS_AT_ONCE", 100)
    store.define(PLAIN)
    program, expected = Program(store), []
    for age in range(4, 0, -1):
        counts = {f"id{n}": age for n in range(30 * age)}
        program.send(counts, start=NOW - 5 * age, intervals=(FIVE_SECONDS,))
        expected.append((NOW - 5 * age, {} if age > PLAIN.history else counts))
    client.config_resetstat()
    buckets = store.read("requests", FIVE_SECONDS, range(4, 0, -1))

    assert [(bucket.start, dict(bucket.cells)) for bucket in buckets] == expected
    assert calls(client, "evalsha") + calls(client, "eval") >= 2


@pytest.mark.parametrize("ids", [10, 2000])
def test_counting_takes_one_command_for_each_cell_and_few_beside_it(store, client, ids):
    store.define(PLAIN)
    counts, program = {f"id{n}": n + 1 for n in range(ids)}, Program(store)
    for expected in (1, 2):
        client.config_resetstat()
        program.send(counts)

        assert calls(client, "hincrby") == 2 * ids
        assert (
            sum(numbers["calls"] for numbers in client.info("commandstats").values()) < 2 * ids + 25
        )
        assert cells(store) == {one: n * expected for one, n in counts.items()}


def test_what_is_counted_between_two_parts_is_read_once_or_not_yet(
    store, open_store, client, monkeypatch
):
    monkeypatch.setattr(redis_store, "_CELLS_AT_ONCE", 500)
    monkeypatch.setattr(redis_store, "_MOST_AT_ONCE", 1000)
    store.define(PLAIN)
    counts = fill(client, 10_000)
    program, ask, parts = Program(open_store()), store._ask, 0

    def ask_and_be_overtaken(*command, **options):
        nonlocal parts
        answer = ask(*command, **options)
        parts += 1
        # Those that are there, and new ones: the hash grows while it is walked through.
        known = dict.fromkeys([f"id{n}" for n in range(0, 10_000, 10)], 1)
        program.send(known | {f"new{parts}-{n}": 1 for n in range(500)})
        return answer

    monkeypatch.setattr(store, "_ask", ask_and_be_overtaken)
    read = cells(store)

    assert parts > 10
    assert counts.keys() <= read.keys()
    for event_id, n in read.items():
        before = counts.get(event_id, 1)
        grows = event_id.startswith("id") and int(event_id[2:]) % 10 == 0
        assert before <= n <= before + (parts if grows else 0)


def test_a_quarter_of_a_million_ids_in_one_flush_interval_all_have_a_counter(
    empty_server: RedisServer,
):
    group = {
        "intervals": ["1d"],
        "auto_declare_events": True,
        "max_events": 1_000_000,
        "cur_last_keys": False,
        "sync_interval": 1,
    }
    with (
        contextlib.closing(EventCountLogger({"many": group}, store=empty_server.url)) as ecl,
        contextlib.closing(empty_server.client()) as client,
    ):
        many = ecl["many"]
        many.log("first")
        assert many.sync(30)
        for n in range(250_000):
            many.log(f"id{n}")
        assert many.sync(60)
        telemetry = ecl.telemetry()

        assert telemetry["applied"] == telemetry["counted"] == 250_001
        assert telemetry["other"] == 0
        counts = many.get_counts("1d", current=True)
        assert len(counts) == 250_001
        assert set(counts.values()) == {1}
        client.config_resetstat()
        ecl._flusher.store.rotate("many")
        sent = client.info("commandstats")
        assert (
            sent["cmdstat_evalsha"]["calls"] + sent.get("cmdstat_eval", {"calls": 0})["calls"] <= 2
        )
        assert sum(numbers["usec"] for numbers in sent.values()) < 50_000


@pytest.mark.timed
def test_nobody_waits_long_while_a_large_bucket_is_read(store, client):
    """The server's own notes of what took more than 100 ms."""
    store.define(PLAIN)
    fill(client, 300_000)
    client.config_set("slowlog-log-slower-than", 100_000)
    client.slowlog_reset()
    assert len(cells(store)) == 300_000
    slow = client.slowlog_get(10)
    client.config_set("slowlog-log-slower-than", 10_000)

    assert slow == []
