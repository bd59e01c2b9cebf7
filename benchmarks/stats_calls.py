"""The tree of statistics: the same statements with scales and with ours, in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from greplin import scales
from greplin.scales.meter import MeterStat as ScalesMeterStat

from benchmarks.findings import Findings, Table, as_ratio, in_unit
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.servers import Server
from benchmarks.timing import CALL, loop
from ecl_logging import stats

__all__ = ["measure"]

_ENOUGH = 2000  # values to fill a sample of 1028


@dataclass(frozen=True)
class _Compared:
    """A statement about `it`; `kind` of stat is looked up in each library."""

    key: str
    statement: str
    kind: str
    calls: int
    values_before: int = 0
    begins_anew: bool = False


_ALL = (
    _Compared("stats, number", "it.stat += 1", "IntStat", 2000),
    _Compared("stats, sample", "it.stat = 0.25", "PmfStat", 200, values_before=_ENOUGH),
    _Compared("stats, first samples", "it.stat = 0.25", "PmfStat", 500, begins_anew=True),
    _Compared("stats, mark", "it.stat.mark()", "MeterStat", 1000),
)

_LIBRARIES: Mapping[str, Callable[[str, str], Any]] = {
    "scales": lambda path, kind: scales.collection(path, _scales_kind(kind)("stat")),
    "ours": lambda path, kind: stats.collection(path, getattr(stats, kind)("stat")),
}

_NOTE = (
    "One thread. The time is that on the clock of the fastest fifth of the calls. A sample holds"
    " 1028 values: it is full after 2,000, and has none where these are the first ones. scales"
    " works its percentiles out when a value is added, once in twenty seconds; ours does so when"
    " they are read. The thread that makes scales' rates runs beside; ours has none."
)


def measure(server: Server, *, quick: bool) -> Findings:  # noqa: ARG001 - as all subjects
    """Measure the statements of both libraries."""
    tasks: dict[str, Task] = {}
    for compared in _ALL:
        for library in _LIBRARIES:
            tasks[f"{compared.key}, {library}"] = _task(compared, library)
    runs = run_in_turn(tasks, rounds=11 if quick else 40, slices=5, least=(CALL,))
    stats.reset()
    return _findings(runs)


def _task(compared: _Compared, library: str) -> Task:
    make = _LIBRARIES[library]
    made = 0

    def prepare() -> Task:
        nonlocal made
        made += 1
        it = make(f"/benchmarks/{compared.key}/{made}", compared.kind)
        for _ in range(compared.values_before):
            it.stat = 0.25
        return loop(compared.statement, {"it": it}, compared.calls)

    def prepare_and_run() -> Mapping[str, float]:
        return prepare()()

    return prepare_and_run if compared.begins_anew else prepare()


def _scales_kind(kind: str) -> Any:
    return ScalesMeterStat if kind == "MeterStat" else getattr(scales, kind)


def _findings(runs: Runs) -> Findings:
    findings = Findings()
    lines = []
    for compared in _ALL:
        ours, theirs = f"{compared.key}, ours", f"{compared.key}, scales"
        ratio = findings.ratios[compared.key] = runs.ratio(ours, theirs, CALL)
        times = [in_unit(runs.spread(task, CALL), "ns") for task in (theirs, ours)]
        lines.append([compared.key.removeprefix("stats, "), *times, as_ratio(ratio)])
    headings = ["what", "scales, ns", "ours, ns", "ours against scales"]
    findings.tables.append(Table("The tree of statistics", headings, lines, _NOTE))
    return findings
