"""How long a server is held: what another client waits while many sources flush.

Three processes: the server; 50 sources that flush 1,000 IDs each, again and again, while
buckets of 1s and 5s turn; and this one, which sends PING after PING on a connection of its own.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from benchmarks.findings import Findings, Table, in_unit
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.servers import Server

__all__ = ["measure"]

_SOURCES, _IDS = 50, 1_000
_SECONDS = 6.0  # a bucket of 5s turns in it
_PAUSE = 0.0005  # between two PINGs: they must not be the load
_LONGEST, _MOST, _MEDIAN = "longest", "99.9 %", "median"
_SCRIPT = "longest script"
_LOADS = {
    "no load": "",
    "50 sources, with cur_last_keys": "view",
    "50 sources, without cur_last_keys": "buckets",
}


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure PINGs without load, and with both kinds of groups."""
    server.empty()
    tasks = {name: _task(server, group) for name, group in _LOADS.items()}
    runs = run_in_turn(tasks, rounds=1 if quick else 3, warm_up=False)
    return Findings(tables=[_table(runs)])


def _task(server: Server, group: str) -> Task:
    def task() -> Mapping[str, float]:
        with _load(server, group):
            server.client.config_set("slowlog-log-slower-than", 500)
            server.client.config_set("slowlog-max-len", 10_000)
            server.client.slowlog_reset()
            waited = sorted(_pings(server.port))
            scripts = [one["duration"] for one in server.client.slowlog_get(10_000)]
        return {
            _MEDIAN: waited[len(waited) // 2],
            _MOST: waited[int(len(waited) * 0.999)],
            _LONGEST: waited[-1],
            _SCRIPT: max(scripts, default=0) / 1e6,
        }

    return task


@contextlib.contextmanager
def _load(server: Server, group: str) -> Iterator[None]:
    """Have the sources at work during the block."""
    if not group:
        yield
        return
    program = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.flushing", server.url, group, str(_SOURCES), str(_IDS)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if program.stdout is None or program.stdout.readline() != "ready\n":
            raise RuntimeError("the sources did not start")
        yield
        if program.poll() is not None:
            raise RuntimeError("the sources have ended")
    finally:
        program.kill()
        program.communicate()


def _pings(port: int) -> Iterator[float]:
    """Yield how long each PING took."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            began = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(16)
            yield time.perf_counter() - began
            time.sleep(_PAUSE)


def _table(runs: Runs) -> Table:
    metrics = (_MEDIAN, _MOST, _LONGEST, _SCRIPT)
    lines = [
        [name, *(in_unit(runs.spread(name, metric), "ms") for metric in metrics)]
        for name in runs.tasks
    ]
    note = (
        f"{_SOURCES} sources flush {_IDS:,} declared IDs each in intervals of 1s and 5s, as fast as"
        f" one process can, during {_SECONDS:.0f} seconds; meanwhile another connection sends PING"
        " after PING. *Longest script* is by the server's own clock (SLOWLOG). Where cores are few,"
        " a PING waits for the machine, too: see the line without load."
    )
    headings = ("what", *(f"{metric}, ms" for metric in metrics))
    return Table("What another client of the server waits", headings, lines, note)
