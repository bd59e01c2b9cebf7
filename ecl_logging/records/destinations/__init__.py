"""Where gathered records go: a SQL database, lines of JSON, or the logging of this process.

`protocol` says what a destination promises; each kind is a module, imported where it is asked for.
"""

from __future__ import annotations

from ecl_logging.errors import ConfigError
from ecl_logging.records.destinations.protocol import Destination, Refused, Stored

__all__ = ["Destination", "Refused", "Stored", "open_destination"]

_FORMS = (
    "write one of sqlite:///records.db, postgresql://user@host/database, jsonl:records.jsonl,"
    " jsonl:- (stdout), logging:logging.yaml"
)


def open_destination(url: str, *, logging_file: str | None = None) -> Destination:
    """Return the destination that a URL names. `logging_file` is what `logging:` alone means.

    Raises ConfigError for what names none, and where a package is missing. Touches neither network
    nor disk, but for reading a logging configuration, which is applied at the first use.
    """
    kind, colon, rest = url.partition(":")
    if colon and rest.startswith("//"):
        return _sql(url)
    if kind == "jsonl" and rest == "-":
        from ecl_logging.records.destinations.json_lines import PrintedLines

        return PrintedLines()
    if (kind == "jsonl" and rest) or url.endswith(".jsonl"):
        from ecl_logging.records.destinations.json_lines import JsonLines

        return JsonLines(rest if kind == "jsonl" else url)
    if kind == "logging" and colon:
        from ecl_logging.records.destinations.local_logging import LocalLogging

        file = rest or logging_file
        if not file:
            raise ConfigError("logging: there is no configuration file; write logging:FILE.yaml")
        return LocalLogging(file)
    # The text is not shown: it may be a URL with a password and a mistake in it.
    raise ConfigError(f"--to names no place for records; {_FORMS}")


def _sql(url: str) -> Destination:
    try:
        from ecl_logging.records.destinations.sql import SqlDestination
    except ImportError as error:
        if error.name != "sqlalchemy":
            raise
        raise ConfigError(
            "--to a database needs SQLAlchemy: pip install 'ecl-logging[sql]'"
        ) from None
    return SqlDestination(url)
