"""Sources that flush until they are killed: `python -m benchmarks.flushing URL GROUP SOURCES IDS`.

Batches are sent in turn by one thread: so the server has always something to do, and nothing is
spent on threads that wait for each other.
"""

from __future__ import annotations

import itertools
import secrets
import sys
import time

from ecl_logging.intervals import Interval
from ecl_logging.stores import open_store
from ecl_logging.stores.protocols import Batch, Definition

_INTERVALS = tuple(map(Interval.parse, ("1s", "5s")))


def main(url: str, group: str, sources: str, ids: str) -> None:
    """Flush until killed; the group has a view if it is called `view`."""
    store = open_store(url)
    counts = {f"event{number:05}": 1 for number in range(int(ids))}
    store.define(Definition(group, _INTERVALS, frozenset(counts), cur_last_keys=group == "view"))
    names = [secrets.token_hex(16) for _ in range(int(sources))]
    for number in itertools.count(1):
        for source in names:
            start, total = int(time.time()), number * len(counts)
            batch = Batch(group, source, number, total, 1, start, _INTERVALS, counts)
            reply = store.apply(batch)
            if reply.status != "applied":
                raise RuntimeError(f"a batch was not applied: {reply}")
        if number == 1:
            print("ready", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
