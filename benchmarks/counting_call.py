"""Counting by hand: one call for one event, with each library in turn."""

from __future__ import annotations

import contextlib

from benchmarks import peers
from benchmarks.findings import Findings, timings
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.peers import EVENT, SYNC_SECONDS, ByHand
from benchmarks.servers import Server
from benchmarks.timing import ALL_WORK, CALL, loop
from ecl_logging import EventCountLogger

__all__ = ["measure"]

_CALLS = 4000  # in a slice: some milliseconds
_FEW_CALLS = 200  # of what sends each event

_OURS = "EventGroup.log, batched"
_CHILD = "prometheus_client child.inc()"
_SEED = "event_count_logger, local counters"
_SENDING = {"statsd incr", "datadog increment", "event_count_logger, each event written"}

_NOTE = (
    f"{_CALLS:,} calls in one thread, then what sends the counts. *{CALL}* is the time on the clock"
    f" of the fastest fifth, *{ALL_WORK}* the CPU time of the process for all of them with the"
    " sending, in whatever thread it was spent. Ours and event_count_logger's count in Redis. The"
    " loop itself is in all of these: the line `pass` shows it."
)


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure the call of each library; the counts of ours go to the server."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(peers.receiver())
        makers = peers.by_hand(server, port)
        if quick:
            makers = {name: makers[name] for name in (_CHILD, _SEED)}
        found = {name: make() for name, make in makers.items()}
        found = {_CHILD: found[_CHILD], _OURS: _ours(server)} | found | {"pass": ByHand("pass", {})}
        tasks: dict[str, Task] = {}
        for name, one in found.items():
            stack.callback(one.close)
            calls = _FEW_CALLS if name in _SENDING else _CALLS
            tasks[name] = loop(one.statement, one.names, calls, one.finish)
        runs = run_in_turn(tasks, rounds=11 if quick else 40, slices=7, least=(CALL,))
    return _findings(runs)


def _ours(server: Server) -> ByHand:
    keys = {"events": [EVENT], "intervals": ["1m", "1h"], "sync_interval": SYNC_SECONDS}
    ecl = EventCountLogger({"hand": keys}, store=server.url)
    group = ecl.groups["hand"]
    return ByHand("group.log('sale')", {"group": group}, group.sync, ecl.close)


def _findings(runs: Runs) -> Findings:
    findings = Findings()
    for name, peer in (("prometheus", _CHILD), ("event_count_logger", _SEED)):
        key = f"by hand, {name}"
        findings.ratios[key] = runs.ratio(_OURS, peer, CALL)
        findings.ratios[f"{key}, all work"] = runs.ratio(_OURS, peer, ALL_WORK)
    metrics = ((CALL, "ns"), (ALL_WORK, "ns"))
    table = timings(runs, title="Counting by hand", base=_CHILD, metrics=metrics, note=_NOTE)
    findings.tables.append(table)
    return findings
