"""The formats that counts are printed in, from what was read to the text.

What one format needs is imported by it: a command prints in one, and has little to do besides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ecl_logging.distributions import Distribution
from ecl_logging.tools.moments import Moment
from ecl_logging.tools.printable import Ruler, printable
from ecl_logging.tools.reports import Block, Report

__all__ = [
    "CSV_COLUMNS",
    "TITLES",
    "csv_rows",
    "csv_table",
    "head",
    "headed_blocks",
    "history_tables",
    "id_lines",
    "json_document",
    "json_line",
    "place_of",
    "report_object",
    "text_of",
]

CSV_COLUMNS = ("group", "interval", "bucket", "start", "event", "count")

TITLES = {"last": "Last:", "current": "Current:"}
"""Above the buckets of one group."""

_MOST_COLUMNS = 20  # of IDs; the rest of a history is one more


# --- text


def id_lines(blocks: Sequence[Block]) -> str:
    """`id:count` lines, as event_count_logger's reader prints them; titles above two buckets."""
    lines: list[str] = []
    for (report,) in blocks:
        if len(blocks) > 1:
            lines.append(TITLES[report.bucket])
        lines += _counts(report)
    return text_of(lines)


def headed_blocks(blocks: Iterable[Block], moment: Moment) -> str:
    """`id:count` lines of each bucket under a head that says which it is."""
    heads = ((f"{report.bucket} {moment(report.view.start)}", report) for (report,) in blocks)
    return "\n".join(text_of([head(one, what), *_counts(one)]) for what, one in heads)


def history_tables(
    blocks: Sequence[Block], moment: Moment, *, headed: bool, ruler: Ruler, top: int | None = None
) -> str:
    """A table for each history: a row for each bucket, a column for each ID."""
    tables = []
    for block in blocks:
        heads = [head(block[0], "history")] if headed else []
        rows = _history_rows(block, moment, ruler, top)
        tables.append(text_of([*heads, *ruler.table(rows, 1)]))
    return "\n".join(tables)


def head(report: Report, what: str) -> str:
    """Return the line above what is shown of a group and interval."""
    return f"# {printable(report.group)} {printable(report.interval.text)} {what}"


def _counts(report: Report) -> list[str]:
    return [f"{printable(event_id)}:{n}" for event_id, n in report.view.counts.items()]


def _history_rows(block: Block, moment: Moment, ruler: Ruler, top: int | None) -> list[list[str]]:
    totals: Counter[str] = Counter()
    for report in block:
        totals.update(report.view.counts)
    ids, has_rest = sorted(totals), False
    if top is not None or len(ids) > _MOST_COLUMNS:
        ids.sort(key=lambda event_id: -totals[event_id])
        has_rest = top is None
        ids = ids[: top or _MOST_COLUMNS]
    rows = [["start", *map(ruler.printed, ids), *(["(rest)"] if has_rest else [])]]
    for report in block:
        counts = report.view.counts
        shown = [counts.get(event_id, 0) for event_id in ids]
        rest = [sum(counts.values()) - sum(shown)] if has_rest else []
        rows.append([moment(report.view.start), *map(str, [*shown, *rest])])
    return rows


def text_of(lines: Iterable[str]) -> str:
    """Return the lines, each with its end."""
    return "".join(f"{line}\n" for line in lines)


# --- JSON


def report_object(report: Report, moment: Moment) -> dict[str, object]:
    """One bucket, as it is in every JSON that is printed."""
    return {
        "group": report.group,
        "interval": report.interval.text,
        "bucket": report.bucket,
        "start": moment(report.view.start),
        "seconds": report.interval.seconds,
        "counts": report.view.counts,
        "own": report.view.own,
        "measures": {name: _numbers(one) for name, one in report.view.measures.items()},
    }


def _numbers(distribution: Distribution) -> dict[str, float | None]:
    """What is known of a measure; None for what is no number, or beyond a double."""
    numbers = {
        "count": distribution.count,
        "sum": distribution.sum,
        "mean": distribution.mean,
        "stddev": distribution.stddev,
        "min": distribution.min,
        "max": distribution.max,
        **{f"p{percent}": distribution.percentile(percent) for percent in (50, 90, 95, 99)},
    }
    return {name: n if math.isfinite(n) else None for name, n in numbers.items()}


def json_document(objects: Iterable[object]) -> str:
    """A list, with a line for each object in it."""
    import json

    lines = ",\n".join(json.dumps(one) for one in objects)
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def json_line(value: object) -> str:
    """A value in one line."""
    import json

    return json.dumps(value, separators=(",", ":")) + "\n"


# --- CSV


def csv_rows(
    blocks: Iterable[Block], moment: Moment, *, written: Callable[[str], str] = str
) -> str:
    """A row for each ID in each bucket, below the names of the columns; all texts are quoted.

    `written` is done to each text first.
    """
    rows = (
        ((*place_of(report, moment), event_id), (n,))
        for report in (report for block in blocks for report in block)
        for event_id, n in report.view.counts.items()
    )
    return csv_table(CSV_COLUMNS, rows, written=written)


def place_of(report: Report, moment: Moment) -> tuple[str, str, str, str]:
    """Return the first columns of a row: which bucket it is of."""
    return report.group, report.interval.text, report.bucket, moment(report.view.start)


def csv_table(
    columns: Sequence[str],
    rows: Iterable[tuple[Sequence[str], Sequence[float | str]]],
    *,
    written: Callable[[str], str] = str,
) -> str:
    """Rows below the names of their columns; all texts are quoted.

    `rows`: of each its texts, to which `written` is done first, and its numbers.
    """
    import csv
    import io

    table = io.StringIO()
    table.write(",".join(columns) + "\n")
    writer = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for texts, numbers in rows:
        writer.writerow([*map(written, texts), *numbers])
    return table.getvalue()
