"""What is in a file of SQLite, and what others do to it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

__all__ = ["execute", "tables_in"]


def execute(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Do something to the file that our code would not."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def tables_in(path: Path) -> set[str]:
    return {name for (name,) in execute(path, "SELECT name FROM sqlite_schema")}
