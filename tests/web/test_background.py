"""The server in the background: where it listens, how it ends, what the program notices of it."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import logging
import os
import signal
import socket
import threading
import weakref
from collections.abc import Iterator

import pytest

from ecl_logging.errors import EclError
from ecl_logging.web import BackgroundServer, quiet_server, serve_in_background
from tests.faults.programs import Programs
from tests.waiting import wait_until

pytestmark = pytest.mark.once

LOCALHOST = "127.0.0.1"


def ask(port: int, path: str = "/status/?format=json", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def is_refused(port: int) -> bool:
    try:
        socket.create_connection((LOCALHOST, port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


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
    assert ask(server.port) == (200, '{"n": 1}\n')
    assert "<h1>shop</h1>" in ask(server.port, "/status/")[1]
    assert all(thread.daemon for thread in set(threading.enumerate()) - threads)
    assert repr(server) == f"<BackgroundServer {server.url}>"

    server.close()
    server.close()

    assert is_refused(server.port)
    assert repr(server).endswith(", over>")
    wait_until(lambda: set(threading.enumerate()) <= threads)


def test_a_context_ends_it_and_its_port_can_be_taken_again() -> None:
    with serve_in_background(0) as server:
        assert ask(server.port)[0] == 200
    with serve_in_background(server.port) as next_one:
        assert isinstance(next_one, BackgroundServer)
        assert (next_one.port, ask(server.port)[0]) == (server.port, 200)


def test_it_goes_on_where_nobody_keeps_it() -> None:
    kept = weakref.ref(serve_in_background(0, stats=lambda: {"n": 1}))
    [left] = quiet_server._servers.alive()

    gc.collect()

    assert kept() is None
    assert ask(left._listeners[0].socket.getsockname()[1]) == (200, '{"n": 1}\n')
    left.stop()


def test_two_serve_trees_of_their_own() -> None:
    with serve_in_background(0, stats=lambda: {"n": 1}) as one:
        with serve_in_background(0, stats=lambda: {"n": 2}) as other:
            assert [json.loads(ask(s.port)[1])["n"] for s in (one, other)] == [1, 2]
        assert ask(one.port)[0] == 200


def test_it_can_be_started_and_closed_by_any_thread_and_takes_no_signals() -> None:
    before = [signal.getsignal(number) for number in signal.valid_signals()]
    answers: list[int] = []

    def serve() -> None:
        with serve_in_background(0) as server:
            answers.append(ask(server.port)[0])

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    with serve_in_background(0) as server:
        answers.append(ask(server.port)[0])
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


def test_elsewhere_than_on_loopback_any_name_is_served_unless_there_are_names() -> None:
    with serve_in_background(0) as server:
        assert ask(server.port, Host="shop.example")[0] == 403
    with serve_in_background(0, host="0.0.0.0") as server:
        assert ask(server.port, Host="shop.example")[0] == 200
    with serve_in_background(0, host="0.0.0.0", hosts=["shop.example"]) as server:
        assert ask(server.port, Host="shop.example")[0] == 200
        assert ask(server.port, Host="evil.example")[0] == 403


def test_what_is_too_large_is_refused() -> None:
    with serve_in_background(0) as server:
        assert ask(server.port, X="x" * 20_000)[0] == 431
        assert ask(server.port)[0] == 200


# --- what the program notices


def test_what_the_server_has_to_say_is_not_logged_and_the_programs_own_is(
    caplog: pytest.LogCaptureFixture, gate: threading.Event
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = threading.Semaphore(0)

    def wait() -> bool:
        asked.release()
        return gate.wait(60)

    with serve_in_background(0, stats=lambda: {"gauge": wait}) as server:
        crowd = [threading.Thread(target=ask, args=(server.port,)) for _ in range(8)]
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

    server = serve_in_background(0, stats=lambda: {"gauge": wait})
    with socket.create_connection((LOCALHOST, server.port)) as client:
        client.sendall(b"GET /status/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert began.wait(30)

        server.close()

        assert not server._thread.is_alive()
        assert is_refused(server.port)
        threads = [t for t in threading.enumerate() if t.name.startswith("waitress-")]
        pipes = [os.pipe() for _ in range(20)]  # with the numbers that became free
        gate.set()
        assert over.wait(30)
        for one in threads:
            one.join(30)
    for reading, writing in pipes:
        os.close(writing)
        assert os.read(reading, 1) == b""
        os.close(reading)


def test_the_end_of_the_program_waits_for_nothing(programs: Programs) -> None:
    started = programs.start(
        """
        import threading, time
        from ecl_logging.web import serve_in_background

        began = threading.Event()

        def gauge():
            began.set()
            time.sleep(3600)

        server = serve_in_background(0, stats=lambda: {"gauge": gauge})
        print(server.port, flush=True)
        began.wait(60)
    """,
        "-X",
        "dev",
    )
    wait_until(lambda: started.out().endswith("\n"))
    with socket.create_connection((LOCALHOST, int(started.out()))) as client:
        client.sendall(b"GET /status/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ended = started.end()

    assert (ended.status, ended.err) == (0, "")


def test_a_program_with_many_files_open_is_served(programs: Programs) -> None:
    ended = programs.start("""
        import os, resource, urllib.request
        from ecl_logging.web import serve_in_background

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096) if most > 0 else 4096, most))
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        with serve_in_background(0, stats=lambda: {"n": 1}) as server:
            with urllib.request.urlopen(server.url + "?format=json", timeout=30) as answer:
                print(answer.read().decode())
    """).end()

    assert (ended.status, ended.out.strip(), ended.err) == (0, '{"n": 1}', "")


def test_where_there_are_no_descriptors_left_it_waits_for_some(programs: Programs) -> None:
    started = programs.start("""
        import os, resource, time
        from ecl_logging.web import serve_in_background

        server = serve_in_background(0, stats=lambda: {"n": 1})
        print(server.port, flush=True)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(0), most))
        time.sleep(1)
        before = time.process_time()
        time.sleep(1)
        print(time.process_time() - before, flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
        time.sleep(60)
    """)
    wait_until(lambda: started.out().endswith("\n"))
    status, text = ask(int(started.out()))

    assert (status, text) == (200, '{"n": 1}\n')
    worked = float(started.out().split()[1])
    assert worked < 0.5  # of a second
    started.kill()


# --- forks


def answered(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/status/?format=json")
    return connection.getresponse().read().decode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_holds_no_port_and_no_connection(programs: Programs) -> None:
    started = programs.start(
        """
        import os, threading, time
        from ecl_logging.web import serve_in_background

        server = serve_in_background(0, stats=lambda: {"of": "parent"})
        print(server.port, flush=True)
        while not os.path.exists("fork"):
            time.sleep(0.01)
        child = os.fork()
        if child == 0:
            server.close()  # it has nothing of its own to close
            print(len(threading.enumerate()), flush=True)
            time.sleep(60)
        while not os.path.exists("close"):
            time.sleep(0.01)
        server.close()
        time.sleep(60)
    """,
        "-W",
        "ignore::DeprecationWarning",
    )
    [folder] = {path.parent for path in programs.folder.rglob("program.py")}
    wait_until(lambda: started.out().endswith("\n"))
    port = int(started.out())
    with contextlib.closing(http.client.HTTPConnection(LOCALHOST, port, timeout=30)) as kept:
        assert answered(kept) == '{"of": "parent"}\n'
        (folder / "fork").touch()
        wait_until(lambda: started.out().count("\n") == 2)
        assert started.out().split()[1] == "1"
        assert answered(kept) == '{"of": "parent"}\n'
        assert ask(port) == (200, '{"of": "parent"}\n')
        assert kept.sock is not None

        (folder / "close").touch()

        assert kept.sock.recv(1) == b""  # closed, with the child still there
        wait_until(lambda: is_refused(port))
    assert started.err() == ""
    started.kill()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_can_serve_on_its_own(programs: Programs) -> None:
    ended = programs.start(
        """
        import os, urllib.request
        from ecl_logging.web import serve_in_background

        def show(server):
            with urllib.request.urlopen(server.url + "?format=json", timeout=30) as answer:
                print(answer.read().decode().strip(), flush=True)

        with serve_in_background(0, stats=lambda: {"of": "parent"}) as server:
            show(server)
            if os.fork() == 0:
                with serve_in_background(0, stats=lambda: {"of": "child"}) as other:
                    show(other)
                    show(server)
                    if os.fork() == 0:
                        show(other)
                        os._exit(0)
                    os.wait()
                    show(other)
                os._exit(0)
            print(os.wait()[1])
            show(server)
    """,
        "-W",
        "ignore::DeprecationWarning",
    ).end()

    assert (ended.status, ended.err) == (0, "")
    of = [line.rpartition(": ")[2].strip('"}') for line in ended.out.splitlines()]
    assert of == ["parent", "child", "parent", "child", "child", "0", "parent"]
