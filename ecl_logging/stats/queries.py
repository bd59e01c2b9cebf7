"""What the filter of the pages understands: `errors`, `errors > 5`, `web/errors > 5`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ecl_logging.errors import ConfigError
from ecl_logging.stats.looks import MOST_LOOKED_AT, Look
from ecl_logging.stats.reading import is_branch
from ecl_logging.stats.scalars import number_of, text_of

__all__ = ["Query", "parsed", "run_query"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_OPERATOR = re.compile("|".join(_OPERATORS))  # the longer ones come first
_QUOTED = re.compile(r"""(["'])(.*?)\1""", re.DOTALL)
_MOST_TOLD = 80  # characters of a wrong query
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Query(NamedTuple):
    """A name, and what its value must be like."""

    name: str
    path: tuple[str, ...]
    """The names of branches and of the value, where the name is a path."""
    compare: Callable[[Any, Any], Any] | None
    value: str

    def finds_name(self, keys: tuple[str, ...]) -> bool:
        """Whether it is for what is at this path."""
        if keys[-1] == self.name:
            return True
        return bool(self.path) and keys[-len(self.path) :] == self.path

    def finds_value(self, value: Any) -> bool:
        """Whether a value is as wanted. What cannot be compared is not."""
        if self.compare is None:
            return True
        if is_branch(value):
            return False
        try:
            return self._compares(value, self.compare)
        except Exception:  # noqa: BLE001 - values of the program's are asked for their order
            return False

    def _compares(self, value: Any, compare: Callable[[Any, Any], Any]) -> bool:
        if isinstance(value, bool):
            return bool(compare(value, _TRUTHS[self.value.lower()]))
        number = number_of(value)
        if number is not None:
            return bool(compare(number, _number_in(self.value)))
        is_ordered = isinstance(value, (str, bytes, bytearray))
        if not is_ordered and compare not in (operator.eq, operator.ne):
            return False
        return bool(compare(text_of(value), self.value))


def _number_in(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def parsed(query: str) -> Query:
    """Return what a query asks for; raise ConfigError, a ValueError, for one that means nothing."""
    text = query.strip()
    quoted = _QUOTED.match(text)
    sign = _OPERATOR.search(text, quoted.end() if quoted else 0)
    name = text[: sign.start() if sign else len(text)].rstrip()
    value = text[sign.end() :].lstrip() if sign else ""
    if quoted:
        if name != quoted[0]:
            raise _wrong(query)
        name = quoted[2]
    if not name and not quoted:
        raise _wrong(query)
    if sign and (not value or value[0] in "<>="):  # such as `errors => 5`
        raise _wrong(query)
    is_path = "/" in name and not quoted
    return Query(
        name,
        tuple(part for part in name.split("/") if part) if is_path else (),
        _OPERATORS[sign[0]] if sign else None,
        _without_quotes(value),
    )


def _without_quotes(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] in "\"'" and value[0] == value[-1]
    return value[1:-1] if is_quoted else value


def _wrong(query: str) -> ConfigError:
    told = query if len(query) <= _MOST_TOLD else f"{query[:_MOST_TOLD]}..."
    return ConfigError(
        f"{told!r} is no query: write a name such as errors or web/errors, or a name, one of"
        " >= > <= < == = != and a value, such as errors > 5; what has these signs itself goes"
        " in quotes"
    )


def run_query(stat_dict: Mapping[Any, Any], query: str) -> dict[Any, Any]:
    """Return of a tree what a query asks for, in the branches where it is.

    A query is a name, which is that of a value or of a branch, or a name, an operator (`>=`, `>`,
    `<=`, `<`, `==`, `=`, `!=`) and a value: `errors > 5`. The name may be the end of a path:
    `web/errors`. Names and values with such signs in them go in single or double quotes. Numbers
    are compared as numbers, bools with `true` and `false`, texts as texts; other things are only
    the same or not, by their text. What cannot be compared is not found; a branch whose name
    matches is returned whole, unless there is something to compare, which is looked for in it.

    Each gauge is called once, and its value returned in place of it. Raises ValueError for a
    query that means nothing, in one line. Safe while other threads count.
    """
    return _found(stat_dict, parsed(query), (), Look(MOST_LOOKED_AT))


def _found(branch: Any, query: Query, keys: tuple[str, ...], above: Look) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    look = above.into(branch) if is_branch(branch) else None
    if look is None:
        return found
    items = look.items_in(branch)
    for key, value in items if isinstance(items, list) else ():
        here = (*keys, text_of(key))
        now = look.value_of(value)
        if query.finds_name(here) and query.finds_value(now):
            found[key] = now
        elif is_branch(now):
            below = _found(now, query, here, look)
            if below:
                found[key] = below
    return found
