"""What the stores' tests count with: groups, programs that send batches, child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Batch, Definition, Reply, Store, events_in

ROOT = Path(__file__).parents[2]

NOW = 1_800_000_000
"""Where the clock of a test starts: an edge of 5s, 5m and 1h alike."""

FIVE_SECONDS, FIVE_MINUTES, HOUR = map(Interval.parse, ("5s", "5m", "1h"))
BOTH = (FIVE_SECONDS, FIVE_MINUTES)
REQUESTS = Definition("requests", BOTH, events=frozenset({"req1"}), history=3)


class Program:
    """A program that counts: it numbers its batches and keeps their running total."""

    def __init__(self, store: Store, source: str = "a", group: str = "requests") -> None:
        self.store, self.source, self.group = store, source, group
        self.number = self.total = 0

    def batch(
        self,
        counts: Mapping[str, int],
        *,
        start: int = NOW,
        intervals: tuple[Interval, ...] = BOTH,
        number: int | None = None,
    ) -> Batch:
        """The next batch, or one of another number."""
        number = self.number + 1 if number is None else number
        total = self.total + events_in(counts)
        return Batch(self.group, self.source, number, total, 1, start, intervals, counts)

    def send(
        self,
        counts: Mapping[str, int],
        *,
        start: int = NOW,
        intervals: tuple[Interval, ...] = BOTH,
    ) -> Reply:
        """Send the next batch, and hear that it was applied."""
        batch = self.batch(counts, start=start, intervals=intervals)
        reply = self.store.apply(batch)
        assert reply.status == "applied"
        self.number, self.total = batch.number, batch.total - reply.dropped
        return reply


def cells(
    store: Store, interval: Interval = FIVE_MINUTES, *, age: int = 0, group: str = "requests"
) -> dict[str, int]:
    """What one bucket holds."""
    (bucket,) = store.read(group, interval, [age])
    return dict(bucket.cells)


def count_now(store: Store) -> dict[str, int]:
    """Count once by the store's own clock; return what the current bucket has."""
    store.define(REQUESTS)
    Program(store, "now").send({"req1": 1}, start=int(time.time()))
    return cells(store)


def fork(work: Callable[[], object], *, seconds: int = 10) -> int:
    """Do some work in a forked child; return its process ID."""
    import signal

    with warnings.catch_warnings():
        # From 3.12 on, Python warns of forks beside threads: which is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(seconds)  # ends a child that hangs
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    """Wait for a forked child; return its exit status: 0 where nothing was raised."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
