"""Sending lines to carbon in a thread of its own, whatever carbon does meanwhile.

Carbon acknowledges nothing. What is known of a line is that the operating system has it; what
carbon had not read of that when it died is gone, and nobody can tell how much it was. So a
connection is looked at before it is written to. Where writing fails, what was being written may
have arrived in part, and is sent again: a point that comes twice takes its own place.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable

from ecl_logging.deadlines import Deadline
from ecl_logging.exporters.graphite.connection import Connection, Target, TargetUnavailable
from ecl_logging.exporters.graphite.line_queue import LineQueue
from ecl_logging.lifetime import arm_exit_hooks, watch
from ecl_logging.outage import Outage
from ecl_logging.ticker import Ticker

__all__ = ["Sending"]

_AT_ONCE = 500  # lines in one piece, all of which are sent again if it fails
_LONGEST_PAUSE = 60.0  # seconds, before carbon is tried again; and before an idle look at it
_SHORTEST_PAUSE = 0.01
_SURVIVED = 1.0  # seconds; a connection that is closed earlier was none: hosts before carbon do so
_SECONDS_AT_EXIT = 1.0
_LEAST_AT_EXIT = 0.1  # carbon can be there though others have waited for a store that is not
_SECONDS_TO_END = 0.1  # for the thread, when all that it has to do has been done


class Sending:
    """A queue, and the thread that empties it. Thread safe. Nothing waits but as it says.

    The thread starts with the first line. A forked child has nothing to send, and no connection.
    """

    is_used = False  # what is lost at the end is told, but others come first

    def __init__(self, target: Target, most: int) -> None:
        """`most` lines wait for carbon."""
        self._target = target
        self._most = most
        self._outage = Outage("points wait in memory", name=str(target))
        self._outage.longest_pause = _LONGEST_PAUSE
        self._ticker = Ticker(self._tick, name="ecl-graphite", work=f"sending to {target}")
        self._connection: Connection | None = None
        self._begin()
        watch(self)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self.queue = LineQueue(self._most)
        self._news: deque[str] = deque()
        self._connected_at = 0.0
        self._has_survived = False  # the connection
        self._connections = 0  # that there ever were
        self._dropped_before = 0  # up to which it was told
        self._has_told_of_drops = False
        self._has_begun = self._is_ending = self._is_left = self._is_closed = False

    def after_fork(self) -> None:
        """Have nothing of the parent's, in a forked child. Elsewhere it does nothing.

        Closing what was inherited does not end the connection, which the parent goes on with.
        """
        if self._pid == os.getpid():
            return
        inherited, self._connection = self._connection, None
        if inherited is not None:
            inherited.close()
        self._outage.reset()
        self._ticker.reset()
        was_closed = self._is_closed
        self._begin()
        if was_closed:
            self._is_closed = True
            self.queue.close()

    @property
    def last_error(self) -> str | None:
        """Of the last time that carbon could not be reached; None if it always could."""
        return self._outage.last_error

    @property
    def reconnects(self) -> int:
        """How many connections there were after the first one."""
        return max(0, self._connections - 1)

    # --- for the program: nothing here waits for carbon

    def put(self, lines: Iterable[bytes]) -> None:
        """Have lines sent."""
        self.after_fork()  # if no hook has done it yet
        self.queue.put(lines)
        self._be_running()

    def say(self, text: str) -> None:
        """Have the thread warn of something: handlers of the program's may take their time."""
        self._news.append(text)
        self._be_running()

    def leave(self) -> None:
        """Have the thread end when there is nothing more to send. Safe in finalizers."""
        self._is_left = True
        self._ticker.wake()

    def _be_running(self) -> None:
        if not self._is_closed:
            self._has_begun = True
            arm_exit_hooks()
            self._ticker.start()
            self._ticker.wake()

    def flush(self, timeout: float) -> bool:
        """Send now what waits; whether the operating system has all of it within `timeout` s."""
        self.after_fork()
        if self._has_begun and not self._is_closed:
            self._ticker.call(self._send, timeout, then=self._tell)
        return not self.queue.totals().pending

    def close(self, timeout: float) -> bool:
        """Send what waits, and end; whether carbon has read all that the last connection had.

        What is left after `timeout` seconds is dropped. Safe to call twice.
        """
        self.after_fork()
        if self._is_closed:
            return not self.queue.totals().dropped
        deadline = Deadline(timeout)
        arrived: bool | None = True
        if self._has_begun:
            arrived = self._ticker.call(lambda: self._finish(deadline), timeout)
        self._is_ending = self._is_closed = True
        dropped = self.queue.close()
        self._end_thread()
        self._outage.is_ending = True
        reason = self._outage.last_error if self._outage.is_on else f"{self._target}: no time left"
        if dropped:
            self._news.append(f"{reason}; {dropped} points could not be sent before the end")
        self._tell()
        return bool(arrived) and not dropped

    def _end_thread(self) -> None:
        """An idle thread ends at once. One that waits for carbon lets go of it by itself."""
        if self._has_begun and self._ticker.call(self._abandon, _SECONDS_TO_END) is None:
            self._abandon()  # there is no other thread
        self._ticker.stop(_SECONDS_TO_END if self._has_begun else 0.0)

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Try once more, for a moment, unless carbon is known to be away."""
        is_away = self._outage.is_on and not self._outage.may_try()
        self.close(0.0 if is_away else max(_LEAST_AT_EXIT, _SECONDS_AT_EXIT - spent))
        return True

    # --- in the thread

    def _tick(self) -> float:
        if self._outage.may_try():
            self._send()
        self._see_to_connection()
        self._tell()
        if self._is_left and not self.queue.has_waiting:
            self._abandon()
            self._ticker.leave()
        if self._connection is not None and not self._has_survived:
            return _SURVIVED
        if self._outage.is_on and self.queue.has_waiting:
            return max(_SHORTEST_PAUSE, self._outage.seconds_left())
        return _LONGEST_PAUSE

    def _send(self) -> bool:
        try:
            while self.queue.has_waiting:
                self._send_some(self._open())
        except TargetUnavailable as error:
            self._abandon()
            if not self._is_ending:
                self._outage.began(error)
            return False
        finally:
            if self._is_ending:
                self._abandon()
        return True

    def _open(self) -> Connection:
        """Return a connection that carbon has not closed, as far as is known."""
        if self._is_ending:
            raise TargetUnavailable(f"{self._target}: stopped waiting for it")
        if self._connection is not None and self._connection.is_closed():
            self._abandon()
            if not self._has_survived:
                raise self._closed()
        if self._connection is None:
            self._connection = Connection(self._target, lambda: self._is_ending)
            self._connections += 1
            self._connected_at = time.monotonic()
            self._has_survived = False
        return self._connection

    def _send_some(self, connection: Connection) -> None:
        lines = self.queue.take(_AT_ONCE)
        try:
            connection.send(b"".join(lines))
        except BaseException:
            self.queue.put_back()
            raise
        self.queue.done()

    def _see_to_connection(self) -> None:
        """Let go of a connection that carbon has closed; see whether an outage is over."""
        if self._connection is None:
            return
        if self._is_ending:
            self._abandon()
        elif self._connection.is_closed():
            self._abandon()
            if not self._has_survived:
                self._outage.began(self._closed())
        elif time.monotonic() - self._connected_at >= _SURVIVED:
            self._has_survived = True
            if self._outage.is_on:
                dropped = self._newly_dropped()
                lost = f"; {dropped} points were dropped meanwhile" if dropped else ""
                self._outage.afterwards = f"what waited is being sent{lost}"
                self._outage.ended()

    def _closed(self) -> TargetUnavailable:
        return TargetUnavailable(f"{self._target}: has closed the connection")

    def _finish(self, deadline: Deadline) -> bool:
        if not self._send():
            return False
        connection, self._connection = self._connection, None
        if connection is None:
            return True
        try:
            connection.finish(seconds=deadline.seconds_left())
        except TargetUnavailable:
            return False
        return True

    def _abandon(self) -> bool:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        return connection is not None

    def _newly_dropped(self) -> int:
        before, self._dropped_before = self._dropped_before, self.queue.totals().dropped
        return self._dropped_before - before

    def _tell(self) -> None:
        dropped = 0 if self._outage.is_on or self._is_closed else self._newly_dropped()
        if dropped and not self._has_told_of_drops:
            self._has_told_of_drops = True
            self._news.append(
                f"{self._target}: {dropped} points were dropped; more came at once than"
                f" max_queue, which is {self._most}"
            )
        news = []
        with contextlib.suppress(IndexError):  # there are no more
            while True:
                news.append(self._news.popleft())
        self._outage.tell(news)
