"""What SQLite and the system say of the file, in our errors, with the file's name."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator

from ecl_logging.errors import StoreError, StoreUnavailable

# Imported here and not where it is used: that may be a thread, and a lock of the import
# system that a fork finds taken stays taken in the child.
try:
    import pwd
except ImportError:  # Windows has no such thing
    pwd = None  # type: ignore[assignment]

__all__ = ["is_locked", "translated"]


def is_locked(error: sqlite3.Error) -> bool:
    """Whether the error says that another connection has a lock; waiting may help."""
    name = getattr(error, "sqlite_errorname", "")
    return bool(name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")))


@contextlib.contextmanager
def translated(path: str, *, is_file: bool = True) -> Iterator[None]:
    """Turn what SQLite and the system raise into our errors, with the file's name.

    Of a database in memory (not `is_file`), `path` is what it is called.
    """
    shown = f"sqlite:///{path}" if is_file else path
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{shown}: {error}") from None
    except StoreError as error:
        raise StoreError(f"{shown}: {error}") from None
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
            raise StoreError(f"{shown}: is no database, or a damaged one") from error
        reason = "is locked by another process" if is_locked(error) else ""
        reason = reason or (is_file and _reason(path)) or str(error)
        raise StoreUnavailable(f"{shown}: {reason}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{shown}: {error}") from error
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(f"{shown}: holds what this library did not write: {error}") from error
    except OSError as error:
        reason = (is_file and _reason(path)) or error.strerror or str(error)
        raise StoreUnavailable(f"{shown}: {reason}") from error


def _reason(path: str) -> str:
    """Say in words why the file cannot be used; empty where SQLite says it better."""
    if os.path.isdir(path):
        return "is a folder"
    if not os.path.exists(path):
        return _reason_of_folder(os.path.dirname(path) or ".")
    if os.access(path, os.R_OK | os.W_OK):
        folder = os.path.dirname(path) or "."
        return "" if os.access(folder, os.W_OK) else f"folder {_owned(folder)} cannot be written"
    lacking = "written" if os.access(path, os.R_OK) else "read"
    return f"cannot be {lacking} by user {_user()}; it {_owned('', path)}"


def _reason_of_folder(folder: str) -> str:
    if os.path.exists(folder) and not os.path.isdir(folder):
        return f"{folder} is not a folder"
    named = folder
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        parent = os.path.dirname(folder) or "."
        if not os.access(parent, os.W_OK | os.X_OK) and os.path.exists(parent):
            return f"folder {_owned(parent)} cannot be written"
        folder = parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"folder {_owned(folder)} cannot be written"
    return "" if folder == named else f"there is no folder {named}"


def _owned(shown: str, path: str = "") -> str:
    """`PATH (owner NAME, mode 0755)`, or `belongs to NAME (mode 0600)` without a name to show."""
    try:
        status = os.stat(path or shown)
    except OSError:
        return shown or "is out of reach"
    mode = f"mode {status.st_mode & 0o7777:04o}"
    if shown:
        return f"{shown} (owner {_name(status.st_uid)}, {mode})"
    return f"belongs to {_name(status.st_uid)} ({mode})"


def _user() -> str:
    return _name(os.geteuid()) if hasattr(os, "geteuid") else "this one"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name if pwd else str(uid)
    except KeyError:
        return str(uid)
