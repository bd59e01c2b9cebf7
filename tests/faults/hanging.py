"""Stores that do not answer, and how long programs take to end all the same."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from tests.faults.programs import Programs


@contextlib.contextmanager
def hung(programs: Programs) -> Iterator[None]:
    """Have the store hang."""
    server = programs.server
    if server is None:
        with _locked(programs):
            yield
        return
    server.pause()
    try:
        yield
    finally:
        server.go_on()


@contextlib.contextmanager
def _locked(programs: Programs) -> Iterator[None]:
    """Hold the store's file, as a process does that was stopped within a transaction."""
    with contextlib.closing(
        sqlite3.connect(programs.store, isolation_level=None, timeout=30)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
