"""The table of common messages: pure functions from what was read, and a width, to lines."""

from __future__ import annotations

from ecl_logging.tools.common import Reading, Row
from ecl_logging.tools.lines import DIM, PLAIN, Frame, Line, Size, Span, cut, framed
from ecl_logging.tools.moments import utc_time
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.speakers import style_of

__all__ = ["heading", "picture", "table"]

_COUNT, _SHARE, _RATE, _MEAN = "count", "share", "/s", "/min"
_SEVERITY, _LOGGER, _MESSAGE = "severity", "logger", "message"
_COLUMNS = (_COUNT, _SHARE, _SEVERITY, _LOGGER, _MESSAGE)
_COLUMNS_WITH_RATES = (_COUNT, _SHARE, _RATE, _MEAN, _SEVERITY, _LOGGER, _MESSAGE)
_NUMBERS = {_COUNT, _SHARE, _RATE, _MEAN}

# In a narrow terminal these are left out, one after the other, before messages are cut so short.
_LESS_NEEDED = (_MEAN, _SHARE, _SEVERITY, _LOGGER, _RATE)
_LEAST_FOR_MESSAGES = 24
_LEAST_FOR_LOGGERS = 8
_LOGGERS_PART = 4  # a logger's name takes no more than this part of the width
_GAP = "  "
_OTHER = "(other messages)"


def heading(reading: Reading) -> str:
    """Return which hour it is, and how much is in it; nothing where there is no hour."""
    if reading.start is None:
        return ""
    which = "the hour kept before" if reading.is_finished else "this hour"
    kinds = _number(reading.kinds, "kind") + (" and more" if reading.has_other else "")
    messages = _number(reading.total, "message")
    return f"# {utc_time(reading.start)} {which}, {messages} of {kinds}"


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def picture(reading: Reading, frame: Frame, size: Size, ruler: Ruler) -> list[Line]:
    """Return the lines of one picture of a live table, with rates."""

    def body(rows: int) -> list[Line]:
        heads: list[Line] = [(), (Span(heading(reading)),)]
        return [*heads, *cut(table(reading, ruler, size.columns, with_rates=True), rows - 2)]

    return framed(body, reading.notes, frame, size, ruler)


def table(
    reading: Reading, ruler: Ruler, width: int | None = None, *, with_rates: bool = False
) -> list[Line]:
    """Return a line with the names of the columns, and one for each message; or none at all.

    With a width they fit into it, unless it is that of a few words.
    """
    if not reading.rows:
        return []
    made = _Table(reading, ruler, with_rates=with_rates)
    if width is not None:
        made.fit(width)
    return made.lines()


class _Table:
    """The columns, each with its name and the texts below."""

    def __init__(self, reading: Reading, ruler: Ruler, *, with_rates: bool) -> None:
        self._rows = reading.rows
        self._ruler = ruler
        names = list(_COLUMNS_WITH_RATES if with_rates else _COLUMNS)
        if reading.is_finished and with_rates:
            names.remove(_RATE)  # nothing comes any more
        self._columns = {
            name: [name, *(self._cell(name, row, reading.seconds) for row in reading.rows)]
            for name in names
        }

    def _cell(self, column: str, row: Row, seconds: float) -> str:
        if column == _COUNT:
            return str(row.count)
        if column == _SHARE:
            return f"{row.share:.1%}"
        if column == _RATE:
            return f"{row.rate:.1f}" if row.rate is not None else "-"
        if column == _MEAN:
            return f"{row.count * 60 / max(1.0, seconds):.1f}"
        if column == _MESSAGE and row.is_other:
            return _OTHER
        text = {_SEVERITY: row.severity, _LOGGER: row.name, _MESSAGE: row.message}[column]
        return self._ruler.printed(text)

    def fit(self, width: int) -> None:
        """Shorten loggers, leave out what is less needed, and shorten messages."""
        self._shorten(_LOGGER, max(_LEAST_FOR_LOGGERS, width // _LOGGERS_PART))
        wanted = min(_LEAST_FOR_MESSAGES, self._width(_MESSAGE))
        for name in _LESS_NEEDED:
            if name in self._columns and self._room(width) < wanted:
                del self._columns[name]
        self._shorten(_MESSAGE, max(1, self._room(width)))

    def _shorten(self, column: str, width: int) -> None:
        self._columns[column] = [self._ruler.shortened(t, width) for t in self._columns[column]]

    def _room(self, width: int) -> int:
        """How much the other columns leave for messages."""
        others = [name for name in self._columns if name != _MESSAGE]
        return width - sum(self._width(name) + len(_GAP) for name in others)

    def _width(self, column: str) -> int:
        return max(map(self._ruler.measure, self._columns[column]))

    def lines(self) -> list[Line]:
        aligned = [self._aligned(name) for name in self._columns]
        heads, *others = zip(*aligned, strict=True)
        lines: list[Line] = [tuple(Span(text, DIM) for text in heads)]
        for row, texts in zip(self._rows, others, strict=True):
            both = zip(self._columns, texts, strict=True)
            lines.append(tuple(Span(text, _style(name, row)) for name, text in both))
        return lines

    def _aligned(self, column: str) -> list[str]:
        """The texts in equal width, with the gap behind them; nothing is behind the last ones."""
        texts = self._columns[column]
        if column == _MESSAGE:
            return texts
        align = self._ruler.right if column in _NUMBERS else self._ruler.left
        width = self._width(column)
        return [align(text, width) + _GAP for text in texts]


def _style(column: str, row: Row) -> str:
    if row.is_other:
        return DIM
    return style_of(row.severity) if column == _SEVERITY else PLAIN
