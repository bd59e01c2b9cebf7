"""The server in the background, and its process: the end, descriptors, forks."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket

import pytest

from tests.faults.programs import Programs
from tests.waiting import wait_until
from tests.web.asking import LOCALHOST, ask_at, is_refused


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
    status, text = ask_at(int(started.out()))

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
        assert ask_at(port) == (200, '{"of": "parent"}\n')
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_holds_no_port_also_where_another_server_was_closed(
    programs: Programs,
) -> None:
    ended = programs.start(
        """
        import os, socket
        from ecl_logging.web import serve_in_background

        closed = serve_in_background(0)
        closed.close()
        server = serve_in_background(0)
        listening = server._listening.sockets[0].fileno()
        if os.fork() == 0:
            try:
                os.fstat(listening)
            except OSError:
                os._exit(0)
            os._exit(1)
        print(os.wait()[1])
    """,
        "-W",
        "ignore::DeprecationWarning",
    ).end()

    assert (ended.status, ended.out.split(), ended.err) == (0, ["0"], "")
