"""Which loggers a name means, in rules as in commands."""

from __future__ import annotations

import fnmatch

__all__ = ["is_below", "is_pattern"]


def is_below(name: str, logger: str) -> bool:
    """Whether the logger called `name` is meant by `logger`: that one, and those below it.

    With * or ? in it, `logger` is a pattern for whole names; `root` is the root logger itself.
    """
    if logger == "root":
        return name == "root"  # its descendants would be all there are
    if is_pattern(logger):
        return fnmatch.fnmatchcase(name, logger)
    return name == logger or name.startswith(logger + ".")


def is_pattern(logger: str) -> bool:
    """Whether it is a pattern, and no logger's name."""
    return "*" in logger or "?" in logger
