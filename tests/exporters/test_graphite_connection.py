"""One connection to carbon, and where carbon is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from ecl_logging.exporters.graphite.connection import Connection, Target, TargetUnavailable
from tests.graphite_listeners import listener
from tests.waiting import wait_until


def connect(host: str, port: int) -> Connection:
    return Connection(Target(host, port), lambda: False)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("graphite:2003", "graphite", 2003),
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:2003", "fe80::1%eth0", 2003),
    ],
)
def test_a_target_is_a_host_and_a_port(text, host, port):
    target = Target.parse(text)

    assert (target.host, target.port) == (host, port)
    assert str(target) == text


@pytest.mark.parametrize(
    "text", ["", "graphite", ":2003", "graphite:0", "graphite:65536", "::1:2003", "a b:1", "a:²"]
)
def test_anything_else_is_no_target(text):
    with pytest.raises(ValueError, match="write HOST:PORT"):
        Target.parse(text)


def test_what_was_sent_has_been_read_when_it_is_finished(graphite):
    connection = connect("127.0.0.1", graphite.port)
    lines = [f"path{number} 1 1" for number in range(100_000)]
    connection.send("".join(f"{line}\n" for line in lines).encode())
    connection.finish()

    assert graphite.lines == lines


@pytest.fixture
def talker() -> Iterator[int]:
    """One that never stops to talk, at a port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                with client:
                    while True:
                        client.sendall(b"hello\n" * 10_000)

        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def test_who_talks_without_end_is_not_listened_to_for_ever(talker):
    connection = connect("127.0.0.1", talker)
    assert [connection.is_closed() for _ in range(20)] == [False] * 20

    with pytest.raises(TargetUnavailable, match="talks, and does not close"):
        connection.finish(seconds=0.1)


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_a_target_can_have_an_address_of_ipv6():
    with listener(socket.AF_INET6) as graphite:
        connection = connect("::1", graphite.port)
        connection.send(b"path 1 1\n")
        connection.finish()

        assert graphite.lines == ["path 1 1"]


def test_a_name_that_nobody_has_is_told():
    with pytest.raises(TargetUnavailable, match=r"^nowhere\.invalid:2003: "):
        connect("nowhere.invalid", 2003)


def test_a_label_that_is_too_long_is_told_in_the_same_way():
    with pytest.raises(TargetUnavailable):
        connect("a" * 64 + ".invalid", 2003)


def test_a_port_that_nobody_listens_on_is_told(graphite):
    graphite.stop()

    with pytest.raises(TargetUnavailable, match="Connection refused"):
        connect("127.0.0.1", graphite.port)


def test_that_the_other_end_has_closed_is_seen(graphite):
    connection = connect("127.0.0.1", graphite.port)
    connection.send(b"path 1 1\n")
    wait_until(lambda: graphite.lines)
    assert not connection.is_closed()
    graphite.close_idle()

    assert wait_until(connection.is_closed)
    connection.close()


def test_a_reset_is_no_orderly_end(graphite):
    connection = connect("127.0.0.1", graphite.port)
    graphite.pause()
    connection.send(b"path 1 1\n" * 1000)
    wait_until(lambda: graphite.connections)
    graphite.cut()

    with pytest.raises(TargetUnavailable):
        connection.finish()
