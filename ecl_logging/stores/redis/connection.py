"""Connections to the server: opened when needed, one a user at a time, never across a fork."""

from __future__ import annotations

# Loaded here and not by the first look-up of a host, which is in a thread: see `Connections`.
import encodings.idna  # noqa: F401
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from ecl_logging.deadlines import Deadline
from ecl_logging.stores.redis.errors import translated
from ecl_logging.stores.redis.timed_sockets import TRANSPORTS

__all__ = ["Connections"]

_T = TypeVar("_T")

_MOST_IDLE = 8  # kept open for whoever comes next

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
        self._class = TRANSPORTS[transport]
        self._settings = dict(settings)
        self._longest_wait = _seconds(settings.get("socket_timeout"))
        self._longest_connect = _seconds(settings.get("socket_connect_timeout"))
        check = settings.get("ssl_cert_reqs")
        self.trusts_anybody = getattr(check, "name", check) in {"none", "CERT_NONE"}
        if transport != "unix":
            self._settings.setdefault("socket_keepalive", True)
        self._idle: list[Any] = []
        # What redis-py imports when it needs it is loaded now: what a fork finds half loaded in
        # another thread stays half loaded in the child.
        with translated(shown):
            self._new(Deadline(1.0))

    def call(
        self,
        *command: object,
        timeout: float,
        read: Callable[[Any], _T],
        after: str | None = None,
    ) -> _T:
        """Send one command, and return what `read` makes of the answer: bytes, numbers and lists.

        `read` raises where that cannot be the answer to this question; then the connection is
        closed, for the next answer may be the one that is missed here. Of a command whose answer
        cannot tell, `after` is a word that the server is asked to repeat before it.

        Raises StoreUnavailable where none comes within `timeout` seconds, StoreError where the
        server refuses; redis-py's ResponseError, where it does, is the error's cause.
        """
        with translated(self.shown):
            deadline = Deadline(min(timeout, self._longest_wait))
            connection = self._take(deadline)
            if after is not None:
                self._repeat(connection, after)
            return self._call(connection, command, read)

    def _repeat(self, connection: Any, word: str) -> None:
        """Have the server repeat a word; whoever asks next gets the answer to his question."""
        try:
            connection.send_command("PING", word)
            repeated = connection.read_response()
        except BaseException:
            connection.disconnect()
            raise
        if repeated != word.encode():
            connection.disconnect()
            raise RedisConnectionError("what came is no answer to what was asked")

    def _call(self, connection: Any, command: tuple[object, ...], read: Callable[[Any], _T]) -> _T:
        try:
            connection.send_command(*command)
            answer = read(connection.read_response())
        except ResponseError:
            self._put_back(connection)  # it was read to its end
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._put_back(connection)
        return answer

    def close(self) -> None:
        """Close what is idle. Never raises."""
        while (connection := self._take_idle()) is not None:
            connection.disconnect()

    def after_fork(self) -> None:
        """Leave the parent's connections alone. Called in the child; only assigns."""
        _abandoned.extend(self._idle)
        self._idle = []

    def _take(self, deadline: Deadline) -> Any:
        """Return a connection, idle or new, that ends at the deadline."""
        while (connection := self._take_idle()) is not None:
            if connection.pid != os.getpid():  # a fork that ran no hooks
                _abandoned.append(connection)
            elif _is_quiet(connection):
                connection.end_at(deadline)
                return connection
        return self._new(deadline)

    def _take_idle(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _put_back(self, connection: Any) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.disconnect()

    def _new(self, deadline: Deadline) -> Any:
        """Return a connection that is not open yet; its first command opens it."""
        left = deadline.seconds_left()
        if left <= 0:
            raise RedisTimeoutError
        connection = self._class(
            **self._settings
            | {
                "retry": Retry(NoBackoff(), 0),
                "socket_timeout": left,
                "socket_connect_timeout": min(left, self._longest_connect),
            }
        )
        connection.end_at(deadline)
        return connection


def _seconds(setting: object) -> float:
    return float(setting) if isinstance(setting, int | float) else float("inf")


def _is_quiet(connection: Any) -> bool:
    """Whether an idle connection can be used: it is open, and nothing has come unasked."""
    connection.end_at(Deadline(1.0))
    try:
        quiet = not connection.can_read()
    except (RedisError, OSError):
        quiet = False
    if not quiet:
        connection.disconnect()
    return quiet
