"""Pending counts as tests look at them."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ecl_logging.batches import Frozen, PendingCounts
from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import APPLIED, Reply

MINUTE, HOUR = Interval("1m", 60), Interval("1h", 3600)
T = 1_800_000_000  # at the edge of an hour


def pending_of(
    *intervals: Interval, declared: Iterable[str] = (), any_id: bool = True
) -> PendingCounts:
    return PendingCounts(intervals or (MINUTE, HOUR), declared, any_id=any_id)


def add(pending: PendingCounts, event_id: str | None, created: Any = T, n: int = 1) -> None:
    pending.arrivals.append((event_id, n, created))


def frozen(pending: PendingCounts) -> list[Frozen]:
    """Freeze all there is, each acknowledged."""
    pending.drain()
    taken = []
    while (one := pending.freeze()) is not None:
        taken.append(one)
        pending.acknowledge(Reply(APPLIED))
    return taken


def counts_by_start(pending: PendingCounts) -> dict[int, dict[str, int]]:
    return {one.start: one.counts for one in frozen(pending)}


def total(pending: PendingCounts) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in frozen(pending):
        counts.update(one.counts)  # `+` would leave out digits of sums that are below zero
    return counts


def dropped_by(pending: PendingCounts) -> dict[str, int]:
    ledger, _ = pending.snapshot()
    return {reason: n for reason, n in ledger.dropped.items() if n}


def assert_accounted(pending: PendingCounts, counted: int) -> None:
    ledger, left = pending.snapshot()
    assert ledger.counted == counted
    assert ledger.counted == ledger.applied + left + sum(ledger.dropped.values())


@contextlib.contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Fail instead of going round in circles for ever."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
