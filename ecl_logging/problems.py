"""Collecting what is wrong with a configuration, to tell all of it at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ecl_logging.errors import ConfigError

__all__ = ["Problems", "shown"]

_PASSWORD = re.compile(r"//\S*@|//:\S+")


class Problems:
    """Collects what is wrong, each with its place."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._found: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note that the value at `path` is wrong; `message` also says what would be right."""
        self._found.append(f"{self._place}: {path}: {message}" if path else message)

    def add_unknown(self, path: str, kind: str, name: object, known: Collection[str]) -> None:
        """Note that `name` at `path` is no known `kind`, with the nearest one that is."""
        from difflib import get_close_matches

        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        self.add(path, f"unknown {kind} {shown(name)}; {hint}")

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
                self.add_unknown(path or "top level", "key", key, keys)
        return {key: value[key] for key in keys if key in value}


def shown(value: object) -> str:
    """Return a short text of a value, for a message; without the password of a URL."""
    try:
        text = _PASSWORD.sub("//***@", repr(value))
    except ValueError:  # a number of thousands of digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
