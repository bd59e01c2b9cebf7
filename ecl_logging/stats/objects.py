"""How objects come into the tree: by a path of their own, or below the object that created them."""

from __future__ import annotations

import inspect
from types import FrameType
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.stat import NumberStat, Stat, stats_of
from ecl_logging.stats.tree import ATTRIBUTE, Place, parts_of, place_of, tree

__all__ = [
    "add",
    "collection",
    "get_stats",
    "init",
    "init_child",
    "init_child_of_type",
    "reset",
    "set_collapsed",
]


def init(obj: object, path: object = None) -> StatContainer:
    """Give an object a place for its stats, at a path such as `/web/handler` or at the root.

    Objects at one path share their values. An object that has a place already keeps it. The stats
    leave the tree with the last object at the path: what is to outlive its objects, such as the
    handlers of single requests, belongs in a `collection`. Thread safe. Raises ConfigError where
    a name in the path is a stat, or a stat's name a container.
    """
    return tree.place(obj, None, parts_of(path), stats_of(type(obj))).container


def init_child(obj: object, name: object, parent: object | None = None) -> StatContainer:
    """Give an object a place for its stats, below that of the object that created it.

    That is found among the callers: the nearest `self` that has a place and is another object;
    or it is given as `parent`. Where there is none, the child is below the root. A parent's stats
    stay in the tree as long as there are children. Thread safe. Raises ConfigError as `init`.
    """
    above = _creator(obj, inspect.currentframe()) if parent is None else place_of(parent)
    return tree.place(obj, above, parts_of(name), stats_of(type(obj))).container


def init_child_of_type(
    obj: object, name: object, number: object | None = None, parent: object | None = None
) -> StatContainer:
    """Do so for one of many: below the name, under a number that no other child gets."""
    above = _creator(obj, inspect.currentframe()) if parent is None else place_of(parent)
    number = tree.next_number() if number is None else number
    parts = (*parts_of(name), *parts_of(number))
    return tree.place(obj, above, parts, stats_of(type(obj))).container


def _creator(obj: object, frame: FrameType | None) -> Place | None:
    while frame is not None:
        # Not `f_locals` of every function on the way, which makes a dictionary of each.
        code = frame.f_code
        if "self" in code.co_varnames or "self" in code.co_freevars:
            caller = frame.f_locals.get("self")
            if caller is not obj and caller is not None:
                place = _place_if_any(caller)
                if place is not None:
                    return place
        frame = frame.f_back
    return None


def _place_if_any(obj: object) -> Place | None:
    try:
        return place_of(obj)
    except ConfigError:
        return None


def collection(path: object, *stats: Stat) -> Any:
    """Return an object with these stats, at a path. They are in the tree from the start.

    Each stat is an attribute of its name. Raises ConfigError as `init`, and where two stats have
    one name.
    """
    names = [stat.name for stat in stats]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: two stats are called {name!r}")
    cls = type("Collection", (_Collection,), dict(zip(names, stats, strict=True)))
    made = cls()
    init(made, path)
    for stat in stats:
        if stat.is_shown_unset:
            stat.begin(place_of(made))
    return made


class _Collection:
    """What `collection` returns."""

    __slots__ = (ATTRIBUTE, "__weakref__")

    def __repr__(self) -> str:
        return f"collection({place_of(self).container.path!r})"


def add(obj: object, name: str, number: float = 1) -> None:
    """Add to the IntStat or DoubleStat of that name of an object. Thread safe, unlike `+=`.

    Raises ConfigError where the object has none.
    """
    for stat in stats_of(type(obj)):
        if stat.name == name and isinstance(stat, NumberStat):
            stat.add(obj, number)
            return
    raise ConfigError(f"{type(obj).__name__} has no number stat called {name!r}")


def get_stats() -> StatContainer:
    """Return the root of the tree, which is live: values of stats and further containers by name.

    Thread safe, as far as a dictionary is: read `list(container.items())` of each.
    """
    tree.take_out_gone()
    return tree.root


def set_collapsed(path: object) -> None:
    """Have pages show a link in place of what is at a path, whenever something is there."""
    tree.collapse(path)


def reset() -> None:
    """Empty the tree, as tests want to. An object's stats come back when they are next used."""
    tree.reset()
