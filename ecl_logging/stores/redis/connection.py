"""Connections to the server: opened when needed, one a user at a time, never across a fork."""

from __future__ import annotations

# Loaded here and not by the first look-up of a host, which is in a thread: see `Connections`.
import encodings.idna  # noqa: F401
import os
import time
from collections.abc import Mapping
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from ecl_logging.stores.redis.errors import translated

__all__ = ["Connections"]

_CLASSES: Mapping[str, type[Any]] = {
    "tcp": Connection,
    "tls": SSLConnection,
    "unix": UnixDomainSocketConnection,
}

# Connections that a fork has copied into this process. They must be neither used nor closed
# here: their sockets are the parent's as well.
_abandoned: list[Any] = []


class Connections:
    """Hands commands to one server, and waits for each answer.

    Made of redis-py's connections, not of its client. A client sends a command again when its
    answer is lost, without asking whether it was applied; here nothing is ever sent twice.

    A connection in use is held by its user's frame alone, and goes back when the answer has
    been read. After anything else its next answer could belong to another question: it is
    closed.

    Thread safe: each user gets a connection that nobody else has.
    """

    def __init__(self, transport: str, settings: Mapping[str, object], shown: str) -> None:
        """`transport`: tcp, tls or unix. `settings`: as redis-py's connections take them."""
        self.shown = shown
        self._class = _CLASSES[transport]
        self._settings = dict(settings)
        self._longest_wait = _seconds(settings.get("socket_timeout"))
        self._longest_connect = _seconds(settings.get("socket_connect_timeout"))
        if transport != "unix":
            self._settings.setdefault("socket_keepalive", True)
        self._idle: list[Any] = []
        # What redis-py imports when it needs it is loaded now: what a fork finds half loaded in
        # another thread stays half loaded in the child.
        with translated(shown):
            self._new(time.monotonic() + 1)

    def call(self, *command: object, timeout: float) -> Any:
        """Send one command, and return the answer as bytes, numbers and lists.

        Raises StoreUnavailable where none comes within `timeout` seconds, StoreError where the
        server refuses; redis-py's ResponseError, where it does, is the error's cause.
        """
        with translated(self.shown):
            return self._call(command, time.monotonic() + timeout)

    def _call(self, command: tuple[object, ...], deadline: float) -> Any:
        connection = self._take(deadline)
        try:
            connection.send_command(*command)
            answer = connection.read_response()
        except ResponseError:
            self._idle.append(connection)  # it was read to its end
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close what is idle. Never raises."""
        while (connection := self._take_idle()) is not None:
            connection.disconnect()

    def after_fork(self) -> None:
        """Leave the parent's connections alone. Called in the child; only assigns."""
        _abandoned.extend(self._idle)
        self._idle = []

    def _take(self, deadline: float) -> Any:
        """Return a connection that is open, with the time that is left as its time-out."""
        while (connection := self._take_idle()) is not None:
            if connection.pid != os.getpid():  # a fork that ran no hooks
                _abandoned.append(connection)
            elif _is_quiet(connection):
                connection._sock.settimeout(self._wait(deadline))
                return connection
        connection = self._new(deadline)
        connection.connect()
        connection._sock.settimeout(self._wait(deadline))
        return connection

    def _take_idle(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _new(self, deadline: float) -> Any:
        wait = self._wait(deadline)
        return self._class(
            **self._settings
            | {
                "retry": Retry(NoBackoff(), 0),
                "socket_timeout": wait,
                "socket_connect_timeout": min(wait, self._longest_connect),
            }
        )

    def _wait(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise RedisTimeoutError
        return min(left, self._longest_wait)


def _seconds(setting: object) -> float:
    return float(setting) if isinstance(setting, int | float) else float("inf")


def _is_quiet(connection: Any) -> bool:
    """Whether an idle connection can be used: it is open, and nothing has come unasked."""
    try:
        quiet = not connection.can_read()
    except (RedisError, OSError):
        quiet = False
    if not quiet:
        connection.disconnect()
    return quiet
