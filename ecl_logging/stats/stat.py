"""Stat: an attribute of a class whose values stand in the tree.

This is a descriptor: what is read from and written to an object goes into the container of the
object's place, under the stat's name. Objects at one path share their values.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeGuard, TypeVar, overload

from ecl_logging.stats.tree import Place, place_of, tree

__all__ = [
    "AggregationStat",
    "DoubleStat",
    "IntStat",
    "NumberStat",
    "Stat",
    "TypedStat",
    "stat_called",
    "stats_of",
]

_T = TypeVar("_T")


class Stat:
    """Any value: a text, a number, or a function, which is a gauge: called whenever it is read.

    Reading and assigning is safe between threads; `+=` is not, since another thread may come in
    between its reading and its writing. A gauge may know its object, which dies nevertheless.
    """

    def __init__(
        self, name: str, value: Any = "", logger: Callable[[str], object] | None = None
    ) -> None:
        """Make a stat of that name in the tree, with the value that it has before it is set.

        `logger` is called with a line of text each time the value is set, by the thread that sets
        it, in the order of the calls; what it raises is raised where the value is set.
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
        return self._default is not None and not _is_empty_text(self._default)

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
        name = self.name
        try:
            place: Place = obj._ecl_place  # type: ignore[attr-defined]
            if place.aggregators[name] is None and self._logger is None and not callable(value):
                container = place.container
                if name in container and not container.is_detached:
                    container[name] = value
                    return
        except (AttributeError, KeyError):
            place = place_of(obj)
        self.set(place, value)

    def begin(self, place: Place) -> Any:
        """Return the value at a place; the default is put there where there is none.

        So is the object's own gauge where another's is, which may go with its object.
        """
        with tree.lock:
            if self._is_new_at(place):
                tree.register(place, self.name)
                if self.name not in place.container:
                    self._put_first(place, self._first_value(place))
                elif self._is_gauge_of_another(place):
                    self._put(place, self._first_value(place))
            return place.container[self.name]

    def _is_gauge_of_another(self, place: Place) -> bool:
        is_gauge = self.is_gauge and isinstance(place.container[self.name], _Gauge)
        return is_gauge and self.name not in (place.held or ())

    def set(self, place: Place, value: Any) -> None:
        """Put a value in its place, and add it to what sums it up there above."""
        with tree.lock:
            if self._is_new_at(place):
                tree.register(place, self.name)
            self._put(place, value)
        self._tell(place, value)

    def _is_new_at(self, place: Place) -> bool:
        """Whether the place may have no such stat yet, or is not in the tree."""
        container, name = place.container, self.name
        return name not in place.aggregators or name not in container or container.is_detached

    def _first_value(self, place: Place) -> Any:
        return self._default

    def _put(self, place: Place, value: Any) -> None:
        name, container = self.name, place.container
        if callable(value):
            self._put_gauge(place, value)
            return
        aggregator = self._aggregator(place)
        # In one stretch: who comes in before or after finds a value that is summed up.
        before = container[name] if name in container else None  # noqa: SIM401 - `get` is a call
        container[name] = value
        if aggregator is not None:
            aggregator[0].update(aggregator[1], _no_gauge(before), value)
        if place.held is not None:
            place.held.pop(name, None)

    def _put_first(self, place: Place, value: Any) -> None:
        if callable(value):
            self._put(place, value)
            return
        name, container = self.name, place.container
        if name in container:
            return  # a signal handler has put something, which is to stay
        container[name] = value
        # What puts its values in a way of its own is not summed up as one value.
        aggregator = self._aggregator(place) if type(self)._put is Stat._put else None
        if aggregator is not None:
            aggregator[0].update(aggregator[1], None, value)

    def _put_gauge(self, place: Place, function: Callable[[], Any]) -> None:
        before = place.container.get(self.name)
        aggregator = self._aggregator(place)
        if aggregator is None:  # so that the next value does not pass by what is held
            place.aggregators.pop(self.name, None)
        else:
            aggregator[0].update(aggregator[1], _no_gauge(before), None)
        if place.held is None:
            place.held = {}
        place.held[self.name] = held = _Held(function)
        place.container[self.name] = _Gauge(held, before)

    def _tell(self, place: Place, value: Any) -> None:
        """Call loggers, of what sums it up, too. Not with the lock: they may have locks."""
        if self._logger is not None:
            self._logger(f'Updated stat "{self.name}" with value: {value}')
        aggregator = place.aggregators.get(self.name)
        if aggregator is not None:
            stat, above = aggregator
            stat._tell(above, above.container.get(self.name))

    # --- aggregation

    def _aggregator(self, place: Place) -> tuple[AggregationStat, Place] | None:
        """Return the nearest stat above that sums up this one, and its place."""
        try:
            return place.aggregators[self.name]
        except KeyError:
            found = place.aggregators[self.name] = self._find_aggregator(place)
            return found

    def _find_aggregator(self, place: Place) -> tuple[AggregationStat, Place] | None:
        above = place.parent
        while above is not None:
            if above.sums is None:
                above.sums = {stat.name: stat for stat in stats_of(above.cls)}
            stat = above.sums.get(self.name)
            if stat is not None and self._is_summed_up_by(stat):
                return stat, above
            above = above.parent
        return None

    def _is_summed_up_by(self, stat: Stat) -> TypeGuard[AggregationStat]:
        return isinstance(stat, AggregationStat) and not stat.takes_items


class TypedStat(Stat, Generic[_T]):
    """A stat whose values are all of one type, as type checkers and editors are told."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, obj: None, owner: type) -> Self: ...
        @overload
        def __get__(self, obj: object, owner: type | None = None) -> _T: ...
        def __get__(self, obj: object | None, owner: type | None = None) -> Self | _T: ...
        # Not Any, which mypy would take for the type of the value from there on.
        def __set__(self, obj: object, value: object) -> None: ...


class NumberStat(TypedStat[_T]):
    """A number that is added to."""

    def add(self, obj: object, number: Any = 1) -> None:
        """Add to the number of an object, as `type(obj).stat.add(obj)`.

        Exact between threads and in signal handlers, unlike `obj.stat += number`, as far as all
        add in this way: an assignment that overlaps with an addition may take it back.
        """
        place = place_of(obj)
        name = self.name
        with tree.lock:
            if name not in place.container or place.container.is_detached:
                self.begin(place)
            aggregator = self._aggregator(place)
            container = place.container
            # In one stretch: a signal handler's addition is before or after.
            before = container[name] if name in container else self._default  # noqa: SIM401
            container[name] = after = before + number
            if aggregator is not None:
                aggregator[0].update(aggregator[1], before, after)
        if aggregator is not None or self._logger is not None:
            self._tell(place, after)


class IntStat(NumberStat[int]):
    """A whole number, 0 to begin with. Several threads `add`; `+=` is for one at a time."""

    def __init__(self, name: str, value: int = 0) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, value)


class DoubleStat(NumberStat[float]):
    """A number with fractions, 0.0 to begin with. As IntStat, several threads `add`."""

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

    def __init__(self, name: str, value: Any = None) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name, value)

    def update(self, place: Place, before: Any, after: Any, key: Any = None) -> None:
        """Take in that a value below has changed; None is none. Called with the tree's lock.

        What cannot be summed up is left out: nothing is raised where a value is set.
        """
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
    return None if type(value) is _Gauge else value


def _is_empty_text(value: object) -> bool:
    return isinstance(value, str) and not value


def stats_of(cls: type) -> list[Stat]:
    """Return the stats of a class: those of its bases too, but for names that it has itself."""
    attributes: dict[str, Stat | None] = {}
    for base in reversed(cls.__mro__):
        for name, value in list(vars(base).items()):
            # By its type: what else is there may be a proxy, and be woken by `isinstance`.
            if issubclass(type(value), Stat):
                attributes[name] = value
            elif name in attributes:
                attributes[name] = None
    return list({stat.name: stat for stat in attributes.values() if stat is not None}.values())


def stat_called(name: str, cls: type) -> Stat | None:
    """Return the stat of a class whose attribute has this name, or else which is called so."""
    for base in cls.__mro__:
        if name in vars(base):
            found = vars(base)[name]
            if issubclass(type(found), Stat):
                return found  # type: ignore[no-any-return]
            break
    return next((stat for stat in stats_of(cls) if stat.name == name), None)
