"""What a program wants a group to be, and what the store says that it is."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ecl_logging.deadlines import Deadline
from ecl_logging.locks import do_alone, is_mine
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import Definition, Store

if TYPE_CHECKING:
    from ecl_logging.batches import PendingCounts

__all__ = ["SharedDefinition", "group_config", "wanted_definition"]


def wanted_definition(group: GroupConfig) -> Definition:
    """What a program's own configuration says of a group, as the store is told."""
    return Definition(
        group=group.name,
        intervals=group.intervals,
        events=frozenset(group.events),
        history=group.history,
        max_events=group.max_events,
        measures=frozenset(group.measures),
        cur_last_keys=group.cur_last_keys,
    )


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


class SharedDefinition:
    """One group's definition, as this program wants it and as the store has it.

    Pending counts are cut by the store's as soon as that is known. Methods that are given a
    deadline wait for the store, and raise StoreError, or OutOfTime when it is over; one
    thread at a time calls them. The others may be called by any thread.
    """

    def __init__(
        self,
        group: GroupConfig,
        pending: PendingCounts,
        store: Callable[[], Store],
        *,
        warn: Callable[[str], None],
        on_loss: Callable[[], None],
    ) -> None:
        """`on_loss` is called where the store has lost the group that it had."""
        self.wanted = wanted_definition(group)
        self._measures = self.wanted.measures  # those of the configuration
        self._pending = pending
        self._store = store
        self._warn, self._on_loss = warn, on_loss
        self.reset()

    def reset(self) -> None:
        """Start with a store that has not been asked, as a forked child does. Only assigns."""
        self._lock = threading.RLock()
        self.stored: Definition | None = None
        self._must_define = True

    @property
    def version(self) -> int:
        """The version that is known here; 0 for none."""
        return self.stored.version if self.stored is not None else 0

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return is_mine(self._lock)

    def expect(self, event_ids: Iterable[str]) -> None:
        """Know these IDs from now on; `define_if_due` tells the store. Does no I/O."""
        with self._lock:
            events = self.wanted.events.union(event_ids)
            self.wanted = dataclasses.replace(self.wanted, events=events)
            self._must_define = True
            self._adopt(self.stored or self.wanted)

    def expect_measure(self, measure: str) -> bool:
        """Want the group to have the measure, of which the store is told by `define_if_due`.

        False where somebody else is at work here: to be tried again. Never waits.
        """
        return bool(do_alone(self._lock, lambda: self._want_measure(measure)))

    def _want_measure(self, measure: str) -> bool:
        measures = self.wanted.measures | {measure}
        self.wanted = dataclasses.replace(self.wanted, measures=measures)
        self._must_define = True
        return True

    def define_if_due(self, deadline: Deadline) -> bool:
        """Define the group, unless the store knows all that this program wants."""
        if not self._must_define:
            return False
        self.define(deadline)
        return True

    def define(self, deadline: Deadline) -> None:
        """Make the group known to the store, and follow what it says."""
        try:
            with self._lock:
                wanted, self._must_define = self.wanted, False
            before = self._ask(deadline)
            if before is None and self.stored is not None:
                self._on_loss()
            union = self._store().define(wanted, timeout=deadline.for_one_step())
        except BaseException:
            self._must_define = True
            raise
        if before is not None and self.stored is None:  # what it adds later is no surprise
            self._warn_of_differences(before, union)
        self.stored = union
        self._adopt(union)

    def follow(self, deadline: Deadline) -> None:
        """Take up what the store has by now."""
        stored = self._ask(deadline)
        if stored is None:
            self.define(deadline)
        elif stored.version != self.version:
            self.stored = stored
            self._adopt(stored)

    def _ask(self, deadline: Deadline) -> Definition | None:
        return self._store().definition(self.wanted.group, timeout=deadline.for_one_step())

    def _adopt(self, definition: Definition) -> None:
        """Cut by the definition, and know its IDs and those that this process wants."""
        self._pending.follow(definition.intervals, definition.events | self.wanted.events)

    def _warn_of_differences(self, before: Definition, union: Definition) -> None:
        wanted = self.wanted
        lengths = {interval.seconds for interval in wanted.intervals}
        differing = []
        if lengths != {interval.seconds for interval in before.intervals}:
            texts = ", ".join(interval.text for interval in union.intervals)
            differing.append(f"intervals are now {texts}")
        for key in ("history", "max_events", "cur_last_keys"):
            if getattr(wanted, key) != getattr(before, key):
                differing.append(f"{key} is {getattr(union, key)}")
        # Who observes a measure adds it, and differs from nobody.
        for key, known in (("events", wanted.events), ("measures", self._measures)):
            if new := sorted(known - getattr(before, key)):
                differing.append(f"new {key} are {', '.join(map(repr, new[:10]))}")
        if differing:
            self._warn(
                f"another program has defined it differently; {'; '.join(differing)}"
                " ('ecl-rotate CONFIG --define' makes one file the definition)"
            )
