"""Stats with a value for each of several keys."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Self

from ecl_logging.stats.stat import AggregationStat, Stat
from ecl_logging.stats.tree import Place, tree

if TYPE_CHECKING:
    from typing import TypeGuard

__all__ = ["IntDict", "IntDictStat", "StatDict", "StringDict", "StringDictStat"]

_NOTHING = object()


class StatDict(dict[Any, Any]):
    """What stands in the tree for a stat with keys. Each change goes through `__setitem__`.

    Setting and deleting is safe between threads, `dict[key] += 1` is not.
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
            super().__setitem__(key, value)
            return
        with tree.lock:
            self._update_above(key, value)
            if value or not self._auto_delete:
                super().__setitem__(key, value)
            else:
                super().pop(key, None)

    def __delitem__(self, key: Any) -> None:
        with tree.lock:
            if key in self:
                self._update_above(key, self.missing)
            super().__delitem__(key)

    def _update_above(self, key: Any, value: Any) -> None:
        if self._aggregator is not None:
            stat, place = self._aggregator
            stat.update(place, self.get(key), value, key)

    def pop(self, key: Any, default: Any = _NOTHING) -> Any:
        """Take out a key; return its value, or the default where it is not there."""
        with tree.lock:
            if key not in self and default is not _NOTHING:
                return default
            value = self[key]
            del self[key]
            return value

    clear = MutableMapping.clear
    popitem = MutableMapping.popitem
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]
        self.update(other)
        return self

    def replace(self, values: Any) -> None:
        """Have these values and no others."""
        values = dict(values)
        with tree.lock:
            for key in [key for key in self if key not in values]:
                del self[key]
            self.update(values)


class IntDict(StatDict):
    """Whole numbers by keys; a key that is not there has 0."""

    __slots__ = ()
    missing = 0

    def add(self, key: Any, number: int = 1) -> None:
        """Add to the number of a key. Thread safe, unlike `dict[key] += number`.

        That is as far as all threads add in this way.
        """
        with tree.lock:
            self[key] = self[key] + number


class StringDict(StatDict):
    """Texts by keys; a key that is not there has an empty one."""

    __slots__ = ()
    missing = ""


class _DictStat(Stat):
    """Its value is a dictionary, which stays the same one: assigning replaces what is in it."""

    def __init__(self, name: str) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name)

    is_shown_unset = True

    def __set__(self, obj: object, value: Any) -> None:
        held = self.__get__(obj)
        if held is not value:
            held.replace(value)

    def _put(self, place: Place, value: Any) -> None:
        place.container[self.name] = value  # is summed up key by key

    def _is_summed_up_by(self, stat: Stat) -> TypeGuard[AggregationStat]:
        return isinstance(stat, AggregationStat) and stat.takes_items


class IntDictStat(_DictStat):
    """Whole numbers by keys, which come as they are counted: `obj.errors["404"] += 1`."""

    def __init__(self, name: str, auto_delete: bool = False) -> None:  # noqa: FBT001, FBT002 - as in scales
        """Make a stat of that name in the tree; with `auto_delete` keys with 0 are taken out."""
        super().__init__(name)
        self._auto_delete = auto_delete

    def _first_value(self, place: Place) -> Any:
        return IntDict(self._aggregator(place), self._auto_delete)


class StringDictStat(_DictStat):
    """Texts by keys."""

    def _first_value(self, place: Place) -> Any:
        return StringDict(self._aggregator(place))
