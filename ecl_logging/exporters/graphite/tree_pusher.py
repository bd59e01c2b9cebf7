"""GraphitePusher: the numbers of the statistics tree to Graphite, when the program says so."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecl_logging.errors import ConfigError
from ecl_logging.exporters.graphite.connection import Target
from ecl_logging.exporters.graphite.sending import Sending
from ecl_logging.exporters.graphite.told_once import Once
from ecl_logging.exporters.graphite.tree_points import TreePoints, safe_path
from ecl_logging.exporters.graphite.tree_rules import TreeRules
from ecl_logging.stats.objects import get_stats

if TYPE_CHECKING:
    from ecl_logging.exporters.graphite.tree_rules import PruneRule, ValueRule

__all__ = ["GraphitePusher"]

_LARGEST_PORT = 65535
# Pushes in one another: signal handlers may push in the midst of a push, and gauges by mistake.
_DEEPEST, _MOST_NESTED = 3, 30
_NOTHING_ALLOWED = (
    "Graphite: no rule lets anything out; allow('*') does, or a glob on paths such as {path!r}"
)


class GraphitePusher:
    """Pushes the numbers of the tree to carbon. Thread safe.

    Nothing goes out until something is allowed. No method but `flush` and `close` waits for
    carbon, and none raises for it: lines are sent by a thread of the pusher's own, which starts
    with the first of them. A forked child has nothing of the parent's to send, and may push.
    """

    def __init__(
        self, host: str, port: int, prefix: str | None = None, *, max_queue: int = 10_000
    ) -> None:
        """`host` and `port` take carbon's plaintext protocol over TCP.

        `prefix` is what all paths begin with: the host's name if there is none. `max_queue`: so
        many points wait while carbon is away; beyond that the oldest are dropped, and counted.
        Raises ConfigError. Touches no network.
        """
        most = _whole(max_queue, "max_queue")
        self._sending = Sending(_target(host, port), most)
        self.prefix = _prefix(prefix or socket.gethostname().lower())
        tell = Once(self._sending.say)
        self._tell = tell
        self._rules = TreeRules(tell)
        self._points = TreePoints(self._rules, tell)
        self._has_pushed = False
        self._nesting = _Nesting()

    def __del__(self) -> None:
        # What was pushed is still sent. Where `__init__` has raised, there is nothing.
        with contextlib.suppress(Exception):
            self._sending.leave()

    # --- rules

    def allow(self, rule: ValueRule) -> None:
        """Let out the values that a rule matches, unless a newer one forbids them.

        A rule is a glob on the path without its first slash, such as `web/latency/*`, or on the
        path that Graphite shows, without the prefix, such as `web.latency.*`; `*` stands for
        slashes and dots, too. Or it is a function (path, value), which says whether it matches,
        and which has to be thread safe; what one raises at does not go out. Raises TypeError.
        """
        self._rules.add(rule, is_allowed=True)

    def forbid(self, rule: ValueRule) -> None:
        """Hold back the values that a rule matches, unless a newer one allows them."""
        self._rules.add(rule, is_allowed=False)

    def prune(self, rule: PruneRule) -> None:
        """Pass over what a rule matches, and all below it: gauges there are not even called.

        A rule is a glob, as for `allow`, or a function (path). `allow` cannot undo it. Raises
        TypeError.
        """
        self._rules.prune(rule)

    # --- pushing

    def push(
        self,
        stats_dict: Mapping[Any, Any] | None = None,
        prefix: str | None = None,
        path: str | None = None,
    ) -> None:
        """Push all numbers that rules let out, with the time of now.

        `stats_dict`: in place of the tree; `prefix`: in place of the pusher's; `path`: where
        `stats_dict` is, for rules only. Gauges are called here; one that pushes what it is in
        itself is stopped after some rounds. Raises TypeError where `stats_dict` is no mapping.
        """
        if stats_dict is None:
            stats_dict = get_stats()
        elif not isinstance(stats_dict, Mapping):
            raise TypeError(f"push takes a mapping, not {type(stats_dict).__name__}")
        nesting, depth = self._nesting, self._nesting.depth
        nesting.pushes = nesting.pushes + 1 if depth else 0
        if depth >= _DEEPEST and nesting.pushes >= _MOST_NESTED:
            self._tell("nested", "a gauge pushes what it is in itself; that push is left out")
            return
        before = _prefix(prefix) if prefix else self.prefix
        now = int(time.time())
        try:
            nesting.depth = depth + 1
            found = self._points.of(stats_dict, path or "")
        finally:
            nesting.depth = depth
        if found.points:
            self._has_pushed = True
            self._sending.put(
                f"{before}{dotted} {number} {now}\n".encode("ascii")
                for dotted, number in found.points
            )
        elif found.held_back and not self._has_pushed:
            self._tell("nothing", _NOTHING_ALLOWED.format(path=found.held_back))

    def flush(self, timeout: float = 2.0) -> bool:
        """Send what waits, at once; return whether the operating system has all of it.

        Waits at most `timeout` seconds; what is left then goes on waiting for carbon.
        """
        return self._sending.flush(timeout)

    def close(self, timeout: float = 2.0) -> bool:
        """Send what waits, and push nothing any more; what is left after `timeout` is dropped.

        Returns whether nothing was, and carbon has read to the end of the connection. Safe to
        call twice. The end of the process does the same, in a second at most.
        """
        return self._sending.close(timeout)

    def telemetry(self) -> dict[str, Any]:
        """Return `pushed`, `sent`, `pending`, `dropped`, `reconnects` and `last_error`.

        The first four count points, of this process; `pushed` is always the sum of the others.
        `sent` is what the operating system has: of that, what carbon had not read when it died,
        or the network failed, is lost.
        """
        totals = self._sending.queue.totals()
        return {
            "pushed": totals.pushed,
            "sent": totals.sent,
            "pending": totals.pending,
            "dropped": totals.dropped,
            "reconnects": self._sending.reconnects,
            "last_error": self._sending.last_error,
        }


class _Nesting(threading.local):
    """How many pushes are under way in this thread, one in the other; how many there were."""

    depth = 0
    pushes = 0  # in the outermost one


def _target(host: object, port: object) -> Target:
    if not isinstance(host, str) or not host.isprintable() or not host or " " in host:
        raise ConfigError(f"host: {host!r} is no name of a host, and no address")
    if _whole(port, "port") > _LARGEST_PORT:
        raise ConfigError(f"port: {port!r} is above {_LARGEST_PORT}")
    return Target(host, _whole(port, "port"))


def _whole(number: object, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ConfigError(f"{what}: {number!r} is no whole number above 0")
    return number


def _prefix(text: str) -> str:
    """Return names that carbon takes, and a dot after each."""
    path = safe_path(str(text))
    return f"{path}." if path else ""
