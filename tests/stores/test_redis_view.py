"""The first seed's keys: what is written beside the buckets, when it moves on, and when not."""

from __future__ import annotations

import dataclasses

import pytest
import redis

from ecl_logging.measures import counted, sum_cells
from tests.stores.kinds import RedisKind
from tests.stores.programs import FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program

AUTO = dataclasses.replace(REQUESTS, events=frozenset({"req1", "error"}))


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return RedisKind(request)


def view(client: redis.Redis, interval: str = "5s") -> dict[str, str]:
    """The keys of one interval's view, without what they have in common."""
    keys = sorted(
        key for key in client.keys(f"requests:{interval}:*") if key.split(":")[2] in {"cur", "last"}
    )
    start = len(f"requests:{interval}:")
    return {key[start:]: client.get(key) for key in keys}


def test_a_new_group_is_shown_at_zero(store, client):
    store.define(AUTO)

    assert view(client) == {
        "cur:@ts": str(NOW),
        "cur:error": "0",
        "cur:req1": "0",
        "last:error": "0",
        "last:req1": "0",
    }
    assert view(client, "5m")["cur:@ts"] == str(NOW)


def test_what_is_counted_is_shown_in_every_interval(store, client, clock):
    store.define(AUTO)
    clock.now = NOW + 7
    program = Program(store)
    program.send({"req1": 2, "new": 1}, start=NOW + 5)
    program.send({"new": 4}, start=NOW)

    assert view(client) == {
        "cur:@ts": str(NOW + 5),
        "cur:error": "0",
        "cur:new": "1",
        "cur:req1": "2",
        "last:error": "0",
        "last:new": "4",
        "last:req1": "0",
    }
    assert view(client, "5m")["cur:new"] == "5"


def test_a_bucket_older_than_the_last_is_not_shown(store, client, clock):
    store.define(AUTO)
    clock.now = NOW + 10
    Program(store).send({"req1": 2}, start=NOW)

    assert view(client)["cur:req1"] == view(client)["last:req1"] == "0"


def test_late_events_notes_and_measures_are_not_shown(store, client, clock):
    store.define(AUTO)
    Program(store).send({"req1": 2, "@invalid": 3}, start=0)
    measured = counted("m", [2.5, 0.0, -1.0]) | sum_cells("m", [1.5])
    Program(store, "b").send({"req1": 1, "@invalid": 3, "@other": 4, **measured})

    assert [key for key in view(client) if "@" in key] == ["cur:@ts"]
    assert view(client)["cur:req1"] == "1"
    clock.now = NOW + 5
    store.rotate("requests")
    assert [key for key in view(client) if "@" in key] == ["cur:@ts"]
    assert view(client)["last:req1"] == "1"


def test_the_next_apply_moves_the_view_on_however_long_ago_it_was(store, client, clock):
    store.define(AUTO)
    program = Program(store)
    program.send({"req1": 2, "gone": 1})
    clock.now = NOW + 5
    program.send({"error": 3}, start=NOW + 5)
    assert view(client)["last:req1"] == "2"
    assert view(client)["last:gone"] == "1"

    clock.now = NOW + 86400
    program.send({"error": 5}, start=NOW + 86400)

    assert view(client) == {
        "cur:@ts": str(NOW + 86400),
        "cur:error": "5",
        "cur:req1": "0",
        "last:error": "0",
        "last:req1": "0",
    }


def test_rotation_moves_the_view_on_though_nothing_is_counted(store, client, clock):
    store.define(AUTO)
    Program(store).send({"req1": 2, "new": 1})
    clock.now = NOW + 5
    store.rotate("requests")

    assert view(client) == {
        "cur:@ts": str(NOW + 5),
        "cur:error": "0",
        "cur:req1": "0",
        "last:error": "0",
        "last:new": "1",
        "last:req1": "2",
    }


def test_the_view_can_be_rebuilt_from_the_buckets_at_any_time(store, client, clock):
    store.define(AUTO)
    program = Program(store)
    program.send({"req1": 2, "new": 1})
    clock.now = NOW + 5
    program.send({"req1": 3}, start=NOW + 5)
    before = view(client), view(client, "5m")

    for key in ("cur:@ts", "cur:req1", "last:req1", "last:new"):
        client.delete(f"requests:5s:{key}")
    client.set("requests:5s:cur:error", "spoilt")
    client.delete("requests:5m:cur:@ts")
    client.set("requests:5m:cur:new", 999)
    client.hset("requests:5m:cur:req1:x", "not", "ours")
    store.rotate("requests")

    client.delete("requests:5m:cur:req1:x")
    assert (view(client), view(client, "5m")) == before


def test_a_spoilt_view_spoils_no_counts(store, client, clock):
    store.define(AUTO)
    client.set("requests:5s:cur:req1", "spoilt")
    client.delete("requests:5m:cur:@ts")
    client.lpush("requests:5m:cur:@ts", "a list")
    reply = Program(store).send({"req1": 2, "new": 1})

    assert (reply.dropped, reply.bad_cells) == (0, ())
    assert dict(store.read("requests", FIVE_SECONDS, [0])[0].cells) == {"req1": 2, "new": 1}
    assert view(client, "5m")["cur:req1"] == "2"
    clock.now = NOW + 5
    store.rotate("requests")
    assert view(client)["last:req1"] == "2"


def test_undeclared_ids_live_no_longer_than_their_buckets(store, client):
    """From the buckets it is known which there are; without them nobody could take them away."""
    store.define(AUTO)
    program = Program(store)
    program.send({"new": 1, "req1": 1})
    program.send({"newer": 1, "req1": 1})

    for interval, start in ((FIVE_SECONDS, NOW), (FIVE_MINUTES, NOW)):
        bucket = client.pttl(f"requests:{interval.text}:{start}")
        for event_id in ("new", "newer"):
            left = client.pttl(f"requests:{interval.text}:cur:{event_id}")
            assert 0 < bucket - 5000 < left <= bucket + 100  # set a moment later
        assert client.pttl(f"requests:{interval.text}:cur:req1") == -1


def test_an_id_that_is_declared_later_is_shown_at_zero_from_then_on(store, client, clock):
    store.define(AUTO)
    Program(store).send({"new": 1})
    store.define(dataclasses.replace(AUTO, events=frozenset({"newest"})))

    assert view(client)["cur:newest"] == "0"
    assert view(client)["cur:new"] == "1"
    clock.now = NOW + 86400
    store.rotate("requests")
    assert view(client)["last:newest"] == "0"


def test_an_id_that_is_declared_no_more_is_gone(store, client):
    store.define(AUTO)
    Program(store).send({"req1": 1})
    store.define(dataclasses.replace(AUTO, events=frozenset({"error"})), replace=True)

    assert sorted(view(client)) == ["cur:@ts", "cur:error", "cur:req1", "last:error"]
    store.define(dataclasses.replace(AUTO, events=frozenset()), replace=True)
    assert sorted(view(client)) == ["cur:@ts", "cur:req1"]


def test_an_interval_that_is_defined_no_more_has_no_view(store, client):
    store.define(AUTO)
    Program(store).send({"req1": 1, "new": 1})
    store.define(dataclasses.replace(AUTO, intervals=(FIVE_MINUTES,)), replace=True)

    assert view(client, "5s") == {}
    assert view(client, "5m")["cur:new"] == "1"


def test_without_the_view_nothing_of_it_is_written_or_read(store, client, clock):
    store.define(dataclasses.replace(AUTO, cur_last_keys=False))
    program = Program(store)
    program.send({"req1": 2, "new": 1})
    clock.now = NOW + 5
    store.rotate("requests")
    program.send({"req1": 2, "new": 1}, start=NOW + 5)
    commands = client.info("commandstats")

    assert view(client) == view(client, "5m") == {}
    assert not {"cmdstat_get", "cmdstat_set", "cmdstat_mset", "cmdstat_incrby"} & set(commands)


def test_switching_the_view_off_takes_it_away_and_on_brings_it_back(store, client):
    store.define(AUTO)
    Program(store).send({"req1": 2, "new": 1})
    before = view(client)
    off = dataclasses.replace(AUTO, cur_last_keys=False)
    store.define(off, replace=True)
    assert view(client) == view(client, "5m") == {}

    store.define(AUTO, replace=True)
    assert view(client) == before


def test_the_last_cells_equal_the_bucket_at_their_start(store, client, clock):
    store.define(AUTO)
    program = Program(store)
    for second in range(40):
        clock.now = NOW + second
        program.send({"req1": second, "error": 1}, start=int(clock.now) // 5 * 5)
        shown = view(client)
        last = client.hgetall(f"requests:5s:{int(shown['cur:@ts']) - 5}")
        assert shown["last:req1"] == last.get("req1", "0")
        assert shown["last:error"] == last.get("error", "0")


@pytest.mark.once
def test_a_view_of_many_ids_moves_on_in_one_step(store, client, clock):
    ids = [f"id{n}" for n in range(5000)]
    store.define(dataclasses.replace(AUTO, events=frozenset(ids[:3000]), max_events=10_000))
    program = Program(store)
    for first in range(0, 5000, 1000):
        program.send(dict.fromkeys(ids[first : first + 1000], 7))
    clock.now = NOW + 5
    store.rotate("requests")

    assert client.get("requests:5s:last:id0") == client.get("requests:5s:last:id4999") == "7"
    assert client.get("requests:5s:cur:id0") == "0"
    assert client.get("requests:5s:cur:id4999") is None
