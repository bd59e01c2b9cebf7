"""The tree as JSON has it: objects, arrays, texts, numbers, true, false and null."""

from __future__ import annotations

import json
import math
from typing import Any

from ecl_logging.stats.reading import is_collapsed
from ecl_logging.stats.shown import (
    TOO_DEEP,
    is_branch,
    is_too_deep,
    items_in,
    number_of,
    read,
    text_of,
)

__all__ = ["json_of", "plain"]

_MOST_BITS = 10_000  # of a number; Python writes none of more than 4300 digits


def json_of(value: Any, indent: int | None = None) -> str:
    """Return what `plain` has returned as JSON, in ASCII."""
    return json.dumps(value, indent=indent, allow_nan=False)


def plain(value: Any, *, with_collapsed: bool) -> Any:
    """Return a value, or a branch and all below, as what JSON has; gauges are called.

    A number that JSON has not is None; what is no number, text, list or Mapping is its text, and
    so are keys. Halves of surrogate pairs are escaped, since not every reader takes them.
    """
    return _plain(read(value), with_collapsed, ())


def _plain(value: Any, with_collapsed: bool, above: tuple[int, ...]) -> Any:  # noqa: FBT001
    is_list = isinstance(value, (list, tuple))
    if is_list or is_branch(value):
        if is_too_deep(value, above):
            return TOO_DEEP
        above = (*above, id(value))
        if is_list:
            return [_plain(read(each), with_collapsed, above) for each in list(value)]
        return _object(value, with_collapsed, above)
    if value is None or isinstance(value, bool):
        return value
    number = number_of(value)
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    if number is not None and number.bit_length() < _MOST_BITS:
        return number
    return _text(value)


def _object(value: Any, with_collapsed: bool, above: tuple[int, ...]) -> Any:  # noqa: FBT001
    items = items_in(value)
    if not isinstance(items, list):
        return _text(items)
    made: dict[str, Any] = {}
    for key, each in items:
        now = read(each)
        if with_collapsed or not is_collapsed(now):
            made[_unused(_text(key), made)] = _plain(now, with_collapsed, above)
    return made


def _unused(name: str, names: dict[str, Any]) -> str:
    """Return a name that is not yet there: 1 and "1" are two keys, with one text."""
    number = len(names)
    unused = name
    while unused in names:
        number += 1
        unused = f"{name} ({number})"
    return unused


def _text(value: Any) -> str:
    return text_of(value).encode("utf-8", "backslashreplace").decode("utf-8")
