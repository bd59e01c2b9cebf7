"""Many rows that have a body of bytes, out of one statement; see `rows`.

Hexadecimal digits of megabytes take a third of a second, in which nobody else can write. So bodies
come out as one: joined as the texts that they are as a rule, with their lengths beside. Where that
does not come out even, they come out in digits after all: older builds of SQLite end what they have
joined at the first NUL, and a database that somebody has made for UTF-16 takes bytes for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecl_logging.stores.sql.rows import rows_of

if TYPE_CHECKING:
    import sqlite3

__all__ = ["WithBodies"]

_BODY = "CAST(coalesce(body, '') AS BLOB)"  # whatever somebody has stored


@dataclass(frozen=True, slots=True)
class WithBodies:
    """Rows of some words and a body, the column `body`."""

    row: str  # what makes the words, with blanks between, in SQL
    words: int  # so many

    def read(
        self, connection: sqlite3.Connection, found: str, values: Sequence[object]
    ) -> Iterator[tuple[list[str], bytes]]:
        """Yield words and body of each row; `found` is what stands after FROM."""
        packed, joined, bytes_of_a_letter = connection.execute(
            f"SELECT group_concat({self.row} || ' ' || length({_BODY}), ' '),"  # noqa: S608 - constants
            f" CAST(group_concat(CAST({_BODY} AS TEXT), '') AS BLOB), length(CAST('a' AS BLOB))"
            f" FROM {found}",
            values,
        ).fetchone()
        rows = [(row, int(length)) for *row, length in rows_of(packed, self.words + 1)]
        if bytes_of_a_letter != 1 or sum(length for _, length in rows) != len(joined or b""):
            yield from self._in_digits(connection, found, values)
            return
        first = 0
        for row, length in rows:
            yield row, joined[first : first + length]
            first += length

    def _in_digits(
        self, connection: sqlite3.Connection, found: str, values: Sequence[object]
    ) -> Iterator[tuple[list[str], bytes]]:
        packed = connection.execute(
            f"SELECT group_concat({self.row} || ' ' || hex({_BODY}), ' ') FROM {found}",  # noqa: S608 - constants
            values,
        ).fetchone()[0]
        for *row, digits in rows_of(packed, self.words + 1):
            yield row, bytes.fromhex(digits)
