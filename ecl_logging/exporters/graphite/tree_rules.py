"""Which values of the tree go to Graphite: the program's rules, of which the newest wins."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ecl_logging.stats.scalars import error_text

__all__ = ["Place", "PruneRule", "TreeRules", "ValueRule"]

ValueRule: TypeAlias = str | Callable[[str, int | float], object]
"""A glob on the path; or a function (path, value), which says whether it matches."""

PruneRule: TypeAlias = str | Callable[[str], object]
"""A glob on the path; or a function (path), which says whether it matches."""

_Matches: TypeAlias = Callable[["Place", int | float], object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: as the tree has it, and as Graphite has it, both without a prefix."""

    path: str  # such as `web/latency/99.9percentile`
    dotted: str  # such as `web.latency.99-9percentile`

    def below(self, text: str, name: str) -> Place:
        """Return the place of what has this text as its key here, and this name in Graphite."""
        if not self.path:
            return Place(text, name)
        return Place(f"{self.path}/{text}", f"{self.dotted}.{name}")


class TreeRules:
    """Rules of one pusher. Thread safe: a rule that comes holds from the next value on."""

    def __init__(self, tell: Callable[[object, str], None]) -> None:
        """`tell` is told of a rule that raises: which one, and what to say once of it."""
        self._tell = tell
        self._rules: list[tuple[bool, object, _Matches]] = []
        self._pruned: list[tuple[object, _Matches]] = []

    def add(self, rule: ValueRule, *, is_allowed: bool) -> None:
        """Add one that goes before all others; raise TypeError where it is no rule."""
        self._rules.append((is_allowed, rule, _matcher(rule, takes_value=True)))

    def prune(self, rule: PruneRule) -> None:
        """Add one for what is not looked into; raise TypeError where it is no rule."""
        self._pruned.append((rule, _matcher(rule, takes_value=False)))

    def lets(self, place: Place, value: float) -> bool:
        """Whether a value goes out. Not what no rule matches, nor what a rule raises at."""
        for is_allowed, rule, matches in reversed(self._rules):
            try:
                if matches(place, value):
                    return is_allowed
            except Exception as error:  # noqa: BLE001 - whatever the program's function raises
                self._tell(id(rule), f"a rule raised at {place.path!r}: {error_text(error)}")
                return False
        return False

    def prunes(self, place: Place) -> bool:
        """Whether something, and all that is below it, is passed over."""
        for rule, matches in reversed(self._pruned):
            try:
                if matches(place, 0):
                    return True
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(id(rule), f"a prune rule raised at {place.path!r}: {error_text(error)}")
                return True
        return False


def _matcher(rule: object, *, takes_value: bool) -> _Matches:
    if isinstance(rule, str):
        match = re.compile(fnmatch.translate(rule.removeprefix("/"))).match
        return lambda place, _: match(place.path) or match(place.dotted)
    if not callable(rule):
        raise TypeError(f"a rule is a glob, such as 'web/*', or a function; not {rule!r}")
    if takes_value:
        return lambda place, value: rule(place.path, value)
    return lambda place, _: rule(place.path)
