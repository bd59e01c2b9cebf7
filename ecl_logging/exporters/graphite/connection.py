"""One connection to carbon, which only listens: all that it says is that it has closed.

Closing in two steps makes that an answer. We close our direction, and carbon closes its own when
it has read to the end of ours.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from ecl_logging.errors import EclError

__all__ = ["Connection", "Target", "TargetUnavailable"]

_T = TypeVar("_T")

_CONNECT_SECONDS = 5.0
_STALL_SECONDS = 30.0  # in which carbon reads nothing
_SLICE_SECONDS = 0.25  # after which a wait looks whether it is to end
_MOST_SAID = 16  # times 4096 bytes; what says more than that without a break is not listened to
_TARGET = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", re.ASCII)


class TargetUnavailable(EclError):  # noqa: N818 - a state, named as users say it
    """Carbon cannot be reached, or has not read what it was sent. Trying again may help."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where carbon is."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT` or `[IPv6]:PORT`; raise ValueError otherwise."""
        match = _TARGET.fullmatch(text)
        if match is None or not 1 <= int(match[3]) <= 65535:
            raise ValueError("write HOST:PORT, such as graphite:2003 or [::1]:2003")
        return cls(match[1] or match[2], int(match[3]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Connection:
    """Open from the start. Not thread safe. Methods raise TargetUnavailable, and it is over then.

    Waits end early, in the same way, when `is_stopping` says so.
    """

    def __init__(self, target: Target, is_stopping: Callable[[], bool]) -> None:
        self._target = target
        self.is_stopping = is_stopping
        try:
            self._socket = socket.create_connection(
                (target.host, target.port), timeout=_CONNECT_SECONDS
            )
        except (OSError, UnicodeError) as error:
            raise self._unavailable(error) from error

    def is_closed(self) -> bool:
        """Whether carbon has closed it, as far as is known here."""
        self._socket.settimeout(0.0)
        try:
            for _ in range(_MOST_SAID):
                if not self._socket.recv(4096):  # it has nothing to say
                    return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False  # it is no carbon, and would be listened to for ever

    def send(self, data: bytes) -> None:
        """Give all of it to the operating system, as fast as carbon reads."""
        left = memoryview(data)
        deadline = time.monotonic() + _STALL_SECONDS
        while left:
            sent = self._in_slices(lambda: self._socket.send(left), deadline)  # noqa: B023 - at once
            left = left[sent:]
            deadline = time.monotonic() + _STALL_SECONDS

    def finish(self, *, seconds: float | None = None) -> None:
        """Return when carbon has read all, and the connection is closed."""
        deadline = time.monotonic() + (_STALL_SECONDS if seconds is None else seconds)
        try:
            self._in_slices(lambda: self._socket.shutdown(socket.SHUT_WR), deadline)
            while self._in_slices(lambda: self._socket.recv(4096), deadline):
                if time.monotonic() >= deadline or self.is_stopping():
                    raise TargetUnavailable(f"{self._target}: talks, and does not close")
        finally:
            self.close()

    def close(self) -> None:
        """Close it. Safe to call twice."""
        self._socket.close()

    def _in_slices(self, step: Callable[[], _T], deadline: float) -> _T:
        self._socket.settimeout(_SLICE_SECONDS)
        while True:
            try:
                return step()
            except TimeoutError as error:
                if self.is_stopping():
                    raise TargetUnavailable(f"{self._target}: stopped waiting for it") from error
                if time.monotonic() >= deadline:
                    raise TargetUnavailable(f"{self._target}: does not read") from error
            except OSError as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> TargetUnavailable:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return TargetUnavailable(f"{self._target}: {reason}")
