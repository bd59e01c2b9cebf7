"""A bad connection to Redis: a proxy that does to each request, and its reply, what a rule says."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO


class Fate(Enum):
    """What becomes of a request, and of its reply."""

    PASS = "both go through"
    LOSE_REQUEST = "the connection is closed before the server has the request"
    LOSE_REPLY = "the connection is closed after the server has done what was asked"
    RESET = "the same, and the client is told that it was reset"
    HOLD_REPLY = "the reply comes when it is released, as late as that may be"
    DELAY_REPLY = "the reply comes `delay` seconds later"
    TRUNCATE_REPLY = "half of the reply comes, then the connection is closed"
    GARBAGE_REPLY = "bytes that are no reply come in its place"
    TWO_REPLIES = "two replies that nobody gave come in its place"
    ERROR_REPLY = "an error that the server did not give comes in its place"
    REPEAT_REQUEST = "the server gets the request twice, the client one reply"
    REPEAT_LATE = "the same, and the second reply comes with the next one, before it"
    KEEP_COPY = "both go through; the request is kept"
    REPLAY_COPY = "both go through; in between the server gets the request that was kept"
    BLACK_HOLE = "from now on nothing goes through, either way; the connection stays open"


# After these the server has done nothing.
_BEFORE_THE_SERVER = {Fate.LOSE_REQUEST, Fate.BLACK_HOLE}

_FORGED = {
    Fate.GARBAGE_REPLY: b"\x00\xff no reply at all \r\n",
    Fate.TWO_REPLIES: b"+OK\r\n:1\r\n",
    Fate.ERROR_REPLY: b"-ERR said somebody in between\r\n",
}

_LINGER_NOT = struct.pack("ii", 1, 0)  # closing a socket resets its connection

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
    """Stands between clients and the server on `server_port`; `rule` decides on each request.

    Any number of clients, of any number of processes, may come at once; the rule is asked for one
    of them at a time.
    """

    def __init__(self, server_port: int, rule: Rule = lambda _: Fate.PASS) -> None:
        self.rule = rule
        self.delay = 0.0
        self.release = threading.Event()
        self.copy_replies: list[bytes] = []  # what the server said to copies
        self._copy: bytes | None = None
        self._server_port = server_port
        self._asking = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        self._listen()

    def url(self, url: str) -> str:
        """The server's URL by way of this proxy."""
        return url.replace(f":{self._server_port}/", f":{self.port}/")

    # --- the link as a whole

    def go_down(self) -> None:
        """Close all connections, and refuse whoever comes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
        self._listener.close()
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def go_up(self) -> None:
        """Be there again, under the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._listen()

    def close(self) -> None:
        self.release.set()
        self.go_down()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    # --- one connection

    def _serve(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as both:
            both.enter_context(contextlib.suppress(OSError, EOFError))
            self._join(both, client)
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._join(both, server)
            requests = both.enter_context(client.makefile("rb"))
            replies = both.enter_context(server.makefile("rb"))
            late: list[bytes] = []  # replies that come with the next one
            while self._pass_on(client, server, requests, replies, late):
                pass

    def _join(self, both: contextlib.ExitStack, end: socket.socket) -> None:
        both.enter_context(end)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends.add(end)
        both.callback(self._ends.discard, end)

    def _pass_on(
        self,
        client: socket.socket,
        server: socket.socket,
        requests: BinaryIO,
        replies: BinaryIO,
        late: list[bytes],
    ) -> bool:
        """See to one request; return whether the connection stays."""
        request = read_value(requests)
        with self._asking:
            fate = self.rule(words_of(request))
        if fate in _BEFORE_THE_SERVER:
            if fate is Fate.BLACK_HOLE:
                self._swallow(client)
            return False
        if fate is Fate.REPEAT_REQUEST:
            server.sendall(request)
            read_value(replies)
        server.sendall(request)
        reply = b"".join(late) + read_value(replies)
        late.clear()
        if fate is Fate.REPEAT_LATE:
            server.sendall(request)
            late.append(read_value(replies))
        elif fate is Fate.KEEP_COPY:
            self._copy = request
        elif fate is Fate.REPLAY_COPY and self._copy is not None:
            server.sendall(self._copy)
            self.copy_replies.append(read_value(replies))
        return self._answer(client, reply, fate)

    def _answer(self, client: socket.socket, reply: bytes, fate: Fate) -> bool:
        if fate is Fate.LOSE_REPLY:
            return False
        if fate is Fate.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            return False
        if fate is Fate.TRUNCATE_REPLY:
            client.sendall(reply[: len(reply) // 2])
            return False
        if fate is Fate.HOLD_REPLY:
            self.release.wait()
        elif fate is Fate.DELAY_REPLY:
            time.sleep(self.delay)
        client.sendall(_FORGED.get(fate, reply))
        return True

    def _swallow(self, client: socket.socket) -> None:
        """Take what comes and say nothing, until the client goes or all is released."""
        while not self.release.is_set():
            if select.select([client], [], [], 0.05)[0] and not client.recv(65536):
                return


@contextlib.contextmanager
def proxy_to(server_port: int) -> Iterator[Proxy]:
    """A proxy for the length of a block."""
    proxy = Proxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
