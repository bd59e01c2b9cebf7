"""What stands in place of carbon: it notes each line, and ends as a test says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator

__all__ = ["Listener", "listener"]


class Listener:
    """Reads lines from any number of connections, and closes each after the other side."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._family = family
        self._host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.port = 0
        self.connections = 0  # that there ever were
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._clients: list[socket.socket] = []
        self._reads = threading.Event()
        self._reads.set()
        self._server: socket.socket | None = None
        self.start()

    def start(self) -> None:
        """Listen, on the port that it had before."""
        self._server = socket.socket(self._family)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.bind((self._host, self.port))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """Be gone, as if killed: whoever is connected is cut off."""
        assert self._server is not None
        # Wakes the thread that accepts; closing alone does not.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        self._reads.set()

    def cut(self) -> None:
        """Reset all connections."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)  # wakes the thread that reads
                client.close()

    def close_idle(self) -> None:
        """Close all connections in order, though the other side has not."""
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.shutdown(socket.SHUT_RDWR)

    def pause(self) -> None:
        """Read nothing any more."""
        self._reads.clear()

    def go_on(self) -> None:
        """Read on."""
        self._reads.set()

    @property
    def lines(self) -> list[str]:
        """All lines, in the order in which they came."""
        with self._lock:
            return list(self._lines)

    @property
    def points(self) -> list[tuple[str, float, int]]:
        """The same: path, value and time."""
        split = (line.split(" ") for line in self.lines)
        return [(path, float(value), int(at)) for path, value, at in split]

    def times(self) -> Counter[tuple[str, int]]:
        """How often there was a line of each path and time."""
        return Counter((path, at) for path, _, at in self.points)

    @property
    def open_connections(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._clients)

    def forget(self) -> None:
        """Forget all lines."""
        with self._lock:
            self._lines.clear()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with self._lock:
                    self._clients.append(client)
                    self.connections += 1
                threading.Thread(target=self._read, args=(client,), daemon=True).start()

    def _read(self, client: socket.socket) -> None:
        rest = b""
        with client, contextlib.suppress(OSError):
            while True:
                self._reads.wait()
                data = client.recv(65536)
                with self._lock:
                    if client not in self._clients:
                        break  # cut off: whatever came last is lost
                    if not data:
                        self._clients.remove(client)
                        break
                    *lines, rest = (rest + data).split(b"\n")
                    self._lines += [line.decode("ascii") for line in lines]


@contextlib.contextmanager
def listener(family: socket.AddressFamily = socket.AF_INET) -> Iterator[Listener]:
    """One that listens from the start on, and is gone in the end."""
    listening = Listener(family)
    try:
        yield listening
    finally:
        listening.stop()
