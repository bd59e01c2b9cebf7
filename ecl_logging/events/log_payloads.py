"""Payloads of plain log calls: whatever a program says becomes one, whatever its objects do.

What is too long is cut, so that the whole is never larger than an event may be.
"""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Mapping
from typing import Any

from ecl_logging.events.plain_values import Unfit, clean_text, plain
from ecl_logging.stores.keeping import SEVERITIES

__all__ = ["exc_text_of", "fields_of", "log_payload", "severity_at", "shortened", "text_of"]

# Together they fit into an event, also where JSON takes twelve characters for each.
_MOST_OF_MESSAGE = 30_000
_MOST_OF_EXC_TEXT = 30_000
_MOST_OF_FIELDS = 15_000
_MOST_OF_NAME = 200
_MOST_OF_PROBLEM = 300

_NAME = type.__dict__["__name__"]
_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 500
_as_python_does = logging.Formatter()


def log_payload(
    message: str,
    severity: str,
    *,
    exc_text: str | None = None,
    fields: Mapping[str, Any] | None = None,
    problem: str | None = None,
) -> dict[str, Any]:
    """Return a payload of the type `log`. `problem`: what was wrong with what was to be said."""
    payload: dict[str, Any] = {
        "cls_type": "log",
        "message": shortened(message, _MOST_OF_MESSAGE),
        "severity": severity,
    }
    if exc_text:
        payload["exc_text"] = shortened(exc_text, _MOST_OF_EXC_TEXT)
    if fields:
        payload["fields"] = fields
    if problem:
        payload["problem"] = shortened(problem, _MOST_OF_PROBLEM)
    return payload


def severity_at(level: object) -> str:
    """Return the severity of a level's number: the one at it or below, `info` for no number."""
    if not issubclass(type(level), int):
        return "info"
    number = int.__int__(level)  # type: ignore[arg-type]
    return SEVERITIES[min(max(number // 10 - 1, 0), len(SEVERITIES) - 1)]


def shortened(text: str, most: int) -> str:
    """Return a clean text of at most so many characters: of a long one the begin and the end."""
    if len(text) > most:
        half = most // 2 - 20
        text = f"{text[:half]} ... {len(text) - 2 * half} more ... {text[-half:]}"
    return clean_text(text)


def text_of(value: object) -> str:
    """Return the text of any object; of one that raises, that it does."""
    if type(value) is str:
        return value
    try:
        return str.__str__(str(value))
    except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
        return f"<{_name(value)}: raised {_name(error)}>"


def fields_of(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return values as they can stand in an event: what JSON does not have as a short text."""
    fields: dict[str, Any] = {}
    room = _MOST_OF_FIELDS
    for key, value in values.items():
        name = shortened(text_of(key), _MOST_OF_NAME)
        room -= len(name)
        try:
            fields[name], room = plain(value, room, depth=5)
        except Unfit:
            text = shortened(_short_text(value), 500)
            if len(text) > room:
                fields["..."] = "more was left out"
                break
            fields[name] = text
            room -= len(text)
    return fields


def exc_text_of(exc_info: object) -> str | None:
    """Return the traceback of what a record has as `exc_info`; None for nothing."""
    if type(exc_info) is not tuple or len(exc_info) != 3 or exc_info[1] is None:
        return None
    try:
        return _as_python_does.formatException(exc_info)
    except Exception as error:  # noqa: BLE001 - an exception's own methods can raise anything
        return f"<{_name(exc_info[1])}: raised {_name(error)} when formatted>"


def _short_text(value: object) -> str:
    try:
        return str.__str__(_short.repr(value))
    except Exception as error:  # noqa: BLE001 - as above
        return f"<{_name(value)}: raised {_name(error)}>"


def _name(value: object) -> str:
    return str(_NAME.__get__(type(value)))
