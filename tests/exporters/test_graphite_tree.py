"""GraphitePusher: what carbon gets, and what becomes of the program while carbon is away."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.errors import ConfigError
from ecl_logging.exporters.graphite import GraphitePusher
from ecl_logging.exporters.graphite.line_queue import LineQueue, LineTotals
from ecl_logging.handlers import CountingHandler
from tests.faults.programs import Programs, assert_silent
from tests.graphite_listeners import Listener
from tests.interruptions import handled_at, interrupted_at
from tests.waiting import wait_until

AT_ONCE = 2.0  # seconds; what waits for carbon takes longer, on a busy machine, too


@pytest.fixture(autouse=True)
def tree() -> Iterator[None]:
    stats.reset()
    yield
    stats.reset()


@pytest.fixture
def make(graphite: Listener) -> Iterator[Callable[..., GraphitePusher]]:
    made: list[GraphitePusher] = []

    def make(prefix: str | None = "shop", **options: Any) -> GraphitePusher:
        pusher = GraphitePusher("127.0.0.1", graphite.port, prefix, **options)
        pusher.allow("*")
        made.append(pusher)
        return pusher

    yield make
    for pusher in made:
        pusher.close(0.0)


@pytest.fixture
def pusher(make: Callable[..., GraphitePusher]) -> GraphitePusher:
    return make()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


def assert_adds_up(pusher: GraphitePusher) -> dict[str, Any]:
    known = pusher.telemetry()
    assert known["pushed"] == known["sent"] + known["pending"] + known["dropped"]
    return known


def values(graphite: Listener) -> list[tuple[str, float]]:
    return [(path, value) for path, value, _ in graphite.points]


def numbered(first: int, amount: int) -> dict[str, int]:
    return {f"n{number}": number for number in range(first, first + amount)}


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
    graphite: Listener, make: Callable[..., GraphitePusher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Web-1.Example.net")
    make(None).push({"n": 1})

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
    graphite: Listener, make: Callable[..., GraphitePusher]
) -> None:
    before = sender_threads()
    pusher = make()
    assert sender_threads() == before

    pusher.push({"n": 1})
    assert len(sender_threads()) == len(before) + 1
    assert all(thread.daemon for thread in sender_threads())


def test_what_a_pusher_had_to_send_is_sent_when_it_is_gone(
    graphite: Listener, make: Callable[..., GraphitePusher]
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


# --- carbon is away


def test_nothing_blocks_while_nobody_listens_and_what_waited_arrives(
    graphite: Listener, pusher: GraphitePusher, warnings_told: list[str]
) -> None:
    graphite.stop()
    for number in range(5):
        with at_once():
            pusher.push({"n": number})
    wait_until(lambda: pusher.telemetry()["last_error"])
    assert assert_adds_up(pusher)["pending"] == 5

    graphite.start()
    wait_until(lambda: len(graphite.lines) == 5)
    wait_until(lambda: len(warnings_told) == 2)
    assert [value for _, value in values(graphite)] == list(range(5))
    target = f"127.0.0.1:{graphite.port}"
    assert warnings_told[0] == f"{target}: Connection refused; points wait in memory"
    assert warnings_told[1].startswith(f"{target} is back after ")
    assert warnings_told[1].endswith(" s; what waited is being sent")
    assert assert_adds_up(pusher)["sent"] == 5


def test_the_oldest_are_dropped_beyond_max_queue_and_counted(
    graphite: Listener, make: Callable[..., GraphitePusher], warnings_told: list[str]
) -> None:
    pusher = make(max_queue=10)
    graphite.stop()
    pusher.push({"first": 1})
    wait_until(lambda: pusher.telemetry()["last_error"])
    for first in range(0, 30, 5):
        pusher.push(numbered(first, 5))
        assert assert_adds_up(pusher)["pending"] <= 10
    known = assert_adds_up(pusher)
    assert (known["pushed"], known["pending"], known["dropped"]) == (31, 10, 21)

    graphite.start()
    wait_until(lambda: len(graphite.lines) == 10)
    assert [value for _, value in values(graphite)] == list(range(20, 30))
    wait_until(lambda: len(warnings_told) == 2)
    assert warnings_told[1].endswith("; 21 points were dropped meanwhile")


def test_that_one_push_is_too_large_is_told(
    graphite: Listener, make: Callable[..., GraphitePusher], warnings_told: list[str]
) -> None:
    pusher = make(max_queue=10)
    pusher.push(numbered(0, 25))

    wait_until(lambda: len(graphite.lines) == 10)
    wait_until(lambda: warnings_told)
    assert warnings_told[0].endswith(
        ": 15 points were dropped; more came at once than max_queue, which is 10"
    )
    assert assert_adds_up(pusher)["dropped"] == 15


def test_nothing_blocks_while_carbon_takes_connections_and_never_reads(
    graphite: Listener, make: Callable[..., GraphitePusher]
) -> None:
    pusher = make(".".join(["x" * 190] * 10), max_queue=4000)
    graphite.pause()
    while not is_stuck(pusher):  # the operating system takes some
        with at_once():
            pusher.push(numbered(0, 2000))
    known = assert_adds_up(pusher)
    assert 0 < known["pending"] <= 4000 + 500
    with at_once():
        assert not pusher.flush(0.1)

    graphite.go_on()
    wait_until(lambda: assert_adds_up(pusher)["pending"] == 0)
    wait_until(lambda: len(graphite.lines) == pusher.telemetry()["sent"])


def test_what_was_being_written_when_the_connection_broke_is_sent_again(
    graphite: Listener, make: Callable[..., GraphitePusher]
) -> None:
    pusher = make(".".join(["x" * 190] * 10), max_queue=100_000)
    graphite.pause()
    pushed = 0
    while not is_stuck(pusher):
        pusher.push(numbered(pushed, 2000))
        pushed += 2000
    sent = pusher.telemetry()["sent"]
    graphite.cut()
    graphite.go_on()

    wait_until(lambda: assert_adds_up(pusher)["pending"] == 0)
    assert pusher.close(20.0)
    assert {value for _, value in values(graphite)} >= set(range(sent, pushed))
    assert assert_adds_up(pusher)["sent"] == pushed


def is_stuck(pusher: GraphitePusher) -> bool:
    before = pusher.telemetry()
    time.sleep(0.3)
    return bool(before["pending"] and pusher.telemetry()["sent"] == before["sent"])


def test_a_connection_that_carbon_has_closed_is_noticed_before_it_is_written_to(
    graphite: Listener, pusher: GraphitePusher, warnings_told: list[str]
) -> None:
    pusher.push({"n": 1})
    wait_until(lambda: len(graphite.lines) == 1)
    wait_until(lambda: pusher._sending._has_survived)  # it is no host that closes whatever comes
    graphite.close_idle()
    wait_until(lambda: graphite.open_connections == 0)
    pusher.push({"n": 2})

    wait_until(lambda: len(graphite.lines) == 2)
    assert assert_adds_up(pusher)["reconnects"] == 1
    assert warnings_told == []


@pytest.mark.parametrize("is_away_before", [False, True])
def test_a_host_that_closes_whatever_comes_is_tried_in_growing_pauses(
    graphite: Listener, pusher: GraphitePusher, warnings_told: list[str], *, is_away_before: bool
) -> None:
    graphite.stop()
    if is_away_before:
        pusher.push({"n": 1})
        wait_until(lambda: warnings_told)
    accepted = 0
    with socket.create_server(("127.0.0.1", graphite.port)) as server:
        server.settimeout(0.05)
        for number in range(60):  # of which each would find a connection, and lose it
            pusher.push({"n": number})
            with contextlib.suppress(TimeoutError):
                server.accept()[0].close()
                accepted += 1
    graphite.start()

    assert 1 <= accepted <= 5
    wait_until(lambda: warnings_told)
    assert len(warnings_told) == 1


def test_one_that_closes_what_comes_once_is_noticed_without_another_push(
    graphite: Listener, pusher: GraphitePusher, warnings_told: list[str]
) -> None:
    graphite.stop()
    with socket.create_server(("127.0.0.1", graphite.port)) as server:
        server.settimeout(10)
        pusher.push({"n": 1})
        server.accept()[0].close()
        wait_until(lambda: warnings_told)
    graphite.start()

    (told,) = warnings_told
    assert told.endswith(": has closed the connection; points wait in memory")


def test_what_is_put_back_keeps_its_order() -> None:
    queue = LineQueue(5)
    queue.put([b"1", b"2", b"3", b"4"])
    assert queue.take(3) == [b"1", b"2", b"3"]
    queue.put([b"5", b"6"])
    queue.put_back()

    assert queue.totals() == LineTotals(pushed=6, sent=0, pending=5, dropped=1)
    assert queue.take(9) == [b"2", b"3", b"4", b"5", b"6"]
    queue.done()
    assert queue.close() == 0
    queue.put([b"7"])
    assert queue.totals() == LineTotals(pushed=7, sent=5, pending=0, dropped=2)


def queue_that_is_full() -> LineQueue:
    queue = LineQueue(3)
    queue.put([b"1", b"2", b"3"])
    return queue


def test_each_line_is_counted_whenever_a_signal_handler_raises() -> None:
    for moment in range(1, 1000):
        queue = queue_that_is_full()
        was_interrupted = interrupted_at(moment, lambda: queue.put([b"4", b"5"]))  # noqa: B023
        queue.put([b"6"])
        known = queue.totals()
        assert known.pushed == known.sent + known.pending + known.dropped
        assert (known.pushed in {4, 6}, known.pending) == (True, 3)
        assert queue.take(9)[-1] == b"6"
        if not was_interrupted:
            break
    assert known.pushed == 6
    assert moment > 2


def test_each_line_is_counted_whenever_a_signal_handler_pushes() -> None:
    for moment in range(1, 1000):
        queue = queue_that_is_full()
        seen: list[LineTotals] = []

        def handler() -> None:
            queue.put([b"6"])  # noqa: B023
            seen.append(queue.totals())  # noqa: B023

        was_handled = handled_at(moment, lambda: (queue.put([b"4", b"5"]), queue.close()), handler)  # noqa: B023
        known = queue.totals()
        assert known == LineTotals(5 + was_handled, 0, 0, 5 + was_handled)
        assert all(one.pushed == one.sent + one.pending + one.dropped for one in seen)
        if not was_handled:
            break
    assert moment > 2


@pytest.mark.parametrize("gauges", [1, 3])
def test_gauges_that_push_what_they_are_in_come_to_an_end(
    make: Callable[..., GraphitePusher], warnings_told: list[str], gauges: int
) -> None:
    pusher = make(max_queue=100_000)

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
