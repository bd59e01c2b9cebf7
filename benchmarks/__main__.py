"""Run the benchmarks: `python -m benchmarks`; exit status 1 where a limit is missed."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report, servers
from benchmarks.findings import Findings
from benchmarks.limits import ROWS, rows_of

_SUBJECTS = (
    "log_call",
    "counting_call",
    "stats_calls",
    "store_steps",
    "server_work",
    "start_up",
    "programs",
    "server_hold",
)
_SLOW = {"programs", "server_hold"}
_DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, tell, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what has a limit, in a minute")
    parser.add_argument("--only", action="append", choices=_SUBJECTS, help="this subject")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and .svg")
    options = parser.parse_args(argv)
    subjects = options.only or [s for s in _SUBJECTS if not (options.quick and s in _SLOW)]
    rows = rows_of(subjects, quick=options.quick)
    with servers.running() as server:
        facts = _facts(server) if options.write else []
        findings = measure_all(server, subjects, quick=options.quick)
    if not options.quick:
        for table in findings.tables:
            print(report.table_as_text(table), end="\n\n")
    print(report.rows_as_text(rows, findings))
    if options.write:
        from benchmarks.chart import draw

        report.write_page(_DOCS / "benchmarks.md", rows, findings, facts)
        draw(_DOCS / "benchmarks.svg", rows, findings)
    return report.status_of(rows, findings)


def measure_all(server: servers.Server, subjects: Sequence[str], *, quick: bool) -> Findings:
    """Measure one subject after the other; one that fails does not keep the others from it."""
    findings = Findings()
    for subject in subjects:
        began = time.monotonic()
        print(f"measuring {subject} ...", end=" ", file=sys.stderr, flush=True)
        try:
            module = importlib.import_module(f"benchmarks.{subject}")
            findings.add(module.measure(server, quick=quick))
        except Exception as error:  # noqa: BLE001 - told, and its rows are missed
            reason = f"{type(error).__name__}: {error}"
            print(reason, end=" ", file=sys.stderr)
            findings.problems |= {row.key: reason for row in ROWS if row.subject == subject}
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return findings


def _facts(server: servers.Server) -> list[tuple[str, str]]:
    from benchmarks.machine import machine_facts

    return machine_facts(server)


if __name__ == "__main__":
    sys.exit(main())
