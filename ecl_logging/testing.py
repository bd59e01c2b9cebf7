"""For tests of programs that count: what was counted, with no store, no file and no waiting.

With pytest, the fixture `ecl_counts` is there once the library is installed::

    def test_a_sale_is_counted(ecl_counts):
        sell("apple")

        assert ecl_counts("orders") == {"paid": 1}

Elsewhere `capture_counts` is a context manager that gives the same.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import overload

from ecl_logging.counter import GroupCounter
from ecl_logging.errors import ConfigError
from ecl_logging.flusher import Flusher
from ecl_logging.lifetime import watched
from ecl_logging.stores import every_store_is
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import APPLIED, Batch, Reply, Store

__all__ = ["CapturedCounts", "capture_counts"]

_PATIENCE = 10.0  # seconds; another thread may be at the same flush


@contextlib.contextmanager
def capture_counts() -> Iterator[CapturedCounts]:
    """Have everything that is counted in the block go to one private memory store.

    So every handler, processor and EventCountLogger of the process counts there, those that were
    made before, too, whatever store they name; records and messages are kept there as well. It
    begins empty. Afterwards those go on with their own stores, where nothing of the block has
    arrived; one that was made in the block keeps the memory store. Child processes count in a
    memory of their own, which nobody sees. Blocks can be nested, and end in the reverse order.
    """
    store = _RememberingStore()
    with contextlib.ExitStack() as stack:
        stack.enter_context(every_store_is(store))
        stack.enter_context(_named_in_environment("memory://"))
        for flusher in _flushers():
            if flusher.is_closed:
                continue
            stack.enter_context(_counting_in(flusher, store))
        counts = CapturedCounts(store)
        try:
            yield counts
        finally:
            counts.take_all()  # so that it can be asked afterwards


class CapturedCounts:
    """What has been counted: call it with a group's name. Thread safe."""

    def __init__(self, store: _RememberingStore) -> None:
        self._store = store
        self._known: set[str] = set()  # groups that there are, or were

    @overload
    def __call__(self) -> dict[str, dict[str, int]]: ...

    @overload
    def __call__(self, group: str) -> dict[str, int]: ...

    def __call__(self, group: str | None = None) -> dict[str, int] | dict[str, dict[str, int]]:
        """Return event ID -> count in a group; without one, that of every group that has counts.

        Whatever their intervals, and whatever time the records had; IDs that were not counted
        are not there. Raises ConfigError for a group that no program in this process has.
        """
        self.take_all()
        totals = self._store.counted()
        if group is None:
            return totals
        if group not in self._known:
            names = ", ".join(sorted(self._known)) or "none"
            raise ConfigError(f"nobody counts in a group {group!r}; there are {names}")
        return totals.get(group, {})

    def take_all(self) -> None:
        """Have everything sent that has been counted so far."""
        self._known.update(self._store.groups())
        for flusher in _flushers():
            if flusher.store is self._store:
                if not flusher.is_closed:
                    flusher.flush_here(_PATIENCE)
                counters = [one for one in flusher.counters if isinstance(one, GroupCounter)]
                self._known.update(counter.name for counter in counters)


class _RememberingStore(MemoryStore):
    """A store that remembers for good what was counted in it, late or early."""

    def __init__(self) -> None:
        super().__init__()
        self._remembering = threading.Lock()
        self._totals: dict[str, Counter[str]] = {}

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        reply = super().apply(batch, timeout=timeout)
        if reply.status == APPLIED:
            events = {cell: n for cell, n in batch.counts.items() if cell[0] != "@"}
            with self._remembering:
                self._totals.setdefault(batch.group, Counter()).update(events)
        return reply

    def counted(self) -> dict[str, dict[str, int]]:
        with self._remembering:
            return {group: dict(sorted(counts.items())) for group, counts in self._totals.items()}


@contextlib.contextmanager
def _counting_in(flusher: Flusher, store: Store) -> Iterator[None]:
    """Have a flusher send to another store in the block, beginning with nothing pending.

    What was pending before goes to the store that it was meant for, afterwards;
    where there was nothing, that store is not touched.
    """
    before, pid = (flusher.store, flusher.outage, flusher._ticker, flusher.is_used), os.getpid()
    flusher._use(store)
    flusher._ticker, flusher.is_used = flusher._new_ticker(), False
    flusher.tallies.harvest()
    put_back = [counter.set_aside() for counter in flusher.counters]
    try:
        yield
    finally:
        flusher._ticker.stop(_PATIENCE)
        flusher.tallies.harvest()
        flusher.store, flusher.outage, flusher._ticker, flusher.is_used = before
        for put in put_back:
            put()
        if os.getpid() != pid:  # a child goes on from here: what waited is the parent's
            flusher._pid = pid
            flusher.after_fork()
        elif flusher.is_closed:  # within the block: now for what waited, too
            flusher._reopen()
            flusher.close(None)


@contextlib.contextmanager
def _named_in_environment(store: str) -> Iterator[None]:
    """Have child processes that begin anew find this store, not the one that serves customers."""
    before = os.environ.get("ECL_STORE")
    os.environ["ECL_STORE"] = store
    try:
        yield
    finally:
        if before is None:
            del os.environ["ECL_STORE"]
        else:
            os.environ["ECL_STORE"] = before


def _flushers() -> list[Flusher]:
    return [flusher for flusher in watched() if isinstance(flusher, Flusher)]
