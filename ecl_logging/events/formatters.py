"""SchemaFormatter: whatever a handler of the standard library has to write becomes an event."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from ecl_logging.errors import EventError
from ecl_logging.events.calls import channel_of
from ecl_logging.events.envelope import (
    MAX_BYTES,
    as_event,
    checked,
    encode,
    new_log_event,
    parse,
)
from ecl_logging.events.event_messages import EventMessage, is_like_event
from ecl_logging.events.log_payloads import (
    exc_text_of,
    fields_of,
    log_payload,
    severity_at,
    text_of,
)

__all__ = ["SchemaFormatter", "event_in", "event_of", "written_event"]

_LATEST = 2**37  # Unix time, some 4,000 years from now
_OF_STRUCTLOG = {"event", "level", "logger", "timestamp", "exc_info", "stack_info", "exception"}


class SchemaFormatter(logging.Formatter):
    """Formats records as events, one line of JSON for each.

    A record that is an event already is written as it is: one of `get_logger`, one whose message is
    an event as a mapping or as JSON. Any other becomes a payload of the type `log`, with its
    severity, message and, where there is an exception, `exc_text`; its time is the record's, its
    channel the logger's name. Records are not changed. Thread safe.
    """

    def __init__(self, *_format: object, **_options: object) -> None:
        """Take what formatters take; what is written is the schema's matter, so it is not used."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's event as JSON. Raises nothing that a record's objects raise."""
        return written_event(record)[1]


def event_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the event that a record is, or becomes; see SchemaFormatter.

    A record that is none gets a new ID each time. Raises nothing that a record's objects raise, and
    does not change the record.
    """
    message = vars(record).get("msg")
    if type(message) is EventMessage:
        return dict(message)
    problem = None
    try:
        found = _event_in(message, vars(record).get("args"))
        if found is not None:
            return found
    except EventError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
        problem = f"raised {type(error).__name__} when it was looked at"
    return new_log_event(_payload_of(record, problem), _channel(record), _created(record))


def written_event(
    record: logging.LogRecord, event: dict[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    """Return the record's event, and what it is as JSON, which `parse` reads.

    `event`: what `event_in` has found. An event that somebody has spoilt since it was made, or that
    is too large, is a payload of the type `log` that says what is wrong with it.
    """
    if event is None:
        event = event_of(record)
    try:
        if type(vars(record).get("msg")) is EventMessage:  # others were checked just now
            checked(event)
        return event, _encoded(event)
    except EventError as error:
        payload = log_payload("an event", "error", problem=str(error))
        event = new_log_event(payload, _channel(record), _created(record))
        return event, encode(event)


def _encoded(event: Mapping[str, Any]) -> str:
    text = encode(event)
    # One character has four bytes at most.
    if 4 * len(text) > MAX_BYTES and len(text.encode()) > MAX_BYTES:
        raise EventError(f"the event: has more than {MAX_BYTES} bytes")
    return text


def event_in(record: logging.LogRecord) -> dict[str, Any] | None:
    """Return the event that a record is; None if it is none. Raises nothing of its objects'."""
    message = vars(record).get("msg")
    if type(message) is EventMessage:
        return dict(message)
    try:
        return _event_in(message, vars(record).get("args"))
    except Exception:  # noqa: BLE001 - the program's own objects can raise anything
        return None


def _event_in(message: object, args: object) -> dict[str, Any] | None:
    """Return the event that a message is; None if it is none. Raises EventError for a bad one."""
    if issubclass(type(message), dict):
        if not is_like_event(message):  # type: ignore[arg-type]
            return None
        return as_event(message)  # type: ignore[arg-type]
    # As a handler leaves it that gives records to another thread or process.
    if type(message) is str and not args and message[:1] == "{" and '"cls_type"' in message:
        # Another formatter has put an exception below the event, which has its own text of it.
        for text in (message, message.partition("\n")[0]):
            with contextlib.suppress(EventError):
                return parse(text)
    return None  # a text like any other


# --- records that are no events


def _payload_of(record: logging.LogRecord, problem: str | None) -> dict[str, Any]:
    severity = severity_at(vars(record).get("levelno"))
    message = vars(record).get("msg")
    fields: Mapping[str, Any] | None = None
    try:
        if type(message) is dict and type(message.get("event")) is str:  # structlog's
            text = message["event"]
            fields = {key: message[key] for key in message if key not in _OF_STRUCTLOG}
        else:
            text = text_of(record.getMessage())
    except Exception as error:  # noqa: BLE001 - arguments that do not fit the message, or raise
        text = text_of(message)
        problem = problem or f"its message cannot be formatted: raised {type(error).__name__}"
    return log_payload(
        text,
        severity,
        exc_text=_exc_text(record),
        fields=fields_of(fields) if fields else None,
        problem=problem,
    )


def _exc_text(record: logging.LogRecord) -> str | None:
    """Return the exception's text, which an earlier handler may have left; nothing is left here."""
    left = vars(record).get("exc_text")
    if issubclass(type(left), str) and str.__str__(left):
        return str.__str__(left)
    return exc_text_of(vars(record).get("exc_info"))


def _channel(record: logging.LogRecord) -> str:
    name = vars(record).get("name")
    return channel_of(str.__str__(name) if issubclass(type(name), str) else "")


def _created(record: logging.LogRecord) -> float:
    created = vars(record).get("created")
    if (type(created) is float or type(created) is int) and 0 <= created < _LATEST:
        return float(created)
    return time.time()
