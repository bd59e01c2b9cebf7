"""EventCountLogger: the groups of one program, their store, and the flushing of both.

Handlers, processors and filters count through the same object.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ecl_logging import notices
from ecl_logging.batches import DROP_REASONS, Interrupted
from ecl_logging.config import config_from
from ecl_logging.counter import GroupCounter
from ecl_logging.errors import ConfigError
from ecl_logging.event_group import DummyEventGroup, EventGroup
from ecl_logging.flusher import Flusher, arm_exit_hooks, watch
from ecl_logging.outage import Outage
from ecl_logging.sender import flushing_threads
from ecl_logging.settings import Config, GroupConfig, RuleConfig
from ecl_logging.stores import open_chosen_store
from ecl_logging.validation import check_groups

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ecl_logging.stores.protocols import Definition, Store

__all__ = ["DummyEventGroup", "EventCountLogger", "EventGroup"]

_HINT = "; choose another store with ECL_STORE"


class EventCountLogger:
    """Counts events of its groups in a store that all processes share. Thread safe.

    ::

        ecl = EventCountLogger({"requests": {"events": ["req1"], "intervals": ["5m"]}})
        ecl.get_group("requests").log("req1")

    Also a context manager, which closes it.
    """

    exit_timeout = 2.0
    """Seconds that `close` and the end of the process may spend on sending what is pending."""

    def __init__(
        self,
        groups: Mapping[str, object] | None = None,
        redis: Mapping[str, object] | None = None,
        *,
        store: object = None,
    ) -> None:
        """`groups`: name -> keys, as in a configuration file. `store`: a URL, or a store.

        Without `store` it is the one that the environment variable ECL_STORE names, else the
        embedded one. Without `groups` they are those that the store remembers; only then does
        building the object touch the store, and may raise StoreUnavailable. Raises ConfigError
        with every problem of the groups.
        """
        if store is not None and redis is not None:
            raise ConfigError("redis is the older word for store; give one of them")
        self._open(open_chosen_store(redis if redis is not None else store, None))
        self._use(check_groups(groups) if groups is not None else self._remembered())

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, store: object = None) -> EventCountLogger:
        """Return one with the groups and the store of a YAML file. Raises ConfigError."""
        return cls.from_config(config_from(path), store=store)

    @classmethod
    def from_config(cls, config: Config, *, store: object = None) -> EventCountLogger:
        """Return one with the groups and the store of a checked configuration."""
        logger = cls.__new__(cls)
        logger._open(open_chosen_store(store, config.store))
        logger._use(config.groups)
        logger.rules = config.rules
        return logger

    def _open(self, store: Store) -> None:
        self.store = store
        self.rules: tuple[RuleConfig, ...] | None = None  # of a file; for handlers
        self.outage = Outage(_HINT)
        self._flusher = Flusher(self._flush_due)
        self._unknown_groups: set[str] = set()
        self._start_life()

    def _start_life(self) -> None:
        self._pid = os.getpid()
        self.is_ending = False
        self._is_closed = False
        self._seconds_left: float | None = None  # for flushing at exit

    def _use(self, groups: Mapping[str, GroupConfig]) -> None:
        self.counters = {name: GroupCounter(group, self) for name, group in groups.items()}
        self._groups = {
            name: EventGroup(counter, lambda: self.store) for name, counter in self.counters.items()
        }
        watch(self)

    def _remembered(self) -> dict[str, GroupConfig]:
        definitions = (self.store.definition(name) for name in self.store.groups())
        return {d.group: group_config(d) for d in definitions if d is not None}

    # --- groups

    def get_group(
        self,
        name: str,
        dummy: bool = False,  # noqa: FBT001, FBT002 - the signature of event_count_logger
        warn: bool = True,  # noqa: FBT001, FBT002
    ) -> EventGroup | DummyEventGroup | None:
        """Return the group; for an unknown one None, or with `dummy` a DummyEventGroup.

        An unknown name is warned of once, unless `warn` is false.
        """
        group = self._groups.get(name)
        if group is not None:
            return group
        if warn and name not in self._unknown_groups:
            self._unknown_groups.add(name)
            notices.warn(f"group {name!r} is not configured; its events are not counted")
        return DummyEventGroup() if dummy else None

    def __getitem__(self, name: str) -> EventGroup | DummyEventGroup:
        group = self.get_group(name, dummy=True)
        return group if group is not None else DummyEventGroup()

    @property
    def groups(self) -> Mapping[str, EventGroup]:
        """The configured groups by name."""
        return self._groups

    def dump_config(self) -> str:
        """Return the configuration as text, for debugging."""
        lines = [f"store: {self.store.shown}"]
        for counter in self.counters.values():
            lines.append(f"group {counter.config.name}: {counter.config}")
        return "\n".join(lines)

    def batch_by(self, sync_interval: float | None, sync_limit: int | None) -> None:
        """Set how a handler's events are batched in groups that do not say it themselves."""
        for counter in self.counters.values():
            counter.batch_by(sync_interval, sync_limit)

    # --- flushing

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is pending in all groups; True when nothing is left.

        Waits for the store, `timeout` seconds at most.
        """
        if self._pid != os.getpid():
            self.after_fork()  # by a fork that ran no hooks
        if timeout is None and self.is_ending:
            timeout = self._seconds_left
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        flushed = True
        for counter in self.counters.values():
            left = None if timeout is None else max(0.0, deadline - time.monotonic())
            flushed = counter.flush(left) and flushed
        return flushed

    def close(self, timeout: float | None = None) -> None:
        """Send what is pending, then stop counting. Safe to call twice.

        Takes `timeout` seconds at most (`exit_timeout` by default). What could not be sent is
        dropped as `shutdown`, with a warning; what is logged later is dropped as `closed`.
        """
        if self._is_closed:
            return
        amid_flush = threading.get_ident() in flushing_threads
        if amid_flush or any(c.is_interrupted() for c in self.counters.values()):
            return  # in a signal handler that came into our work: the exit hook does it
        self._flush_finally(self.exit_timeout if timeout is None else timeout)
        try:
            self._give_up(closed=True)
        except Interrupted:
            return  # in a signal handler, amid our own work: the exit hook does the rest
        self._is_closed = True
        self.store.close()

    def at_exit(self) -> None:
        """Send what is pending as the process ends; later events are sent as they come."""
        if self._is_closed:
            return
        if not self._flush_finally(self.exit_timeout):
            with contextlib.suppress(Interrupted):
                self._give_up(closed=False)
        self.store.close()  # and opened again if something more is logged

    def _flush_finally(self, timeout: float) -> bool:
        """Stop the thread and flush on this one; all calls together take `timeout` at most."""
        self.is_ending = self.outage.is_ending = True
        if self._seconds_left is None:
            self._seconds_left = timeout
        for counter in self.counters.values():
            counter.end_batching()  # first, so that whatever the flush misses is seen to
        with _Spending(self):
            # A thread that hangs must not take all the time there is.
            self._flusher.stop(0.75 * self._seconds_left)
        with _Spending(self):
            return self.flush(max(0.0, self._seconds_left))

    def _give_up(self, *, closed: bool) -> None:
        left = sum(counter.give_up(closed=closed) for counter in self.counters.values())
        self.outage.tell_of_loss(left)

    def count_at_the_end(self, counter: GroupCounter) -> None:
        """See to an event that came after `at_exit` or `close`: there is no thread any more."""
        if self._is_closed:
            counter.drop_arrivals()
        elif self._seconds_left is None or self._seconds_left > 0:
            with _Spending(self):
                counter.flush(self._seconds_left)

    def be_running(self) -> bool:
        """Have the exit hooks and the flusher thread in this process. Never blocks.

        Returns whether the thread runs.
        """
        arm_exit_hooks()
        return self._flusher.start()

    def wake(self) -> None:
        """Flush groups whose time has come, now."""
        self._flusher.wake()

    def _flush_due(self) -> float:
        if not self.outage.may_try():
            return 0.25
        for counter in self.counters.values():
            if not self.outage.may_try():
                break  # the first group has found the store away; the others need not wait, too
            if time.monotonic() >= counter.next_flush:
                counter.next_flush = time.monotonic() + counter.period
                counter.flush()
        soonest = min((c.next_flush for c in self.counters.values()), default=float("inf"))
        return min(60.0, max(0.01, soonest - time.monotonic()))

    def after_fork(self) -> None:
        """Start anew in a forked child: nothing pending, no thread. Only assigns."""
        self.store.after_fork()
        self.outage.reset()
        self._flusher.reset()
        for counter in self.counters.values():
            counter.after_fork()
        self._start_life()

    # --- looking at it

    def telemetry(self) -> dict[str, object]:
        """Return what became of the events of this process, in numbers of events.

        counted = applied + pending + spooled + all of dropped, at any time.

        `sources`: group -> source, as the store knows this process; `late`, `ahead`, `other`:
        applied events that were counted under `@late`, in the store's current bucket instead
        of a later one, under `@other`; `retries`: batches sent again; `last_flush`: Unix time
        or None; `last_error`: text or None.
        """
        snapshots = [counter.snapshot() for counter in self.counters.values()]
        ledgers = [ledger for ledger, _ in snapshots]
        flushes = [c.last_flush for c in self.counters.values() if c.last_flush is not None]
        return {
            "sources": {name: counter.source for name, counter in self.counters.items()},
            "counted": sum(ledger.counted for ledger in ledgers),
            "applied": sum(ledger.applied for ledger in ledgers),
            "pending": sum(pending for _, pending in snapshots),
            "spooled": 0,
            "dropped": {
                reason: sum(ledger.dropped[reason] for ledger in ledgers) for reason in DROP_REASONS
            },
            "late": sum(ledger.late for ledger in ledgers),
            "ahead": sum(ledger.ahead for ledger in ledgers),
            "other": sum(ledger.other for ledger in ledgers),
            "retries": sum(ledger.retries for ledger in ledgers),
            "last_flush": max(flushes, default=None),
            "last_error": self.outage.last_error,
        }

    def health(self) -> dict[str, object]:
        """Return whether counting works, for a web endpoint. Does not touch the store.

        `ok` is false while the store is away or after `close`; `dropped` is the sum over all
        reasons; `last_flush` is Unix time or None.
        """
        telemetry = self.telemetry()
        dropped: dict[str, int] = telemetry["dropped"]  # type: ignore[assignment]  # built above
        return {
            "ok": not self.outage.is_on and not self._is_closed,
            "store": self.store.shown,
            "pending": telemetry["pending"],
            "dropped": sum(dropped.values()),
            "last_flush": telemetry["last_flush"],
            "last_error": telemetry["last_error"],
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Spending:
    """Takes the time that its block takes from what an ending logger has left."""

    def __init__(self, logger: EventCountLogger) -> None:
        self._logger = logger

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        spent = time.monotonic() - self._began
        self._logger._seconds_left = (self._logger._seconds_left or 0.0) - spent


def group_config(definition: Definition) -> GroupConfig:
    """Return a group as a program without a configuration of its own counts in it."""
    return GroupConfig(
        name=definition.group,
        intervals=definition.intervals,
        events=tuple(sorted(definition.events)),
        max_events=definition.max_events,
        history=definition.history,
        measures=tuple(sorted(definition.measures)),
        cur_last_keys=definition.cur_last_keys,
    )
