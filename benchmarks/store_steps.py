"""Sync, rotation and reading of many IDs in two intervals, against event_count_logger."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from event_count_logger import EventCountLogger as PeerLogger
from event_count_logger import EventCountLoggerMaster

from benchmarks.findings import Findings, Table, timings
from benchmarks.measuring import Runs, Spread, Task, run_in_turn
from benchmarks.servers import Server
from benchmarks.timing import SECONDS, once
from ecl_logging import EventCountLogger
from ecl_logging.addresses import parse_address
from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import MAX_BATCH_IDS, Batch, Definition, Store
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore

__all__ = ["measure"]

_INTERVALS = ("5m", "1h")
_SYNC_SECONDS = 60  # longer than what is measured: only we have it flushed

_SEED = "event_count_logger"
_WITH_VIEW = "Redis, with cur_last_keys"
_BUCKETS_ONLY = "Redis, without cur_last_keys"
_SQLITE = "SQLite"

_SYNC, _ROTATION, _READING = "Sync", "Rotation", "Reading of one bucket"

_SIZES = {10: (15, 3), 1_000: (6, 3), 20_000: (3, 1)}  # how many rounds, and slices in each
_LARGE = 100_000


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure the three steps with 1,000 IDs, or with few and many, and in SQLite, too."""
    findings = Findings()
    for size in (1_000,) if quick else _SIZES:
        server.empty()
        with tempfile.TemporaryDirectory(prefix="ecl-benchmarks-") as folder:
            file = None if quick else Path(folder) / "counts.db"
            findings.add(_measure_size(server, file, size))
    if not quick:
        findings.tables.append(_large_read(server))
    return findings


def _measure_size(server: Server, file: Path | None, size: int) -> Findings:
    """Measure the steps of everybody; in SQLite where a file is given."""
    ids = [f"event{number:05}" for number in range(size)]
    everybody: dict[str, _Ours | _Peer] = {
        _SEED: _Peer(server, ids),
        _WITH_VIEW: _Ours(_redis(server), "view", ids, has_view=True),
        _BUCKETS_ONLY: _Ours(_redis(server), "buckets", ids, has_view=False),
    }
    if file is not None:
        everybody[_SQLITE] = _Ours(_sqlite(file), "file", ids, has_view=True)
    runs = {
        _SYNC: _in_turn({name: one.sync_task() for name, one in everybody.items()}, size),
        _ROTATION: _in_turn({name: one.rotation_task() for name, one in everybody.items()}, size),
        _READING: _in_turn({name: one.reading_task() for name, one in everybody.items()}, size),
    }
    for one in everybody.values():
        one.close()
    findings = Findings(_ratios(runs) if size == 1_000 else {})
    for step, taken in runs.items():
        title = f"{step}, {size:,} IDs in two intervals"
        findings.tables.append(timings(taken, title=title, base=_SEED, metrics=((SECONDS, "ms"),)))
    return findings


def _ratios(runs: Mapping[str, Runs]) -> dict[str, Spread]:
    return {
        "sync": runs[_SYNC].ratio(_WITH_VIEW, _SEED, SECONDS),
        "sync, buckets only": runs[_SYNC].ratio(_BUCKETS_ONLY, _SEED, SECONDS),
        "rotation": runs[_ROTATION].ratio(_WITH_VIEW, _SEED, SECONDS),
        "reading": runs[_READING].ratio(_WITH_VIEW, _SEED, SECONDS),
    }


def _in_turn(tasks: dict[str, Task], size: int) -> Runs:
    rounds, slices = _SIZES[size]
    return run_in_turn(tasks, rounds=rounds, slices=slices, least=(SECONDS,))


def _redis(server: Server) -> Callable[[Callable[[], float]], Store]:
    address = parse_address(server.url)
    return lambda clock: RedisStore(
        address.target, address.settings, shown=address.shown, clock=clock
    )


def _sqlite(file: Path) -> Callable[[Callable[[], float]], Store]:
    return lambda clock: SqliteStore(str(file), clock=clock)


class _Group:
    """A group by whose own methods the IDs are counted and read."""

    _ids: Sequence[str]
    _group: Any

    def _log(self) -> None:
        for event_id in self._ids:
            self._group.log(event_id)

    def reading_task(self) -> Task:
        return once(self._read)

    def _read(self) -> None:
        counts = self._group.get_counts("5m")
        if set(counts.values()) != {1}:
            raise RuntimeError("what was read is not what was counted")


class _Ours(_Group):
    """A group of ours in a store, first by the real time, then by a clock that is set."""

    def __init__(
        self,
        open_store: Callable[[Callable[[], float]], Store],
        group: str,
        ids: Sequence[str],
        *,
        has_view: bool,
    ) -> None:
        self._ids, self._name = ids, group
        self._set_to: float | None = None
        self._store = open_store(self._now)
        keys = {
            "events": list(ids),
            "intervals": list(_INTERVALS),
            "sync_interval": _SYNC_SECONDS,
            "cur_last_keys": has_view,
        }
        self._ecl = EventCountLogger({group: keys}, store=self._store)
        self._group = self._ecl.groups[group]
        self._batches = itertools.count(1)
        self._total = 0
        self._edge = int(time.time()) // 3600 * 3600

    def _now(self) -> float:
        return time.time() if self._set_to is None else self._set_to

    def close(self) -> None:
        self._ecl.close()

    def sync_task(self) -> Task:
        return once(self._sync, before=self._log)

    def _sync(self) -> None:
        if not self._group.sync():
            raise RuntimeError(f"{self._store.shown}: not everything was sent")

    def rotation_task(self) -> Task:
        return once(self._rotate, before=self._count_before_an_edge)

    def _rotate(self) -> None:
        if len(self._store.rotate(self._name)) < len(_INTERVALS):
            raise RuntimeError("no interval has ended")

    def _count_before_an_edge(self) -> None:
        """Count each ID in the last seconds of an hour, then have the hour turn."""
        self._edge += 3600
        self._set_to = self._edge - 5
        self._store.rotate(self._name)
        intervals = tuple(map(Interval.parse, _INTERVALS))
        for first in range(0, len(self._ids), MAX_BATCH_IDS):
            counts = dict.fromkeys(self._ids[first : first + MAX_BATCH_IDS], 1)
            self._total += len(counts)
            number = next(self._batches)
            self._store.apply(
                Batch(
                    *(self._name, "b" * 32, number, self._total, 1, self._edge - 5, intervals),
                    counts,
                )
            )
        self._set_to = self._edge + 1


class _Peer(_Group):
    """The same with event_count_logger, whose master renames the keys when time is up."""

    def __init__(self, server: Server, ids: Sequence[str]) -> None:
        groups: dict[str, dict[str, Any]] = {
            "peer": {
                "events": list(ids),
                "intervals": list(_INTERVALS),
                "sync_interval": 10 * _SYNC_SECONDS,
            }
        }
        self._ids = ids
        self._group = PeerLogger(groups, server.peer_config).get_group("peer")
        self._master: Any = EventCountLoggerMaster(groups, server.peer_config, "WARNING")

    def close(self) -> None:
        self._group.scheduler.shutdown()

    def sync_task(self) -> Task:
        return once(self._group.sync, before=self._log)

    def rotation_task(self) -> Task:
        return once(self._rotate, before=self._count)

    def _count(self) -> None:
        self._log()
        self._group.sync()

    def _rotate(self) -> None:
        for interval in _INTERVALS:
            self._master._process("peer", interval)


def _large_read(server: Server) -> Table:
    """Read one bucket of 100,000 IDs, against the bare command."""
    server.empty()
    interval, hour = Interval.parse("1h"), int(time.time()) // 3600 * 3600
    store = _redis(server)(lambda: float(hour))
    store.define(Definition("large", (interval,), max_events=_LARGE))
    for number, first in enumerate(range(0, _LARGE, MAX_BATCH_IDS), start=1):
        counts = {f"event{at:06}": 1 for at in range(first, first + MAX_BATCH_IDS)}
        total = first + len(counts)
        store.apply(Batch("large", "c" * 32, number, total, 1, hour, (interval,), counts))
    key = f"large:1h:{hour}"
    if server.client.hlen(key) != _LARGE:
        raise RuntimeError("not every ID was counted")
    bare = "bare HGETALL"
    steps = {
        bare: once(lambda: server.client.hgetall(key)),
        "read": once(lambda: store.read("large", interval, [0])),
    }
    runs = run_in_turn(steps, rounds=3, slices=3, least=(SECONDS,))
    store.close()
    title = f"Reading one bucket of {_LARGE:,} IDs"
    return timings(runs, title=title, base=bare, metrics=((SECONDS, "ms"),))
