"""The server in the background: where it listens, how it ends, what the program notices of it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from ecl_logging import lifetime, notices
from ecl_logging.errors import EclError
from ecl_logging.stats import asking
from ecl_logging.web import BackgroundServer, quiet_server, serve_in_background
from ecl_logging.web.quiet_server import QuietServer
from ecl_logging.web.server import LIMITS
from tests.waiting import wait_until
from tests.web.asking import LOCALHOST, ask_at, is_refused

pytestmark = pytest.mark.once


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """For a gauge that waits; opened at the end."""
    gate = threading.Event()
    yield gate
    gate.set()


# --- serving


def test_it_serves_as_soon_as_it_is_there_until_it_is_closed() -> None:
    threads = set(threading.enumerate())
    server = serve_in_background(0, "shop", stats=lambda: {"n": 1})

    assert server.url == f"http://127.0.0.1:{server.port}/status/"
    assert ask_at(server.port) == (200, '{"n": 1}\n')
    assert "<h1>shop</h1>" in ask_at(server.port, "/status/")[1]
    assert all(thread.daemon for thread in set(threading.enumerate()) - threads)
    assert repr(server) == f"<BackgroundServer {server.url}>"

    server.close()
    server.close()

    assert is_refused(server.port)
    assert repr(server).endswith(", over>")
    wait_until(lambda: set(threading.enumerate()) <= threads)


def test_a_context_ends_it_and_its_port_can_be_taken_again() -> None:
    with serve_in_background(0) as server:
        assert ask_at(server.port)[0] == 200
    with serve_in_background(server.port) as next_one:
        assert isinstance(next_one, BackgroundServer)
        assert (next_one.port, ask_at(server.port)[0]) == (server.port, 200)


def test_it_goes_on_where_nobody_keeps_it() -> None:
    kept = weakref.ref(serve_in_background(0, stats=lambda: {"n": 1}))
    [left] = [one for one in lifetime._forked.alive() if isinstance(one, QuietServer)]

    gc.collect()

    assert kept() is None
    assert ask_at(left._listeners[0].socket.getsockname()[1]) == (200, '{"n": 1}\n')
    left.stop()


def test_two_serve_trees_of_their_own() -> None:
    with serve_in_background(0, stats=lambda: {"n": 1}) as one:
        with serve_in_background(0, stats=lambda: {"n": 2}) as other:
            assert [json.loads(ask_at(s.port)[1])["n"] for s in (one, other)] == [1, 2]
        assert ask_at(one.port)[0] == 200


def test_it_can_be_started_and_closed_by_any_thread_and_takes_no_signals() -> None:
    before = [signal.getsignal(number) for number in signal.valid_signals()]
    answers: list[int] = []

    def serve() -> None:
        with serve_in_background(0) as server:
            answers.append(ask_at(server.port)[0])

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    with serve_in_background(0) as server:
        answers.append(ask_at(server.port)[0])
        assert [signal.getsignal(number) for number in signal.valid_signals()] == before

    assert answers == [200, 200]


def test_a_port_that_is_taken_is_an_error() -> None:
    with serve_in_background(0) as server, pytest.raises(EclError) as told:
        serve_in_background(server.port)

    assert str(told.value) == f"cannot listen on 127.0.0.1:{server.port}: Address already in use"


def test_a_port_that_there_is_not_is_an_error() -> None:
    with pytest.raises(EclError, match=r"cannot listen on 127\.0\.0\.1:80000: .*0-65535"):
        serve_in_background(80000)


@pytest.mark.parametrize("refused", ["waitress-0", "ecl-status-pages"])
def test_where_there_are_no_threads_left_that_is_an_error(
    monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    start = threading.Thread.start
    threads = set(threading.enumerate())

    def start_or_refuse(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)
    with socket.create_server((LOCALHOST, 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(EclError, match=f"cannot serve on 127.0.0.1:{port}: can't start new thread"):
        serve_in_background(port)

    assert is_refused(port)
    wait_until(lambda: set(threading.enumerate()) <= threads)


@pytest.mark.parametrize(("port", "host"), [(70_000, LOCALHOST), (-1, LOCALHOST), (0, "a" * 70)])
def test_where_no_one_can_listen_that_is_an_error(port: int, host: str) -> None:
    with pytest.raises(EclError, match=f"cannot listen on {host}:{port}: "):
        serve_in_background(port, host=host)


def test_elsewhere_than_on_loopback_any_name_is_served_unless_there_are_names() -> None:
    with serve_in_background(0) as server:
        assert ask_at(server.port, Host="shop.example")[0] == 403
    with serve_in_background(0, host="0.0.0.0") as server:
        assert ask_at(server.port, Host="shop.example")[0] == 200
    with serve_in_background(0, host="0.0.0.0", hosts=["shop.example"]) as server:
        assert ask_at(server.port, Host="shop.example")[0] == 200
        assert ask_at(server.port, Host="evil.example")[0] == 403


def test_what_is_too_large_is_refused() -> None:
    with serve_in_background(0) as server:
        assert ask_at(server.port, X="x" * 20_000)[0] == 431
        assert ask_at(server.port)[0] == 200


def test_a_request_that_is_sent_byte_by_byte_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LIMITS, "channel_timeout", 1)
    monkeypatch.setitem(LIMITS, "cleanup_interval", 1)
    monkeypatch.setattr(quiet_server, "LOOK_AGAIN", 0.1)
    with (
        serve_in_background(0) as server,
        socket.create_connection((LOCALHOST, server.port)) as slow,
    ):
        slow.sendall(b"GET /status/ HTTP/1.1\r\nX: ")
        slow.settimeout(0.1)

        def is_closed() -> bool:
            try:
                slow.sendall(b"x")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_closed)
        assert ask_at(server.port)[0] == 200


# --- what the program notices


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_gauge_that_would_end_the_program_fails_as_any_other(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error("now")

    with serve_in_background(0, stats=lambda: {"gauge": fail, "n": 1}) as server:
        status, text = ask_at(server.port)
        assert (status, json.loads(text)) == (200, {"gauge": f"<{error.__name__}: now>", "n": 1})


def test_a_tree_that_would_end_the_program_is_told_and_its_connection_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(notices, "warn", told.append)

    with serve_in_background(0, stats=lambda: sys.exit("now")) as server:
        expected = "500 Internal Server Error: the page could not be made: SystemExit\n"
        assert ask_at(server.port) == (500, expected)
        wait_until(lambda: not server._server._listeners[0].active_channels)

    assert told == ["a status page could not be made: SystemExit"]


def test_what_the_server_has_to_say_is_not_logged_and_the_programs_own_is(
    caplog: pytest.LogCaptureFixture, gate: threading.Event
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = threading.Semaphore(0)

    def wait() -> bool:
        asked.release()
        return gate.wait(60)

    with serve_in_background(0, stats=lambda: {"gauge": wait}) as server:
        crowd = [threading.Thread(target=ask_at, args=(server.port,)) for _ in range(8)]
        for one in crowd:  # more than there are threads
            one.start()
        assert asked.acquire(timeout=30)
        gate.set()
        for one in crowd:
            one.join()
        with socket.create_connection((LOCALHOST, server.port)) as rude:
            rude.sendall(b"GET /status/ HTTP/1.1\r\nHost: localhost\r\n\r\nx")
    logging.getLogger("waitress.queue").warning("of the program's own server")

    said = [(r.name, r.getMessage()) for r in caplog.records if not r.name.startswith("urllib3")]
    assert said == [("waitress.queue", "of the program's own server")]


def test_a_gauge_that_hangs_does_not_hold_the_end_nor_write_anywhere_later(
    gate: threading.Event,
) -> None:
    began = threading.Event()
    over = threading.Event()

    def wait() -> int:
        began.set()
        gate.wait(60)
        over.set()
        return 1

    others = threading.enumerate()
    server = serve_in_background(0, stats=lambda: {"gauge": wait})
    with socket.create_connection((LOCALHOST, server.port)) as client:
        client.sendall(b"GET /status/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert began.wait(30)

        server.close()

        assert not server._thread.is_alive()
        assert is_refused(server.port)
        threads = [one for one in threading.enumerate() if one not in others]
        pipes = [os.pipe() for _ in range(20)]  # with the numbers that became free
        gate.set()
        assert over.wait(30)
        for one in threads:
            one.join(30)
    for reading, writing in pipes:
        os.close(writing)
        assert os.read(reading, 1) == b""
        os.close(reading)


def calls() -> list[asking._Call]:
    return list(asking._calls.values())


def is_slow(call: asking._Call) -> bool:
    return time.monotonic() - call.since > asking._PATIENCE


def test_pages_are_shown_though_more_gauges_hang_than_there_are_threads(
    gate: threading.Event,
) -> None:
    tree = {f"gauge {number}": lambda: gate.wait(60) for number in range(6)}
    with serve_in_background(0, stats=lambda: {"n": 1} | tree) as server:
        waiting = []
        for number in (1, 2):
            waiting.append(socket.create_connection((LOCALHOST, server.port)))
            waiting[-1].sendall(b"GET /status/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda n=number: len(asking._calls) == n and all(map(is_slow, calls())))

        for _ in range(4):
            status, text = ask_at(server.port)
            assert (status, json.loads(text)["n"]) == (200, 1)
        assert ask_at(server.port, "/metrics")[0] == 200
        assert len(asking._calls) == 2

        for one in waiting:
            one.close()
        gate.set()
        wait_until(lambda: not asking._calls)
