"""Sending, and knowing as well as can be known what carbon has.

Carbon acknowledges nothing, and keeps what it has read in memory until it comes to write it.
Two things are known. A connection that we close, and that carbon closes after us, has been read
to its end. And a connection that was open before that, and is closed in the same way some time
later, shows that carbon has lived as long. So connections relieve each other: from time to time
a new one is opened, and only then is the old one closed. What was read in one, and followed by
such a time without a break, is as good as written.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ecl_logging.exporters.graphite.connection import Connection, Target, TargetUnavailable

__all__ = ["Delivery"]

_SECONDS_AT_END = 2.0


class Delivery:
    """Numbers what is sent, and says up to which number carbon has it. Not thread safe.

    Where a method raises TargetUnavailable, all that was not known to be there is to be sent
    again.
    """

    def __init__(
        self,
        target: Target,
        *,
        longest_seconds: float,
        is_stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`longest_seconds`: the most that `delivered` is asked for."""
        self.target = target
        self._longest_seconds = longest_seconds
        self._is_stopping = is_stopping
        self._clock = clock
        self._number = 0
        self._connection: Connection | None = None
        self._read: deque[tuple[float, int]] = deque()  # when it was known; up to which number

    def abandon(self) -> None:
        """Give the connection up, and what is not known of it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._read.clear()

    @property
    def was_read(self) -> bool:
        """Whether all was well the last time that it was seen to."""
        return bool(self._read)

    def is_closed(self) -> bool:
        """Whether carbon has closed the connection, which it may when nothing comes."""
        return self._connection is not None and self._connection.is_closed()

    def open(self) -> Connection:
        """Have a connection that carbon has not closed."""
        if self.is_closed():
            self.abandon()
            raise self._closed()
        if self._connection is None:
            self._connection = Connection(self.target, self._is_stopping)
        return self._connection

    def _closed(self) -> TargetUnavailable:
        return TargetUnavailable(f"{self.target}: has closed the connection")

    def send(self, data: bytes) -> int:
        """Send something; return its number."""
        connection = self.open()
        try:
            connection.send(data)
        except BaseException:
            self.abandon()  # a part of it may have gone
            raise
        self._number += 1
        return self._number

    def seconds_to_check(self, every: float) -> float:
        """How long it is until the next check, where there is one every so many seconds.

        The first one is due at once: a target that closes whatever comes is found out.
        """
        if not self._read:
            return 0.0
        return max(0.0, self._read[-1][0] + every - self._clock())

    def check(self) -> None:
        """See whether carbon has read what was sent."""
        old = self.open()
        try:
            self._connection = Connection(self.target, self._is_stopping)
            old.finish()
        except BaseException:
            old.close()
            self.abandon()
            raise
        self._note_reading()

    def finish(self) -> None:
        """Close the connection, and see whether carbon has read what was sent."""
        connection = self._connection
        if connection is None or self.is_closed():
            self.abandon()
            raise self._closed()
        connection.is_stopping = lambda: False
        self._connection = None
        connection.finish(seconds=_SECONDS_AT_END)
        self._note_reading()

    def _note_reading(self) -> None:
        now = self._clock()
        self._read.append((now, self._number))
        while len(self._read) > 1 and self._read[1][0] <= now - self._longest_seconds:
            self._read.popleft()

    def delivered(self, seconds: float) -> int:
        """Return the number up to which carbon has read, and lived on for so long."""
        if not self._read:
            return 0
        latest = self._read[-1][0] - seconds
        return max((number for read, number in self._read if read <= latest), default=0)
