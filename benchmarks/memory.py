"""How much memory each ID takes that has been counted: `python -m benchmarks.memory KIND`.

In a process for each kind, so that nothing else is in it.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

__all__ = ["KINDS"]

_IDS = 20_000
_NO_STORE = "redis://127.0.0.1:1/0"
_INTERVALS = ("1m", "1h")


def _ours() -> Callable[[str], object]:
    from ecl_logging import EventCountLogger

    keys = {"intervals": list(_INTERVALS), "auto_declare_events": True, "sync_interval": 1}
    ecl = EventCountLogger({"many": keys}, store=_NO_STORE)
    ecl.exit_timeout = 0.0
    group = ecl.groups["many"]
    group.log("first")
    group.sync(2.0)  # the thread is there, and knows that there is no store

    def count(event_id: str) -> None:
        group.log(event_id)
        if event_id.endswith("999"):
            group.sync(2.0)  # what has arrived is counted

    return count


def _event_count_logger() -> Callable[[str], object]:
    from event_count_logger import EventGroup

    group: Any = EventGroup(None, "many", [], _INTERVALS, auto_declare=True, sync_limit=10**9)
    count: Callable[[str], object] = group.log
    return count


def _prometheus() -> Callable[[str], object]:
    from prometheus_client import CollectorRegistry, Counter

    counter = Counter("many", "Events.", ["event"], registry=CollectorRegistry())
    return lambda event_id: counter.labels(event_id).inc()


KINDS = {
    "pending in an EventGroup": _ours,
    "event_count_logger, local counters": _event_count_logger,
    "prometheus_client, a child": _prometheus,
}


def _bytes_for_each(kind: str) -> float:
    ids = [f"event{number:05}" for number in range(_IDS)]
    count = KINDS[kind]()
    gc.collect()
    tracemalloc.start()
    for event_id in ids:
        count(event_id)
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / _IDS


if __name__ == "__main__":
    print(_bytes_for_each(sys.argv[1]))
