"""Transactions on a database in the memory of this process, made when it is first needed.

A forked child goes on with a copy of its own, as with counts. The database is memory and nothing
else: no file, no lock of the system's, nothing that the child could end for its parent. So its
copy of that memory is the child's, as long as no thread was inside at the fork: `fork_gate` has
forks wait for that. Where it has given up, or a fork came without Python's hooks, the copy may
be in the midst of a change, and its mutex locked for ever. The child sees that, leaves the copy
alone and starts with an empty one. It does not even close it: the frames of the thread that was
inside have it, and those are never unwound in the child.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.locks import lock_of_process
from ecl_logging.stores.fork_gate import kept_from_forks

if TYPE_CHECKING:
    import sqlite3

__all__ = ["InMemory"]


class _Visit:
    """Of a thread that is inside. One whose end an exception has skipped is over with it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.connection: sqlite3.Connection | None = None


def _nobody() -> _Visit | None:
    return None


class InMemory:
    """See `keepers.Transactions`. Thread safe: one thread at a time is inside."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._locks: dict[int, threading.RLock] = {}
        self._connection: sqlite3.Connection | None = None
        self._visit: Callable[[], _Visit | None] = _nobody

    @contextlib.contextmanager
    def writing(self, timeout: float) -> Iterator[sqlite3.Connection]:
        """A transaction; it waits only for those of other threads, which are short."""
        # The gate is outside, so nobody waits for it with the lock in hand: the lock is free at
        # every fork for which the gate was closed.
        lock = lock_of_process(self._locks)
        with kept_from_forks(), lock, self._translated(), self._inside() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    reading = writing

    @contextlib.contextmanager
    def _inside(self) -> Iterator[sqlite3.Connection]:
        visit = _Visit()
        connection = self._enter(visit)
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._visit = _nobody  # before the gate opens: a child asks who is inside

    def _enter(self, visit: _Visit) -> sqlite3.Connection:
        other = self._visit()
        if other is not None and other.pid == visit.pid:
            raise StoreUnavailable("a signal handler came amid another step")
        if other is not None:
            self._connection = None  # of a thread that is not in this process
        self._visit = weakref.ref(visit)
        if self._connection is None:
            from ecl_logging.stores.sql.database import new_database

            self._connection = new_database()
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")  # of a step whose end was skipped
        visit.connection = self._connection
        return self._connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        # Here and not above, because a program that keeps nothing has no use for SQLite; within
        # the gate, so that no fork finds a lock of the import system taken.
        try:
            from ecl_logging.stores.sqlite.errors import translated
        except ImportError as error:
            raise StoreError(f"{self._shown}: this Python has no sqlite3: {error}") from error
        with translated(self._shown, is_file=False):
            yield
