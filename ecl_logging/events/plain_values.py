"""What a program puts into an event, as plain JSON values: copied, so that nobody changes it later.

Objects are asked for nothing by which they could do something, where that can be avoided: a
subclass of `str` or `dict` is read as `str` and `dict` read it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from ecl_logging.events.needed import msgspec

__all__ = ["LARGEST_INT", "MAX_DEPTH", "SMALLEST_INT", "Unfit", "clean_text", "plain"]

MAX_DEPTH = 100
"""So many levels an event may have: itself is one, its payload another."""

SMALLEST_INT, LARGEST_INT = -(2**63), 2**64 - 1
"""Integers that fit into 64 bits, with or without a sign."""

_OWN_TEXT = (datetime, date, time, timedelta, UUID, Decimal)
_OF_VALUE, _OF_KEY = 2, 3  # characters that JSON takes at least, beside those of a text
_NAME = type.__dict__["__name__"]


class Unfit(Exception):  # noqa: N818 - what it says of a value
    """There is something that JSON does not have."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[object] = []  # the innermost step first


def clean_text(text: str) -> str:
    r"""Return a text that UTF-8 has: a lone surrogate in it is written as `\udc80`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: object, room: int, *, depth: int = 2) -> tuple[Any, int]:
    """Return a copy in plain values, and how much room is left.

    `room`: in characters of JSON; a value takes at least a 13th of what it takes there, and at
    most as many. Dates, UUIDs, decimals, enumerations,
    dataclasses and structs are written as msgspec writes them. Raises Unfit, with its `path`, for
    all else, for more than there is room for, and for what raises when it is looked at.
    """
    copier = _Copier(room)
    return copier.copy(value, depth), copier.room


class _Copier:
    def __init__(self, room: int) -> None:
        self.room = room

    def copy(self, value: object, depth: int) -> Any:  # noqa: C901 - one line for each kind
        kind = type(value)
        self._take(_OF_VALUE)
        if kind is str:
            self._take(len(value))  # type: ignore[arg-type]
            return clean_text(value)  # type: ignore[arg-type]
        if value is None or kind is bool:
            return value
        if kind is int:
            if not SMALLEST_INT <= value <= LARGEST_INT:  # type: ignore[operator]
                raise Unfit("expected a number of at most 64 bits")
            return value
        if kind is float:
            if not math.isfinite(value):  # type: ignore[arg-type]
                raise Unfit(f"JSON has no {value}")
            return value
        if kind is dict:
            return self._mapping(tuple(value.items()), depth)  # type: ignore[attr-defined]
        if kind is list or kind is tuple:
            return self._list(tuple(value), depth)  # type: ignore[arg-type]
        try:
            return self._other(value, kind, depth)
        except Unfit:
            raise
        except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
            raise Unfit(f"raised {_NAME.__get__(type(error))} when looked at") from None

    def _take(self, characters: int) -> None:
        self.room -= characters
        if self.room < 0:
            raise Unfit("the event is too large")

    def _mapping(self, items: Iterable[tuple[object, object]], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise Unfit(f"more than {MAX_DEPTH} levels deep, or in a cycle")
        copied = {}
        for key, value in items:
            try:
                copied[self._key(key)] = self.copy(value, depth + 1)
            except Unfit as unfit:
                unfit.path.append(key if type(key) is str else _NAME.__get__(type(key)))
                raise
        return copied

    def _key(self, key: object) -> str:
        self._take(_OF_KEY)
        if type(key) is str:
            self._take(len(key))
            return clean_text(key)
        copied = self.copy(key, MAX_DEPTH)
        if isinstance(copied, str):
            return copied
        if type(copied) is int:
            return str(copied)
        raise Unfit("keys are texts")

    def _list(self, values: tuple[object, ...], depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise Unfit(f"more than {MAX_DEPTH} levels deep, or in a cycle")
        copied: list[Any] = []
        try:
            for value in values:
                copied.append(self.copy(value, depth + 1))
        except Unfit as unfit:
            unfit.path.append(len(copied))
            raise
        return copied

    def _other(self, value: Any, kind: type, depth: int) -> Any:  # noqa: C901 - as above
        # Not isinstance, which asks the object for its class.
        if issubclass(kind, Enum):
            return self.copy(value._value_, depth)
        for base in (str, int, float):
            if issubclass(kind, base):
                return self.copy(_PLAIN[base](value), depth)
        if issubclass(kind, dict):
            return self._mapping(tuple(dict.items(value)), depth)
        if issubclass(kind, list):
            return self._list(tuple(list.copy(value)), depth)
        if issubclass(kind, tuple):
            return self._list(tuple(tuple.__iter__(value)), depth)
        if issubclass(kind, _OWN_TEXT):
            return self.copy(_as_text(value, kind), depth)
        if issubclass(kind, msgspec.Struct):
            return self._mapping(_fields_of_struct(value), depth)
        if dataclasses.is_dataclass(kind):
            items = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(kind)]
            return self._mapping(items, depth)
        if issubclass(kind, Mapping):
            return self._mapping([(key, value[key]) for key in value], depth)
        raise Unfit(f"JSON has no {_NAME.__get__(kind)}")


_PLAIN: dict[type, Any] = {str: str.__str__, int: int.__int__, float: float.__float__}


def _as_text(value: Any, kind: type) -> str:
    if kind in _OWN_TEXT:
        return str(msgspec.to_builtins(value))
    return str(value.isoformat() if issubclass(kind, date | time) else value)


def _fields_of_struct(value: Any) -> list[tuple[object, object]]:
    kind = type(value)
    names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    fields: list[tuple[object, object]] = [(name, getattr(value, field)) for name, field in names]
    tag = kind.__struct_config__
    if tag.tag is not None:
        fields.insert(0, (tag.tag_field, tag.tag))
    return [(name, field) for name, field in fields if field is not msgspec.UNSET]
