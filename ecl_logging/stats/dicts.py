"""Stats with a value for each of several keys."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ecl_logging.stats.stat import AggregationStat, Stat, TypedStat
from ecl_logging.stats.tree import Place, tree

if TYPE_CHECKING:
    from typing import TypeGuard

__all__ = ["IntDict", "IntDictStat", "StatDict", "StringDict", "StringDictStat"]

_NOTHING = object()
_put = dict.__setitem__  # is one call, unlike `super().__setitem__`


class StatDict(dict[Any, Any]):
    """What stands in the tree for a stat with keys. Each change goes through `__setitem__`.

    Each method is safe between threads; `dict[key] += 1` is not. Copies and pickles are plain
    dictionaries, which stand nowhere. Loop over a `copy()` while other threads write.
    """

    __slots__ = ("_aggregator", "_auto_delete")
    missing: Any = None
    """What a key has that is not there."""

    def __init__(
        self,
        aggregator: tuple[AggregationStat, Place] | None,
        auto_delete: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        super().__init__()
        self._aggregator = aggregator
        self._auto_delete = auto_delete

    def __missing__(self, key: Any) -> Any:
        return self.missing

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._aggregator is None and not self._auto_delete:
            _put(self, key, value)
            return
        with tree.lock:
            # In one stretch: what a signal handler writes is before or after.
            before = self[key] if key in self else None  # noqa: SIM401 - `get` is a call
            _put(self, key, value)
            self._see_to(key, before, value)

    def _see_to(self, key: Any, before: Any, after: Any) -> None:
        """Add a change to what sums it up, and take out what is 0 by now, if that is wanted."""
        if self._aggregator is not None:
            stat, place = self._aggregator
            stat.update(place, before, after, key)
        if self._auto_delete and key in self and not self[key]:
            super().__delitem__(key)

    def __delitem__(self, key: Any) -> None:
        with tree.lock:
            before = self[key] if key in self else None  # noqa: SIM401 - `get` is a call
            super().__delitem__(key)
            self._see_to(key, before, None)

    def pop(self, key: Any, default: Any = _NOTHING) -> Any:
        """Take out a key; return its value, or the default where it is not there."""
        with tree.lock:
            if key not in self and default is not _NOTHING:
                return default
            value = self[key]
            del self[key]
            return value

    def popitem(self) -> tuple[Any, Any]:
        """Take out a key; return it and its value. Raises KeyError where there is none."""
        with tree.lock:
            for key in self.copy():
                return key, self.pop(key)
        raise KeyError("popitem: there is nothing")

    def clear(self) -> None:
        """Take out all keys."""
        self.replace({})

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Set a key that is not there; return its value."""
        with tree.lock:
            if key not in self:
                self[key] = default
            return self[key]

    update = MutableMapping.update

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]
        self.update(other)
        return self

    def replace(self, values: Any) -> None:
        """Have these values and no others."""
        values = dict(values)
        with tree.lock:
            for key in self.copy():
                if key not in values:
                    self.pop(key, None)
            self.update(values)

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[dict[Any, Any]]]:
        """Have copies count nowhere."""
        return dict, (self.copy(),)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return self.__reduce__()


class IntDict(StatDict):
    """Whole numbers by keys; a key that is not there has 0."""

    __slots__ = ()
    missing = 0

    def add(self, key: Any, number: int = 1) -> None:
        """Add to the number of a key.

        Exact between threads and in signal handlers, unlike `dict[key] += number`, as far as all
        add in this way.
        """
        with tree.lock:
            # In one stretch: a signal handler's addition is before or after.
            before = self[key] if key in self else 0  # noqa: SIM401 - `get` is a call
            _put(self, key, before + number)
            if self._aggregator is not None or self._auto_delete:
                self._see_to(key, before, before + number)


class StringDict(StatDict):
    """Texts by keys; a key that is not there has an empty one."""

    __slots__ = ()
    missing = ""


_Dict = TypeVar("_Dict", bound=StatDict)


class _DictStat(TypedStat[_Dict]):
    """Its value is a dictionary, which stays the same one: assigning replaces what is in it."""

    def __init__(self, name: str) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name)

    is_shown_unset = True

    def __set__(self, obj: object, value: object) -> None:
        held = self.__get__(obj)
        if held is not value:
            held.replace(value)
        if self._logger is not None:
            self._logger(f'Updated stat "{self.name}" with value: {value}')

    def _put(self, place: Place, value: Any) -> None:
        place.container[self.name] = value  # is summed up key by key

    def _is_summed_up_by(self, stat: Stat) -> TypeGuard[AggregationStat]:
        return isinstance(stat, AggregationStat) and stat.takes_items


class IntDictStat(_DictStat[IntDict]):
    """Whole numbers by keys, which come as they are counted: `obj.errors["404"] += 1`.

    That is for one thread at a time; several do `obj.errors.add("404")`. All else is safe
    between threads.
    """

    def __init__(self, name: str, auto_delete: bool = False) -> None:  # noqa: FBT001, FBT002 - as in scales
        """Make a stat of that name in the tree; with `auto_delete` keys with 0 are taken out."""
        super().__init__(name)
        self._auto_delete = auto_delete

    def _first_value(self, place: Place) -> Any:
        return IntDict(self._aggregator(place), self._auto_delete)


class StringDictStat(_DictStat[StringDict]):
    """Texts by keys: `obj.versions["client"] = "1.2"`. Safe between threads."""

    def _first_value(self, place: Place) -> Any:
        return StringDict(self._aggregator(place))
