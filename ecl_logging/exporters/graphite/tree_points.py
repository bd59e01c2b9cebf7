"""What Graphite is told of a tree: a point for each number in it that rules let out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ecl_logging.exporters.graphite.tree_rules import Place, TreeRules
from ecl_logging.exporters.safe_names import NameRule, safe_names
from ecl_logging.stats.container import is_mounted
from ecl_logging.stats.reading import MOST_LEVELS, Failed, items_of, value_of
from ecl_logging.stats.scalars import error_text

__all__ = ["Found", "TreePoints", "safe_path"]

_LONGEST_NAME = 200  # characters: a name is that of a file or a folder at carbon
_LONGEST_PATH = 2000
_MOST_VALUES = 200_000  # a branch that a gauge returns may be in itself, more than once


class _TreeNames(NameRule):
    """Names as `scales` makes them, and without what means something to carbon or in a query."""

    def changed(self, text: str) -> str:
        text = text.strip().replace(" ", "-").replace(".", "-").replace("/", "_")
        return super().changed(text)


_NAMES = _TreeNames("A-Za-z0-9_-", longest=_LONGEST_NAME)


def safe_path(text: str) -> str:
    """Return a path of names that carbon takes, with dots in between."""
    return ".".join(_NAMES.cut(_NAMES.changed(part)) for part in text.split(".") if part)


@dataclass(slots=True)
class Found:
    """What is in a tree."""

    points: list[tuple[str, str]] = field(default_factory=list)  # dotted paths, and numbers
    held_back: str = ""  # the path of a number that no rule lets out
    values: int = 0  # that were looked at


class TreePoints:
    """Finds the points of trees. Thread safe."""

    def __init__(self, rules: TreeRules, tell: Callable[[object, str], None]) -> None:
        """`tell` is told what is to be known: what it is about, and what to say once of it."""
        self._rules = rules
        self._tell = tell

    def of(self, branch: Mapping[Any, Any], path: str = "") -> Found:
        """Return what there is in a branch; `path` is the branch's, for rules.

        Calls gauges, and what is there as it comes: no Exception that these raise ends it.
        """
        parts = [part for part in path.split("/") if part]
        names = [_NAMES.cut(_NAMES.changed(part)) for part in parts]
        found = Found()
        self._add_branch(found, branch, Place("/".join(parts), ".".join(names)), "", 0)
        return found

    def _add_branch(
        self, found: Found, branch: Mapping[Any, Any], here: Place, shown: str, depth: int
    ) -> None:
        try:
            items = _named(items_of(branch))
        except Exception as error:  # noqa: BLE001 - a Mapping of the program's own
            self._tell(here.path, f"{here.path!r} cannot be read: {error_text(error)}")
            return
        names = safe_names((text for text, _ in items), _NAMES)
        for text, value in items:
            place = here.below(text, names[text])
            if names[text] != _NAMES.changed(text):
                self._tell(place.path, f"{place.path!r} is {place.dotted}, to be told from others")
            if self._rules.prunes(place):
                continue
            try:
                self._add_value(found, value, place, f"{shown}{names[text]}", depth)
            except Exception as error:  # noqa: BLE001 - a value of the program's own
                self._tell(place.path, f"{place.path!r} cannot be read: {error_text(error)}")

    def _add_value(self, found: Found, value: Any, place: Place, shown: str, depth: int) -> None:
        found.values += 1
        if found.values > _MOST_VALUES:
            self._tell("many", f"{_MOST_VALUES} values are pushed at most; {place.path!r} is not")
            return
        value = value_of(value)
        if is_mounted(value):
            return  # counts of all programs, which this one would push as its own: see ecl-push
        if isinstance(value, Failed):
            self._tell(place.path, f"{place.path!r} cannot be read: {value}")
        elif isinstance(value, Mapping):
            if depth < MOST_LEVELS:
                self._add_branch(found, value, place, f"{shown}.", depth + 1)
            else:
                self._tell("deep", f"{place.path!r} is too deep, and left out")
        elif (text := _text_of(value)) is not None:
            if not self._rules.lets(place, value):
                found.held_back = found.held_back or place.path
            elif len(shown) > _LONGEST_PATH:
                self._tell("long", f"{place.path!r} is too long, and left out")
            else:
                found.points.append((shown, text))


def _named(items: list[tuple[Any, Any]]) -> list[tuple[str, Any]]:
    """Return items by the texts of their keys, no two the same: 1 and "1" are two keys."""
    named: dict[str, Any] = {}
    for key, value in items:
        text = str(key)
        while text in named:
            text += "_"
        named[text] = value
    return list(named.items())


def _text_of(value: object) -> str | None:
    """Return a number as carbon reads it; None of anything else, such as True and infinities.

    Not by the value's own `repr`: that of NumPy's floats, which are floats, names their type.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        if not math.isfinite(value):
            return None
    except OverflowError:  # beyond all doubles, which is what carbon has
        return None
    return float.__repr__(value) if isinstance(value, float) else int.__repr__(value)
