"""The server: where it listens, how much it takes on, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore
from waitress.trigger import trigger

from ecl_logging.errors import EclError
from ecl_logging.web.channels import PromptChannel

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

__all__ = ["LIMITS", "LOOK_AGAIN", "Listening", "serve"]

LIMITS = {
    "threads": 4,
    "connection_limit": 64,
    "channel_timeout": 20,  # seconds without a byte
    "cleanup_interval": 5,
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 1024,  # nobody has anything to send
    "backlog": 64,
    "ident": None,  # what serves is nobody's business
}
LOOK_AGAIN = 5.0  # seconds; also at connections in which nothing happens


class Listening:
    """Sockets that listen at an address; of a name, at all addresses that it has."""

    def __init__(self, host: str, port: int) -> None:
        """With port 0 the system chooses one, the same for all. Raises EclError."""
        self.host, self.port = host, port
        self.sockets: list[socket.socket] = []
        try:
            for family, address in _addresses(host, port):
                self._listen(family, address)
        except (OSError, OverflowError, UnicodeError) as error:
            # A port that there is not, or a host that can be no name, is told by Python itself.
            self.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise EclError(f"cannot listen on {self.shown}: {reason}") from error

    def _listen(self, family: int, address: tuple[str, int]) -> None:
        listening = socket.socket(family, socket.SOCK_STREAM)
        self.sockets.append(listening)
        if os.name == "posix":  # a server that ended a moment ago has not gone for everybody
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address[0], self.port or address[1]))
        listening.listen(LIMITS["backlog"] or 0)
        self.port = listening.getsockname()[1]

    @property
    def shown(self) -> str:
        """The address as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in numbers."""
        return [listening.getsockname()[0] for listening in self.sockets]

    def close(self) -> None:
        """Listen no more."""
        for listening in self.sockets:
            listening.close()


def _addresses(host: str, port: int) -> Iterator[tuple[int, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in dict.fromkeys(found):
        if family in {socket.AF_INET, socket.AF_INET6}:
            yield family, (str(address[0]), int(address[1]))


def serve(application: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
    """Answer requests until SIGTERM comes; raise KeyboardInterrupt at Ctrl-C.

    What is being answered at that moment is cut off.
    """
    # It warns of each request that has to wait, even for a thread that is just being started, and
    # of those that wait when it ends.
    for name in ("waitress", "waitress.queue"):
        logging.getLogger(name).setLevel(logging.ERROR)
    open_ones: dict[int, Any] = {}
    server = waitress.create_server(application, open_ones, sockets=list(sockets), **LIMITS)
    for one in open_ones.values():
        if hasattr(one, "channel_class"):
            one.channel_class = PromptChannel
    told = _signals_told(open_ones)
    # Not `server.run`, which is ended by an exception from the signal's handler: that can come
    # into the midst of anything.
    while told.empty():
        wasyncore.loop(timeout=LOOK_AGAIN, map=open_ones, count=1)
    server.task_dispatcher.shutdown(timeout=1)
    wasyncore.close_all(open_ones)
    if told.get() == signal.SIGINT:
        raise KeyboardInterrupt


def _signals_told(open_ones: Mapping[int, object]) -> SimpleQueue[int]:
    """Return a queue that gets each signal that is to end the server, which then wakes up."""
    told: SimpleQueue[int] = SimpleQueue()
    bells = [one for one in open_ones.values() if isinstance(one, trigger)]

    def end(number: int, _: FrameType | None) -> None:
        told.put(number)
        bells[0].pull_trigger()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
    return told
