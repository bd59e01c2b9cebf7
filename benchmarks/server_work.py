"""How much the server works for a batch, against the bare commands that write the same cells."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping

from benchmarks.findings import Findings, timings
from benchmarks.measuring import Task, run_in_turn
from benchmarks.servers import Server
from ecl_logging.intervals import Interval
from ecl_logging.stores import open_store
from ecl_logging.stores.protocols import MAX_BATCH_IDS, Batch, Definition, Store

__all__ = ["measure"]

_INTERVALS = tuple(map(Interval.parse, ("5m", "1h")))
_IDS = [f"event{number:04}" for number in range(MAX_BATCH_IDS)]
_BATCHES = 5  # in a slice

_CPU = "server's CPU"
_BARE = "bare HINCRBYs, pipelined"
_BUCKETS_ONLY = "apply, without cur_last_keys"
_WITH_VIEW = "apply, with cur_last_keys"


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure batches of 2,000 IDs in two intervals, and as many HINCRBYs."""
    server.empty()
    store = open_store(server.url)
    steps: dict[str, Callable[[], object]] = {
        _BARE: lambda: _increment(server),
        _BUCKETS_ONLY: _applying(store, "buckets", has_view=False),
        _WITH_VIEW: _applying(store, "view", has_view=True),
    }
    tasks = {name: _task(server, step) for name, step in steps.items()}
    runs = run_in_turn(tasks, rounds=9 if quick else 25)
    store.close()
    note = (
        f"CPU time of the server for {MAX_BATCH_IDS:,} IDs in two intervals, which are"
        f" {2 * MAX_BATCH_IDS:,} cells: taking the request in, doing it and answering."
    )
    table = timings(runs, title="The server's work", base=_BARE, metrics=((_CPU, "ms"),), note=note)
    return Findings(ratios={"apply": runs.ratio(_BUCKETS_ONLY, _BARE, _CPU)}, tables=[table])


def _task(server: Server, step: Callable[[], object]) -> Task:
    def task() -> Mapping[str, float]:
        before = server.cpu_seconds()
        for _ in range(_BATCHES):
            step()
        return {_CPU: (server.cpu_seconds() - before) / _BATCHES}

    return task


def _increment(server: Server) -> None:
    pipeline = server.client.pipeline(transaction=False)
    for key in ("bare:5m", "bare:1h"):
        for event_id in _IDS:
            pipeline.hincrby(key, event_id, 1)
    pipeline.execute()


def _applying(store: Store, group: str, *, has_view: bool) -> Callable[[], None]:
    """Return what applies the next batch to a group of declared IDs."""
    store.define(Definition(group, _INTERVALS, frozenset(_IDS), cur_last_keys=has_view))
    counts = dict.fromkeys(_IDS, 1)
    numbers = itertools.count(1)

    def apply() -> None:
        number = next(numbers)
        total, start = number * len(counts), int(time.time())
        batch = Batch(group, "a" * 32, number, total, 1, start, _INTERVALS, counts)
        reply = store.apply(batch)
        if reply.status != "applied" or reply.dropped or reply.late:
            raise RuntimeError(f"the batch was not applied: {reply}")

    return apply
