"""Objects whose text is made by Python's own code alone, so that it can be made at once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, WrapperDescriptorType
from typing import Any

from ecl_logging.records.classes import attribute_of, is_a, is_plain_class
from ecl_logging.records.cutting import MAX_TEXT

__all__ = ["CONTAINERS", "MAX_BITS", "is_known", "is_known_exception", "is_short"]

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


def is_short(value: object) -> bool:
    """Whether it is a plain text, number or constant that is written out in no time."""
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_TEXT  # type: ignore[arg-type]
    if kind is int:
        return value.bit_length() <= MAX_BITS  # type: ignore[attr-defined,no-any-return]
    return kind is float or any(kind is constant for constant in _CONSTANTS)


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
