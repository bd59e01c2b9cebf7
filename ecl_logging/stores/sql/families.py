"""Tables that are made together, when the first batch of their kind comes in.

A file that has none of a family is one in which nothing of it was kept: so they are no part of
the file's format, which stays as it is, and older versions of this library go on beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Family"]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of tables. Two of them are alike in all: what there is, and its sources.

    `heads` has a row for each kind of batch, `what`, and when its silent sources were last looked
    for, `pruned`. `sources` has what is known of each source; its columns are those of `_SOURCES`.
    """

    heads: str
    sources: str
    statements: tuple[str, ...]  # which make the others

    def are_there(self, connection: sqlite3.Connection) -> bool:
        """Whether anything was ever kept here. One question, as part of a transaction."""
        found = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)"
        return bool(connection.execute(found, (self.heads,)).fetchone()[0])

    def create(self, connection: sqlite3.Connection) -> None:
        """Create the tables, in a transaction that may write, when they are not there.

        All in that transaction, so nobody ever sees some of them.
        """
        for statement in (*self.statements, _SOURCES.format(self.sources)):
            connection.execute(statement)


_SOURCES = """
    CREATE TABLE {} (
        what TEXT NOT NULL,
        source TEXT NOT NULL,
        number INTEGER NOT NULL,
        total TEXT NOT NULL, -- decimal: of all batches together, it may outgrow an integer
        at REAL NOT NULL,
        receipt TEXT NOT NULL,
        PRIMARY KEY (what, source)
    ) WITHOUT ROWID
    """
