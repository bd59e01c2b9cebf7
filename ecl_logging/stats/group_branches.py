"""What stands in the tree for a group: its intervals, with the last bucket and the current one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.distributions import Distribution
from ecl_logging.errors import StoreUnavailable
from ecl_logging.settings import find_interval
from ecl_logging.stores.protocols import Definition, Store
from ecl_logging.stores.steps import united
from ecl_logging.views import CURRENT, LAST, View, read_views

__all__ = ["branch_of", "read_definition", "read_intervals"]

_KNOCK_SECONDS = 2.0
"""The first step tells whether the store is there; a page does not wait longer for that."""

_BEGIN_SECONDS = 4.0  # no step begins later

_PERCENTS = (50, 90, 95, 99)


def read_definition(store: Store, wanted: Definition) -> Definition:
    """Return what the store has of a group, and what is wanted of it. Raises StoreError."""
    stored = store.definition(wanted.group, timeout=_KNOCK_SECONDS)
    return wanted if stored is None else united(stored, wanted)


def read_intervals(
    store: Store, definition: Definition, intervals: Iterable[str]
) -> dict[str, tuple[View, View]]:
    """Return the last bucket and the current one of each of these intervals.

    In one step of the store for each; nothing is written. Raises StoreError; and StoreUnavailable
    where a store is so slow that all of it would take longer than a page may.
    """
    deadline = Deadline(_BEGIN_SECONDS)
    found = {}
    for text in intervals:
        if not deadline.seconds_left():
            raise StoreUnavailable(f"{store.shown}: takes too long to be read")
        interval = find_interval(text, definition.intervals, definition.group)
        last, current = read_views(store, definition, interval, [LAST, CURRENT])
        found[text] = (last.in_order(), current.in_order())
    return found


def branch_of(last: View, current: View) -> dict[str, Any]:
    """Return `last` and `current`, each {event: n}; and `measures` of both, if there are any."""
    branch: dict[str, Any] = {"last": last.counts, "current": current.counts}
    if last.measures or current.measures:
        branch["measures"] = {
            "last": _all_numbers(last.measures),
            "current": _all_numbers(current.measures),
        }
    return branch


def _all_numbers(measures: Mapping[str, Distribution]) -> dict[str, dict[str, float]]:
    return {name: _numbers(one) for name, one in measures.items()}


def _numbers(distribution: Distribution) -> dict[str, float]:
    """What is shown of a measure, as `ecl-read --measures` does; of no values only their number."""
    numbers: dict[str, float] = {"count": distribution.count}
    if distribution:
        numbers["mean"] = float(f"{distribution.mean:.6g}")
        for percent in _PERCENTS:
            numbers[f"p{percent}"] = _short(distribution.percentile(percent))
        numbers["max"] = _short(distribution.max)
    return numbers


def _short(number: float) -> float:
    """Five digits of a number that is known within 1.1 %."""
    return float(f"{number:.5g}")
