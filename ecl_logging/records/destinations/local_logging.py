"""The logging of this process: each record is handled here as if it had been made here.

What a handler does cannot be taken back, and nobody knows whether it was done: a gatherer that is
killed between handling and acknowledging has its last records handled again.
"""

from __future__ import annotations

import contextlib
import logging
import logging.config
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ecl_logging.documents import file_name, read_yaml
from ecl_logging.errors import ConfigError
from ecl_logging.problems import masked
from ecl_logging.records.destinations.contents import fields_of
from ecl_logging.records.destinations.protocol import Refused, Stored
from ecl_logging.stores import every_store_is
from ecl_logging.stores.keeping import Entry
from ecl_logging.stores.memory import MemoryStore

__all__ = ["LocalLogging"]

_OURS = "ecl_logging."


class LocalLogging:
    """Loggers and handlers as a file for `logging.config.dictConfig` has them.

    Without the handlers of this library: those counted and kept the record where it was made. If
    one is hidden in another handler, it finds no store but an empty one in memory. So nothing
    comes back to where it was gathered.
    """

    def __init__(self, path: str) -> None:
        """Read the file; raises ConfigError. It is applied by the first use."""
        self._place = file_name(path)
        self.shown = f"logging:{self._place}"
        read = read_yaml(path)
        if not isinstance(read, dict):
            raise ConfigError(f"{self._place}: is no logging configuration")
        # Loggers that are there already may have records, too; dictConfig would silence them.
        self._config: dict[str, Any] = {"version": 1, **read, "disable_existing_loggers": False}
        self._applied: contextlib.ExitStack | None = None

    def open(self) -> None:
        """Apply the file. Raises ConfigError where that cannot be."""
        if self._applied is None:
            self._apply()

    def store(self, entries: Sequence[Entry]) -> Stored:
        """Have the records handled. Raises ConfigError where the file cannot be applied."""
        self.open()
        refused = []
        for entry in entries:
            try:
                _handle(entry)
            except Exception as error:  # noqa: BLE001 - of others' filters, and of the record
                refused.append(Refused(entry, f"{self.shown}: {type(error).__name__}"))
        for handler in _handlers():
            with contextlib.suppress(Exception):
                handler.flush()
        return Stored(tuple(refused))

    def acknowledged(self, ids: Sequence[str]) -> None:
        """Nothing is to be done."""

    def tidy(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Let programs in this process open stores again; handlers stay until its end."""
        if self._applied is not None:
            self._applied.close()
            self._applied = None

    def _apply(self) -> None:
        applied = contextlib.ExitStack()
        applied.enter_context(every_store_is(MemoryStore()))
        try:
            logging.config.dictConfig(self._config)
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            applied.close()
            reason = error.__cause__ or error
            raise ConfigError(f"{self._place}: {masked(f'{error}: {reason}')}") from None
        _leave_out_ours()
        self._applied = applied


def _handle(entry: Entry) -> None:
    record = _record_of(entry)
    logging.getLogger(record.name).handle(record)


def _record_of(entry: Entry) -> logging.LogRecord:
    """Return the record, with its repeats; one of another form as well as it can be."""
    fields: dict[str, Any] = {"created": entry.first, **fields_of(entry)}
    if not isinstance(fields.get("name"), str):
        fields["name"] = "root"
    if type(fields.get("levelno")) is not int:
        fields |= {"levelno": logging.WARNING, "levelname": "WARNING"}
    record = logging.makeLogRecord(fields | {"repeats": entry.repeats})
    times = f" ({entry.repeats} times)" if entry.repeats > 1 else ""
    message = fields.get("message")
    if not isinstance(message, str) or _formatted(record) == message:
        record.msg = f"{record.msg}{times}"
    else:
        record.msg, record.args = message + times, None
    return record


def _formatted(record: logging.LogRecord) -> str | None:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit, in whatever way
        return None


def _leave_out_ours() -> None:
    for logger in _loggers():
        for handler in logger.handlers[:]:
            if _is_ours(handler):
                logger.removeHandler(handler)
                handler.close()


def _is_ours(handler: logging.Handler) -> bool:
    """Whether it is of this library, or hands records on to nothing else."""
    if any(kind.__module__.startswith(_OURS) for kind in type(handler).__mro__):
        return True
    target = getattr(handler, "target", None)  # of a MemoryHandler
    return isinstance(target, logging.Handler) and _is_ours(target)


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    for one in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(one, logging.Logger):
            yield one


def _handlers() -> Iterable[logging.Handler]:
    return {id(one): one for logger in _loggers() for one in logger.handlers}.values()
