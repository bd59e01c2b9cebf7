"""What it takes until something is done: imports, the reading command, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from benchmarks.findings import Findings, Table, timings
from benchmarks.import_time import import_microseconds
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.memory import KINDS
from benchmarks.servers import Server
from benchmarks.timing import SECONDS, once
from ecl_logging import EventCountLogger

__all__ = ["measure"]

_OURS, _THEIRS = "import ecl_logging.handlers", "import logging.config"
_OTHERS = ("prometheus_client", "event_count_logger", "opentelemetry.sdk.metrics")
_GROUPS = {"orders": {"events": ["paid", "refused"], "intervals": ["5s", "5m"]}}


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure the import; else the import of peers, the command and the memory, too."""
    modules = [_THEIRS, _OURS] if quick else [_THEIRS, _OURS, *(f"import {m}" for m in _OTHERS)]
    with tempfile.TemporaryDirectory(prefix="ecl-benchmarks-") as folder:
        importing = {name: _importing(name, Path(folder)) for name in modules}
        imports = run_in_turn(importing, rounds=9, slices=3, least=(SECONDS,))
    findings = Findings(ratios={"import": imports.ratio(_OURS, _THEIRS, SECONDS)})
    note = "The sum that `-X importtime` gives for the statement, in a fresh process each time."
    findings.tables.append(_table(imports, "Importing", _THEIRS, note))
    if not quick:
        findings.tables += [_reading(server), _memory()]
    return findings


def _importing(statement: str, folder: Path) -> Task:
    module = statement.removeprefix("import ")

    def task() -> Mapping[str, float]:
        return {SECONDS: import_microseconds(module, folder) / 1e6}

    return task


def _table(runs: Runs, title: str, base: str, note: str) -> Table:
    return timings(runs, title=title, base=base, metrics=((SECONDS, "ms"),), note=note)


def _reading(server: Server) -> Table:
    """Time whole commands that read one bucket of a small group."""
    server.empty()
    with tempfile.TemporaryDirectory(prefix="ecl-benchmarks-") as folder:
        file = Path(folder) / "ecl.yml"
        file.write_text(yaml.safe_dump({"groups": _GROUPS, "redis": server.peer_config}))
        in_file = f"sqlite:///{folder}/counts.db"
        for store in (in_file, server.url):
            with EventCountLogger(_GROUPS, store=store) as ecl:
                ecl["orders"].log("paid")
        bucket = ("-g", "orders", "-i", "5m")
        commands: dict[str, Callable[[], object]] = {
            "python -c pass": lambda: _run(sys.executable, "-c", "pass"),
            "ecl-read, SQLite": lambda: _run(_script("ecl-read"), *bucket, "--store", in_file),
            "ecl-read, Redis": lambda: _run(_script("ecl-read"), *bucket, "--store", server.url),
            "ecl_reader of event_count_logger": lambda: _run(
                _script("ecl_reader"), file, *bucket, "--last"
            ),
        }
        runs = run_in_turn(
            {name: once(step) for name, step in commands.items()},
            rounds=7,
            slices=2,
            least=(SECONDS,),
        )
    note = "Whole processes, from their start to their end."
    return _table(runs, "Reading a small group on the command line", "python -c pass", note)


def _script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _run(*command: str | Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ECL_")}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def _memory() -> Table:
    lines = []
    for kind in KINDS:
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", kind],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # ours tells that there is no store
            text=True,
        ).stdout
        lines.append((kind, f"{float(told):,.0f}"))
    note = (
        "By tracemalloc, with 20,000 IDs in two intervals, the texts of the IDs not in it. Ours are"
        " pending because there is no store, and have been looked at by the thread: up to 10,000"
        " events wait for that, each in a tuple of its own."
    )
    return Table("Memory", ("what", "bytes for each ID"), lines, note)
