"""EventCountLogger: the groups of one program, their store, and the flushing of both.

Handlers, processors and filters count through the same object.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict, TypeVar, overload

from ecl_logging import notices
from ecl_logging.batches import DROP_REASONS
from ecl_logging.config import config_from
from ecl_logging.counter import GroupCounter
from ecl_logging.definitions import group_config
from ecl_logging.event_group import DummyEventGroup, EventGroup
from ecl_logging.flushed import Flushed
from ecl_logging.flusher import Flusher
from ecl_logging.problems import checked_together
from ecl_logging.rotations import RotationFunction, Rotations
from ecl_logging.settings import Config, GroupConfig, RuleConfig
from ecl_logging.stores import check_store, open_chosen_store
from ecl_logging.validation import check_groups

if TYPE_CHECKING:
    from ecl_logging.stores.protocols import Store

__all__ = ["DummyEventGroup", "EventCountLogger", "EventGroup"]

_Function = TypeVar("_Function", bound=RotationFunction)


class Telemetry(TypedDict):
    """What became of the events of a process; see `EventCountLogger.telemetry`."""

    sources: dict[str, str]
    counted: int
    applied: int
    pending: int
    spooled: int
    dropped: dict[str, int]
    late: int
    ahead: int
    other: int
    retries: int
    last_flush: float | None
    last_error: str | None


class Health(TypedDict):
    """Whether counting works; see `EventCountLogger.health`."""

    ok: bool
    store: str
    pending: int
    dropped: int
    last_flush: float | None
    last_error: str | None


class EventCountLogger(Flushed):
    """Counts events of its groups in a store that all processes share. Thread safe.

    ::

        ecl = EventCountLogger({"requests": {"events": ["req1"], "intervals": ["5m"]}})
        ecl.get_group("requests").log("req1")

    Also a context manager, which closes it.
    """

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
        given, checked = checked_together(
            lambda: check_store(store, redis),
            lambda: None if groups is None else check_groups(groups),
        )
        self._open(open_chosen_store(given, None))
        self._use(self._remembered() if checked is None else checked)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, store: object = None) -> EventCountLogger:
        """Return one with the groups and the store of a YAML file. Raises ConfigError."""
        return cls.from_config(config_from(path), store=store)

    @classmethod
    def from_config(cls, config: Config, *, store: object = None) -> EventCountLogger:
        """Return one with the groups and the store of a checked configuration."""
        logger = cls.__new__(cls)
        logger._open(open_chosen_store(store, config.store, prefix=config.prefix))
        logger._use(config.groups)
        logger._rules = config.rules
        return logger

    def _open(self, store: Store) -> None:
        self._rules: tuple[RuleConfig, ...] | None = None  # of a file; for handlers
        self._flusher = Flusher(store)
        self._unknown_groups: set[str] = set()

    def _use(self, groups: Mapping[str, GroupConfig]) -> None:
        self._counters = {
            name: GroupCounter(group, self._flusher) for name, group in groups.items()
        }
        self._flusher.counters = tuple(self._counters.values())
        self._groups = {
            name: EventGroup(counter, self._flusher) for name, counter in self._counters.items()
        }
        self._rotations = Rotations(self._groups)

    def _remembered(self) -> dict[str, GroupConfig]:
        definitions = (self.store.definition(name) for name in self.store.groups())
        return {d.group: group_config(d) for d in definitions if d is not None}

    # --- groups

    @overload
    def get_group(
        self, name: str, dummy: Literal[True], warn: bool = True
    ) -> EventGroup | DummyEventGroup: ...

    @overload
    def get_group(
        self, name: str, dummy: bool = False, warn: bool = True
    ) -> EventGroup | DummyEventGroup | None: ...

    def get_group(
        self,
        name: str,
        dummy: bool = False,
        warn: bool = True,
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
        return self.get_group(name, dummy=True)

    @property
    def groups(self) -> Mapping[str, EventGroup]:
        """The configured groups by name."""
        return self._groups

    def dump_config(self) -> str:
        """Return the configuration as text, for debugging."""
        lines = [f"store: {self.store.shown}"]
        for counter in self._counters.values():
            lines.append(f"group {counter.config.name}: {counter.config}")
        return "\n".join(lines)

    def on_rotation(self, function: _Function) -> _Function:
        """Have `function(group, interval, start, counts)` called for each finished bucket.

        ::

            @ecl.on_rotation
            def report(group: str, interval: str, start: int, counts: dict[str, int]) -> None: ...

        For every bucket of every interval of each group that is over from now on, once, the
        oldest first: when its counts have settled, which is a flush interval and a second after
        its end. `start` is its Unix time, `counts` are those of all programs, declared IDs also
        at zero. While the store is away, buckets wait, up to the group's `history`.

        Functions are called in a thread of their own, one at a time, in this process only: a
        forked child has none, and what calls them in one process of many is registered there. One
        that raises is told once in a warning, and called again for the next bucket. They end with
        `close`, and with the process. Returns the function.
        """
        self._rotations.add(function)
        return function

    # --- sending and ending

    def close(self, timeout: float | None = None) -> None:
        """Send what is pending, then stop counting; see `Flushed.close`. Safe to call twice."""
        self._rotations.stop()
        super().close(timeout)

    def _retire(self) -> None:
        """Rest where nothing comes, for a handler that a reconfiguration closes; see `Flusher`."""
        self._rotations.stop(patience=0.0)
        self._flusher.retire()

    # --- looking at it

    def telemetry(self) -> Telemetry:
        """Return what became of the events of this process, in numbers of events.

        counted = applied + pending + spooled + all of dropped, at any time.

        `sources`: group -> source, as the store knows this process; `late`, `ahead`, `other`:
        applied events that were counted under `@late`, in the store's current bucket instead
        of a later one, under `@other`; `retries`: batches sent again; `last_flush`: Unix time
        or None; `last_error`: text or None.
        """
        snapshots = [counter.snapshot() for counter in self._counters.values()]
        ledgers = [ledger for ledger, _ in snapshots]
        flushes = [c.last_flush for c in self._counters.values() if c.last_flush is not None]
        return {
            "sources": {name: counter.source for name, counter in self._counters.items()},
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
            "last_error": self._flusher.outage.last_error,
        }

    def health(self) -> Health:
        """Return whether counting works, for a web endpoint. Does not touch the store.

        `ok` is false while the store is away or after `close`; `dropped` is the sum over all
        reasons; `last_flush` is Unix time or None.
        """
        telemetry, flusher = self.telemetry(), self._flusher
        return {
            "ok": not (flusher.outage.is_on or flusher.is_closed),
            "store": self.store.shown,
            "pending": telemetry["pending"],
            "dropped": sum(telemetry["dropped"].values()),
            "last_flush": telemetry["last_flush"],
            "last_error": telemetry["last_error"],
        }
