"""Stats to which assigning adds: what has been there before stays in the value."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ecl_logging.stats.stat import TypedStat
from ecl_logging.stats.tree import tree
from ecl_logging.stats.values import StatValues

if TYPE_CHECKING:
    from ecl_logging.stats.tree import Place

__all__ = ["AddingStat", "NamedStat", "NamedValues", "UnwrittenValues"]

_T = TypeVar("_T")
_Values = TypeVar("_Values", bound=StatValues)


class AddingStat(TypedStat[_T]):
    """Its value stays the same one, and takes in what is assigned. Nothing sums it up."""

    is_shown_unset = True

    def __init__(self, name: str) -> None:
        """Make a stat of that name in the tree."""
        super().__init__(name)

    def __set__(self, obj: object, value: object) -> None:
        held = self.__get__(obj)
        if held is value:
            return
        self._add(held, value)
        if self._logger is not None:
            self._logger(f'Updated stat "{self.name}" with value: {value}')

    def _add(self, held: Any, value: Any) -> None:
        """Take in what was assigned."""
        raise NotImplementedError

    def _put(self, place: Place, value: Any) -> None:
        place.container[self.name] = value


class NamedValues(dict[Any, _Values], Generic[_Values]):
    """Values for each of several names; assigning to a name adds. Thread safe.

    A name appears with the first value that it is given. What is read before is what it would
    have then, and adds under the name once it is written to. Copies by the module `copy` and
    pickles are plain dictionaries of such, which count nowhere.
    """

    __slots__ = ()

    def _made(self) -> _Values:
        """Return what a name begins with."""
        raise NotImplementedError

    def _unwritten(self, name: Any) -> Any:
        """Return what a name has that nothing was written to."""
        raise NotImplementedError

    def _add(self, values: _Values, value: Any) -> None:
        """Take in what was assigned."""
        raise NotImplementedError

    def __missing__(self, name: Any) -> Any:
        return self._unwritten(name)

    def begin(self, name: Any) -> _Values:
        """Return the values of a name, which appears if it was not there."""
        with tree.lock:
            found = self.get(name)
            return super().setdefault(name, self._made()) if found is None else found

    def __setitem__(self, name: Any, value: Any) -> None:
        self._add(self[name], value)

    setdefault = MutableMapping.setdefault
    update = MutableMapping.update

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc, override]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[dict[Any, Any]]]:
        """Have copies count nowhere."""
        return dict, ({name: values.snapshot() for name, values in self.copy().items()},)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return self.__reduce__()


class UnwrittenValues(StatValues, Generic[_Values]):
    """What a name has as long as nothing was written to it; then, what was written meanwhile."""

    __slots__ = ("_all", "_name")

    def __init__(self, all_named: NamedValues[_Values], name: Any) -> None:
        """For that name among `all_named`, in which it appears with the first value."""
        self._all, self._name = all_named, name

    def begin(self) -> _Values:
        """Return the name's values, with which it appears."""
        return self._all.begin(self._name)

    def now(self) -> _Values:
        """Return the name's values, or such as it would begin with."""
        found = self._all.get(self._name)
        return self._all._made() if found is None else found

    def snapshot(self) -> dict[str, Any]:
        """Return what was written to the name meanwhile, of one moment."""
        return self.now().snapshot()


class NamedStat(AddingStat[_T]):
    """Has values by names; a dictionary that is assigned is added name by name."""

    def _add(self, held: Any, value: Any) -> None:
        held.update(value)
