"""The tree as JSON has it: objects, arrays, texts, numbers, true, false and null."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ecl_logging.stats.looks import Look
from ecl_logging.stats.reading import TOO_DEEP, is_branch
from ecl_logging.stats.scalars import number_of, unicode_text_of

__all__ = ["json_text", "json_value"]

_MOST_BITS = 10_000  # of a number; Python writes none of more than 4300 digits


def json_text(value: Any, indent: int | None = None) -> str:
    """Return what `json_value` has returned as JSON, in ASCII."""
    return json.dumps(value, indent=indent, allow_nan=False)


def json_value(value: Any, *, is_shown: Callable[[Any], bool], look: Look | None = None) -> Any:
    """Return a value, or a branch and all below, as what JSON has; gauges are called.

    A number that JSON has not is None; what is no number, text, list or Mapping is its text, and
    so are keys. Halves of surrogate pairs are escaped, since not every reader takes them.
    `is_shown` decides on each value below. `look` is how much there may be.
    """
    look = Look() if look is None else look
    return _json_value(look.value_of(value), is_shown, look)


def _json_value(value: Any, is_shown: Callable[[Any], bool], above: Look) -> Any:
    is_list = isinstance(value, (list, tuple))
    if is_list or is_branch(value):
        look = above.into(value)
        if look is None:
            return TOO_DEEP
        if is_list:
            return [
                _json_value(look.value_of(each), is_shown, look) for each in look.part_of(value)
            ]
        return _object(value, is_shown, look)
    if value is None or isinstance(value, bool):
        return value
    number = number_of(value)
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    if number is not None and number.bit_length() < _MOST_BITS:
        return number
    return unicode_text_of(value)


def _object(value: Any, is_shown: Callable[[Any], bool], look: Look) -> Any:
    items = look.items_in(value)
    if not isinstance(items, list):
        return unicode_text_of(items)
    made: dict[str, Any] = {}
    for key, each in items:
        now = look.value_of(each)
        if is_shown(now):
            made[_unused(unicode_text_of(key), made)] = _json_value(now, is_shown, look)
    return made


def _unused(name: str, names: dict[str, Any]) -> str:
    """Return a name that is not yet there: 1 and "1" are two keys, with one text."""
    number = len(names)
    unused = name
    while unused in names:
        number += 1
        unused = f"{name} ({number})"
    return unused
