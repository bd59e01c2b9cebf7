"""A bad connection to Redis: a proxy that loses or holds what a rule says, one request at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO


class Fate(Enum):
    """What becomes of a request, and of its reply."""

    PASS = "both go through"
    LOSE_REQUEST = "the connection is cut before the server has the request"
    LOSE_REPLY = "the connection is cut after the server has done what was asked"
    HOLD_REPLY = "the reply comes when it is released, as late as that may be"
    REPEAT_REQUEST = "the server gets the request twice, the client one reply"


Rule = Callable[[list[bytes]], Fate]


def read_value(stream: BinaryIO) -> bytes:
    """One request or reply of either version of the protocol, as its bytes."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, rest = line[:1], line[1:-2]
    if kind in b"$=!" and rest != b"-1":
        body = stream.read(int(rest) + 2)
        if len(body) < int(rest) + 2:
            raise EOFError
        return line + body
    if kind in b"*~>%|" and rest != b"-1":
        parts = int(rest) * (2 if kind in b"%|" else 1)
        return line + b"".join(read_value(stream) for _ in range(parts))
    return line


def words_of(request: bytes) -> list[bytes]:
    """The words of a command."""
    words, rest = [], request.split(b"\r\n", 1)[1]
    while rest:
        length, _, rest = rest.partition(b"\r\n")
        words.append(rest[: int(length[1:])])
        rest = rest[int(length[1:]) + 2 :]
    return words


class Proxy:
    """Stands between clients and the server on `server_port`; `rule` decides on each request."""

    def __init__(self, server_port: int, rule: Rule = lambda _: Fate.PASS) -> None:
        self.rule = rule
        self.release = threading.Event()
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        with contextlib.ExitStack() as both:
            both.enter_context(contextlib.suppress(OSError, EOFError))
            for end in (client, server):
                both.enter_context(end)
            requests = both.enter_context(client.makefile("rb"))
            replies = both.enter_context(server.makefile("rb"))
            while self._pass_on(client, server, requests, replies):
                pass

    def _pass_on(
        self, client: socket.socket, server: socket.socket, requests: BinaryIO, replies: BinaryIO
    ) -> bool:
        """See to one request; return whether the connection stays."""
        request = read_value(requests)
        fate = self.rule(words_of(request))
        if fate is Fate.LOSE_REQUEST:
            return False
        if fate is Fate.REPEAT_REQUEST:
            server.sendall(request)
            read_value(replies)
        server.sendall(request)
        reply = read_value(replies)
        if fate is Fate.LOSE_REPLY:
            return False
        if fate is Fate.HOLD_REPLY:
            self.release.wait()
        client.sendall(reply)
        return True


@contextlib.contextmanager
def proxy_to(server_port: int) -> Iterator[Proxy]:
    """A proxy for the length of a block."""
    proxy = Proxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
