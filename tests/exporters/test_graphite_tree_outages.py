"""GraphitePusher: what becomes of the program, and of points, while carbon is away."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from ecl_logging.exporters.graphite import GraphitePusher
from tests.exporters.tree_pushing import assert_adds_up, at_once, numbered, values
from tests.graphite_listeners import Listener
from tests.waiting import wait_until

pytestmark = pytest.mark.once


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
    graphite: Listener, make_pusher: Callable[..., GraphitePusher], warnings_told: list[str]
) -> None:
    pusher = make_pusher(max_queue=10)
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
    graphite: Listener, make_pusher: Callable[..., GraphitePusher], warnings_told: list[str]
) -> None:
    pusher = make_pusher(max_queue=10)
    pusher.push(numbered(0, 25))

    wait_until(lambda: len(graphite.lines) == 10)
    wait_until(lambda: warnings_told)
    assert warnings_told[0].endswith(
        ": 15 points were dropped; more came at once than max_queue, which is 10"
    )
    assert assert_adds_up(pusher)["dropped"] == 15


def test_nothing_blocks_while_carbon_takes_connections_and_never_reads(
    graphite: Listener, make_pusher: Callable[..., GraphitePusher]
) -> None:
    pusher = make_pusher(".".join(["x" * 190] * 10), max_queue=4000)
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
    graphite: Listener, make_pusher: Callable[..., GraphitePusher]
) -> None:
    pusher = make_pusher(".".join(["x" * 190] * 10), max_queue=100_000)
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
