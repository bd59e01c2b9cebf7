"""Many rows in few statements.

Each call of SQLite, and each row that Python fetches, lets go of Python's global lock; in a
process that computes it comes back milliseconds later, and meanwhile all others wait for the
file. So many rows go in by one statement, and come out as one text: `group_concat` of their
values with blanks between, texts in hexadecimal digits, whatever somebody has stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

__all__ = [
    "MOST_PARAMETERS",
    "in_slices",
    "question_marks",
    "rows_of",
    "slices_of_rows",
    "text",
    "time_in_words",
    "time_of",
    "words",
]

_T = TypeVar("_T")

MOST_PARAMETERS = 999  # of one statement in older builds of SQLite


def words(packed: str | None) -> list[str]:
    """The values of all rows, one after the other."""
    return [] if packed is None else packed.split(" ")  # a foreign row's text may be empty


def rows_of(packed: str | None, columns: int) -> Iterator[tuple[str, ...]]:
    """The rows, of so many words each; raises ValueError where there are more words, or fewer."""
    found = words(packed)
    return zip(*(found[n::columns] for n in range(columns)), strict=True)


# A time in two whole numbers, because SQLite's decimals are not exact; what is no time, in none.
_PARTS = 2**52


def time_in_words(column: str) -> str:
    """Return what makes two words of a column of times, in SQL."""
    return (
        f"CASE typeof({column}) WHEN 'real' THEN CAST({column} AS INTEGER) || ' ' ||"
        f" CAST(({column} - CAST({column} AS INTEGER)) * {_PARTS}.0 AS INTEGER) ELSE '- -' END"
    )


def time_of(seconds: str, part: str) -> float:
    """The time of two words; raises ValueError for what is none."""
    return int(seconds) + int(part) / _PARTS


def text(digits: str) -> str:
    """What `hex()` has made digits of; bytes that are no UTF-8 are replaced."""
    return bytes.fromhex(digits).decode(errors="replace")


def in_slices(items: Iterable[_T], length: int) -> Iterator[list[_T]]:
    """Yield `length` of the items at a time."""
    listed = list(items)
    for first in range(0, len(listed), length):
        yield listed[first : first + length]


def question_marks(rows: int, columns: int) -> str:
    """Return what stands after VALUES for so many rows."""
    return ",".join([f"({','.join('?' * columns)})"] * rows)


def slices_of_rows(
    rows: Iterable[Sequence[object]], columns: int
) -> Iterator[tuple[str, list[object]]]:
    """Yield question marks and values for as many rows as one statement can take."""
    for some in in_slices(rows, MOST_PARAMETERS // columns):
        yield question_marks(len(some), columns), list(chain.from_iterable(some))
