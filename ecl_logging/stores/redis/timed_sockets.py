"""redis-py's connections with one deadline for all: look-up, connecting, what is read and written.

A time-out of a socket is for each address and for each read anew. A host with four addresses, a
greeting of five questions, an answer that comes byte by byte would take many times as long.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from ecl_logging.deadlines import Deadline
from ecl_logging.stores.fork_gate import kept_from_forks
from ecl_logging.stores.redis.lookups import addresses_of
from ecl_logging.stores.redis.tls_files import unusable_file

__all__ = ["TRANSPORTS"]

_LONGEST_HANDSHAKE = 2.0  # seconds; a fork may have to wait for it


class _TimedSocket:
    """A socket as redis-py uses it; what it reads and writes ends at the deadline."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self.deadline = deadline
        self._inner = inner
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def recv(self, *arguments: Any) -> bytes:
        self._arm()
        return bytes(self._inner.recv(*arguments))

    def recv_into(self, *arguments: Any) -> int:
        self._arm()
        return int(self._inner.recv_into(*arguments))

    def sendall(self, data: Any) -> None:
        self._arm()
        self._inner.sendall(data)

    def _arm(self) -> None:
        left = _left(self.deadline)
        self._inner.settimeout(left if self._timeout is None else min(left, self._timeout))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _left(deadline: Deadline) -> float:
    left = deadline.seconds_left()
    if left <= 0:
        raise TimeoutError
    return left


class _Timed:
    """Mixed into a connection: it is given a deadline before it connects, and for each use."""

    deadline = Deadline(None)
    _timed: _TimedSocket | None = None

    def end_at(self, deadline: Deadline) -> None:
        self.deadline = deadline
        if self._timed is not None:
            self._timed.deadline = deadline

    def _connect(self) -> Any:
        self._timed = _TimedSocket(super()._connect(), self.deadline)  # type: ignore[misc]
        return self._timed


class _ByAddress(Connection):
    """Connects to one address of the host after the other, until one is there."""

    deadline: Deadline
    socket_keepalive: bool
    socket_keepalive_options: Mapping[int, int] | None

    def _connect(self) -> Any:
        failed: OSError | None = None
        for family, kind, number, _, address in addresses_of(self.host, self.port, self.deadline):
            with contextlib.ExitStack() as on_error:
                try:
                    connecting = socket.socket(family, kind, number)
                    on_error.callback(connecting.close)
                    self._prepare(connecting)
                    connecting.connect(address)
                except OSError as error:
                    failed = error
                else:
                    on_error.pop_all()
                    return connecting
        raise failed or OSError(f"no address of {self.host}")

    def _prepare(self, connecting: socket.socket) -> None:
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.socket_keepalive:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in (self.socket_keepalive_options or {}).items():
                connecting.setsockopt(socket.IPPROTO_TCP, option, value)
        longest = self.socket_connect_timeout
        left = _left(self.deadline)
        connecting.settimeout(left if longest is None else min(left, longest))


class _Tcp(_Timed, _ByAddress):
    pass


class _Tls(_Timed, SSLConnection, _ByAddress):
    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        sock.settimeout(min(_LONGEST_HANDSHAKE, _left(self.deadline)))
        # OpenSSL has locks of the whole process. A fork copies them as they are: one that
        # another thread holds at that moment stays locked in the child for ever.
        with kept_from_forks(), contextlib.ExitStack() as on_error:
            on_error.callback(sock.close)
            try:
                wrapped = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
            except OSError as error:
                raise unusable_file(self) or error from None
            on_error.pop_all()
        return wrapped


class _Unix(_Timed, UnixDomainSocketConnection):
    pass


TRANSPORTS: dict[str, type[Any]] = {"tcp": _Tcp, "tls": _Tls, "unix": _Unix}
