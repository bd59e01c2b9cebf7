"""Single values of the tree: as numbers, as texts, and in an order.

What a program puts there may be anything, and may fail whatever is asked of it. Nothing here
raises an Exception for that.
"""

from __future__ import annotations

import math
import operator
import re
from numbers import Number
from typing import Any

__all__ = [
    "Failed",
    "error_text",
    "failed",
    "number_of",
    "sort_key",
    "text_of",
    "unicode_text_of",
]


class Failed(str):
    """What is shown in place of what has raised, such as `<ZeroDivisionError: ...>`."""

    __slots__ = ()


def failed(error: BaseException) -> Failed:
    """Return what is shown in place of what has raised this."""
    return Failed(f"<{error_text(error)}>")


def error_text(error: BaseException) -> str:
    """Return an error's type and text, where it has one that can be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the program's own, whose text may raise
        return type(error).__name__


def number_of(value: Any) -> int | float | None:
    """Return a number as Python's own, and None for all else; bool is none."""
    try:
        if isinstance(value, bool) or not isinstance(value, Number):
            return None
        return operator.index(value) if hasattr(value, "__index__") else float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001
        return None


def text_of(value: Any) -> str:
    """Return a value as text. Bytes are taken for UTF-8."""
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "backslashreplace")
        return str.__str__(str(value))  # `str` may return one of a class of the program's
    except Exception as error:  # noqa: BLE001
        return failed(error)


def unicode_text_of(value: Any) -> str:
    """Return a value as text that UTF-8 can encode: halves of surrogate pairs are escaped."""
    return text_of(value).encode("utf-8", "backslashreplace").decode("utf-8")


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
