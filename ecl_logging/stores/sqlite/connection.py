"""Connections to the file: opened when needed, one a user at a time, never across a fork."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.fork_gate import closed_before_forks, kept_from_forks
from ecl_logging.stores.sqlite.errors import is_locked, translated
from ecl_logging.stores.sqlite.first_locks import Connection, undisturbed
from ecl_logging.stores.sqlite.schema import create_tables, is_ours

__all__ = ["Connections", "wal_is_safe"]

# Idle connections that a fork without Python's hooks has copied into this process. They must
# be neither used nor closed here: they belong to the parent.
_abandoned: list[sqlite3.Connection] = []


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether SQLite of this version keeps every commit in WAL mode.

    From 3.7.0 on, two connections that write and checkpoint in the same instant can lose
    committed data ("the WAL-reset bug", sqlite.org/wal.html). Fixed in 3.51.3, and in the
    patch releases 3.50.7 and 3.44.6.
    """
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


class Connections:
    """Hands out connections to one file.

    A connection in use is held by its user's frame alone. So a fork in the middle of a
    transaction leaves nothing in the child that could end it: another thread's frames are
    never unwound there. Were it closed in the child, SQLite would roll back into the file
    what the parent is about to commit.

    Thread safe: each user gets a connection that nobody else has.
    """

    def __init__(self, path: Callable[[], str], *, private: bool) -> None:
        """`private`: create folder and file for their owner only, where they are missing."""
        self._find_path = path
        self._private = private
        self._idle: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        closed_before_forks.add(self)

    @contextlib.contextmanager
    def writing(self, timeout: float) -> Iterator[sqlite3.Connection]:
        """A transaction that may write, from BEGIN IMMEDIATE to COMMIT.

        IMMEDIATE, because one that begins by reading fails at its first write when another
        process has written since, without waiting.
        """
        path, deadline = self._find_path(), time.monotonic() + timeout
        with translated(path), contextlib.ExitStack() as inside:
            connection, identity = _when_unlocked(lambda: self._begin(path, inside), timeout)
            yield connection
            # Only readers can hold it up now, and only waiting inside is left.
            _when_unlocked(lambda: connection.execute("COMMIT"), deadline - time.monotonic())
            self._idle.append((connection, identity))

    @contextlib.contextmanager
    def reading(self, timeout: float) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file, and creates nothing.

        Where there is no file, or nothing in it yet, it sees empty tables.
        """
        path = self._find_path()
        with translated(path), contextlib.ExitStack() as inside:
            yield _when_unlocked(lambda: _begin_to_read(path, inside), timeout)

    def _begin(
        self, path: str, inside: contextlib.ExitStack
    ) -> tuple[sqlite3.Connection, tuple[int, int]]:
        with contextlib.ExitStack() as attempt:
            attempt.enter_context(kept_from_forks())
            taken = undisturbed(lambda: self._take_locked(path, attempt))
            inside.enter_context(attempt.pop_all())
        return taken

    def _take_locked(
        self, path: str, attempt: contextlib.ExitStack
    ) -> tuple[sqlite3.Connection, tuple[int, int]]:
        connection, identity = self._take(path)
        attempt.enter_context(_closed_on_error(connection))
        connection.execute("BEGIN IMMEDIATE")
        return connection, identity

    def close(self) -> None:
        """Close what is idle. Never raises."""
        with kept_from_forks():
            self.close_idle()

    def close_idle(self) -> None:
        """Do so before a fork, when no other thread is inside."""
        while self._idle:
            with contextlib.suppress(sqlite3.Error, IndexError):
                self._idle.pop()[0].close()

    def after_fork(self) -> None:
        """Leave the parent's connections alone. Called in the child."""
        _abandoned.extend(connection for connection, _ in self._idle)
        self._idle = []

    def _take(self, path: str) -> tuple[sqlite3.Connection, tuple[int, int]]:
        while self._idle:
            try:
                connection, identity = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if _identity(path) == identity:
                return connection, identity
            connection.close()  # the file was removed or replaced under it
        return _open_to_write(path, private=self._private)


# Not the module's own generator: its numbers belong to the program, which may have seeded it.
_random = random.SystemRandom()

# A foreign writer can leave bytes that are no UTF-8: one spoilt cell, not an error of the step.
_text = partial(str, encoding="utf-8", errors="replace")

_BUSY_MILLISECONDS = 10
_LONGEST_PAUSE = 0.01  # seconds; longer ones leave the file to whoever writes all the time
_T = TypeVar("_T")


def _when_unlocked(step: Callable[[], _T], timeout: float) -> _T:
    """Call `step` until the file is not locked by another process, and return what it does.

    SQLite can wait by itself, but that would be a wait inside: see `fork_gate`.
    """
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            left = deadline - time.monotonic()
            if not is_locked(error) or left <= 0:
                raise
        # Processes that wait together should not try together.
        time.sleep(min(left, pause * _random.uniform(0.5, 1.5)))
        pause = min(_LONGEST_PAUSE, pause * 2)


def _begin_to_read(path: str, inside: contextlib.ExitStack) -> sqlite3.Connection:
    with contextlib.ExitStack() as attempt:
        attempt.enter_context(kept_from_forks())
        connection = undisturbed(lambda: _open_locked(path, attempt))
        inside.enter_context(attempt.pop_all())
    return connection


def _open_locked(path: str, attempt: contextlib.ExitStack) -> sqlite3.Connection:
    connection = attempt.enter_context(contextlib.closing(_open_to_read(path)))
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # takes the read lock
    return connection


@contextlib.contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Give the connection up when anything fails: closing it rolls back."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _identity(path: str) -> tuple[int, int] | None:
    """Which file is at `path`. By name: closing a descriptor would drop SQLite's locks."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _open_to_write(path: str, *, private: bool) -> tuple[sqlite3.Connection, tuple[int, int]]:
    if private:
        _create_private(path)
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.text_factory = _text
    with _closed_on_error(connection):
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        is_new = not is_ours(connection)
        _choose_journal_mode(connection, is_new=is_new)
        if is_new:
            create_tables(connection)
        identity = _identity(path)
        if identity is None:
            raise StoreUnavailable("was removed while it was opened")
        return connection, identity


def _choose_journal_mode(connection: sqlite3.Connection, *, is_new: bool) -> None:
    """WAL where this SQLite can be trusted with it; the mode of a file in use is left alone.

    Leaving WAL works only for the sole user of a file; SQLite itself refuses it otherwise.
    """
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    wanted = mode
    if wal_is_safe(sqlite3.sqlite_version_info):
        wanted = "wal" if is_new else mode
    elif mode == "wal":
        wanted = "delete"
    if wanted != mode:
        with contextlib.suppress(sqlite3.OperationalError):  # somebody else has it open
            mode = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
    # In WAL mode NORMAL loses the latest commits at a power cut, never an older one; counts
    # and numbers of batches go together, so the loss is seen.
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")


def _create_private(path: str) -> None:
    """Create folder (0700) and file (0600); what exists is left as it is.

    To be called undisturbed: closing a descriptor of the file takes away the locks that another
    thread's SQLite has on it by then.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _open_to_read(path: str) -> sqlite3.Connection:
    if _size(path) == 0:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        create_tables(connection)
        return connection
    try:
        return _open_existing(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname in {"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY"}:
            # A writer was killed in a transaction: the file must be put right to be read.
            return _open_existing(path, "mode=rw")
        if error.sqlite_errorname not in _CANNOT_NOTE_READERS:
            raise
    # In WAL mode readers note in a file beside it where they are; who may not write the folder
    # can read only what nobody writes at the moment.
    if _size(f"{path}-wal") > 0:
        raise StoreUnavailable("its log has to be read by somebody who may write it, first")
    return _open_existing(path, "mode=ro&immutable=1")


_CANNOT_NOTE_READERS = {
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY_CANTINIT",
    "SQLITE_READONLY_DIRECTORY",
}


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _in_uri(path: str) -> str:
    """The path as SQLite reads it from a URI: these three alone mean something there."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _open_existing(path: str, options: str) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite3.connect(
        f"file:{_in_uri(path)}?{options}",
        timeout=_BUSY_MILLISECONDS / 1000,
        isolation_level=None,
        uri=True,
        factory=Connection,
    )
    connection.text_factory = _text
    with _closed_on_error(connection):
        if not is_ours(connection):  # its writer is just about to create the tables
            connection.close()
            connection = sqlite3.connect(":memory:", isolation_level=None)
            create_tables(connection)
        return connection
