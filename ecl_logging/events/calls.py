"""Events of log calls: what structlog's event dict becomes."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ecl_logging.errors import EventError
from ecl_logging.events.context import current_context
from ecl_logging.events.envelope import MAX_CHANNEL, new_event, new_log_event
from ecl_logging.events.event_messages import EventMessage
from ecl_logging.events.log_payloads import (
    exc_text_of,
    fields_of,
    log_payload,
    shortened,
    text_of,
)
from ecl_logging.events.plain_values import clean_text
from ecl_logging.notices import warn

__all__ = ["channel_of", "event_of_call"]

_SEVERITIES = {
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "err": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
_MOST_KINDS = 100
_MOST_OF_EXC_TEXT = 10_000  # characters, beside a payload
_NUMBER = re.compile(r"[0-9]+")

_told: set[str] = set()  # problems of payloads, so that each is told once


def event_of_call(
    logger_name: str | None, method_name: str, event_dict: Mapping[str, Any]
) -> EventMessage:
    """Return the event of a call, for the logger of this name.

    With a `payload` it has that one; without, one of the type `log`. A payload that is none
    becomes one of the type `log`, too, which has what was wrong; each kind of that is told once.
    What else the call had is in the log payload's `fields`, or with another payload, in those of
    the header's context.
    """
    values = dict(event_dict)
    call = _Call(logger_name, method_name, values)
    problem = None
    if "payload" in values:
        payload = values.pop("payload")
        try:
            return EventMessage(call.with_payload(payload, values), call.for_logging)
        except EventError as error:
            problem = str(error)
        values["payload"] = payload
        _tell(call.channel, problem)
    return EventMessage(call.as_log(values, problem), call.for_logging)


class _Call:
    """What a call says beside its values, from which it takes that."""

    def __init__(self, logger_name: str | None, method_name: str, values: dict[str, Any]) -> None:
        self.said = values.pop("event", "")
        self.args = values.pop("positional_args", ())
        self.channel = _channel(values.pop("channel", None), logger_name, self.said)
        self.severity = _severity(method_name, values.pop("level", None))
        self.moment = _moment(values)
        values.pop("logger", None)
        exc_info = _exc_info(values.pop("exc_info", None))
        exc_text = values.pop("exception", None)  # as structlog's own processor leaves it
        self.exc_text = exc_text if type(exc_text) is str else exc_text_of(exc_info)
        self.for_logging: dict[str, Any] = {}
        if values.pop("stack_info", None) is True:
            self.for_logging["stack_info"] = True
        stacklevel = values.pop("stacklevel", None)
        if type(stacklevel) is int:
            self.for_logging["stacklevel"] = stacklevel
        if exc_info is not None:
            self.for_logging["exc_info"] = exc_info

    def with_payload(self, payload: object, values: dict[str, Any]) -> dict[str, Any]:
        """Return the event that has this payload; raise EventError if it is none."""
        context: dict[str, Any] | None = None
        fields = fields_of(values)
        if self.exc_text:
            fields["exc_text"] = shortened(self.exc_text, _MOST_OF_EXC_TEXT)
        if fields:
            context = {**current_context(), "fields": fields}
        return new_event(payload, self.channel, timestamp=self.moment, context=context)

    def as_log(self, values: dict[str, Any], problem: str | None) -> dict[str, Any]:
        """Return the event that has all of it as a log payload."""
        payload = log_payload(
            _message(self.said, self.args),
            self.severity,
            exc_text=self.exc_text,
            fields=fields_of(values),
            problem=problem,
        )
        return new_log_event(payload, self.channel, self.moment)


def channel_of(*parts: str) -> str:
    """Return a channel of parts: joined by dots, and no longer than channels are."""
    return clean_text(".".join(filter(None, parts))[:MAX_CHANNEL])[:MAX_CHANNEL] or "unnamed"


def _channel(given: object, logger_name: str | None, said: object) -> str:
    if given is not None:
        return channel_of(text_of(given))
    return channel_of(logger_name or "", text_of(said))


def _severity(method_name: object, level: object) -> str:
    for name in (method_name, level):
        if type(name) is str and name.lower() in _SEVERITIES:
            return _SEVERITIES[name.lower()]
    return "info"


def _message(said: object, args: object) -> str:
    """What was said, with the arguments of the call in it."""
    text = text_of(said)
    if not args:
        return text
    try:
        return text % args
    except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
        return f"{text} (its arguments: raised {type(error).__name__})"


def _exc_info(given: object) -> tuple[Any, Any, Any] | None:
    """Return `exc_info` as a record has it."""
    if type(given) is tuple:
        found = given if len(given) == 3 else (None, None, None)
    elif issubclass(type(given), BaseException):
        found = (type(given), given, given.__traceback__)  # type: ignore[attr-defined]
    else:
        found = sys.exc_info() if given else (None, None, None)
    return None if found[1] is None else found


def _moment(values: dict[str, Any]) -> datetime | float | None:
    """Take the time that a processor has stamped, if it is one that can be told from others."""
    stamp = values.get("timestamp")
    moment: datetime | float | None = None
    if type(stamp) is float:
        moment = stamp if 0 <= stamp < 2**37 else None
    elif type(stamp) is str:
        try:
            read = datetime.fromisoformat(stamp)
        except ValueError:
            return None
        moment = read if read.tzinfo is not None and read.year > 1 else None
    if moment is not None:
        del values["timestamp"]
    return moment


def _tell(channel: str, problem: str) -> None:
    """Warn of a problem, unless it has been told or there were too many."""
    kind = _NUMBER.sub("0", problem)
    if kind in _told or len(_told) >= _MOST_KINDS:
        return
    _told.add(kind)
    channel = shortened(channel, 100)
    warn(f"an event of the channel {channel!a} goes out as a log record, because of {problem}")
