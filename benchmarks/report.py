"""What was found, as text for a terminal and for the page; and the exit status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.findings import Findings, Table, as_ratio
from benchmarks.limits import Row

__all__ = ["as_markdown", "row_lines", "status_of", "write_page"]

_MARK = "<!-- What follows is written by `make bench`. -->"


def verdict(row: Row, findings: Findings) -> str:
    """Say whether a row holds: ok, MISSED, or nothing for one without a limit.

    What could not be measured does not hold.
    """
    if row.limit is None:
        return ""
    ratio = findings.ratios.get(row.key)
    return "ok" if ratio is not None and ratio.median <= row.limit else "MISSED"


def status_of(rows: Iterable[Row], findings: Findings) -> int:
    """Return the exit status: 0 if every row holds, else 1."""
    return int(any(verdict(row, findings) == "MISSED" for row in rows))


def row_lines(rows: Iterable[Row], findings: Findings) -> list[tuple[str, str, str, str, str]]:
    """Return for each row: what, against what, ratio, limit, verdict."""
    lines = []
    for row in rows:
        ratio = findings.ratios.get(row.key)
        found = "not measured" if ratio is None else as_ratio(ratio)
        limit = "" if row.limit is None else f"{row.limit:.4g}"
        lines.append((row.what, row.against, found, limit, verdict(row, findings)))
    return lines


HEADINGS = ("what", "against", "ratio (quartiles)", "at most", "")


def as_text(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (headings, *lines)
    )


def rows_as_text(rows: Sequence[Row], findings: Findings) -> str:
    """Return the rows for a terminal, and the reason for each that could not be measured."""
    text = [as_text(HEADINGS, row_lines(rows, findings))]
    for row in rows:
        if row.key in findings.problems and row.limit is not None:
            text.append(f"not measured: {row.what}: {findings.problems[row.key]}")
    missed = sum(verdict(row, findings) == "MISSED" for row in rows)
    text.append(f"{missed} missed" if missed else "all hold")
    return "\n".join(text)


def table_as_text(table: Table) -> str:
    """Return a table with its title for a terminal."""
    return f"{table.title}\n{as_text(table.headings, table.lines)}"


def as_markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---"] * len(headings)
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, rule, *lines))


def write_page(
    path: Path, rows: Sequence[Row], findings: Findings, facts: Sequence[tuple[str, str]]
) -> None:
    """Put the figures below the mark of the page; what stands above it is kept."""
    kept = path.read_text("utf-8").partition(_MARK)[0]
    parts = [f"{kept}{_MARK}", "## What it costs", as_markdown(HEADINGS, row_lines(rows, findings))]
    for table in findings.tables:
        parts += [f"## {table.title}", as_markdown(table.headings, table.lines)]
        if table.note:
            parts.append(table.note)
    parts += ["## Measured on", as_markdown(("what", "is"), facts)]
    path.write_text("\n\n".join(parts) + "\n", "utf-8")
