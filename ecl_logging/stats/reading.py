"""Reading the tree while others count: what pages, dumps and exporters share."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.scalars import Failed, failed, text_of
from ecl_logging.stats.values import StatValues

__all__ = [
    "MOST_LEVELS",
    "TOO_DEEP",
    "Failed",
    "is_branch",
    "is_collapsed",
    "is_gauge",
    "items_in",
    "items_of",
    "lookup",
    "value_of",
]

MOST_LEVELS = 50
"""How far down anybody reads: what a gauge returns may have the gauge in it."""

TOO_DEEP = "..."
"""What is shown in place of a branch that is in itself, or too many levels down."""

_ATTEMPTS = 100


def value_of(value: Any) -> Any:
    """Return a value as it is now: what a gauge returns; everything else as it is.

    A Mapping is a branch; all else is shown as one value. What a gauge returns is not called
    again. What raises an Exception is `Failed`; in other threads than the main one, whatever it
    raises.
    """
    try:
        now = value() if callable(value) and not isinstance(value, Mapping) else value
        return now if isinstance(now, Mapping) or not callable(now) else text_of(now)
    except Exception as error:  # noqa: BLE001 - whatever the program's function raises
        return failed(error)
    except BaseException as error:
        # A signal's handler raises in the main thread only. Elsewhere it is the function's own,
        # such as what the result of a cancelled task raises.
        if threading.current_thread() is threading.main_thread():
            raise
        return failed(error)


def is_gauge(value: Any) -> bool:
    """Whether it is called to be read."""
    try:
        return callable(value) and not isinstance(value, Mapping)
    except Exception:  # noqa: BLE001 - a stand-in for another object may have none
        return False


def is_branch(value: Any) -> bool:
    """Whether there may be something below what `value_of` has returned."""
    return isinstance(value, Mapping)


def items_in(branch: Mapping[Any, Any], most: int | None = None) -> list[tuple[Any, Any]] | Failed:
    """Return what is in a branch at this moment, or what is to be shown where it fails.

    See `items_of` for `most`.
    """
    try:
        return items_of(branch, most)
    except Exception as error:  # noqa: BLE001
        return failed(error)


def items_of(branch: Mapping[Any, Any], most: int | None = None) -> list[tuple[Any, Any]]:
    """Return what is in a branch at this moment, in its order; gauges are not called yet.

    Not more than `most` of a Mapping with `items` of its own, which may have no end.

    Raises what a Mapping with `items` of its own raises; dictionaries raise nothing.
    """
    if isinstance(branch, StatValues):
        return list(branch.snapshot().items())
    if isinstance(branch, dict) and type(branch).items is dict.items:
        return list(_copied(branch).items())
    return list(islice(branch.items(), most))


def _copied(branch: dict[Any, Any]) -> dict[Any, Any]:
    """Copy a dictionary that others change, which `list(branch.items())` may fail at.

    A list of pairs takes memory, where the garbage collector comes in, and with it threads.
    """
    for _ in range(_ATTEMPTS):
        try:
            return dict.copy(branch)
        except RuntimeError:  # keys that compare in Python let others in, too
            continue
    return {}


def is_collapsed(value: Any) -> bool:
    """Whether pages are to show a link in its place."""
    return isinstance(value, StatContainer) and value.is_collapsed()


def lookup(branch: Mapping[Any, Any], parts: Iterable[str]) -> Any:
    """Return what is at a path below, gauges called; raise LookupError where there is nothing."""
    found: Any = branch
    for part in parts:
        if not isinstance(found, Mapping):
            raise LookupError(part)
        found = value_of(_below(found, part))
    return found


def _below(branch: Mapping[Any, Any], part: str) -> Any:
    items = items_of(branch)
    for key, value in items:
        if isinstance(key, str) and key == part:
            return value
    for key, value in items:
        if _text(key) == part:  # a key can be a number
            return value
    raise LookupError(part)


def _text(key: object) -> str | None:
    try:
        return str(key)
    except Exception:  # noqa: BLE001 - keys are the program's
        return None
