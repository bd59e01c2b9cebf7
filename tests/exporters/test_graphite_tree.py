"""GraphitePusher: what carbon gets, what is told, and how it ends."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.errors import ConfigError
from ecl_logging.exporters.graphite import GraphitePusher
from ecl_logging.handlers import CountingHandler
from tests.exporters.tree_pushing import assert_adds_up, at_once, numbered, values
from tests.faults.programs import Programs, assert_silent
from tests.graphite_listeners import Listener
from tests.waiting import wait_until

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("empty_tree")]


def sender_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ecl-graphite"]


# --- what arrives


def test_the_tree_arrives_with_the_time_of_the_push(
    graphite: Listener, pusher: GraphitePusher
) -> None:
    counted = stats.collection("/web", stats.IntStat("hits"), stats.Stat("load", lambda: 0.0025))
    counted.hits += 3
    before = int(time.time())
    pusher.push()

    assert pusher.flush()
    wait_until(lambda: len(graphite.lines) == 2)
    assert sorted(values(graphite)) == [("shop.web.hits", 3), ("shop.web.load", 0.0025)]
    assert {at for _, _, at in graphite.points} <= {before, before + 1}
    assert len({at for _, _, at in graphite.points}) == 1
    assert assert_adds_up(pusher) == {
        "pushed": 2,
        "sent": 2,
        "pending": 0,
        "dropped": 0,
        "reconnects": 0,
        "last_error": None,
    }


def test_a_mapping_can_be_pushed_in_its_place(graphite: Listener, pusher: GraphitePusher) -> None:
    pusher.forbid("jobs/secret")
    pusher.push({"done": 4, "secret": 1}, "other.prefix", "/jobs")
    pusher.push({"done": 5})

    wait_until(lambda: len(graphite.lines) == 2)
    assert values(graphite) == [("other.prefix.done", 4), ("shop.done", 5)]


def test_the_prefix_is_the_name_of_the_host_where_there_is_none(
    graphite: Listener, make_pusher: Callable[..., GraphitePusher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Web-1.Example.net")
    make_pusher(None).push({"n": 1})

    wait_until(lambda: graphite.lines)
    assert values(graphite) == [("web-1.example.net.n", 1)]


def test_lines_keep_their_order_over_many_pushes(
    graphite: Listener, pusher: GraphitePusher
) -> None:
    for first in range(0, 5000, 100):
        pusher.push(numbered(first, 100))

    wait_until(lambda: len(graphite.lines) == 5000)
    assert [value for _, value in values(graphite)] == list(range(5000))
    assert graphite.connections == 1


def test_no_thread_runs_before_the_first_push(
    graphite: Listener, make_pusher: Callable[..., GraphitePusher]
) -> None:
    before = sender_threads()
    pusher = make_pusher()
    assert sender_threads() == before

    pusher.push({"n": 1})
    assert len(sender_threads()) == len(before) + 1
    assert all(thread.daemon for thread in sender_threads())


def test_what_a_pusher_had_to_send_is_sent_when_it_is_gone(
    graphite: Listener, make_pusher: Callable[..., GraphitePusher]
) -> None:
    pusher = GraphitePusher("127.0.0.1", graphite.port, "shop")
    pusher.allow("*")
    pusher.push({"n": 1})
    thread = sender_threads()[-1]
    gone = weakref.ref(pusher)
    del pusher
    gc.collect()

    assert gone() is None
    wait_until(lambda: graphite.lines == graphite.lines != [])
    wait_until(lambda: not thread.is_alive())
    wait_until(lambda: graphite.open_connections == 0)


def test_nothing_is_loaded_before_it_is_used(programs: Programs) -> None:
    ended = programs.run(
        "import sys\n"
        "import ecl_logging.exporters.graphite as graphite\n"
        "print(sorted({'socket', 'random', 'ecl_logging.stats.tree'} & set(sys.modules)))\n"
        "print(dir(graphite))"
    )

    assert_silent(ended)
    assert ended.out == "[]\n['GraphitePeriodicPusher', 'GraphitePusher']\n"


# --- what is told


def test_a_pusher_without_rules_says_so_once(graphite: Listener, warnings_told: list[str]) -> None:
    pusher = GraphitePusher("127.0.0.1", graphite.port, "shop")
    for _ in range(3):
        pusher.push({"web": {"hits": 1}})
    pusher.flush()

    wait_until(lambda: warnings_told)
    (told,) = warnings_told
    assert told.startswith("Graphite: no rule lets anything out; ")
    assert told.endswith(" such as 'web/hits'")
    assert pusher.telemetry()["pushed"] == 0
    pusher.close()


def test_warnings_are_not_counted_and_come_from_the_thread(
    graphite: Listener, pusher: GraphitePusher
) -> None:
    told: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(threading.current_thread().name)
            pusher.push({"again": 1})  # as careless programs do
            pusher.flush()

    groups = {"all": {"intervals": ["1m"]}}
    counting = CountingHandler(groups=groups, rules=[{"event": "any"}], store="memory://")
    logging.getLogger().addHandler(counting)
    logging.getLogger().addHandler(Noting())
    graphite.stop()
    with at_once():
        pusher.push({"n": 1})

    wait_until(lambda: told)
    assert told == ["ecl-graphite"]
    assert counting.ecl.telemetry()["counted"] == 0
    logging.getLogger("shop").warning("this one is")
    assert counting.ecl.telemetry()["counted"] == 1


@pytest.mark.parametrize("gauges", [1, 3])
def test_gauges_that_push_what_they_are_in_come_to_an_end(
    make_pusher: Callable[..., GraphitePusher], warnings_told: list[str], gauges: int
) -> None:
    pusher = make_pusher(max_queue=100_000)

    def gauge() -> int:
        pusher.push()
        return 1

    counted = stats.collection(
        "/web", stats.IntStat("hits"), *(stats.Stat(f"g{n}", gauge) for n in range(gauges))
    )
    counted.hits += 1
    with at_once():
        pusher.push()

    assert pusher.flush()
    assert assert_adds_up(pusher)["pushed"] < 1000
    assert warnings_told == ["a gauge pushes what it is in itself; that push is left out"]
    pusher.push({"afterwards": 1})
    assert pusher.flush()


def test_a_gauge_may_push_something_else(graphite: Listener, pusher: GraphitePusher) -> None:
    pushed = iter([{"in": 1}] * 100)

    def gauge() -> int:
        pusher.push(next(pushed))
        return 2

    for _ in range(100):
        pusher.push({"gauge": gauge})
    assert pusher.flush()
    assert assert_adds_up(pusher)["pushed"] == 200


# --- the end


def test_what_waits_is_sent_and_read_when_it_is_closed(
    graphite: Listener, pusher: GraphitePusher
) -> None:
    pusher.push(numbered(0, 3000))

    assert pusher.close()
    assert len(graphite.lines) == 3000
    assert pusher.close()
    pusher.push({"n": 1})
    assert assert_adds_up(pusher)["dropped"] == 1


def test_closing_it_while_carbon_is_away_drops_what_waits_and_says_so(
    graphite: Listener, pusher: GraphitePusher, warnings_told: list[str]
) -> None:
    graphite.stop()
    pusher.push(numbered(0, 7))

    with at_once():
        assert not pusher.close(0.2)
    assert assert_adds_up(pusher)["dropped"] == 7
    assert warnings_told[-1].endswith("; 7 points could not be sent before the end")


def test_one_that_was_never_used_closes_without_a_word(
    pusher: GraphitePusher, warnings_told: list[str]
) -> None:
    assert pusher.flush()
    assert pusher.close()
    assert warnings_told == []


# --- what makes no sense


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("", 2003, {}),
        ("a b", 2003, {}),
        ("a\0", 2003, {}),
        (None, 2003, {}),
        ("localhost", 0, {}),
        ("localhost", 65536, {}),
        ("localhost", "2003", {}),
        ("localhost", 2003, {"max_queue": 0}),
        ("localhost", 2003, {"max_queue": True}),
    ],
)
def test_what_makes_no_sense_is_told_at_once(host: Any, port: Any, options: Any) -> None:
    with pytest.raises(ConfigError):
        GraphitePusher(host, port, **options)


def test_only_a_mapping_can_be_pushed(pusher: GraphitePusher) -> None:
    with pytest.raises(TypeError, match="push takes a mapping, not list"):
        pusher.push([1])  # type: ignore[arg-type]
