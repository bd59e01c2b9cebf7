"""GraphitePeriodicPusher: does so every so many seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ecl_logging.errors import ConfigError
from ecl_logging.exporters.graphite.tree_pusher import GraphitePusher
from ecl_logging.lifetime import has_ended, watch
from ecl_logging.ticker import Ticker

__all__ = ["GraphitePeriodicPusher"]

_LONGEST_WAIT = 3600.0  # seconds, of one wait in a longer period
_SECONDS_AT_EXIT = 0.5  # for a push that is under way
_MIN_PERIOD = 0.01


class GraphitePeriodicPusher(GraphitePusher):
    """Pushes the tree every period, in a thread of its own, from `start` on. Thread safe.

    It goes on for as long as it is started, even if nobody holds it. A forked child pushes
    nothing by itself until it calls `start`: two processes with one prefix would overwrite each
    other's points.
    """

    is_used = False  # has nothing to send at the end; see `lifetime`

    def __init__(
        self,
        host: str,
        port: int,
        prefix: str | None = None,
        period: float = 60,
        *,
        max_queue: int = 10_000,
    ) -> None:
        """`period`: seconds from one push to the next; the rest as for GraphitePusher."""
        super().__init__(host, port, prefix, max_queue=max_queue)
        is_number = isinstance(period, int | float) and not isinstance(period, bool)
        if not is_number or not _MIN_PERIOD <= period < math.inf:
            raise ConfigError(
                f"period: {period!r} is no number of seconds of {_MIN_PERIOD} or more"
            )
        self.period = float(period)
        self._ending = False
        self._forget_thread()
        watch(self)

    def _forget_thread(self) -> None:
        self._lock = threading.RLock()
        self._ticker: Ticker | None = None

    def start(self) -> bool:
        """Push every period from now on, first after one period; return whether it does.

        Does nothing where it does so already. False after `close`, and at the end of the process.
        """
        self._sending.after_fork()  # if no hook has done it yet
        with self._lock:
            if self._ending or has_ended():
                return False
            if self._ticker is None:
                beat = _Beat(self.push, self.period)
                self._ticker = Ticker(beat, name="ecl-graphite-push", work="pushing to Graphite")
            return self._ticker.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Push no more until `start`; wait so many seconds for a push that is under way.

        What was pushed is still sent.
        """
        with self._lock:
            ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop(timeout)

    def close(self, timeout: float = 2.0) -> bool:
        """Stop; send what waits, and push nothing any more. As for GraphitePusher.

        A push that is under way is waited for in half of the time: a gauge may never return.
        """
        self._ending = True
        began = time.monotonic()
        self.stop(timeout / 2)
        return super().close(max(0.0, timeout - (time.monotonic() - began)))

    # --- of the process; see `lifetime`

    def after_fork(self) -> None:
        """Have no thread. Called in the child; only assigns."""
        self._forget_thread()

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Call no gauge any more, of a program that is being taken apart."""
        self.stop(max(0.0, _SECONDS_AT_EXIT - spent))
        return True


class _Beat:
    """When to push: without drift, and not more often after a push that took long."""

    def __init__(self, push: Callable[[], None], period: float) -> None:
        self._push = push
        self._period = period
        self._due = time.monotonic() + period

    def __call__(self) -> float:
        """Push if it is time to; return the seconds until this is to be called again."""
        if self._due <= time.monotonic():
            try:
                self._push()
            finally:
                missed = (time.monotonic() - self._due) // self._period
                self._due += (missed + 1) * self._period
        return min(_LONGEST_WAIT, max(0.0, self._due - time.monotonic()))
