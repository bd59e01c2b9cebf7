"""The report of a burst: a record in the place of those that were held back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecl_logging.fields import BURST_REPORT
from ecl_logging.intervals import Interval, whole_seconds
from ecl_logging.notices import warn

__all__ = ["OTHER_KINDS", "Held", "Report", "deliver", "is_attached", "report_of"]

OTHER_KINDS = "other kinds"
"""What the kinds beyond `max_kinds` are called together."""

_MESSAGE = "%d more in the %s from %s: %s"


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of the first record that was held back."""

    text: str
    name: str
    level: int
    pathname: str
    lineno: int
    function: str | None

    @classmethod
    def of(cls, record: logging.LogRecord, text: str) -> Held:
        """Keep what a report needs, of whatever a record has. Never raises."""
        attributes = record.__dict__

        def plain(name: str, otherwise: Any) -> Any:
            value = attributes.get(name)
            return value if type(value) is type(otherwise) else otherwise

        return cls(
            text=text,
            name=plain("name", "root"),
            level=plain("levelno", logging.WARNING),
            pathname=plain("pathname", ""),
            lineno=plain("lineno", 0),
            function=plain("funcName", "") or None,
        )


@dataclass(slots=True)
class Report:
    """So many records of a kind were held back in an interval."""

    kind: str
    held: Held
    count: int
    start: int
    interval: Interval
    tries: int = 0


def report_of(report: Report) -> logging.LogRecord:
    """Return the record that says so."""
    held = report.held
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(whole_seconds(report.start)))
    text = OTHER_KINDS if report.kind == OTHER_KINDS else held.text
    arguments = (report.count, report.interval.text, begin, text)
    record = logging.LogRecord(
        held.name,
        held.level,
        held.pathname,
        held.lineno,
        _MESSAGE,
        arguments,
        None,
        held.function,
    )
    record.__dict__[BURST_REPORT] = {
        "kind": report.kind,
        "count": report.count,
        "start": report.start,
        "interval": report.interval.text,
    }
    return record


def deliver(record: logging.LogRecord, owner: object) -> bool:
    """Hand a report to the handlers behind a filter; return whether there was any.

    A filter at a logger stands before all handlers that its records reach, one at a handler before
    that one. Where it is attached nowhere any more, the handlers are those of the record's logger.
    Handlers decide by their levels and filters; what the logger was set to meanwhile decides
    nothing, because the records had passed it when they came. Counting handlers pass it over.
    """
    handlers = list(_handlers_behind(owner, record))
    for handler in handlers:
        try:
            handler.handle(record)
        except Exception as error:  # noqa: BLE001 - filters and handlers of the program's own
            warn(f"{type(handler).__name__} failed with {type(error).__name__}: {error}")
    return bool(handlers)


def is_attached(owner: object) -> bool:
    """Whether a filter is at a logger, or at a handler that logging knows of."""
    loggers = [logging.getLogger(), *list(logging.Logger.manager.loggerDict.values())]
    for logger in loggers:
        if isinstance(logger, logging.Logger) and (
            owner in logger.filters or any(owner in one.filters for one in list(logger.handlers))
        ):
            return True
    return any(owner in handler.filters for handler in _all_handlers())


def _handlers_behind(owner: Any, record: logging.LogRecord) -> Iterator[logging.Handler]:
    logger = _logger_called(record.name)
    chain = list(_handlers_of(logger))
    behind = chain
    if owner is not None and owner not in logger.filters:
        behind = [handler for handler in chain if owner in handler.filters]
        if not behind:
            # At a handler that others hand records to, such as a QueueListener's: it takes all.
            elsewhere = [one for one in _all_handlers() if owner in one.filters]
            if elsewhere:
                yield from elsewhere
                return
            behind = chain
    if not chain and logging.lastResort is not None:
        behind = [logging.lastResort]
    for handler in behind:
        if handler.level <= record.levelno:
            yield handler


def _logger_called(name: str) -> logging.Logger:
    """Return the logger of this name, or the nearest one above it; takes no lock of logging's."""
    known = logging.Logger.manager.loggerDict
    while name and name != "root":
        logger = known.get(name)
        if isinstance(logger, logging.Logger):
            return logger
        name = name.rpartition(".")[0]
    return logging.getLogger()  # which takes no lock


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    at: logging.Logger | None = logger
    while at is not None:
        yield from list(at.handlers)
        at = at.parent if at.propagate else None


def _all_handlers() -> Iterator[logging.Handler]:
    for ref in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = ref()
        if handler is not None:
            yield handler
