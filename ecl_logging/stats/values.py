"""StatValues: what stands in the tree for a stat that is more than one number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any

__all__ = ["StatValues"]


class StatValues(Mapping[str, Any]):
    """Named numbers that are worked out when they are read, and so are right at any moment.

    Copies and pickles are plain dictionaries with the numbers of that moment: what counts stays
    in the tree, and its clock means nothing in another process.
    """

    __slots__ = ()

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """Return all of them, of one moment. Thread safe."""

    def __getitem__(self, name: str) -> Any:
        return self.snapshot()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.snapshot())

    def __len__(self) -> int:
        return len(self.snapshot())

    def items(self) -> ItemsView[str, Any]:
        """Return names with numbers, all of one moment."""
        return self.snapshot().items()

    def values(self) -> ValuesView[Any]:
        """Return the numbers, all of one moment."""
        return self.snapshot().values()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.snapshot()!r})"

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[dict[Any, Any]]]:
        """Have copies count nowhere."""
        return dict, (self.snapshot(),)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return self.__reduce__()
