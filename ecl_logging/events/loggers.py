"""Loggers whose calls are events, over those of the standard library."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from types import FrameType
from typing import Any

import structlog as _structlog
from structlog.contextvars import merge_contextvars

from ecl_logging.events.context import set_context
from ecl_logging.events.log_payloads import severity_at
from ecl_logging.events.processors import SchemaProcessor, to_record

__all__ = ["EventLogger", "configure", "get_logger"]

_PROCESSORS = (merge_contextvars, SchemaProcessor(), to_record)


class EventLogger(_structlog.BoundLoggerBase):
    """A structlog logger: `bind`, `unbind` and `new` are there, and calls as of `logging.Logger`.

    A call's event becomes a record of the standard library's logger, if that one is enabled for
    its level; otherwise nothing is done. What a call has:

    - `payload`: a mapping with `cls_type`; without it, the call is a payload of the type `log`;
    - `channel`: in place of `<name of the logger>.<event>`;
    - `exc_info`, `stack_info`, `stacklevel` as of the standard library's;
    - other keys: the `fields` of a log payload; with another payload, of the header's context.

    Calls may come from any thread, and raise nothing.
    """

    @property
    def name(self) -> str:
        """The name of the standard library's logger."""
        return str(self._logger.name)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Whether a call of this level does something."""
        return bool(self._logger.isEnabledFor(level))

    def debug(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level DEBUG."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._send(logging.DEBUG, "debug", event, args, values)

    def info(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level INFO."""
        if self._logger.isEnabledFor(logging.INFO):
            self._send(logging.INFO, "info", event, args, values)

    def warning(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level WARNING."""
        if self._logger.isEnabledFor(logging.WARNING):
            self._send(logging.WARNING, "warning", event, args, values)

    def error(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level ERROR."""
        if self._logger.isEnabledFor(logging.ERROR):
            self._send(logging.ERROR, "error", event, args, values)

    def exception(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level ERROR, with the exception that is being handled."""
        if self._logger.isEnabledFor(logging.ERROR):
            values.setdefault("exc_info", True)
            self._send(logging.ERROR, "error", event, args, values)

    def critical(self, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of the level CRITICAL."""
        if self._logger.isEnabledFor(logging.CRITICAL):
            self._send(logging.CRITICAL, "critical", event, args, values)

    def log(self, level: int, event: str | None = None, *args: Any, **values: Any) -> None:
        """Make an event of any level; its severity is the one at it or below."""
        if self._logger.isEnabledFor(level):
            self._send(level, severity_at(level), event, args, values)

    warn = warning
    fatal = critical

    def _send(
        self,
        level: int,
        severity: str,
        event: str | None,
        args: tuple[Any, ...],
        values: dict[str, Any],
    ) -> None:
        if args:
            values["positional_args"] = args
        try:
            (message,), call = self._process_event(severity, event, values)
        except _structlog.DropEvent:
            return
        frame = _caller(call.get("stacklevel", 1))
        code, logger = frame.f_code, self._logger
        # Not the logger's method: a logger may look for its caller in other ways.
        record = logger.makeRecord(
            *(logger.name, level, code.co_filename, frame.f_lineno, message, ()),
            *(call.get("exc_info"), code.co_name, call["extra"]),
            _stack(frame) if call.get("stack_info") else None,
        )
        logger.handle(record)


def _caller(stacklevel: int) -> FrameType:
    """Return the frame of who called the logger's method, or so many above."""
    frame = sys._getframe(3)
    while stacklevel > 1 and frame.f_back is not None:
        frame, stacklevel = frame.f_back, stacklevel - 1
    return frame


def _stack(frame: FrameType) -> str:
    written = io.StringIO()
    traceback.print_stack(frame, file=written)
    return f"Stack (most recent call last):\n{written.getvalue().removesuffix(chr(10))}"


def get_logger(name: str | None = None) -> EventLogger:
    """Return a logger whose calls are events; None for the name of the calling module.

    ::

        log = get_logger(__name__)
        log.info("done", payload={"cls_type": "metrics", "values": [{"name": "n", "value": 3}]})

    It goes by its own processors, and neither needs nor changes how structlog is configured.
    """
    if name is None:
        name = sys._getframe(1).f_globals.get("__name__")
    return EventLogger(logging.getLogger(name), _PROCESSORS, {})


def configure(
    application: str | None = None,
    application_version: str | None = None,
    fqdn: str | None = None,
    *,
    structlog: bool = True,
) -> None:
    """Set what this program's events say of where they come from.

    `application`: None for the name of what was started. `fqdn`: None for the name that the
    machine has for itself. With `structlog`, the loggers of `structlog.get_logger` make events,
    too, unless the program has configured structlog already. Raises ConfigError.
    """
    set_context(fqdn=fqdn, application=application, application_version=application_version)
    if structlog and not _structlog.is_configured():
        _structlog.configure(
            processors=[_structlog.stdlib.filter_by_level, *_PROCESSORS],
            logger_factory=_structlog.stdlib.LoggerFactory(),
            wrapper_class=_structlog.stdlib.BoundLogger,
        )
