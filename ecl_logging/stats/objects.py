"""Objects with stats: where they stand in the tree, by a path or below their creator."""

from __future__ import annotations

import sys
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.creators import creator_of
from ecl_logging.stats.stat import NumberStat, Stat, stat_called, stats_of
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

    Objects at one path share their values. An object that has a place already keeps it; so does
    a copy, and one that comes out of a pickle counts at the same path. The stats
    leave the tree with the last object at the path: what is to outlive its objects, such as the
    handlers of single requests, belongs in a `collection`. Thread safe, and safe in signal
    handlers. Raises ConfigError where a name in the path is a stat, or a stat's name a container,
    and where the object takes no attribute (it gets one called `_ecl_place`).
    """
    return tree.place(obj, None, parts_of(path), stats_of(type(obj))).container


def init_child(obj: object, name: object, parent: object | None = None) -> StatContainer:
    """Give an object a place for its stats, below that of the object that created it.

    That is found among the callers: the nearest `self` that has a place and is another object;
    or it is given as `parent`. Where there is none, the child is below the root; so it is where
    a thread or a task of asyncio is in between. A parent's stats stay in the tree as long as
    there are children. Thread safe. Raises ConfigError as `init`, and for a parent without place.
    """
    above = _above(obj, parent)
    return tree.place(obj, above, parts_of(name), stats_of(type(obj))).container


def init_child_of_type(
    obj: object, name: object, number: object | None = None, parent: object | None = None
) -> StatContainer:
    """Do so for one of many: below the name, under a number that no other child gets.

    Numbers begin again with 1 after `reset`.
    """
    above = _above(obj, parent)
    number = tree.next_number() if number is None else number
    parts = (*parts_of(name), *parts_of(number))
    return tree.place(obj, above, parts, stats_of(type(obj))).container


def _above(obj: object, parent: object | None) -> Place | None:
    """To be called by what the creator calls: that frame is not looked at."""
    return creator_of(obj, sys._getframe(2)) if parent is None else place_of(parent)


def collection(path: object, *stats: Stat) -> Any:
    """Return an object with these stats, at a path or at the root. They are in the tree at once.

    Each stat is an attribute of its name. Collections at one path share their values. Thread
    safe. Raises ConfigError as `init`, where two stats have one name, for what is no stat, and for
    a name that Python gives a meaning to, such as `__init__`. What is assigned to a name that no
    stat has is an AttributeError.
    """
    if isinstance(path, Stat):
        stats = (path, *stats)
        path = None
    attributes: dict[str, Any] = {}
    for stat in stats:
        if not isinstance(stat, Stat):
            raise ConfigError(f"{path}: {stat!r} is no stat; write one such as IntStat('errors')")
        if stat.name in attributes:
            raise ConfigError(f"{path}: two stats are called {stat.name!r}")
        if stat.name == ATTRIBUTE or (stat.name[:2] == stat.name[-2:] == "__"):
            raise ConfigError(f"{path}: {stat.name!r} cannot be an attribute")
        attributes[stat.name] = stat
    attributes["__slots__"] = ()  # a misspelt name is an error, not an attribute that nobody sees
    made = type("Collection", (_Collection,), attributes)()
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
    """Add to the IntStat or DoubleStat of that name of an object.

    Exact between threads and in signal handlers, unlike `+=`, as far as all add in this way.
    `name` is the attribute's or the stat's; `type(obj).name.add(obj, number)` does the same.
    Raises ConfigError where the object has no such stat or no place.
    """
    stat = stat_called(name, type(obj))
    if not isinstance(stat, NumberStat):
        raise ConfigError(f"{type(obj).__name__} has no number stat called {name!r}")
    stat.add(obj, number)


def get_stats() -> StatContainer:
    """Return the root of the tree, which is live: values of stats and further containers by name.

    Thread safe. A gauge is a function, to be called. Other threads count while it is read, and
    names come and go: loop over `container.copy().items()` of each.
    """
    tree.take_out_gone()
    return tree.root


def set_collapsed(path: object) -> None:
    """Have pages show a link in place of the branch at a path, whenever there is one.

    JSON of what is above leaves it out; a query finds what is in it. A stat is no branch, also one
    with keys: it is shown where it is. Thread safe. Is forgotten by `reset`.
    """
    tree.collapse(path)


def reset() -> None:
    """Empty the tree, as tests want to. An object's stats come back when they are next used.

    They begin anew. Thread safe; what other threads count meanwhile may be lost.
    """
    tree.reset()
