"""WeakRefs: objects to be called back, as many as there still are."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

__all__ = ["WeakRefs"]

_T = TypeVar("_T")


class WeakRefs(Generic[_T]):
    """A set that keeps nothing alive.

    Thread safe, and safe in signal handlers and finalizers: each method is one call into C
    where it matters, while iterating over a `weakref.WeakSet` fails when another thread adds
    to it.
    """

    def __init__(self) -> None:
        self._refs: set[weakref.ref[_T]] = set()

    def add(self, item: _T) -> weakref.ref[_T]:
        """Add an object, until it is gone; return what `discard` takes."""
        ref = weakref.ref(item, self._refs.discard)
        self._refs.add(ref)
        return ref

    def discard(self, ref: weakref.ref[_T]) -> None:
        """Take out an object, if it is there."""
        self._refs.discard(ref)

    def alive(self) -> list[_T]:
        """Return the objects that there are at this moment."""
        found = [ref() for ref in list(self._refs)]
        return [item for item in found if item is not None]
