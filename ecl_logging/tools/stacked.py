"""Tables one below the other in a live table: which fit, and who gets how many lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ecl_logging.tools.lines import DIM, Line, Span

__all__ = ["Table", "stacked"]


class Table(Protocol):
    """One of them."""

    @property
    def row_count(self) -> int:
        """How many rows it has."""

    @property
    def least_height(self) -> int:
        """How many lines it takes with one for all of its rows."""

    def lines(self, height: int) -> list[Line]:
        """Return the table, cut to so many lines, `least_height` at least."""


def stacked(tables: Sequence[Table], rows: int, *, of: str) -> list[Line]:
    """Return the tables, each below an empty line, in so many lines.

    What there is no room for is said at its place; a table is one `of` something.
    """
    shown = _that_fit(tables, rows)
    hidden = len(tables) - len(shown)
    spare = rows - sum(1 + table.least_height for table in shown) - (1 if hidden else 0)
    more = _shared([max(0, table.row_count - 1) for table in shown], max(0, spare))
    lines: list[Line] = []
    for table, extra in zip(shown, more, strict=True):
        lines += [(), *table.lines(table.least_height + extra)]
    if hidden:
        lines.append((Span(f"... and {hidden} more {of}{'s' if hidden > 1 else ''}", DIM),))
    return lines


def _that_fit(tables: Sequence[Table], rows: int) -> Sequence[Table]:
    """As many as fit, with the line that tells of the others; one at least, to be cropped."""
    heights = [1 + table.least_height for table in tables]
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
