"""A record as JSON: taken down where it is logged, and made a record again by a gatherer."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Collection
from functools import partial
from typing import Any

from ecl_logging.records.rendering.cutting import MAX_TRACEBACK, cut_middle, tidy
from ecl_logging.records.rendering.fitting import MAX_RECORD, dumped, shortened, size_of
from ecl_logging.records.rendering.telling import UNFIT, Teller, is_json, told
from ecl_logging.records.rendering.texts import attributes_of, can_fill, formatted
from ecl_logging.records.rendering.tracebacks import traceback_of

__all__ = ["MAX_RECORD", "OF_LOGGING", "as_json", "captured", "restored"]

OF_LOGGING = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "asctime",
    "message",
    "taskName",  # since Python 3.12
}
"""Attributes that logging itself sets."""

MAX_EXTRAS = 200
"""So many attributes of the program's own are kept."""

_MADE_HERE = frozenset({"args", "created", "exc_info", "exc_text", "message", "msg"})
_NO_EXTRAS = OF_LOGGING | {"getMessage"}  # it would be called
_TEXTS = frozenset(
    {
        "asctime",
        "filename",
        "funcName",
        "levelname",
        "module",
        "name",
        "pathname",
        "processName",
        "stack_info",
        "taskName",
        "threadName",
    }
)


def captured(
    record: logging.LogRecord, attributes: Collection[str] | None = None
) -> dict[str, object]:
    """Return the record as a dict that JSON can hold.

    `attributes`: those of the program's own that are kept, beside what logging sets; all of
    them without it. `message` and `exc_text` are filled in; `exc_info` is None. What JSON
    cannot hold is there as text. Where the arguments, as they are kept, would make another
    message, `args` is empty and `msg` is the message.

    Never changes the record; objects are asked for their texts as `message_of` does. Raises
    nothing, but RecursionError where there is hardly any stack left. Thread safe.
    """
    return told(partial(_captured, record, attributes))


def as_json(captured: dict[str, object]) -> str:
    """Return what `captured` has made as JSON, at most MAX_RECORD bytes of UTF-8.

    Of a larger one, long texts are cut, then attributes of the program's own are left out, and
    named in `not_kept`. The end of the traceback stays longest.
    """
    text = dumped(captured)
    return text if size_of(text) <= MAX_RECORD else dumped(shortened(captured, OF_LOGGING))


def restored(text: str) -> dict[str, Any]:
    """Return what `logging.makeLogRecord` makes a record of, from what `as_json` has made.

    Raises ValueError for a text that is no JSON object.
    """
    attributes = json.loads(text)
    if not isinstance(attributes, dict):
        raise ValueError("a record is a JSON object")
    if isinstance(attributes.get("args"), list):
        attributes["args"] = tuple(attributes["args"])
    return attributes


def _captured(
    record: logging.LogRecord, attributes: Collection[str] | None, teller: Teller
) -> dict[str, object]:
    given = dict.copy(attributes_of(record))
    taken: dict[str, object] = {}
    extras: list[tuple[object, object]] = []
    for name, value in given.items():
        if type(name) is not str or name not in OF_LOGGING:
            extras.append((name, value))
        elif name not in _MADE_HERE:
            taken[name] = value if is_json(value) else teller.json(value)
    for name in _TEXTS.intersection(taken):
        if type(taken[name]) is not str and taken[name] is not None:
            taken[name] = tidy(teller.text(given[name]))
    if type(taken.get("levelno")) is not int:
        taken["levelno"] = logging.NOTSET
    if type(given.get("msg")) is dict:  # of structlog: what it holds are extras, too
        extras += [
            pair
            for pair in dict.items(given["msg"])
            if type(pair[0]) is not str or pair[0] not in given
        ]
    if extras:
        _put_extras(taken, extras, attributes, teller)
    teller.renew()
    taken["created"] = _time_of(given.get("created"))
    taken["message"] = formatted(record, teller)
    _put_template(taken, given, teller)
    taken["exc_info"] = None
    taken["exc_text"] = _exc_text(given, teller)
    return taken


def _put_extras(
    taken: dict[str, object],
    extras: list[tuple[object, object]],
    attributes: Collection[str] | None,
    teller: Teller,
) -> None:
    """Put in what the program has set, as far as it is to be kept."""
    if attributes is not None:
        extras = [
            (name, value) for name, value in extras if type(name) is str and name in attributes
        ]
    for name, value in extras[:MAX_EXTRAS]:
        key = teller.key(name)
        if key not in _NO_EXTRAS:  # a key that is no text may look so
            taken[key] = teller.json(value)
    if len(extras) > MAX_EXTRAS:
        taken["not_kept"] = f"{len(extras) - MAX_EXTRAS} attributes"


def _time_of(created: Any) -> float:
    """Return the record's time with all its digits; now, where it has none."""
    try:
        if (type(created) is float or type(created) is int) and math.isfinite(created):
            return float(created)
    except OverflowError:
        pass
    return time.time()


def _put_template(taken: dict[str, object], given: dict[Any, Any], teller: Teller) -> None:
    """Put `msg` and `args` in, from which the message can be formatted again."""
    message = taken["message"]
    msg, args = given.get("msg"), given.get("args")
    taken["msg"], taken["args"] = message, []
    kind = type(args)
    if type(msg) is not str or (kind is not tuple and kind is not dict) or not args:
        return
    teller.renew()
    template = tidy(msg)
    kept = list(args) if kind is tuple and all(map(is_json, args)) else teller.json(args)
    try:
        again = tuple(kept) if type(kept) is list else kept
        if can_fill(template, again) and template % again == message:
            taken["msg"], taken["args"] = template, kept
    except UNFIT:
        pass


def _exc_text(given: dict[Any, Any], teller: Teller) -> str | None:
    """Return what another handler's formatter has made of it, or the same."""
    text, exc_info = given.get("exc_text"), given.get("exc_info")
    if text is not None and text is not False:
        if type(text) is not str:
            text = teller.text(text)
        if text:
            return tidy(text, MAX_TRACEBACK, cut_middle)
    if exc_info is None or exc_info is False:
        return None
    return tidy(traceback_of(exc_info, teller), MAX_TRACEBACK, cut_middle)
