"""Which value of the tree a URL names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecl_logging.stats.looks import MOST_LOOKED_AT, Look
from ecl_logging.stats.reading import is_branch
from ecl_logging.stats.scalars import text_of

__all__ = ["found_at"]


def found_at(branch: Any, path: str) -> tuple[tuple[str, ...], Any]:
    """Return the names on the way to what is at a path, and the value, gauges called.

    Raises LookupError where there is nothing. A slash in a URL can be one between names or one
    within a name, such as that of a page that is counted: servers decode `%2F` before we see it.
    So the names that there are decide. A slash at the end may be one too many.
    """
    for found in _ways(branch, path, (), Look(MOST_LOOKED_AT)):
        return found
    raise LookupError(path)


def _ways(
    found: Any, rest: str, names: tuple[str, ...], look: Look
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not rest:
        yield names, found
    elif is_branch(found):
        items = look.items_in(found)
        for key, value in items if isinstance(items, list) else ():
            name = text_of(key)
            if rest in {name, f"{name}/"}:
                yield (*names, name), look.value_of(value)
            elif rest.startswith(f"{name}/"):
                yield from _ways(look.value_of(value), rest[len(name) + 1 :], (*names, name), look)
