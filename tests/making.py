"""What many tests make and none of them has to close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

__all__ = ["making"]


class _Closed(Protocol):
    def close(self) -> object: ...


_T = TypeVar("_T", bound=_Closed)


def making(build: Callable[..., _T], **usual: Any) -> Iterator[Callable[..., _T]]:
    """Yield what builds one with an EventCountLogger, or with these arguments and its own."""
    made: list[_T] = []

    def make(ecl: object = None, **arguments: Any) -> _T:
        made.append(build(ecl, **(usual if ecl is None else {}) | arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()
