"""The numbers of a program's statistics tree, for any registry of prometheus_client."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily

from ecl_logging.errors import ConfigError
from ecl_logging.stats.asking import asked
from ecl_logging.stats.container import is_mounted
from ecl_logging.stats.objects import get_stats
from ecl_logging.stats.reading import MOST_LEVELS, items_of, value_of
from ecl_logging.stats.scalars import unicode_text_of

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["StatsCollector"]

_MOST = 10_000
_LOOKED_AT = 10  # values for each number that may be shown; the others are no numbers


class StatsCollector:
    """Collects the numbers of the tree, each by its path. Thread safe.

    ::

        REGISTRY.register(StatsCollector())

    `ecl_stat{path="/web/latency/99percentile"}` is a gauge, for nobody can say of a number in
    the tree that it only grows. Functions are called, as pages call them. What is no number
    is not there, nor are mounted groups, which `EventCollector` reads in fewer steps. Of two
    values at one path the first is there. `ecl_stats_left_out` is how many numbers are not: for
    that reason, since there are too many, or since they are no doubles.

    Registering it calls no function of the program's; collecting never raises.
    """

    def __init__(
        self, stats: Callable[[], Mapping[Any, Any]] = get_stats, *, most: int = _MOST
    ) -> None:
        """`stats` returns the tree. `most`: so many numbers at most. Raises ConfigError."""
        if not callable(stats):
            raise ConfigError(f"stats: {type(stats).__name__} is no function")
        if type(most) is not int or most < 0:
            raise ConfigError(f"most: {most!r} is no whole number from 0")
        self._stats, self._most = stats, most

    def describe(self) -> list[Metric]:
        """Return the families without samples. Calls nothing."""
        return [*_families()]

    def collect(self) -> list[Metric]:
        """Return the families with all numbers of this moment. Never raises."""
        found = _Numbers(self._most)
        with contextlib.suppress(Exception):  # of an object of the program's
            found.look(value_of(self._stats))
        numbers, left_out = _families()
        for path, number in found.by_path.items():
            numbers.add_metric([path], number)
        left_out.add_metric([], found.left_out)
        return [numbers, left_out]


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily("ecl_stat", "Numbers of the statistics tree.", labels=["path"]),
        GaugeMetricFamily("ecl_stats_left_out", "Numbers of the tree that are not shown."),
    )


class _Numbers:
    """The numbers that are found in a tree."""

    def __init__(self, most: int) -> None:
        self.by_path: dict[str, float] = {}
        self.left_out = 0
        self._most = most
        self._may_look_at = _LOOKED_AT * (most + 1)

    def look(self, value: Any, path: str = "", depth: int = 0) -> None:
        """Take in what a value is, and all below it."""
        self._may_look_at -= 1
        if not isinstance(value, Mapping):
            if isinstance(value, Number):
                self._add(path or "/", value)
            return
        if depth >= MOST_LEVELS or is_mounted(value):
            return
        for key, below in items_of(value, self._may_look_at):
            if self._may_look_at <= 0:
                return
            # Keys, values and branches may be objects of the program's: one spoils no other.
            with contextlib.suppress(Exception):
                self.look(asked(below), f"{path}/{unicode_text_of(str(key))}", depth + 1)

    def _add(self, path: str, value: Any) -> None:
        is_free = path not in self.by_path and len(self.by_path) < self._most
        number = _number_of(value) if is_free else None
        if number is None:
            self.left_out += 1
        else:
            self.by_path[path] = number


def _number_of(value: Any) -> float | None:
    """The number as Prometheus takes it, if it does: a double."""
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - too large for one, or of a class that has none
        return None
