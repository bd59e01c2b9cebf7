"""The names of scales 1.0.9 for what is here: `greplin.scales`, with functions in camelCase.

Beside names two things are as there. Objects stay in the tree, as long as somebody keeps them;
and samples are drawn with the random numbers that everybody shares, which its tests seed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import random
import re
import types
from collections.abc import Callable
from typing import Any

__all__ = ["modules"]

MODULE_OF = {
    "greplin.scales": "ecl_logging.stats",
    "greplin.scales.aggregation": "ecl_logging.stats.aggregation",
    "greplin.scales.formats": "ecl_logging.stats.formats",
    "greplin.scales.meter": "ecl_logging.stats.meters",
    "greplin.scales.samplestats": "ecl_logging.stats.samples",
}
PLACING = ("init", "init_child", "init_child_of_type")


def new_name(name: str) -> str:
    """`initChild` is `init_child` here."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def old_name(name: str) -> str:
    """`init_child` is `initChild` there."""
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), name)


def renamed(named: dict[str, Any]) -> dict[str, Any]:
    """Named arguments, by the names here."""
    return {new_name(name): value for name, value in named.items()}


def old_function(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **renamed(named))

    return called


def old_class(cls: type) -> type:
    """The class with its methods by both names, and arguments by the old ones."""

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        cls.__init__(self, *arguments, **renamed(named))

    methods = {
        old_name(name): method
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }
    return type(cls.__name__, (cls,), {**methods, "__init__": begin})


class OldContainer:
    """What `initChild` returns."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, new_name(name))


def placing(function: Callable[..., Any], kept: list[object] | None) -> Callable[..., Any]:
    """A function that gives an object its place, and has `kept` hold the object."""

    # The creator is found among callers by its `self`; so there is none here.
    def called(obj: object, *arguments: Any) -> Any:
        container = function(obj, *arguments)
        if kept is not None:
            kept.append(obj)
        return OldContainer(container)

    return called


def old_module(name: str, kept: list[object] | None) -> types.ModuleType:
    module = types.ModuleType(name)
    source = importlib.import_module(MODULE_OF[name])
    for new in source.__all__:
        value = getattr(source, new)
        if new in PLACING:
            value = placing(value, kept)
        elif new == "ExponentiallyDecayingReservoir":
            value = functools.partial(value, random=random.random)
        elif inspect.isclass(value):
            value = old_class(value)
        elif inspect.isfunction(value):
            value = old_function(value)
        setattr(module, old_name(new), value)
    return module


def modules(kept: list[object] | None) -> dict[str, types.ModuleType]:
    """What is to be in `sys.modules`. `kept` is where objects are kept, if they are to be."""
    made = {name: old_module(name, kept) for name in MODULE_OF}
    made["greplin"] = types.ModuleType("greplin")
    for name, module in made.items():
        above, _, below = name.rpartition(".")
        if above:
            setattr(made[above], below, module)
    return made
