"""SQLite's journal modes, each of which a file of counts can be written in.

The library itself uses DELETE, or WAL where SQLite can be trusted with it. TRUNCATE and PERSIST are
the other two that keep a commit through a crash: they belong to the connection, not to the file, so
another program (or an SQLite that was built so) may write the same file with them, and leave a
journal of theirs beside it. MEMORY and OFF keep nothing through a crash.
"""

from __future__ import annotations

import sqlite3

from ecl_logging.stores.sqlite import connection as connections

SAFE_MODES = ("delete", "truncate", "persist", "wal")
UNSAFE_MODES = ("memory", "off")


def use_journal_mode(mode: str) -> None:
    """Have this process, and its forked children, write its files in this mode."""
    choose = connections._choose_journal_mode  # type: ignore[attr-defined]
    connections.wal_is_safe = lambda _: mode == "wal"

    def choose_this(connection: sqlite3.Connection, *, is_new: bool) -> None:
        choose(connection, is_new=is_new)
        if connection.execute("PRAGMA journal_mode").fetchone() != (mode,):
            connection.execute(f"PRAGMA journal_mode = {mode}")

    connections._choose_journal_mode = choose_this  # type: ignore[attr-defined]
