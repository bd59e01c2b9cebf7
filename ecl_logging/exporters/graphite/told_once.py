"""What is said of one thing only once, however often it comes up."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Once"]

_MOST = 100  # things of which something is said


class Once:
    """Says something of a thing once. Thread safe: in a race it may be twice."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[object] = set()

    def __call__(self, what: object, text: str) -> None:
        """Say this of `what`, unless something was said of it, or of a hundred others."""
        if what not in self._told and len(self._told) < _MOST:
            self._told.add(what)
            self._say(text)
