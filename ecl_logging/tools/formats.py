"""The formats that counts are printed in, from what was read to the text.

What one format needs is imported by it: a command prints in one, and has little to do besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ecl_logging.tools.moments import Moment
from ecl_logging.tools.printable import Ruler, printable
from ecl_logging.tools.reports import Block, Report

__all__ = [
    "CSV_COLUMNS",
    "csv_rows",
    "headed_blocks",
    "history_tables",
    "id_lines",
    "json_document",
    "json_line",
    "report_object",
]

CSV_COLUMNS = ("group", "interval", "bucket", "start", "event", "count")

_TITLES = {"last": "Last:", "current": "Current:"}
_MOST_COLUMNS = 20  # of IDs; the rest of a history is one more


# --- text


def id_lines(blocks: Sequence[Block]) -> str:
    """`id:count` lines, as event_count_logger's reader prints them; titles above two buckets."""
    lines: list[str] = []
    for (report,) in blocks:
        if len(blocks) > 1:
            lines.append(_TITLES[report.bucket])
        lines += _counts(report)
    return _text(lines)


def headed_blocks(blocks: Iterable[Block], moment: Moment) -> str:
    """`id:count` lines of each bucket under a head that says which it is."""
    heads = ((f"{report.bucket} {moment(report.view.start)}", report) for (report,) in blocks)
    return "\n".join(_text([_head(one, what), *_counts(one)]) for what, one in heads)


def history_tables(
    blocks: Sequence[Block], moment: Moment, *, headed: bool, ruler: Ruler, top: int | None = None
) -> str:
    """A table for each history: a row for each bucket, a column for each ID."""
    tables = []
    for block in blocks:
        head = [_head(block[0], "history")] if headed else []
        tables.append(_text([*head, *ruler.table(_history_rows(block, moment, ruler, top), 1)]))
    return "\n".join(tables)


def _head(report: Report, what: str) -> str:
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


def _text(lines: Iterable[str]) -> str:
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
        "measures": {},
    }


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
    import csv
    import io

    rows = io.StringIO()
    rows.write(",".join(CSV_COLUMNS) + "\n")
    writer = csv.writer(rows, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for report in (report for block in blocks for report in block):
        place = (report.group, report.interval.text, report.bucket, moment(report.view.start))
        for event_id, n in report.view.counts.items():
            writer.writerow([*map(written, (*place, event_id)), n])
    return rows.getvalue()
