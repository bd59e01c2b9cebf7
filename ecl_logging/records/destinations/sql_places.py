"""Databases by their URLs: which there are, how messages name them, how they are connected to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from ecl_logging.errors import ConfigError
from ecl_logging.problems import masked, printable
from ecl_logging.records.destinations.sql_errors import one_line

__all__ = ["Place", "open_place"]

_DIALECTS = ("sqlite", "postgresql")
_INSTALL_PSYCOPG = "pip install 'psycopg[binary]'"

_WAIT_SECONDS = 10  # for a connection, and for SQLite's lock
# A server that has gone without a word is known by these; a query may still take its time.
_OF_LIBPQ = {"connect_timeout": _WAIT_SECONDS, "keepalives_idle": 30, "tcp_user_timeout": 60_000}


@dataclass(frozen=True)
class Place:
    """A database that has been named. It is connected to by the first use of the engine."""

    engine: sa.Engine
    shown: str  # how messages name it, without password and options
    file: str | None  # of a SQLite database
    secrets: tuple[str, ...]  # what must be in no message


def open_place(text: str) -> Place:
    """Return the database of a URL. Raises ConfigError; touches neither network nor disk."""
    url = _parsed(text)
    shown = _shown(url)
    if url.get_backend_name() not in _DIALECTS:
        raise ConfigError(f"{shown}: records go to sqlite and postgresql only")
    secrets = _secrets_of(url)
    file = url.database if url.get_backend_name() == "sqlite" else None
    return Place(_engine(url, shown, secrets), shown, file, secrets)


def _parsed(text: str) -> sa.URL:
    try:
        url = make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # The text is not shown: it may be a URL with a password and a mistake in it.
        raise ConfigError(
            "not the URL of a database; write postgresql://user:password@host/database"
        ) from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.drivername == "postgresql" and find_spec("psycopg") is not None:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if url.host or not url.database or url.database == ":memory:" or url.query:
            raise ConfigError("sqlite:///PATH: the path of a file follows the third slash")
        url = url.set(database=os.path.abspath(url.database))
    return url


def _shown(url: sa.URL) -> str:
    plain = url.set(drivername=url.get_backend_name(), query={})
    return printable(masked(plain.render_as_string(hide_password=True)))


def _secrets_of(url: sa.URL) -> tuple[str, ...]:
    options = [value for key, value in url.query.items() if "pass" in key.lower()]
    return tuple(one for one in (url.password, *options) if isinstance(one, str) and one)


def _engine(url: sa.URL, shown: str, secrets: tuple[str, ...]) -> sa.Engine:
    of_sqlite = url.get_backend_name() == "sqlite"
    arguments: dict[str, object] = {"timeout": _WAIT_SECONDS} if of_sqlite else {}
    if url.drivername == "postgresql+psycopg":
        arguments = {k: v for k, v in _OF_LIBPQ.items() if k not in url.query}
    try:
        engine = sa.create_engine(url, connect_args=arguments)
    except ImportError as error:
        is_psycopg = error.name is None or error.name.startswith("psycopg")
        install = _INSTALL_PSYCOPG if is_psycopg else f"pip install {error.name}"
        raise ConfigError(f"{shown}: its driver is not installed: {install}") from None
    except (sa.exc.SQLAlchemyError, TypeError, ValueError) as error:
        raise ConfigError(f"{shown}: {one_line(error, secrets)}") from None
    if engine.dialect.is_async:
        raise ConfigError(f"{shown}: {engine.dialect.driver} is asyncio's; write postgresql://")
    if of_sqlite:
        sa.event.listen(engine, "connect", _leave_transactions_to_us)
        sa.event.listen(engine, "begin", _begin_at_once)
    return engine


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's sqlite3 begins none of its own


def _begin_at_once(connection: sa.Connection) -> None:
    # With the lock on the file: a transaction that reads first may fail in the midst of it.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
