"""Objects whose text is made by Python's own code alone, so that it can be made at once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from types import BuiltinFunctionType, FunctionType, WrapperDescriptorType
from typing import Any

from ecl_logging.records.rendering.classes import attribute_of, is_a, is_of_program, is_plain_class
from ecl_logging.records.rendering.cutting import MAX_TEXT

__all__ = ["CONTAINERS", "MAX_BITS", "classes_asked", "is_known", "is_known_exception", "is_short"]

CONTAINERS = frozenset({dict, list, tuple, set, frozenset})

MAX_BITS = 14_000
"""Of an int that is written out. Python itself refuses more than 4,300 digits."""

_CONSTANTS = frozenset({bool, type(None), type(...), type(NotImplemented)})
_ALWAYS_KNOWN = _CONSTANTS | {
    BuiltinFunctionType,
    FunctionType,
    complex,
    float,
    type,
}

_LOGGERS = frozenset({logging.Logger, logging.RootLogger})  # structlog has one in each record

# Only looked for where a program has loaded them.
_MODULES: Mapping[str, tuple[str, ...]] = {
    "datetime": ("date", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "pathlib": ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"),
    "uuid": ("UUID",),
    "zoneinfo": ("ZoneInfo",),
}
_ZONED: Mapping[str, tuple[str, ...]] = {"datetime": ("datetime", "time")}

_OF_OSERROR = tuple(
    vars(OSError)[name].__get__ for name in ("errno", "strerror", "filename", "filename2")
)
_DEEPEST = 3  # containers and exceptions in each other
_MOST_LOOKED_AT = 20  # in each
_args_of = vars(BaseException)["args"].__get__
# Those that look at nothing but the arguments, or what can only be a text.
_STRS = tuple(
    vars(kind)["__str__"]
    for kind in (
        BaseException,
        KeyError,
        OSError,
        ImportError,
        UnicodeDecodeError,
        UnicodeEncodeError,
    )
)


def is_known(value: object) -> bool:
    """Whether `str` and `repr` of it run none of the program's code. Not of a container."""
    kind = type(value)
    if not is_plain_class(kind):
        return False
    if kind in _ALWAYS_KNOWN or _is_among(kind, _MODULES):
        return True
    if kind in _LOGGERS:
        return type(vars(value).get("name")) is str
    if _is_among(kind, _ZONED):
        return _is_known_zone(value)
    if is_a(kind, BaseException):
        return is_known_exception(value)
    return (
        attribute_of(kind, "__str__") is object.__str__
        and attribute_of(kind, "__repr__") is object.__repr__
    )


def is_short(value: Any) -> bool:
    """Whether it is a plain text, number, bool or None, that is written out in no time."""
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_TEXT
    if kind is int:
        return value.bit_length() <= MAX_BITS  # type: ignore[no-any-return]
    return kind is float or value is None or kind is bool


def is_known_exception(error: Any) -> bool:
    """Whether the exception's class says nothing of its own, and its arguments are plain."""
    kind = type(error)
    if not is_plain_class(kind):
        return False
    to_text = attribute_of(kind, "__str__")
    if not any(to_text is one for one in _STRS):
        return False
    if type(attribute_of(kind, "__repr__")) is not WrapperDescriptorType:
        return False
    if is_a(kind, OSError) and not all(is_short(get(error)) for get in _OF_OSERROR):
        return False
    args = _args_of(error)
    return len(args) <= 10 and all(is_short(arg) for arg in args)


def classes_asked(value: Any) -> list[type]:
    """Return the program's classes whose code `str` or `repr` of an object may run.

    The likeliest one first. What is built in is kept waiting only by what is in it.
    """
    kind = type(value)
    own = [kind] if is_of_program(kind) else []
    if is_a(kind, BaseException):
        inside = _classes_in(_args_of(value), _DEEPEST)
        says_nothing = type(attribute_of(kind, "__str__")) is WrapperDescriptorType
        return inside + own if says_nothing else own + inside
    if not own and is_plain_class(kind) and _is_among(kind, _ZONED):
        return [type(value.tzinfo)]
    return own


def _classes_in(values: Iterable[Any], depth: int) -> list[type]:
    found: list[type] = []
    for value in list(islice(values, _MOST_LOOKED_AT)):
        kind = type(value)
        if is_plain_class(kind) and kind in CONTAINERS:
            if depth > 0:
                found += _classes_in(value.values() if kind is dict else value, depth - 1)
        elif not is_short(value):
            found += classes_asked(value) if depth > 0 else []
    return found[:_MOST_LOOKED_AT]


def _is_among(kind: type, modules: Mapping[str, tuple[str, ...]]) -> bool:
    for module, names in modules.items():
        found = sys.modules.get(module)
        if found is not None and any(vars(found).get(name) is kind for name in names):
            return True
    return False


def _is_known_zone(value: Any) -> bool:
    zone = value.tzinfo
    kind = type(zone)
    return zone is None or (is_plain_class(kind) and _is_among(kind, _MODULES))
