"""How anything that stands in the tree is read and told: as text, as a branch, in what order.

What a program puts there may be anything, and may fail whatever is asked of it. Nothing here
raises an Exception for that.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from numbers import Number
from typing import Any

from ecl_logging.stats.reading import Failed, items_of, value_of

__all__ = [
    "TOO_DEEP",
    "is_branch",
    "is_too_deep",
    "items_in",
    "number_of",
    "read",
    "sort_key",
    "text_of",
]

TOO_DEEP = "..."
"""What is shown in place of a branch that is in itself, or too many levels down."""

_MOST_LEVELS = 50


def is_branch(value: Any) -> bool:
    """Whether there may be something below what `read` has returned."""
    return isinstance(value, Mapping)


def read(value: Any) -> Any:
    """Return a value as it is now. A gauge is called, and what it returns is not called again."""
    try:
        now = value_of(value)
        return now if isinstance(now, Mapping) or not callable(now) else text_of(now)
    except Exception as error:  # noqa: BLE001 - a stand-in for another object may have none
        return _failed(error)


def items_in(branch: Mapping[Any, Any]) -> list[tuple[Any, Any]] | Failed:
    """Return what is in a branch at this moment, or what is to be shown where it fails."""
    try:
        return items_of(branch)
    except Exception as error:  # noqa: BLE001
        return _failed(error)


def is_too_deep(branch: Any, above: tuple[int, ...]) -> bool:
    """Whether a branch is one of those above it, given by their `id`, or has too many of them."""
    return id(branch) in above or len(above) >= _MOST_LEVELS


def text_of(value: Any) -> str:
    """Return a value as text. Bytes are taken for UTF-8."""
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "backslashreplace")
        return str.__str__(str(value))  # `str` may return one of a class of the program's
    except Exception as error:  # noqa: BLE001
        return _failed(error)


def _failed(error: Exception) -> Failed:
    try:
        return Failed(f"<{type(error).__name__}: {error}>")
    except Exception:  # noqa: BLE001 - even its text may raise
        return Failed(f"<{type(error).__name__}>")


def number_of(value: Any) -> int | float | None:
    """Return a number as Python's own, and None for all else; bool is none."""
    try:
        if isinstance(value, bool) or not isinstance(value, Number):
            return None
        return operator.index(value) if hasattr(value, "__index__") else float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001
        return None


def sort_key(value: Any) -> tuple[Any, ...]:
    """Return what puts anything in an order: numbers, then texts, numbers in them by their size."""
    number = number_of(value)
    if number is not None and not (isinstance(number, float) and math.isnan(number)):
        return (0, number)
    text = text_of(value)
    parts = re.split("([0-9]+)", text)
    # Not by `int`, which refuses thousands of digits.
    parts[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in parts[1::2]]
    return (1, parts, text)
