"""The live table's layout: pure functions from what was read, and a size, to lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.reports import Block, Reading, Report, Selection

__all__ = [
    "BOLD",
    "DIM",
    "PLAIN",
    "WARNING",
    "Frame",
    "Line",
    "Size",
    "Span",
    "picture",
    "width_of",
]

PLAIN, BOLD, DIM, WARNING = "plain", "bold", "dim", "warning"

_END = "Ctrl-C ends"
_GAP = 2  # columns between two columns of a table
_LEAST_FOR_IDS = 16  # columns: intervals go before IDs are shortened to less
_LEAST_OF_IDS = 6  # and the last finished buckets go before they are shortened to less


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, with its style."""

    text: str
    style: str = PLAIN


Line: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal."""

    columns: int
    rows: int


def width_of(line: Line, ruler: Ruler) -> int:
    """Return how many columns the line takes."""
    return sum(ruler.measure(span.text) for span in line)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the counts."""

    store: str  # its name, secrets masked
    time: str
    trouble: str | None = None  # why the counts are older


def picture(
    reading: Reading, selection: Selection, frame: Frame, size: Size, ruler: Ruler
) -> list[Line]:
    """Return the lines of one picture: no more than fit, and none that is too wide.

    At the top stand the store's name, the time, and the trouble if there is some; then a table
    for each group; at the bottom the notes.
    """
    top = [_header(frame, size, ruler)]
    if frame.trouble is not None:
        top.append((Span(ruler.printed(frame.trouble), WARNING),))
    notes = [(Span(ruler.printed(note), DIM),) for note in reading.notes]
    # A note is worth less than the counts: in a low terminal it goes first.
    notes = notes[: max(0, size.rows - len(top) - 5)]
    reports = [report for block in reading.blocks for report in block]
    tables = [
        _Table(selection.of(tuple(of_group)), selection, size.columns, ruler)
        for _, of_group in groupby(reports, lambda report: report.group)
    ]
    body = _stacked(tables, size.rows - len(top) - len(notes))
    lines = [*top, *body, *notes][: size.rows]
    return [_cropped(line, size.columns, ruler) for line in lines]


def _header(frame: Frame, size: Size, ruler: Ruler) -> Line:
    right = f"{frame.time}  {_END}"
    room = size.columns - len(right) - 2
    left = ruler.shortened(ruler.printed(frame.store), room)
    return (Span(ruler.left(left, room), BOLD), Span("  "), Span(right, DIM))


def _cropped(line: Line, columns: int, ruler: Ruler) -> Line:
    """The last resort, in a terminal of a few columns: an ellipsis says that something is cut."""
    if width_of(line, ruler) <= columns:
        return line
    kept: list[Span] = []
    for span in line:
        left = columns - width_of(tuple(kept), ruler)
        if ruler.measure(span.text) >= left:
            kept.append(Span(ruler.shortened(span.text + " " * left, left), span.style))
            break
        kept.append(span)
    return tuple(kept)


# --- one group's table


class _Table:
    """A row for each ID; for each interval a column for its last and for its current bucket.

    Where it would be too wide, the longest intervals are left out, then the last bucket of the
    only one that is left; IDs are shortened.
    """

    def __init__(self, reports: Block, selection: Selection, columns: int, ruler: Ruler) -> None:
        self._group = ruler.printed(reports[0].group)
        self._ruler = ruler
        self._reports = sorted(reports, key=lambda report: report.interval.seconds)
        self._ids = _ids(reports, in_order=selection.top is not None)
        self._left_out: list[str] = []
        self._fit(columns)

    def _fit(self, columns: int) -> None:
        names = [self._ruler.printed(event_id) for event_id in self._ids]
        wanted = max(map(self._ruler.measure, [self._group, "event", *names]))
        while len(self._intervals()) > 1 and self._room(columns) < min(wanted, _LEAST_FOR_IDS):
            longest = self._intervals()[-1]
            self._left_out.insert(0, longest)
            self._reports = [one for one in self._reports if one.interval.text != longest]
        if len(self._reports) > 1 and self._room(columns) < min(wanted, _LEAST_OF_IDS):
            self._reports = [one for one in self._reports if one.bucket == "current"]
        self._width = max(1, min(wanted, self._room(columns)))

    def _intervals(self) -> list[str]:
        return list(dict.fromkeys(report.interval.text for report in self._reports))

    def _room(self, columns: int) -> int:
        return columns - sum(_GAP + _width_of_column(report) for report in self._reports)

    @property
    def heads(self) -> list[Line]:
        """Two lines above the rows, and one where something had to be left out."""
        intervals = [report.interval.text for report in self._reports]
        heads = [
            self._line(self._group, intervals, BOLD),
            self._line("event", [report.bucket for report in self._reports], DIM),
        ]
        if self._left_out:
            heads.append((Span(f"(no room for {', '.join(self._left_out)})", DIM),))
        return heads

    @property
    def row_count(self) -> int:
        return len(self._ids)

    def rows(self, lines: int) -> list[Line]:
        """Return the rows, cut to so many lines."""
        shown = self._ids if len(self._ids) <= lines else self._ids[: max(0, lines - 1)]
        rows = [self._row(event_id) for event_id in shown]
        if len(shown) < len(self._ids) and lines > 0:
            rows.append((Span(f"... and {len(self._ids) - len(shown)} more", DIM),))
        return rows

    def _row(self, event_id: str) -> Line:
        counts = [report.view.counts.get(event_id, 0) for report in self._reports]
        line = self._line(self._ruler.printed(event_id), list(map(str, counts)), PLAIN)
        dimmed = [
            Span(s.text, DIM if n == 0 else PLAIN) for s, n in zip(line[1:], counts, strict=True)
        ]
        return (line[0], *dimmed)

    def _line(self, name: str, cells: Sequence[str], style: str) -> Line:
        shortened = self._ruler.shortened(name, self._width)
        spans = [Span(self._ruler.left(shortened, self._width), style)]
        for cell, report in zip(cells, self._reports, strict=True):
            spans.append(Span(" " * _GAP + cell.rjust(_width_of_column(report)), style))
        return tuple(spans)


def _ids(reports: Block, *, in_order: bool) -> list[str]:
    """All IDs of all buckets: by their order, which is by size, else sorted."""
    ids = dict.fromkeys(event_id for report in reports for event_id in report.view.counts)
    return list(ids) if in_order else sorted(ids)


def _width_of_column(report: Report) -> int:
    numbers = (len(str(n)) for n in report.view.counts.values())
    return max(len(report.bucket), len(report.interval.text), *numbers, 0)


# --- tables one below the other


def _stacked(tables: Sequence[_Table], rows: int) -> list[Line]:
    """The tables, each below an empty line; what there is no room for is said at its place."""
    shown = _that_fit(tables, rows)
    hidden = len(tables) - len(shown)
    spare = rows - sum(_least_height(table) for table in shown) - (1 if hidden else 0)
    more = _shared([max(0, table.row_count - 1) for table in shown], max(0, spare))
    lines: list[Line] = []
    for table, extra in zip(shown, more, strict=True):
        lines += [(), *table.heads, *table.rows(1 + extra)]
    if hidden:
        lines.append((Span(f"... and {hidden} more {'groups' if hidden > 1 else 'group'}", DIM),))
    return lines


def _least_height(table: _Table) -> int:
    return 1 + len(table.heads) + min(1, table.row_count)


def _that_fit(tables: Sequence[_Table], rows: int) -> Sequence[_Table]:
    """As many as fit, with the line that tells of the others; one at least, to be cropped."""
    heights = [_least_height(table) for table in tables]
    if sum(heights) <= rows:
        return tables
    fitting = [n for n in range(1, len(tables)) if sum(heights[:n]) < rows]
    return tables[: max(fitting, default=1)]


def _shared(wants: Sequence[int], room: int) -> list[int]:
    """Share out the room: who wants little has it, the others get equally much."""
    shares = [0] * len(wants)
    by_want: Iterable[int] = sorted(range(len(wants)), key=lambda number: wants[number])
    for done, number in enumerate(by_want):
        shares[number] = min(wants[number], room // (len(wants) - done))
        room -= shares[number]
    return shares
