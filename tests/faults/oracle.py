"""What should have been counted, noted beside the library, and what the store says.

Used by the tests and by the programs that they start.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ecl_logging.intervals import Interval
from ecl_logging.stores import open_store

if TYPE_CHECKING:
    import redis

GROUP = "requests"
EVENTS = [f"e{number}" for number in range(10)]
INTERVALS = ["1s", "3s", "1m"]

Buckets = dict[tuple[str, int], dict[str, int]]  # (interval, start) -> event ID -> count


class OracleHandler(logging.Handler):
    """Appends `event ID, repr(created)` of each record to a file, with one write each.

    Any number of threads and processes may append to one file. Records without an event,
    such as the library's own warnings, are not noted.
    """

    only_counts = True  # as far as the library is concerned: its warnings go to stderr

    def __init__(self, path: str) -> None:
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def emit(self, record: logging.LogRecord) -> None:
        event_id = getattr(record, "event", None)
        if event_id is not None:
            os.write(self._file, f"{event_id}\t{record.created!r}\n".encode())


def logged(path: Path) -> list[tuple[str, float]]:
    """Event ID and time of each record in an oracle's file."""
    if not path.exists():
        return []
    lines = (line.split("\t") for line in path.read_text().splitlines())
    return [(event_id, float(created)) for event_id, created in lines]


def expected_buckets(path: Path, intervals: Iterable[str] = INTERVALS) -> Buckets:
    """The buckets that an oracle's file makes."""
    lengths = {text: Interval.parse(text).seconds for text in intervals}
    buckets: dict[tuple[str, int], Counter[str]] = {}
    for event_id, created in logged(path):
        for text, seconds in lengths.items():
            start = math.floor(created) // seconds * seconds
            buckets.setdefault((text, start), Counter())[event_id] += 1
    return {key: dict(counts) for key, counts in buckets.items()}


def buckets_in_file(path: Path, group: str = GROUP) -> Buckets:
    """All buckets of a group in the store's file, `@` cells included, by plain SQL."""
    buckets: Buckets = {}
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        rows = connection.execute(
            'SELECT interval, start, id, count FROM counts WHERE "group" = ?'
            " AND interval <> '@totals'",
            (group,),
        )
        for text, start, event_id, count in rows:
            buckets.setdefault((text, start), {})[event_id] = count
    return buckets


def totals_in_file(path: Path, group: str = GROUP) -> dict[str, int]:
    """All that was counted in a group since somebody asked, by plain SQL."""
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        rows = connection.execute(
            """SELECT id, count FROM counts WHERE "group" = ? AND interval = '@totals'""", (group,)
        )
        return dict(rows.fetchall())


def totals_in_redis(client: redis.Redis, group: str = GROUP) -> dict[str, int]:
    """The same, by a plain command."""
    return {cell: int(n) for cell, n in client.hgetall(f"{group}:@totals").items()}


def buckets_in_redis(client: redis.Redis, group: str = GROUP) -> Buckets:
    """All buckets of a group on a server, `@` cells included, by plain commands."""
    buckets: Buckets = {}
    keys = client.keys(f"{group}:*")
    matches = [match for key in keys if (match := re.fullmatch(rf"{group}:(\w+):(\d+)", key))]
    with client.pipeline(transaction=False) as look:
        for match in matches:
            look.hgetall(match[0])
        found = look.execute()
    for match, cells in zip(matches, found, strict=True):
        if cells:  # it may have gone in between
            counts = {event_id: int(count) for event_id, count in cells.items()}
            buckets[match[1], int(match[2])] = counts
    return buckets


def read_buckets(url: str, interval: str, ages: Iterable[int], group: str = GROUP) -> Buckets:
    """Buckets as the store's own `read` gives them; those without a cell are left out."""
    store = open_store(url)
    found = store.read(group, Interval.parse(interval), ages)
    store.close()
    return {(interval, bucket.start): dict(bucket.cells) for bucket in found if bucket.cells}


def totals(buckets: Buckets) -> dict[str, dict[str, int]]:
    """Interval -> event ID -> the sum over all buckets."""
    sums: dict[str, Counter[str]] = {}
    for (text, _), counts in buckets.items():
        sums.setdefault(text, Counter()).update(counts)
    return {text: dict(counts) for text, counts in sums.items()}
