"""What Graphite is told of a bucket: a path for each count and measure, and rules for paths."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from ecl_logging.distributions import Distribution
from ecl_logging.exporters.safe_names import NameRule, safe_names
from ecl_logging.views import View

__all__ = ["PATH_NAMES", "KnownNames", "PathRules", "Point", "lines_of", "points_of"]

Point: TypeAlias = tuple[str, int | float]
"""A path and a value."""

PATH_NAMES = NameRule("A-Za-z0-9_-")
"""What stands between the dots of a path."""

_PERCENTILES = (50, 90, 95, 99)
_MOST_NAMES = 100_000  # that are known, of a group


class PathRules:
    """Which paths may go out: the rule that was given last wins. Thread safe."""

    def __init__(self, rules: Sequence[tuple[bool, str]] = ()) -> None:
        """`rules`: whether to allow, and a glob on the whole path after the prefix.

        What no rule matches may go out unless there is a rule that allows.
        """
        self._rules = [
            (is_allowed, re.compile(fnmatch.translate(glob)).match)
            for is_allowed, glob in reversed(rules)
        ]
        self._otherwise = not any(is_allowed for is_allowed, _ in rules)

    def allow(self, path: str) -> bool:
        """Whether a path, without the prefix, may go out."""
        for is_allowed, matches in self._rules:
            if matches(path):
                return is_allowed
        return self._otherwise


class KnownNames:
    """Names of IDs that come little by little. Not thread safe.

    A name stays as it is unless an ID comes that shares it; of which `tell` is told.
    """

    def __init__(self, what: str, tell: Callable[[str], None]) -> None:
        """`what` these IDs are, such as `group requests`."""
        self._what, self._tell = what, tell
        self._names: dict[str, str] = {}
        self._told = 0

    def of(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return names of these IDs at least."""
        if not self._names.keys() >= set(ids):
            known = self._names.keys() if len(self._names) < _MOST_NAMES else set()
            self._names = safe_names({*known, *ids}, PATH_NAMES)
            self._tell_of_shared()
        return self._names

    def _tell_of_shared(self) -> None:
        names = self._names.items()
        shared = {one: name for one, name in names if name != PATH_NAMES.changed(one)}
        if len(shared) > self._told:
            one, name = next(iter(shared.items()))
            self._tell(
                f"{self._what}: paths of {len(shared)} names would be the same; they end with a"
                f" hash, such as {name} for {one!r}"
            )
        self._told = len(shared)


def points_of(view: View, ids: Mapping[str, str], measures: Mapping[str, str]) -> Iterator[Point]:
    """Yield what is known of a bucket, under paths that begin with an ID's or a measure's name."""
    for event_id, n in view.counts.items():
        yield ids[event_id], n
    for measure, distribution in view.measures.items():
        for stat, value in _stats_of(distribution):
            if math.isfinite(value):  # a sum can be beyond all doubles
                yield f"{measures[measure]}.{stat}", value


def _stats_of(distribution: Distribution) -> Iterator[Point]:
    yield "count", distribution.count
    if distribution:
        yield "sum", distribution.sum
        yield "mean", distribution.mean
        yield "min", distribution.min
        yield "max", distribution.max
        for percent in _PERCENTILES:
            yield f"p{percent}", distribution.percentile(percent)


def lines_of(prefix: str, points: Sequence[Point], start: int) -> bytes:
    """Return points of one time as carbon reads them."""
    return "".join(f"{prefix}.{path} {value!r} {start}\n" for path, value in points).encode("ascii")
