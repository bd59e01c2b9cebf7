"""Records that come in while gatherers are killed: the writers, the oracle, and the gatherers."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ecl_logging.stores import open_store
from ecl_logging.stores.keeping import RecordBatch, Repeated, Waiting
from tests.faults.programs import ROOT
from tests.postgres_servers import PostgresServer

KINDS = [f"{number:032x}" for number in range(8)]

# Imports what ecl-gather needs, then starts one for each line that it reads, in a process of its
# own: so a gatherer is at work at once, and killing it takes no time for starting the next.
LAUNCHER = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
import psycopg, sqlalchemy.dialects.postgresql.psycopg
import ecl_logging.stores.redis.store, ecl_logging.stores.sqlite.store
import ecl_logging.records.destinations.sql
from ecl_logging.tools.gather import main

print("ready", flush=True)
for line in sys.stdin:
    if (pid := os.fork()) == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os._exit(main(line.split()))
    print(pid, flush=True)
"""


@dataclass
class Row:
    """What a row of `ecl_records` has to be."""

    repeats: int = 0
    first: float = float("inf")
    last: float = 0.0
    marks: dict[float, str] = field(default_factory=dict)  # of the records, by their `first`

    def add(self, one: Repeated, mark: str) -> None:
        self.repeats += one.repeats
        self.first, self.last = min(self.first, one.first), max(self.last, one.last)
        self.marks[one.first] = mark

    def as_stored(self) -> tuple[int, float, float, str]:
        return self.repeats, self.first, self.last, self.marks[self.first]


Rows = Mapping[tuple[str, int], tuple[int, float, float, str]]


class Writer:
    """A program that has records of a few kinds, many times in each second."""

    def __init__(self, url: str, seed: int) -> None:
        self.rows: dict[tuple[str, int], Row] = {}
        self._store = open_store(url)
        self._chance = random.Random(seed)
        self._source = f"{self._chance.getrandbits(128):032x}"
        self._number = self._total = 0

    def put(self, kinds: int = 4) -> None:
        """Send one batch; again, while nobody knows what became of it."""
        entries = [self._repeated(kind) for kind in self._chance.sample(KINDS, kinds)]
        self._number += 1
        self._total += sum(one.repeats for one in entries)
        batch = RecordBatch(self._source, self._number, self._total, tuple(entries))
        receipt = self._store.records.put(batch, timeout=30.0)
        assert receipt.status == "applied"
        assert receipt.pushed_out == 0

    def _repeated(self, kind: str) -> Repeated:
        # Whole microseconds, as databases have them; no two records are of the same one.
        first = round(time.time() + self._chance.random() / 1000, 6)
        last = round(first + self._chance.random() / 10, 6)
        mark = f"{self._source[:8]}-{self._number}"
        record = {"name": "shop.cart", "levelname": "INFO", "levelno": 20, "msg": mark}
        text = json.dumps(record | {"message": mark})
        one = Repeated(kind, int(first), first, last, self._chance.randint(1, 5), text)
        self.rows.setdefault((kind, one.second), Row()).add(one, mark)
        return one

    def waiting(self) -> Waiting:
        return self._store.records.waiting()

    def close(self) -> None:
        self._store.close()


@contextlib.contextmanager
def writing(url: str, writers: int, seed: int) -> Iterator[Callable[[], Rows]]:
    """Put records until the end of the block; call what it gives after it, for what was put."""
    stopping = threading.Event()
    all_of_them = [Writer(url, seed + number) for number in range(writers)]
    failures: list[BaseException] = []

    def write(writer: Writer) -> None:
        try:
            while not stopping.wait(0.01):
                writer.put()
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)
        finally:
            writer.close()

    threads = [threading.Thread(target=write, args=[one]) for one in all_of_them]
    for thread in threads:
        thread.start()
    try:
        yield lambda: rows_of(all_of_them)
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert failures == []


def rows_of(writers: list[Writer]) -> Rows:
    together: dict[tuple[str, int], Row] = {}
    for writer in writers:
        for key, row in writer.rows.items():
            into = together.setdefault(key, Row())
            into.repeats += row.repeats
            into.first, into.last = min(into.first, row.first), max(into.last, row.last)
            into.marks.update(row.marks)
    return {key: row.as_stored() for key, row in together.items()}


def stored_in(postgres: PostgresServer) -> Rows:
    with postgres.connect() as connection:
        rows = connection.execute(
            "SELECT kind, second, repeats, extract(epoch FROM time), extract(epoch FROM last),"
            " message, record->>'msg' FROM ecl_records"
        ).fetchall()
    assert all(row[5] == row[6] for row in rows)
    return {(row[0], row[1]): (row[2], float(row[3]), float(row[4]), row[5]) for row in rows}


class Launcher:
    """Starts gatherers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._stderr = folder / "stderr of gatherers"
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", LAUNCHER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        assert self._read() == "ready"
        self._running: list[int] = []

    def start(self, *arguments: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(arguments) + "\n")
        self._process.stdin.flush()
        pid = int(self._read())
        self._running.append(pid)
        return pid

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self._running.remove(pid)

    def close(self) -> None:
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.communicate()

    def err(self) -> str:
        return self._stderr.read_text()


__all__ = ["Launcher", "Rows", "Writer", "rows_of", "stored_in", "writing"]
