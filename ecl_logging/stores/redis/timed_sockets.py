"""Sockets with one deadline for all that is read and written: for connections of redis-py's.

A time-out of a socket is for each read anew. An answer that comes byte by byte, or a greeting of
five questions, would take many times as long.
"""

from __future__ import annotations

from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from ecl_logging.deadlines import Deadline

__all__ = ["TRANSPORTS"]


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
        left = self.deadline.seconds_left()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left if self._timeout is None else min(left, self._timeout))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Timed:
    """Mixed into a connection: it is given a deadline before it connects, and for each use."""

    deadline = Deadline(None)
    _timed: _TimedSocket | None = None

    def end_at(self, deadline: Deadline) -> None:
        self.deadline = deadline
        if self._timed is not None:
            self._timed.deadline = deadline

    def _connect(self) -> _TimedSocket:
        self._timed = _TimedSocket(super()._connect(), self.deadline)  # type: ignore[misc]
        return self._timed


class _Tcp(_Timed, Connection):
    pass


class _Tls(_Timed, SSLConnection):
    pass


class _Unix(_Timed, UnixDomainSocketConnection):
    pass


TRANSPORTS: dict[str, type[Any]] = {"tcp": _Tcp, "tls": _Tls, "unix": _Unix}
