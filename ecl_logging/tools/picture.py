"""The live table's layout: pure functions from what was read, and a size, to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from ecl_logging.intervals import Interval
from ecl_logging.tools.lines import BOLD, DIM, PLAIN, Frame, Line, Size, Span, framed
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.reports import Reading, Report, Selection
from ecl_logging.tools.stacked import stacked

__all__ = ["picture"]

_GAP = 2  # columns between two columns of a table
_LEAST_FOR_IDS = 16  # columns: intervals go before IDs are shortened to less
_LEAST_OF_IDS = 6  # and the last finished buckets go before they are shortened to less


def picture(
    reading: Reading, selection: Selection, frame: Frame, size: Size, ruler: Ruler
) -> list[Line]:
    """Return the lines of one picture: no more than fit, and none that is too wide.

    There is a table for each group.
    """
    reports = [report for block in reading.blocks for report in block]
    tables = [
        _Table(list(of_group), selection, size.columns, ruler)
        for _, of_group in groupby(reports, lambda report: report.group)
    ]
    return framed(lambda rows: stacked(tables, rows, of="group"), reading.notes, frame, size, ruler)


# --- one group's table


@dataclass(frozen=True, slots=True)
class _Column:
    """One bucket of the group."""

    interval: Interval
    bucket: str
    counts: Mapping[str, int]
    width: int  # with the gap before it

    @classmethod
    def of(cls, report: Report, ids: Iterable[str]) -> _Column:
        counts = report.view.counts
        texts = [report.bucket, report.interval.text, *(str(counts.get(i, 0)) for i in ids)]
        return cls(report.interval, report.bucket, counts, _GAP + max(map(len, texts)))


class _Table:
    """A row for each ID; for each interval a column for its last and for its current bucket.

    Where it would be too wide, the longest intervals are left out, then the last bucket of the
    only one that is left; IDs are shortened.
    """

    def __init__(
        self, reports: Sequence[Report], selection: Selection, columns: int, ruler: Ruler
    ) -> None:
        self._group = ruler.printed(reports[0].group)
        self._ruler = ruler
        self._names = {i: ruler.printed(i) for i in selection.ids_of(reports)}
        by_length = sorted(reports, key=lambda report: report.interval.seconds)
        self._columns = [_Column.of(report, self._names) for report in by_length]
        self._left_out: list[str] = []
        self._fit(columns)

    def _fit(self, columns: int) -> None:
        names = [self._group, "event", *self._names.values()]
        wanted = max(map(self._ruler.measure, names))
        least = min(wanted, _LEAST_FOR_IDS)
        while self._room(columns) < least and self._columns[0].interval != self._longest:
            self._left_out.insert(0, self._longest.text)
            self._columns = [one for one in self._columns if one.interval != self._longest]
        if self._room(columns) < min(wanted, _LEAST_OF_IDS) and len(self._columns) > 1:
            self._columns = [one for one in self._columns if one.bucket == "current"]
        self._width = max(1, min(wanted, self._room(columns)))

    @property
    def _longest(self) -> Interval:
        return self._columns[-1].interval

    def _room(self, columns: int) -> int:
        return columns - sum(column.width for column in self._columns)

    @property
    def row_count(self) -> int:
        return len(self._names)

    @property
    def least_height(self) -> int:
        """How many lines it takes with one for all of its rows."""
        return len(self._heads()) + min(1, self.row_count) + len(self._foot())

    def lines(self, height: int) -> list[Line]:
        """Return the table, cut to so many lines, `least_height` at least."""
        heads, foot = self._heads(), self._foot()
        return [*heads, *self._rows(height - len(heads) - len(foot)), *foot]

    def _heads(self) -> list[Line]:
        return [
            self._line(self._group, [column.interval.text for column in self._columns], BOLD),
            self._line("event", [column.bucket for column in self._columns], DIM),
        ]

    def _foot(self) -> list[Line]:
        if not self._left_out:
            return []
        return [(Span(f"(no room for {', '.join(self._left_out)})", DIM),)]

    def _rows(self, lines: int) -> list[Line]:
        hidden = 0 if self.row_count <= lines else self.row_count - (lines - 1)
        shown = islice(self._names.items(), self.row_count - hidden)
        rows = [self._row(event_id, name) for event_id, name in shown]
        if hidden:
            rows.append((Span(f"... and {hidden} more", DIM),))
        return rows

    def _row(self, event_id: str, name: str) -> Line:
        counts = [column.counts.get(event_id, 0) for column in self._columns]
        head, *cells = self._line(name, list(map(str, counts)), PLAIN)
        zeros = [Span(cell.text, DIM) for cell in cells]
        both = zip(counts, cells, zeros, strict=True)
        return (head, *(cell if n else zero for n, cell, zero in both))

    def _line(self, name: str, cells: Sequence[str], style: str) -> Line:
        shortened = self._ruler.shortened(name, self._width)
        head = Span(self._ruler.left(shortened, self._width), style)
        both = zip(cells, self._columns, strict=True)
        return (head, *(Span(cell.rjust(column.width), style) for cell, column in both))
