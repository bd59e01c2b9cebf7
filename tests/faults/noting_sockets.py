"""Sockets that note which threads call into them: import before anything that may use one."""

from __future__ import annotations

import socket
import threading
from typing import Any

threads_at_sockets: set[int] = set()


class NotingSocket(socket.socket):
    """Notes who looks at it in any way."""

    def __getattribute__(self, name: str) -> Any:
        threads_at_sockets.add(threading.get_ident())
        return super().__getattribute__(name)


_look_up = socket.getaddrinfo


def _noting_look_up(*arguments: Any, **options: Any) -> Any:
    threads_at_sockets.add(threading.get_ident())
    return _look_up(*arguments, **options)


socket.socket = NotingSocket  # type: ignore[misc]
socket.getaddrinfo = _noting_look_up
