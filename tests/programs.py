"""What one program counts in one group, sent when a test says so: no thread, no real time."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ecl_logging.batches import PendingCounts
from ecl_logging.ledgers import Ledger
from ecl_logging.outage import Outage
from ecl_logging.sender import Sender
from ecl_logging.validation import check_groups


class Program:
    """A program that counts in a group, `g` as a rule; with nothing else said, any ID in 1m."""

    def __init__(
        self,
        store: Any,
        clock: Callable[[], float] = time.time,
        *,
        group: str = "g",
        **keys: object,
    ) -> None:
        given = {"intervals": ["1m"], "auto_declare_events": True} | keys
        config = check_groups({group: given})[group]
        self.group = group
        self.store, self.clock = store, clock
        self.pending = PendingCounts(
            config.intervals, config.events, any_id=config.auto_declare_events
        )
        self.outage = Outage()
        self.sender = Sender(config, self.pending, lambda: store, self.outage)

    def log(self, event_id: str, n: int = 1) -> None:
        self.pending.arrivals.append((event_id, n, self.clock()))

    def define(self) -> None:
        """Make the group known to the store without counting anything."""
        self.store.define(self.sender.definition.wanted)

    def declare(self, *event_ids: str) -> None:
        """Know these IDs; the next flush makes them known to everybody."""
        self.sender.definition.expect(event_ids)

    def flush(self, timeout: float | None = None) -> bool:
        flushed = self.sender.flush(timeout)
        self.sender.tell()
        return flushed

    def stored(self, age: int = 0, interval: str = "1m") -> dict[str, int]:
        """What the store has in a bucket, by the interval's text."""
        definition = self.store.definition(self.group)
        [found] = [one for one in definition.intervals if one.text == interval]
        return dict(self.store.read(self.group, found, [age])[0].cells)

    def stored_lately(self) -> Counter[str]:
        """What the store has in the current bucket and the last, read at one time."""
        [interval] = self.store.definition(self.group).intervals
        buckets = self.store.read(self.group, interval, [0, 1])
        cells: Counter[str] = Counter()
        for bucket in buckets:
            cells.update(bucket.cells)  # `+` would leave out digits of sums that are below zero
        return cells

    @property
    def ledger(self) -> Ledger:
        """Where the events went; every one is in exactly one place."""
        ledger, left = self.pending.snapshot()
        assert ledger.counted == ledger.applied + left + sum(ledger.dropped.values())
        return ledger

    @property
    def dropped(self) -> dict[str, int]:
        """Which events were dropped, by reason."""
        return {reason: n for reason, n in self.ledger.dropped.items() if n}

    @property
    def left(self) -> int:
        return self.pending.snapshot()[1]

    def continue_as(self, other: Program) -> None:
        """Go on as a copy of another program, as when a snapshot of its machine is restored."""
        self.sender._confirmed = dataclasses.replace(other.sender._confirmed)
