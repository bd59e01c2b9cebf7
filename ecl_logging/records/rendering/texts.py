"""The message of a record, whatever its arguments do."""

from __future__ import annotations

import logging
import operator
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ecl_logging.records.rendering.classes import MISSING, attribute_of, is_a
from ecl_logging.records.rendering.cutting import MAX_TEXT, cut, tidy
from ecl_logging.records.rendering.known import is_short
from ecl_logging.records.rendering.telling import MAX_ITEMS, UNFIT, Teller, told

__all__ = ["attributes_of", "can_fill", "formatted", "message_of"]

_MOST_TEMPLATE = 2**20  # characters of a message that is filled in

_get_message = logging.LogRecord.getMessage
# A format may ask for gigabytes of spaces or zeros.
_MAY_BE_WIDE = re.compile(r"\d{5}|\*")
_WIDE = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(?:\d{5}|(?:\d*|\*)\.\d{5})")
_WIDEST = 9999


def message_of(record: logging.LogRecord) -> str:
    """Return the formatted message, at most MAX_TEXT characters of it.

    Where `record.msg` is a mapping, as structlog renders it, it is the `event` or `message` in
    it. Never raises, and changes nothing about the record. Objects are asked for their texts in
    another thread, for at most PATIENCE; then there are placeholders such as
    `<Order: gave no text in time>`, and no object of that class is asked again. That is also
    what becomes of an object whose `__str__` takes a lock that the caller holds, even if it is
    an RLock: the first time the caller waits so long. Thread safe.
    """
    return told(partial(formatted, record))


def attributes_of(record: logging.LogRecord) -> dict[Any, Any]:
    """Return the record's attributes as they are."""
    attributes: dict[Any, Any] = object.__getattribute__(record, "__dict__")
    return attributes


def formatted(record: logging.LogRecord, teller: Teller) -> str:
    """Return the message as `teller` tells it, tidy."""
    attributes = attributes_of(record)
    if _formats_itself(record, attributes):
        return tidy(teller.text(teller.ask(record, _message_of_own)))
    msg: Any = attributes.get("msg")
    kind = type(msg)
    if kind is not str:
        event = _event_of(msg, teller)
        if event is not None:
            return tidy(event)
        msg = teller.text(msg)
    return tidy(_filled(msg, attributes.get("args"), teller))


def _formats_itself(record: logging.LogRecord, attributes: dict[Any, Any]) -> bool:
    kind = type(record)
    if kind is logging.LogRecord and "getMessage" not in attributes:
        return False
    return attribute_of(kind, "getMessage") is not _get_message or "getMessage" in attributes


def _message_of_own(record: Any) -> str:
    return record.getMessage()  # type: ignore[no-any-return]


def _event_of(msg: object, teller: Teller) -> str | None:
    """Return what structlog calls the event, where the message is a mapping."""
    kind = type(msg)
    if kind is dict:
        found = _event_in(msg)
    elif attribute_of(kind, "__getitem__") is MISSING:
        return None
    else:
        found = teller.ask(msg, _event_in)
    return None if found is None else teller.text(found)


def _event_in(msg: Any) -> object:
    if type(msg) is dict or isinstance(msg, Mapping):
        for key in ("event", "message"):  # structlog's EventRenamer makes it the other
            found = msg.get(key)
            if is_a(type(found), str):
                return found
    return None


def _filled(msg: str, args: Any, teller: Teller) -> str:
    """Return `msg % args`; both beside each other, where they do not fit."""
    kind = type(args)
    if args is None or ((kind is tuple or kind is dict) and not args):
        return msg
    try:
        if kind is tuple and all(map(is_short, args)):
            ready: object = args
        elif kind is tuple:
            ready = tuple([_ready(arg, teller) for arg in args[:MAX_ITEMS]])
        else:
            ready = _ready(args, teller)
        if can_fill(msg, ready):
            return msg % ready
    except UNFIT:
        pass
    return f"{cut(msg, MAX_TEXT // 2)} {teller.quoted(args)}"


def can_fill(msg: str, args: object) -> bool:
    """Whether `msg % args` of short arguments takes a moderate amount of memory."""
    if len(msg) > _MOST_TEMPLATE:
        return False
    if _MAY_BE_WIDE.search(msg) is None:
        return True
    if _WIDE.search(msg) is not None:
        return False
    # A star takes the width from the arguments.
    return type(args) is not tuple or all(
        type(arg) is not int or -_WIDEST <= arg <= _WIDEST for arg in args if "*" in msg
    )


def _ready(arg: Any, teller: Teller) -> object:
    """Return what can be formatted in place of an argument."""
    if is_short(arg):
        return arg
    kind = type(arg)
    if kind is str:
        return cut(arg)
    if kind is dict:
        return _DictStandIn(arg, teller)
    if attribute_of(kind, "__getitem__") is MISSING:
        return _StandIn(arg, teller)
    return _MappingStandIn(arg, teller)


class _StandIn:
    """Formatted in place of an object: it has the teller look at it."""

    __slots__ = ("_teller", "_value")

    def __init__(self, value: Any, teller: Teller) -> None:
        self._value, self._teller = value, teller

    def __str__(self) -> str:
        return self._teller.text(self._value)

    def __repr__(self) -> str:
        return self._teller.quoted(self._value)

    def __int__(self) -> int:
        return self._teller.number(self._value, int)

    def __index__(self) -> int:
        return self._teller.number(self._value, operator.index)

    def __float__(self) -> float:
        return self._teller.number(self._value, float)


class _MappingStandIn(_StandIn):
    __slots__ = ()

    def __getitem__(self, key: str) -> object:
        return _ready(self._teller.ask(self._value, lambda mapping: mapping[key]), self._teller)


class _DictStandIn(_StandIn):
    __slots__ = ()

    def __getitem__(self, key: str) -> object:
        return _ready(self._value[key], self._teller)
