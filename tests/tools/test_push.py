"""ecl-push: how it is called, how it ends, and what it says meanwhile."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.config import GroupConfig
from ecl_logging.definitions import wanted_definition
from ecl_logging.intervals import Interval
from ecl_logging.stores import open_store
from ecl_logging.stores.protocols import Store
from ecl_logging.tools.push import main as ecl_push
from tests.faults.programs import Programs, Started
from tests.graphite_listeners import Listener, listener
from tests.redis_servers import RedisServer
from tests.stores.programs import Program
from tests.waiting import wait_until

START = 1_795_348_800  # 2026-11-22T12:00:00Z
SECOND = Interval.parse("1s")


@pytest.fixture
def graphite() -> Iterator[Listener]:
    with listener() as listening:
        yield listening


@pytest.fixture
def target(graphite: Listener) -> str:
    return f"127.0.0.1:{graphite.port}"


# --- once


def test_once_pushes_what_is_due_and_ends(commanded, ran, graphite, target):
    commanded.count("requests", req1=2)
    commanded.clock.now += 7

    assert ran(ecl_push, target, "--once") == (0, "", "")
    assert sorted(graphite.lines) == [
        f"ecl.errors.1h.error 0 {START - 3600}",
        f"ecl.requests.5m.req1 0 {START - 300}",
        f"ecl.requests.5m.req2 0 {START - 300}",
        f"ecl.requests.5s.req1 2 {START + 60}",
        f"ecl.requests.5s.req2 0 {START + 60}",
    ]


def test_once_again_pushes_what_has_come_since(commanded, ran, graphite, target):
    for _ in range(3):
        commanded.clock.now += 10
        assert ran(ecl_push, target, "--once") == (0, "", "")
    times = graphite.times()

    assert set(times.values()) == {1}
    assert [at - START for path, at in times if path == "ecl.requests.5s.req1"] == [
        *(60, 65, 70, 75, 80)
    ]


def test_another_prefix_or_target_has_its_own_progress(commanded, ran, graphite, target):
    ran(ecl_push, target, "--once")
    ran(ecl_push, target, "--once", "--prefix", "other.place")
    with listener() as another:
        ran(ecl_push, f"127.0.0.1:{another.port}", "--once")

        assert len(another.lines) == 5
    assert {line.partition(".requests")[0] for line in graphite.lines if ".requests" in line} == {
        *("ecl", "other.place")
    }


def test_verbose_names_each_bucket_that_is_pushed(commanded, ran, target):
    commanded.clock.now += 7
    status, out, err = ran(ecl_push, target, "--once", "-v")

    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"pushed errors 1h {START - 3600} 1",
        f"pushed requests 5s {START + 60} 2",
        f"pushed requests 5m {START - 300} 2",
    ]


def test_rules_apply_in_their_order(commanded, ran, graphite, target):
    commanded.count("requests", req1=2)
    rules = ("--allow", "requests.*", "--forbid", "*.5m.*", "--allow", "*.req1")
    ran(ecl_push, target, "--once", *rules)

    assert {line.split()[0] for line in graphite.lines} == {
        *("ecl.requests.5s.req1", "ecl.requests.5s.req2", "ecl.requests.5m.req1")
    }


def test_confirmed_once_means_that_carbon_lives_on(commanded, ran, graphite, target):
    before = time.monotonic()

    assert ran(ecl_push, target, "--once", "--confirm-after", "0.6") == (0, "", "")
    assert time.monotonic() - before > 0.6
    assert graphite.connections >= 3  # the first, its relief, and that which confirmed
    assert set(graphite.times().values()) == {1}


# --- what cannot be


def test_an_empty_store_is_no_error(ran, target):
    status, out, err = ran(ecl_push, target, "--once", "--store", "memory://")

    assert (status, out) == (0, "")
    assert err.startswith("ecl-push: nothing counted in memory://; ")


def test_a_target_that_is_away_is_told_in_a_line(commanded, ran, graphite, target):
    graphite.stop()

    assert ran(ecl_push, target, "--once") == (
        *(3, ""),
        f"ecl-push: error: {target}: Connection refused\n",
    )


def test_a_store_that_is_away_is_told_in_a_line(ran, target, tmp_path):
    status, out, err = ran(ecl_push, target, "--once", "--store", f"unix://{tmp_path}/none")

    assert (status, out) == (3, "")
    assert err.startswith("ecl-push: error: unix://")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["graphite"], "'graphite': write HOST:PORT"),
        ([], "HOST:PORT"),
        (["me:CANARY@graphite:2003"], "write HOST:PORT"),
        (["graphite:2003", "--prefix", "a..b"], "'a..b' is no path"),
        (["graphite:2003", "--prefix", ""], "is no path"),
        (["graphite:2003", "--confirm-after", "-1"], "is not a number of seconds"),
        (["graphite:2003", "--confirm-after", "nan"], "is not a number of seconds"),
    ],
)
def test_wrong_usage_is_told(ran, arguments, told):
    status, out, err = ran(ecl_push, *arguments)

    assert (status, out) == (2, "")
    assert told in err
    assert "CANARY" not in err


# --- on and on


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    programs.kill_all()


def define_seconds(store: Store) -> None:
    store.define(wanted_definition(GroupConfig("requests", (SECOND,), ("req1",), history=600)))


def start(programs: Programs, target: str, *options: str) -> Started:
    return programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.push", target, *options)
    )


def last_start(graphite: Listener) -> int:
    return max((at for _, _, at in graphite.points), default=0)


@pytest.mark.once
def test_it_waits_for_target_and_groups_and_ends_at_sigterm(programs, graphite, target):
    graphite.stop()
    pushing = start(programs, target)
    wait_until(lambda: "Connection refused; trying on" in pushing.err())
    graphite.start()
    store = open_store(programs.url)
    define_seconds(store)
    now = int(time.time())
    Program(store).send({"req1": 5}, start=now, intervals=(SECOND,))
    wait_until(lambda: last_start(graphite) >= now)
    pushing.send(signal.SIGTERM)
    ended = pushing.end()

    assert ended.status == 0
    assert ended.out == ""
    assert [line.partition(";")[0] for line in ended.err.splitlines()][:1] == [
        f"ecl-push: {target}: Connection refused"
    ]
    assert f"ecl-push: {target} is back after " in ended.err
    assert ended.err.count("\n") == 2
    assert ("ecl.requests.1s.req1", 5.0, now) in graphite.points
    store.close()


@pytest.mark.once
def test_it_ends_at_sigterm_though_the_target_hangs(programs, graphite, target):
    graphite.pause()
    store = open_store(programs.url)
    define_seconds(store)
    pushing = start(programs, target, "-v")
    wait_until(lambda: "pushed requests" in pushing.out())
    before = time.monotonic()
    pushing.send(signal.SIGTERM)
    ended = pushing.end()

    assert ended.status == 0
    assert ended.at - before < 10
    assert store.marks("requests", f"push:{target}:ecl") == {}
    store.close()


@pytest.mark.once
def test_ctrl_c_ends_it(programs, target):
    define_seconds(store := open_store(programs.url))
    pushing = start(programs, target, "-v")
    wait_until(lambda: "pushed requests" in pushing.out())
    pushing.send(signal.SIGINT)

    assert pushing.end().status == 130
    store.close()


@pytest.mark.once
def test_an_outage_of_the_store_is_waited_out(tmp_path, own_server: RedisServer, graphite, target):
    programs = Programs(tmp_path, own_server)
    store = open_store(own_server.url)
    define_seconds(store)
    now = int(time.time())
    Program(store).send({"req1": 5}, start=now, intervals=(SECOND,))
    pushing = start(programs, target)
    try:
        wait_until(lambda: last_start(graphite) > now)
        own_server.kill()
        wait_until(lambda: "trying on" in pushing.err())
        gone = last_start(graphite)
        own_server.start()
        define_seconds(store)
        wait_until(lambda: last_start(graphite) > gone + 1)
        pushing.send(signal.SIGTERM)
        ended = pushing.end()
    finally:
        programs.kill_all()

    assert ended.status == 0
    assert "the store is back after" in ended.err
    assert [n for _, n, at in graphite.points if at == now] == [5]
    store.close()
