"""Collecting what is wrong with a configuration, to tell all of it at once."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ecl_logging.errors import ConfigError

__all__ = ["Problems", "checked_together", "masked", "named", "printable", "shown"]

_PASSWORD = re.compile(r"//\S*@|//:\S+")


class Problems:
    """Collects what is wrong, each with its place."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._found: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note that the value at `path` is wrong; `message` also says what would be right."""
        place = f"{self._place}: {path}" if path else self._place
        self._found.append(f"{place}: {message}")

    def add_unknown(
        self, path: str, kind: str, name: object, known: Collection[str], *, more: str = ""
    ) -> None:
        """Note that `name` at `path` is no known `kind`, with the nearest one that is, and more."""
        from difflib import get_close_matches

        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        self.add(path, f"unknown {kind} {shown(name)}; {hint}{more}")

    def raise_if_any(self) -> None:
        """Raise one ConfigError with all that was found."""
        if self._found:
            raise ConfigError(self._found)

    def mapping(self, path: str, value: object, keys: Collection[str]) -> dict[str, object]:
        """Return `value` as a dict of known keys; note what is none, and unknown keys."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add(path, f"{shown(value)} is not a mapping; its keys are {', '.join(keys)}")
            return {}
        for key in value:
            if key not in keys:
                self.add_unknown(path, "key", key, keys)
        return {key: value[key] for key in keys if key in value}


def checked_together(*checks: Callable[[], Any]) -> list[Any]:
    """Return what the checks return; raise one ConfigError with the problems of all."""
    results: list[Any] = []
    found: list[str] = []
    for check in checks:
        try:
            results.append(check())
        except ConfigError as error:
            found.extend(error.problems)
    if found:
        raise ConfigError(found)
    return results


_repr = reprlib.Repr()  # of bounded size, whatever the value holds
# Long enough that a password is not cut off from the '@' by which it is known.
_repr.maxstring = _repr.maxother = _repr.maxlong = 1000


def masked(text: str) -> str:
    """Return the text without the password of a URL in it."""
    return _PASSWORD.sub("//***@", text)


def printable(text: str) -> str:
    """Return the text in one line, with escapes for what a terminal would act on."""
    return text if text.isprintable() else repr(text)[1:-1]


def named(key: object) -> str:
    """Return what a place calls a key: as it is written, unless that is long or not printable."""
    if isinstance(key, str) and len(key) <= 60 and key.isprintable():
        return masked(key)
    return shown(key)


def shown(value: object) -> str:
    """Return a short text of a value, for a message; without the password of a URL."""
    try:
        text = masked(_repr.repr(value))
    except ValueError:  # a number of thousands of digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
