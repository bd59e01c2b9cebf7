"""What is printed of measures: as text, as rows of comma-separated values, and in a live table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from ecl_logging.distributions import Distribution
from ecl_logging.tools import formats
from ecl_logging.tools.lines import BOLD, DIM, PLAIN, Frame, Line, Size, Span, cut, framed
from ecl_logging.tools.moments import Moment
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.reports import Block, Reading, Report, Selection
from ecl_logging.tools.stacked import stacked

__all__ = [
    "CSV_COLUMNS",
    "csv_rows",
    "headed_tables",
    "history_tables",
    "picture",
    "short",
    "titled_tables",
]

_COLUMNS = ("count", "mean", "p50", "p90", "p95", "p99", "max")
CSV_COLUMNS = ("group", "interval", "bucket", "start", "measure", *_COLUMNS)

_GAP = 2  # columns of a terminal between two of a table
# In a narrow terminal these are left out, one after the other, before names are cut so short.
_LESS_NEEDED = ("p95", "p90", "max", "mean", "p50")
_LEAST_FOR_NAMES = 16


# --- numbers


def _numbers(distribution: Distribution) -> list[float]:
    """What is shown of a measure, in the order of the columns; NaN for what there is not."""
    percentiles = [distribution.percentile(percent) for percent in (50, 90, 95, 99)]
    return [distribution.count, distribution.mean, *percentiles, distribution.max]


def short(number: float) -> str:
    """Return the number with four significant digits, such as `0.000123` or `1.2e9`.

    A whole part is not rounded below a million; NaN is `-`.
    """
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return "-" if math.isnan(number) else str(number)
    mantissa, _, exponent = f"{number:.3e}".partition("e")
    if number and not 1e-4 <= abs(number) < 1e6:
        return f"{_without_zeros(mantissa)}e{int(exponent)}"
    return _without_zeros(f"{number:.{max(0, 3 - int(exponent))}f}")


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- text


def titled_tables(blocks: Sequence[Block], ruler: Ruler) -> str:
    """A table of each bucket; titles above two of them."""
    lines: list[str] = []
    for (report,) in blocks:
        if len(blocks) > 1:
            lines.append(formats.TITLES[report.bucket])
        lines += _table([report], ruler)
    return formats.text_of(lines)


def headed_tables(blocks: Iterable[Block], moment: Moment, ruler: Ruler) -> str:
    """A table of each bucket that has measures, under a head that says which it is."""
    tables = []
    for (report,) in blocks:
        if lines := _table([report], ruler):
            head = formats.head(report, f"{report.bucket} {moment(report.view.start)}")
            tables.append(formats.text_of([head, *lines]))
    return "\n".join(tables)


def history_tables(blocks: Iterable[Block], moment: Moment, *, headed: bool, ruler: Ruler) -> str:
    """A table for each history: of each measure a row for each bucket."""
    tables = []
    for block in blocks:
        if lines := _table(block, ruler, moment):
            heads = [formats.head(block[0], "history")] if headed else []
            tables.append(formats.text_of([*heads, *lines]))
    return "\n".join(tables)


def _table(block: Sequence[Report], ruler: Ruler, moment: Moment | None = None) -> list[str]:
    """The lines of a table, with starts where a moment is given; none without a measure."""
    names = dict.fromkeys(name for report in block for name in report.view.measures)
    if not names:
        return []
    starts = ["start"] if moment is not None else []
    rows = [["measure", *starts, *_COLUMNS]]
    for name in names:
        for report in block:
            if name in report.view.measures:
                starts = [moment(report.view.start)] if moment is not None else []
                numbers = _numbers(report.view.measures[name])
                rows.append([ruler.printed(name), *starts, *map(short, numbers)])
    return ruler.table(rows, 2 if moment is not None else 1)


# --- CSV


def csv_rows(
    blocks: Iterable[Block], moment: Moment, *, written: Callable[[str], str] = str
) -> str:
    """A row for each measure in each bucket, with all digits; what there is not is empty."""
    rows = (
        (
            (*formats.place_of(report, moment), name),
            [n if math.isfinite(n) else "" for n in numbers],
        )
        for report in (report for block in blocks for report in block)
        for name, numbers in ((name, _numbers(one)) for name, one in report.view.measures.items())
    )
    return formats.csv_table(CSV_COLUMNS, rows, written=written)


# --- the live table


def picture(
    reading: Reading, selection: Selection, frame: Frame, size: Size, ruler: Ruler
) -> list[Line]:
    """Return the lines of one picture: no more than fit, and none that is too wide.

    There is a table for each bucket that has measures.
    """
    reports = [report for block in reading.selected(selection) for report in block]
    tables = [_Table(one, size.columns, ruler) for one in reports if one.view.measures]
    return framed(lambda rows: stacked(tables, rows, of="table"), reading.notes, frame, size, ruler)


class _Table:
    """One bucket: a row for each measure."""

    def __init__(self, report: Report, columns: int, ruler: Ruler) -> None:
        self._title = ruler.printed(f"{report.group} {report.interval.text} {report.bucket}")
        self._ruler = ruler
        self._counts = [one.count for one in report.view.measures.values()]
        self._names = ["measure", *map(ruler.printed, report.view.measures)]
        rows = [list(map(short, _numbers(one))) for one in report.view.measures.values()]
        both = zip(_COLUMNS, zip(*rows, strict=True), strict=True)
        self._cells = {name: [name, *texts] for name, texts in both}
        self._fit(columns)

    def _fit(self, columns: int) -> None:
        wanted = max(map(self._ruler.measure, self._names))
        for name in _LESS_NEEDED:
            if self._room(columns) < min(wanted, _LEAST_FOR_NAMES):
                del self._cells[name]
        self._width = max(1, min(wanted, self._room(columns)))

    def _room(self, columns: int) -> int:
        return columns - sum(map(_width_of, self._cells.values()))

    @property
    def row_count(self) -> int:
        return len(self._counts)

    @property
    def least_height(self) -> int:
        return 3  # title, names of the columns, one row

    def lines(self, height: int) -> list[Line]:
        styles = [DIM, *(PLAIN if n else DIM for n in self._counts)]
        names, *rows = [self._line(number, style) for number, style in enumerate(styles)]
        return [(Span(self._title, BOLD),), names, *cut(rows, height - 2)]

    def _line(self, number: int, style: str) -> Line:
        name = self._ruler.shortened(self._names[number], self._width)
        cells = (texts[number].rjust(_width_of(texts)) for texts in self._cells.values())
        return tuple(Span(text, style) for text in (self._ruler.left(name, self._width), *cells))


def _width_of(texts: Sequence[str]) -> int:
    """Of a column of numbers, with the gap before it."""
    return _GAP + max(map(len, texts))
