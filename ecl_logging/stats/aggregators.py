"""What can be made of one stat's data from several sources: a sum, an average, an order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any, Self

from ecl_logging.stats.data_formats import DataFormat, DataFormats, Lacking
from ecl_logging.stats.scalars import number_of, sort_key, text_of

__all__ = ["Aggregator", "Average", "Highlight", "InverseMap", "Sorted", "Sum"]


_MOST = 1e150  # of a value or a count: what the two come to is still a number


class Aggregator(ABC):
    """Takes data in, source by source. One that is given to an Aggregation is only a pattern.

    Not thread safe.
    """

    DEFAULT_NAME = ""

    def __init__(
        self, name: str | None = None, data_format: DataFormat = DataFormats.DEFAULT
    ) -> None:
        """`name` is what the result is called, such as `sum`."""
        self.name = name or self.DEFAULT_NAME
        self.data_format = data_format

    def clone(self) -> Self:
        """Return one like it, that has taken nothing in."""
        return type(self)(name=self.name, data_format=self.data_format)

    @abstractmethod
    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data; raise `Lacking`, and change nothing, where it has no value."""

    @abstractmethod
    def result(self) -> Any:
        """Return what it has come to so far; a new object each time."""

    def value_in(self, data: Any) -> Any:
        """Return the value in data; raise `Lacking` where there is none."""
        return _read(self.data_format.get_value, data)

    def number_in(self, data: Any) -> int | float:
        """Return the value in data, which is a number; raise `Lacking` where it is not."""
        return _number(self.value_in(data))

    def count_in(self, data: Any) -> int | float:
        """Return how many samples data stands for; raise `Lacking` where it does not say."""
        return _number(_read(self.data_format.get_count, data))


def _read(get: Callable[[Any], Any], data: Any) -> Any:
    try:
        value = get(data)
    except (LookupError, TypeError, ValueError) as error:
        raise Lacking(text_of(error)) from error
    if value is None:
        raise Lacking("it is null")
    return value


def _number(value: Any) -> int | float:
    number = number_of(value)
    if number is None or not -_MOST <= number <= _MOST:
        raise Lacking(f"{text_of(value)} is no number that can be added")
    return number


class Average(Aggregator):
    """The average of values, each weighed by its count: `{"count", "total", "average"}`."""

    DEFAULT_NAME = "average"
    _count: int | float = 0
    _total: int | float = 0

    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data."""
        number, count = self.number_in(data), self.count_in(data)
        self._count += count
        self._total += number * count

    def result(self) -> dict[str, int | float]:
        """Return the average so far, and what it is made of; it is 0 where there is nothing."""
        average = self._total / self._count if self._count else 0
        return {"count": self._count, "total": self._total, "average": average}


class Sum(Aggregator):
    """The sum of values."""

    DEFAULT_NAME = "sum"
    _total: int | float = 0

    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data."""
        self._total += self.number_in(data)

    def result(self) -> int | float:
        """Return the sum so far."""
        return self._total


class InverseMap(Aggregator):
    """Which sources have each value, such as who runs which version."""

    DEFAULT_NAME = "inverse"

    def __init__(
        self, name: str | None = None, data_format: DataFormat = DataFormats.DEFAULT
    ) -> None:
        """`name` is what the result is called."""
        super().__init__(name, data_format)
        self._sources: dict[Any, list[Any]] = {}

    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data."""
        value = self.value_in(data)
        try:
            sources = self._sources.setdefault(value, [])
        except TypeError:  # a list or a dictionary
            sources = self._sources.setdefault(text_of(value), [])
        sources.append(source)

    def result(self) -> dict[Any, list[Any]]:
        """Return the sources by value, in order: numbers in their names by their size."""
        return {value: sorted(all_of, key=sort_key) for value, all_of in self._sources.items()}


class Sorted(Aggregator):
    """Pairs `(source, value)` in an order."""

    DEFAULT_NAME = "sorted"

    def __init__(
        self,
        cmp: Callable[[Any, Any], int] | None = None,
        key: Callable[[Any], Any] | None = None,
        reverse: bool = False,  # noqa: FBT001, FBT002 - as in scales
        name: str | None = None,
        data_format: DataFormat = DataFormats.DEFAULT,
    ) -> None:
        """`key` is called with a pair, and `cmp` with two pairs, or with their keys.

        Without either the order is that of the sources, numbers in their names by their size.
        """
        super().__init__(name, data_format)
        self._cmp = cmp
        self._key = key
        self._reverse = reverse
        self._pairs: list[tuple[Any, Any]] = []

    def clone(self) -> Self:
        """Return one like it, that has taken nothing in."""
        return type(self)(self._cmp, self._key, self._reverse, self.name, self.data_format)

    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data."""
        self._pairs.append((source, self.value_in(data)))

    def result(self) -> list[tuple[Any, Any]]:
        """Return the pairs so far. What `key` and `cmp` raise goes to the caller."""
        return sorted(self._pairs, key=self._order, reverse=self._reverse)

    def _order(self, pair: tuple[Any, Any]) -> Any:
        if self._cmp is None and self._key is None:
            return sort_key(pair[0])
        key = pair if self._key is None else self._key(pair)
        return key if self._cmp is None else cmp_to_key(self._cmp)(key)


class Highlight(Aggregator):
    """One value of all, and whose it is: `{"source", "value"}`."""

    def __init__(
        self,
        name: str,
        fn: Callable[[Any, Any], object],
        data_format: DataFormat = DataFormats.DIRECT,
    ) -> None:
        """`fn` is called with the value chosen so far and another: whether to choose that instead.

        A value is all of a source's data, unless there is a format.
        """
        super().__init__(name, data_format)
        self._fn = fn
        self._chosen: tuple[Any, Any] | None = None

    def clone(self) -> Self:
        """Return one like it, that has taken nothing in."""
        return type(self)(self.name, self._fn, self.data_format)

    def add_value(self, source: Any, data: Any) -> None:
        """Take in a source's data. What `fn` raises goes to the caller."""
        value = self.value_in(data)
        if self._chosen is None or self._fn(self._chosen[1], value):
            self._chosen = (source, value)

    def result(self) -> dict[str, Any]:
        """Return the chosen value, and its source."""
        source, value = self._chosen or (None, None)
        return {"source": source, "value": value}
