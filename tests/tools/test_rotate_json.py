"""ecl-rotate --json: each finished bucket as a line, when it has settled."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ecl_logging.config import read_config_file
from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores.protocols import Finished
from ecl_logging.tools.command import Context
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.rotate import main as ecl_rotate
from ecl_logging.tools.settling import SettlingBuckets

START = 1_795_348_860  # 2026-11-22T12:01:00Z


def objects(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_each_finished_bucket_is_a_line(commanded, ran):
    ran(ecl_rotate, "--once")
    commanded.count("requests", **{"req1": 2, "@invalid": 1, "日\x1b": 3})
    commanded.clock.now += 10

    status, out, err = ran(ecl_rotate, "--once", "--json")

    assert (status, err) == (0, "")
    assert out.splitlines()[0] == (
        '{"group":"requests","interval":"5s","bucket":"past","start":"2026-11-22T12:01:00Z",'
        '"seconds":5,"counts":{"req1":2,"req2":0,"\\u65e5\\u001b":3},"own":{"@invalid":1},'
        '"measures":{}}'
    )
    assert [(one["bucket"], one["start"]) for one in objects(out)] == [
        ("past", "2026-11-22T12:01:00Z"),
        ("last", "2026-11-22T12:01:05Z"),
    ]


def test_an_object_is_the_same_as_ecl_read_prints(commanded, ran):
    commanded.count("errors", error=5, **counted("latency", [0.5]), **sum_cells("latency", [0.5]))
    commanded.clock.now += 3600

    _, rotated, _ = ran(ecl_rotate, "--once", "--json")
    _, read, _ = ran(ecl_read, "--json", "--last")

    assert '"measures":{"latency":{"count":1,"sum":0.5,"mean":0.5,' in rotated
    assert sorted(objects(rotated), key=str) == sorted(json.loads(read), key=str)


def test_verbose_goes_to_stderr_beside_it(commanded, ran):
    ran(ecl_rotate, "--once")
    commanded.clock.now += 5

    status, out, err = ran(ecl_rotate, "--once", "--json", "-v")

    assert (status, err) == (0, f"rotated requests 5s {START}\n")
    assert len(objects(out)) == 1


# --- settling


@pytest.fixture
def finished(commanded):
    """The bucket of requests 5s that starts at START has just finished."""
    commanded.clock.now += 5
    return Finished(Interval("5s", 5), START)


def settling(commanded, keys: str = "") -> SettlingBuckets:
    Path("some.yaml").write_text(f"groups: {{requests: {{intervals: [5s], {keys}}}}}")
    return SettlingBuckets(Context(commanded.store, read_config_file("some.yaml")))


@pytest.mark.parametrize(
    ("keys", "seconds"), [("", 2.0), ("sync_interval: 0.2", 2.0), ("sync_interval: 7.5", 8.5)]
)
def test_a_bucket_is_kept_for_a_flush_interval_and_a_second(commanded, finished, keys, seconds):
    buckets = settling(commanded, keys)
    assert buckets.seconds_left(100.0) == math.inf

    buckets.add(commanded.store.definition("requests"), [finished], 100.0)

    assert buckets.seconds_left(100.5) == seconds - 0.5
    assert buckets.seconds_left(1000.0) == 0.0


def test_what_arrives_before_it_has_settled_is_in_it(commanded, finished, capsys):
    buckets = settling(commanded)
    buckets.add(commanded.store.definition("requests"), [finished], 100.0)
    buckets.print_due(101.9)
    assert capsys.readouterr().out == ""
    commanded.clock.now -= 5
    commanded.count("requests", req1=4)
    commanded.clock.now += 17

    buckets.print_due(102.0)

    [one] = objects(capsys.readouterr().out)
    assert (one["bucket"], one["counts"]) == ("last", {"req1": 4, "req2": 0})
    buckets.print_due(math.inf)
    assert capsys.readouterr().out == ""


def test_what_cannot_be_read_is_kept_until_it_can(commanded, finished, capsys, monkeypatch):
    buckets = settling(commanded)
    buckets.add(commanded.store.definition("requests"), [finished], 100.0)

    def fail(*_: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(commanded.store, "read", fail)
        with pytest.raises(StoreUnavailable):
            buckets.print_due(math.inf)
    buckets.print_due(math.inf)

    assert len(objects(capsys.readouterr().out)) == 1


def test_a_bucket_is_found_though_an_edge_passes_while_it_is_read(
    commanded, finished, capsys, monkeypatch
):
    commanded.clock.now -= 5
    commanded.count("requests", req1=4)
    commanded.clock.now += 5
    read = commanded.store.read
    monkeypatch.setattr(commanded.store, "read", lambda *asked: passing(commanded, read, asked))
    buckets = settling(commanded)
    buckets.add(commanded.store.definition("requests"), [finished], 100.0)

    buckets.print_due(math.inf)

    assert objects(capsys.readouterr().out)[0]["counts"] == {"req1": 4, "req2": 0}


def passing(commanded, read, asked):
    found = read(*asked)
    commanded.clock.now += 5
    return found


def test_a_group_that_is_slow_holds_up_no_other(commanded, capsys):
    buckets = settling(commanded, "sync_interval: 60")
    commanded.clock.now += 3600
    slow = Finished(Interval("5s", 5), START)
    buckets.add(commanded.store.definition("requests"), [slow], 100.0)
    quick = Finished(Interval("1h", 3600), START - 60)
    buckets.add(commanded.store.definition("errors"), [quick], 100.0)

    buckets.print_due(102.0)

    assert [one["group"] for one in objects(capsys.readouterr().out)] == ["errors"]
    assert buckets.seconds_left(102.0) == 59.0
