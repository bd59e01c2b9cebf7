"""What may be an event ID, and what may be a count.

Both come from programs and their users, so any object at all can arrive here.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

__all__ = [
    "MAX_COUNT",
    "MAX_LENGTH",
    "NO_GROUP",
    "InvalidEvent",
    "amount_of",
    "check_text",
    "text_of",
]

MAX_LENGTH = 200
"""The most characters an event ID may have."""

MAX_COUNT = 2**53
"""The largest count of one call: every number up to here is exact in a double, too."""

_NO_COUNT = "has a count that is no whole number from 0 to 2^53"


class _NoGroup:
    """Stands for the ID of an event whose `event_group` names no group."""


NO_GROUP = _NoGroup()


class InvalidEvent(Exception):  # noqa: N818 - a finding, caught by whoever counts it
    """The value cannot be counted; `args[0]` is the reason, with nothing of the value in it."""


def text_of(value: object) -> str:
    """Return the event ID that `value` stands for; raise `InvalidEvent` for what is none.

    Text stays as it is, a whole number (an IntEnum, too) becomes its decimal text, an Enum with
    a text value that value. A subclass of str is copied, so that what it overrides does not matter.
    """
    text = value if type(value) is str else _plain_text(value)
    check_text(text)
    return text


def _plain_text(value: Any) -> str:
    # By type(), because an object may say what it likes of its __class__.
    kind = type(value)
    if issubclass(kind, Enum) and not issubclass(kind, int):
        value = value.value
        kind = type(value)
        if not issubclass(kind, str):
            raise InvalidEvent("is an Enum whose value is no text")
    if issubclass(kind, str):
        return str.__str__(value)
    if value is None:
        raise InvalidEvent("is None")
    if kind is bool:
        raise InvalidEvent("is a bool")
    if issubclass(kind, int):
        number = int.__int__(value)
        if abs(number) >= 10**MAX_LENGTH:
            raise InvalidEvent(f"is longer than {MAX_LENGTH} characters")
        return str(number)
    if kind is _NoGroup:
        raise InvalidEvent("names a group that is not configured")
    raise InvalidEvent("is neither text nor a whole number")


def check_text(text: str) -> None:
    """Raise `InvalidEvent` unless `text` may be an event ID."""
    if not text:
        raise InvalidEvent("is empty")
    if len(text) > MAX_LENGTH:
        raise InvalidEvent(f"is longer than {MAX_LENGTH} characters")
    if text[0] == "@":
        raise InvalidEvent("starts with '@'")
    if not text.isprintable():
        raise InvalidEvent("has characters that cannot be printed")


def amount_of(value: Any) -> int:
    """Return the count that `value` stands for, 0 to 2^53; raise `InvalidEvent` for what is none.

    A whole number, its decimal text, or a float that equals one. What a subclass overrides does
    not matter, nor what an object says of its __class__.
    """
    kind = type(value)
    if kind is bool:
        raise InvalidEvent("has a count that is a bool")
    number = -1
    if issubclass(kind, int):
        number = int.__int__(value)
    elif issubclass(kind, str):
        text = str.__str__(value)
        # int() also reads '1_000', '+1' and other scripts' digits; only what json has is meant.
        if text.isascii() and text.isdecimal() and len(text) <= 16:
            number = int(text)
    elif issubclass(kind, float):
        amount = float.__float__(value)
        if amount.is_integer():  # which neither infinity nor NaN is
            number = int(amount)
    if not 0 <= number <= MAX_COUNT:
        raise InvalidEvent(_NO_COUNT)
    return number
