"""GraphitePeriodicPusher: on time, in spite of errors, and in the process that has started it."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.errors import ConfigError
from ecl_logging.exporters.graphite import GraphitePeriodicPusher
from tests.faults.programs import Programs, assert_silent
from tests.graphite_listeners import Listener
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_tree")

START = """
import os, stat, sys, time
from ecl_logging import stats
from ecl_logging.exporters.graphite import GraphitePeriodicPusher, GraphitePusher
def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False
COUNTED = stats.collection("/web", stats.IntStat("hits"), stats.Stat("process", os.getpid))
"""


@pytest.fixture
def make(graphite: Listener) -> Iterator[Callable[..., GraphitePeriodicPusher]]:
    made: list[weakref.ref[GraphitePeriodicPusher]] = []

    def make(period: float = 0.1, **options: Any) -> GraphitePeriodicPusher:
        pusher = GraphitePeriodicPusher("127.0.0.1", graphite.port, "shop", period, **options)
        pusher.allow("*")
        made.append(weakref.ref(pusher))
        return pusher

    yield make
    for one in made:
        pusher = one()
        if pusher is not None:
            pusher.close(1.0)


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_it_pushes_every_period_first_after_one(
    graphite: Listener, make: Callable[..., GraphitePeriodicPusher]
) -> None:
    called: list[float] = []
    counted = stats.collection("/web", stats.Stat("calls", lambda: called.append(time.monotonic())))
    pusher = make(0.2)
    began = time.monotonic()
    assert pusher.start()
    assert pusher.start()
    assert threads("ecl-graphite-push") == 1

    wait_until(lambda: len(called) >= 6)
    pusher.stop()
    assert called[0] - began >= 0.2
    # Without drift, the sixth is due after six periods: not earlier, and late by its own delay.
    assert called[5] - began >= 6 * 0.2
    assert counted is not None


def test_there_is_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    from ecl_logging.exporters.graphite import tree_periodic

    now, pushed = 100.0, []

    def push() -> None:
        nonlocal now
        pushed.append(now)
        now += 3.0 if len(pushed) != 4 else 25.0  # what a push takes

    monkeypatch.setattr(tree_periodic.time, "monotonic", lambda: now)
    beat = tree_periodic._Beat(push, 10.0)
    while len(pushed) < 6:
        pause = beat()
        now += pause + 0.5  # as late as a thread may wake
        assert now < 1000

    assert pushed == [110.5, 120.5, 130.5, 140.5, 170.5, 180.5]


def test_an_error_is_told_and_the_next_push_comes(
    graphite: Listener,
    make: Callable[..., GraphitePeriodicPusher],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr("ecl_logging.ticker.warn", told.append)
    failing = [SystemExit(3)]

    def prune(path: str) -> bool:
        if failing:
            raise failing.pop()
        return False

    counted = stats.collection("/web", stats.IntStat("n", 5))
    pusher = make()
    pusher.prune(prune)
    pusher.start()

    wait_until(lambda: graphite.lines)
    assert told == ["pushing to Graphite failed with SystemExit: 3; trying on"]
    assert graphite.lines[0].startswith("shop.web.n 5 ")
    del counted  # which holds its place in the tree


def test_it_stops_and_starts_again(
    graphite: Listener, make: Callable[..., GraphitePeriodicPusher]
) -> None:
    counted = stats.collection("/web", stats.IntStat("hits"))
    counted.hits += 1
    pusher = make(0.05)
    pusher.start()
    wait_until(lambda: graphite.lines)
    pusher.stop()
    wait_until(lambda: threads("ecl-graphite-push") == 0)
    pusher.flush()
    pushed = pusher.telemetry()["pushed"]
    time.sleep(0.2)
    assert pusher.telemetry()["pushed"] == pushed

    pusher.start()
    wait_until(lambda: pusher.telemetry()["pushed"] > pushed)
    pusher.close()
    assert not pusher.start()
    assert threads("ecl-graphite-push") == 0


def test_it_goes_on_though_nobody_holds_it_and_not_where_it_was_never_started(
    graphite: Listener, make: Callable[..., GraphitePeriodicPusher]
) -> None:
    counted = stats.collection("/web", stats.IntStat("hits"))
    counted.hits += 1
    started, never = weakref.ref(make(0.05)), weakref.ref(make(0.05))
    gc.collect()
    assert started() is None
    assert never() is None

    started = weakref.ref(make(0.05))
    pusher = make(0.05)
    pusher.start()
    held = weakref.ref(pusher)
    del pusher
    gc.collect()
    assert held() is not None
    wait_until(lambda: len(graphite.lines) > 2)


def test_a_gauge_that_never_returns_leaves_time_to_send_what_waits(
    graphite: Listener, make: Callable[..., GraphitePeriodicPusher]
) -> None:
    is_called, may_return = threading.Event(), threading.Event()

    def gauge() -> None:
        is_called.set()
        may_return.wait(30)

    held = stats.collection("/web", stats.Stat("stuck", gauge))
    pusher = make(0.01)
    assert pusher.start()
    assert is_called.wait(10)
    pusher.push({"last": 1})
    began = time.monotonic()
    assert pusher.close(2.0)
    assert time.monotonic() - began < 10
    assert [path for path, _, _ in graphite.points] == ["shop.last"]
    may_return.set()
    del held


@pytest.mark.parametrize("period", [0, -1, True, "60", float("inf"), float("nan")])
def test_a_period_is_a_number_of_seconds(period: Any) -> None:
    with pytest.raises(ConfigError, match=r"^period: "):
        GraphitePeriodicPusher("localhost", 2003, period=period)


# --- forks


def by_process(graphite: Listener) -> dict[float, int]:
    """How many points there are of each process, by what it says is its number."""
    found: dict[float, int] = {}
    for path, value, _ in graphite.points:
        if path.endswith(".web.process"):
            found[value] = found.get(value, 0) + 1
    return found


def test_a_fork_leaves_the_parent_alone_and_a_child_pushes_when_it_starts(
    programs: Programs, graphite: Listener
) -> None:
    """The silent child ends in an orderly way, with all that does to what it has inherited."""
    started = programs.start(
        f"""{START}
pusher = GraphitePeriodicPusher("127.0.0.1", {graphite.port}, "shop", period=0.1)
pusher.allow("*")
pusher.start()
while not pusher.telemetry()["sent"]:
    time.sleep(0.01)
silent = os.fork()
if silent == 0:
    assert pusher.telemetry()["pushed"] == 0
    assert not any(is_socket(number) for number in range(3, 256))
    time.sleep(0.5)
    assert pusher.telemetry()["pushed"] == 0
    sys.exit(0)
by_hand = os.fork()
if by_hand == 0:
    pusher.push(prefix="by_hand")
    assert pusher.close()
    sys.exit(0)
starting = os.fork()
if starting == 0:
    assert pusher.start()
    while pusher.telemetry()["sent"] < 6:
        time.sleep(0.01)
    sys.exit(0)
for child in (silent, by_hand, starting):
    assert os.waitpid(child, 0)[1] == 0
before = pusher.telemetry()["sent"]
while pusher.telemetry()["sent"] < before + 6:
    time.sleep(0.01)
assert pusher.telemetry()["reconnects"] == 0
pusher.close()
print(os.getpid(), silent, by_hand, starting)
""",
        *("-W", "ignore:This process:DeprecationWarning"),
    )
    ended = started.end()

    assert_silent(ended)
    parent, silent, by_hand, starting = map(int, ended.out.split())
    found = by_process(graphite)
    assert found.keys() == {parent, by_hand, starting}
    assert found[by_hand] == 1
    assert found[parent] >= 6
    assert found[starting] >= 2
    assert graphite.connections == 3
    assert silent != parent


def test_a_child_has_nothing_to_send_of_what_waited_in_its_parent(
    programs: Programs, graphite: Listener
) -> None:
    graphite.stop()
    started = programs.start(
        f"""{START}
pusher = GraphitePusher("127.0.0.1", {graphite.port}, "shop")
pusher.allow("*")
pusher.push()
while not pusher.telemetry()["last_error"]:
    time.sleep(0.01)
child = os.fork()
if child == 0:
    known = pusher.telemetry()
    assert (known["pushed"], known["pending"], known["last_error"]) == (0, 0, None)
    assert pusher.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print("forked", flush=True)
while pusher.telemetry()["pending"]:
    time.sleep(0.01)
pusher.close()
""",
        *("-W", "ignore:This process:DeprecationWarning"),
    )
    wait_until(lambda: "forked" in started.out() or started.process.poll() is not None)
    graphite.start()
    ended = started.end()

    assert ended.status == 0, ended.err
    assert list(by_process(graphite).values()) == [1]


# --- the end of the process


def test_what_waits_at_the_end_of_a_program_is_sent(programs: Programs, graphite: Listener) -> None:
    ended = programs.run(
        f"""{START}
pusher = GraphitePeriodicPusher("127.0.0.1", {graphite.port}, "shop", period=600)
pusher.allow("*")
pusher.start()
pusher.push()
"""
    )

    assert_silent(ended)
    wait_until(lambda: len(graphite.lines) == 2)


@pytest.mark.parametrize("trouble", ["nobody", "never reads"])
def test_the_end_of_a_program_waits_for_carbon_for_a_moment_only(
    programs: Programs, graphite: Listener, trouble: str
) -> None:
    if trouble == "nobody":
        graphite.stop()
    else:
        graphite.pause()
    ended = programs.run(
        f"""{START}
pusher = GraphitePeriodicPusher("127.0.0.1", {graphite.port}, "x." * 900, period=0.05)
pusher.allow("*")
pusher.start()
for _ in range(10):
    pusher.push({{str(n): n for n in range(1000)}})
time.sleep(0.2)
print(time.monotonic())
"""
    )

    assert ended.status == 0
    assert ended.at - float(ended.out) < 5.0  # of which Python takes some; it stalls for 30
    assert "Traceback" not in ended.err
    assert ended.err.endswith(" points could not be sent before the end\n")
    assert len(ended.err.splitlines()) == (2 if trouble == "nobody" else 1)
