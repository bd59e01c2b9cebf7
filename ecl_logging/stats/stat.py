"""Stat: an attribute of a class whose values stand in the tree.

This is a descriptor: what is read from and written to an object goes into the container of the
object's place, under the stat's name. Objects at one path share their values.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeGuard, TypeVar, overload

from ecl_logging.stats.tree import Place, place_of, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AggregationStat", "DoubleStat", "IntStat", "NumberStat", "Stat", "stats_of"]

_T = TypeVar("_T")


class Stat:
    """Any value: a text, a number, or a function, which is a gauge: called whenever it is read.

    Assigning replaces the value. That is safe between threads; `+=` is not, since another thread
    may come in between its reading and its writing.
    """

    def __init__(
        self, name: str, value: Any = "", logger: Callable[[str], object] | None = None
    ) -> None:
        """Make a stat of that name in the tree, with the value that it has before it is set.

        `logger` is called with a line of text each time the value is set.
        """
        self.name = str(name)
        self._default = value
        self._logger = logger

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def get_name(self) -> str:
        """Return the stat's name."""
        return self.name

    def logger(self, logger: Callable[[str], object]) -> Self:
        """Call this with a line of text each time the value is set; return the stat."""
        self._logger = logger
        return self

    @property
    def is_gauge(self) -> bool:
        """Whether a function gives the value."""
        return callable(self._default)

    @property
    def is_shown_unset(self) -> bool:
        """Whether there is something to show before a value is set."""
        return self._default not in (None, "")

    # --- reading and writing; the first lines of both are all that is done mostly

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type | None = None) -> Any: ...
    def __get__(self, obj: object | None, owner: type | None = None) -> Any:
        try:
            return obj._ecl_place.container[self.name]  # type: ignore[union-attr]
        except (AttributeError, KeyError):
            return self if obj is None else self.begin(place_of(obj))

    def __set__(self, obj: object, value: Any) -> None:
        try:
            place: Place = obj._ecl_place  # type: ignore[attr-defined]
        except AttributeError:
            place = place_of(obj)
        if self.name in place.direct and self.name in place.container and self._logger is None:
            place.container[self.name] = value
        else:
            self.set(place, value)

    def begin(self, place: Place) -> Any:
        """Return the value at a place; the default is put there where there is none.

        So is the object's own gauge where another's is, which may go with its object.
        """
        with tree.lock:
            tree.register(place, self.name)
            if self.name not in place.container or self._is_gauge_of_another(place):
                self._put(place, self._first_value(place))
            return place.container[self.name]

    def _is_gauge_of_another(self, place: Place) -> bool:
        is_gauge = self.is_gauge and isinstance(place.container[self.name], _Gauge)
        return is_gauge and self.name not in place.held

    def set(self, place: Place, value: Any) -> None:
        """Put a value in its place, and add it to what sums it up there above."""
        with tree.lock:
            if self.name not in place.container:
                tree.register(place, self.name)
            self._put(place, value)
        if self._logger is not None:
            self._logger(f'Updated stat "{self.name}" with value: {value}')

    def _first_value(self, place: Place) -> Any:
        return self._default

    def _put(self, place: Place, value: Any) -> None:
        before = place.container.get(self.name)
        aggregator = self._aggregator(place)
        if aggregator is not None:
            aggregator[0].update(aggregator[1], _no_gauge(before), _no_gauge(value))
        if callable(value):
            place.held[self.name] = held = _Held(value)
            place.container[self.name] = _Gauge(held, before)
            return
        place.container[self.name] = value
        place.held.pop(self.name, None)
        if aggregator is None:
            place.direct.add(self.name)

    # --- aggregation

    def _aggregator(self, place: Place) -> tuple[AggregationStat, Place] | None:
        """Return the nearest stat above that sums up this one, and its place."""
        if self.name not in place.aggregators:
            place.aggregators[self.name] = self._find_aggregator(place)
        return place.aggregators[self.name]

    def _find_aggregator(self, place: Place) -> tuple[AggregationStat, Place] | None:
        above = place.parent
        while above is not None:
            for stat in stats_of(above.cls):
                if stat.name == self.name and self._is_summed_up_by(stat):
                    return stat, above
            above = above.parent
        return None

    def _is_summed_up_by(self, stat: Stat) -> TypeGuard[AggregationStat]:
        return isinstance(stat, AggregationStat) and not stat.takes_items


class NumberStat(Stat, Generic[_T]):
    """A number that is added to."""

    def add(self, obj: object, number: Any = 1) -> None:
        """Add to the number of an object. Thread safe, unlike `obj.stat += number`.

        That is as far as all threads add in this way: what one of them assigns meanwhile may
        take an addition back.
        """
        place = place_of(obj)
        with tree.lock:
            self.set(place, self.begin(place) + number)


class IntStat(NumberStat[int]):
    """A whole number, 0 to begin with."""

    def __init__(self, name: str, value: int = 0) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, value)


class DoubleStat(NumberStat[float]):
    """A number with fractions, 0.0 to begin with."""

    def __init__(self, name: str, value: float = 0.0) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, value)


class AggregationStat(Stat):
    """Sums up the stats of the same name of all objects that its object has created.

    Each stat counts in the nearest such one above it. Values are added up when they change, by
    whatever thread changes them; nothing is lost between threads.
    """

    takes_items = False
    """Whether what is summed up are dictionaries, key by key."""

    def __init__(self, name: str) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, None)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Take in that a value below has changed; None is none. Called with the tree's lock."""
        raise NotImplementedError

    def lose(self, place: Place, value: Any) -> None:
        """Take in that a value below has gone with its object. Called with the tree's lock."""


class _Held:
    """A gauge's function, held by the object's place: it may know the object."""

    __slots__ = ("__weakref__", "function")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function


class _Gauge:
    """Stands in the tree for gauges' functions, and keeps nothing alive.

    The newest one is called whose object is there; so one object gone leaves the path to others.
    """

    __slots__ = ("_held",)

    def __init__(self, held: _Held, before: object = None) -> None:
        others = before._held if isinstance(before, _Gauge) else ()
        self._held: tuple[weakref.ref[_Held], ...] = (
            weakref.ref(held),
            *(other for other in others if other() is not None),
        )

    def __call__(self) -> Any:
        for reference in self._held:
            held = reference()
            if held is not None:
                return held.function()
        return None


def _no_gauge(value: Any) -> Any:
    return None if callable(value) else value


def stats_of(cls: type) -> list[Stat]:
    """Return the stats of a class: those of its bases too, but for names that it has itself."""
    return list({stat.name: stat for stat in _all_of(cls)}.values())


def _all_of(cls: type) -> Iterator[Stat]:
    for base in reversed(cls.__mro__):
        yield from (stat for stat in list(vars(base).values()) if isinstance(stat, Stat))
