"""What a subject has measured: ratios for the rows, and tables that show more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.measuring import Runs, Spread

__all__ = ["Findings", "Table", "as_number", "as_ratio", "in_unit", "timings"]


@dataclass(frozen=True)
class Table:
    """Lines of text below headings; `note` says what one must know to read it."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


@dataclass
class Findings:
    """By the keys of the rows: ratios, and for what could not be measured the reason."""

    ratios: dict[str, Spread] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take in what another subject has found."""
        self.ratios |= other.ratios
        self.problems |= other.problems
        self.tables += other.tables


_UNITS = {"ns": 1e9, "µs": 1e6, "ms": 1e3, "s": 1.0}


def in_unit(spread: Spread, unit: str) -> str:
    """Return seconds as text in a unit, with their quartiles."""
    found = spread.times(_UNITS[unit])
    return f"{as_number(found.median)} ({as_number(found.low)} to {as_number(found.high)})"


def as_ratio(spread: Spread) -> str:
    """Return a ratio as text, with its quartiles."""
    return f"{as_number(spread.median)} ({as_number(spread.low)} to {as_number(spread.high)})"


def as_number(number: float) -> str:
    """Return a number as text, with three digits that count."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:#.3g}".rstrip(".")


def timings(
    runs: Runs, *, title: str, base: str, metrics: Sequence[tuple[str, str]], note: str = ""
) -> Table:
    """Return a table of all tasks, each with its times and their ratio to those of `base`.

    `metrics`: pairs of a metric and the unit to show it in.
    """
    headings = ["what"]
    for metric, unit in metrics:
        headings += [f"{metric}, {unit}", f"against {base}"]
    lines = []
    for task in runs.tasks:
        line = [task]
        for metric, unit in metrics:
            line.append(in_unit(runs.spread(task, metric), unit))
            line.append("" if task == base else as_ratio(runs.ratio(task, base, metric)))
        lines.append(line)
    return Table(title, headings, lines, note)
