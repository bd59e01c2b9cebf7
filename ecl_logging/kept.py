"""Kept: what the logs of records, messages and events share: their store, sending and end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from ecl_logging.errors import ConfigError
from ecl_logging.flushed import Flushed
from ecl_logging.flusher import Flusher
from ecl_logging.outbox import Outbox, PartsSender
from ecl_logging.pending_parts import PendingParts
from ecl_logging.stores import open_chosen_store
from ecl_logging.stores.keeping import Keeper
from ecl_logging.stores.protocols import Destination, Store

__all__ = ["Kept", "Telemetry", "opened_keeper"]


_SYNC_SECONDS = 1.0


class Telemetry(TypedDict):
    """What became of the records, messages or events of a process; see `Kept.telemetry`."""

    source: str
    counted: int
    applied: int
    pending: int
    dropped: dict[str, int]
    ahead: int
    other: int
    retries: int
    last_flush: float | None
    last_error: str | None


def opened_keeper(store: object, name: str) -> Store:
    """Open a store that keeps records and messages; `name` is what it calls what is kept of them.

    Raises ConfigError.
    """
    opened = open_chosen_store(store, None)
    if not isinstance(opened, Keeper):
        raise ConfigError(f"store: {type(opened).__name__} keeps counts, and nothing else")
    # Loaded here and not with the first use, which is in a thread: a lock of the import system
    # that a fork finds taken stays taken in the child.
    getattr(opened, name)
    return opened


class Kept(Flushed):
    """Keeps in a store what was said, or sends it to a queue."""

    def _open(
        self,
        opened: Destination,
        pending: PendingParts[Any, Any, Any],
        sender: Callable[[Callable[[], Any]], PartsSender[Any]],
        *,
        name: str,
        sync_interval: float | None,
    ) -> None:
        """`sender` gets what returns the store; `name` is what messages call what is kept."""
        self._flusher = Flusher(opened, what=name)
        period = sync_interval or _SYNC_SECONDS
        self._outbox = Outbox(name, self._flusher, pending, sender, sync_interval=period)
        self._flusher.counters = (self._outbox,)

    def notice(self) -> None:
        """See that somebody sees to what has been taken in. Never waits, never raises."""
        self._outbox.notice()

    def _flush_at_once(self, timeout: float) -> bool:
        """Send what has just been taken in; False also where that was dropped as `closed`."""
        return self._flusher.flush(timeout) and not self._flusher.is_closed

    def telemetry(self) -> Telemetry:
        """Return what became of the records, messages or events of this process, in their numbers.

        counted = applied + pending + all of dropped, at any time. `dropped` is by reason: `memory`
        had no room here while the store was away; `closed` and `shutdown` as for counts;
        `unknown` were sent and never heard of again for six days; `server_forgot` were confirmed
        by a store that has lost them since; of records, `queue_full` had to make room in the
        store for those of this process, whosesoever they were (so `applied` is less by these); of
        messages, `late` are of an hour that is not kept any more, and `bad_key` of one whose key
        holds something else; of events, `refused` are such as the queue can never take, because
        they are too large for it. `ahead`: messages dated ahead of the store's clock, counted in
        its hour; `other`: counted as `@other`; `retries`: batches sent again; `last_flush`: Unix
        time or None; `last_error`: text or None.
        """
        ledger, pending = self._outbox.snapshot()
        return {
            "source": self._outbox.source,
            "counted": ledger.counted,
            "applied": ledger.applied,
            "pending": pending,
            "dropped": ledger.dropped,
            "ahead": ledger.ahead,
            "other": ledger.other,
            "retries": ledger.retries,
            "last_flush": self._outbox.last_flush,
            "last_error": self._flusher.outage.last_error,
        }
