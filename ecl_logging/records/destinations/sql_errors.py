"""What an error of a database means: try again, never, or not with this entry."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exc

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.problems import masked, printable

__all__ = ["RefusedContent", "as_ours", "one_line"]

# Classes of SQLSTATE. A limit (54) is one of a text's length or depth, or of an index.
_OF_CONTENT = {"22", "23", "54"}
# It was asked for what is not there, or not allowed: tables that are others', a user's rights.
_OF_THE_PLACE = {"42", "0A", "3D", "3F", "25"}

# SQLite has no such codes, and one class of error for a lock, a full disk and a missing column.
_SQLITE_PLACE = ("no such", "has no column", "readonly database")


class RefusedContent(StoreError):  # noqa: N818 - what happened, handled where it is raised
    """The database does not take what is in an entry."""


def as_ours(error: Exception, shown: str, secrets: Sequence[str]) -> StoreError:
    """Return our error for one that was raised while entries were stored."""
    return _kind(error)(f"{shown}: {one_line(error, secrets)}")


def _kind(error: Exception) -> type[StoreError]:
    if isinstance(error, exc.DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        return _of_state(state) if state else _of_class(error)
    is_of_value = not isinstance(error, exc.SQLAlchemyError | OSError)
    if is_of_value or isinstance(error, exc.StatementError):
        return RefusedContent  # it could not even be sent
    return StoreUnavailable


def _of_state(state: str) -> type[StoreError]:
    if state[:2] in _OF_CONTENT:
        return RefusedContent
    return StoreError if state[:2] in _OF_THE_PLACE else StoreUnavailable


def _of_class(error: exc.DBAPIError) -> type[StoreError]:
    if error.connection_invalidated:
        return StoreUnavailable
    if isinstance(error, exc.DataError | exc.IntegrityError | exc.ProgrammingError):
        return RefusedContent
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        text = str(error.orig)
        return StoreError if any(word in text for word in _SQLITE_PLACE) else StoreUnavailable
    return StoreError


def one_line(error: Exception, secrets: Sequence[str]) -> str:
    """Return what an error says first: no statement, no values, no password."""
    lines = str(getattr(error, "orig", None) or error).split("\n")
    text = lines[0].strip() or type(error).__name__
    if text.endswith(":") and len(lines) > 1:
        text = f"{text} {lines[1].strip()}"
    for secret in secrets:
        text = text.replace(secret, "***")
    return printable(masked(text))
