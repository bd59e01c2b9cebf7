"""The tables of the file, and the checks that it is ours."""

from __future__ import annotations

import sqlite3

from ecl_logging.errors import StoreError

__all__ = ["create_tables", "is_ours"]

APPLICATION_ID = 0x45434C67  # "ECLg", where file(1) and sqlite3 look for a file's owner
SCHEMA_VERSION = 1

_TABLES = """
CREATE TABLE counts (
    "group" TEXT NOT NULL,
    interval TEXT NOT NULL,
    start INTEGER NOT NULL,
    id TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY ("group", interval, start, id)
) WITHOUT ROWID;
CREATE TABLE definitions (
    "group" TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    pruned REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE events (
    "group" TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY ("group", id)
) WITHOUT ROWID;
CREATE TABLE sources (
    "group" TEXT NOT NULL,
    source TEXT NOT NULL,
    number INTEGER NOT NULL,
    total TEXT NOT NULL, -- decimal: of all batches together, it may outgrow a cell
    at REAL NOT NULL,
    reply TEXT NOT NULL,
    PRIMARY KEY ("group", source)
) WITHOUT ROWID;
CREATE TABLE rotations (
    "group" TEXT NOT NULL,
    interval TEXT NOT NULL,
    start INTEGER NOT NULL,
    PRIMARY KEY ("group", interval)
) WITHOUT ROWID;
"""


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there; False for an empty file.

    Raises StoreError for a file of another program, or of a newer version of this library.
    """
    # First, because another process may be creating the tables: it marks the file as ours in
    # the same transaction, so whoever sees the tables sees the mark after that.
    has_tables = connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is not None
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise StoreError(f"was written by a newer version (format {version})")
        return True
    if version or has_tables:
        raise StoreError("is the database of another program")
    return False


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables, unless another process was faster. Call outside a transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not is_ours(connection):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
