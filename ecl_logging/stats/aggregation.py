"""The stats of many processes or servers as those of one: sums, averages, who has the most.

aggregation = Aggregation({
    "web": {
        "latency": [Average(), Highlight("slowest", lambda a, b: b > a, DataFormat(["max"]))],
        "by_status": {
            ("ok", re.compile("[1-3]..")): [Sum()],
            ("failed", re.compile("[45]..")): [Sum()],
        },
        "by_path": {"*": [Sum()]},
    }
})
aggregation.add_json_directory("/var/lib/program/stats")
aggregation.result()  # {"web": {"latency": {"average": {...}, "slowest": {...}}, ...}}
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.stats.aggregators import (
    Aggregator,
    Average,
    Highlight,
    InverseMap,
    Sorted,
    Sum,
)
from ecl_logging.stats.data_formats import DataFormat, DataFormats, Lacking
from ecl_logging.stats.reading import is_branch, items_in, value_of
from ecl_logging.stats.scalars import text_of

__all__ = [
    "Aggregation",
    "Aggregator",
    "Average",
    "DataFormat",
    "DataFormats",
    "FileInclusionTest",
    "Highlight",
    "InverseMap",
    "Lacking",
    "Sorted",
    "Sum",
]

_ANY = "*"


class Aggregation:
    """Takes in trees of stats, and gives one whose leaves are what they come to together.

    Not thread safe.
    """

    def __init__(self, aggregators: Mapping[Any, Any]) -> None:
        """`aggregators` has the form of a tree, with lists of aggregators for its leaves.

        A key is a name, `"*"` for every name there is, or `(NAME, REGEX)` for all that the
        regular expression matches from their beginning, which come under that one name. Raises
        ConfigError for what has another form, and for two aggregators of one name in a list.
        """
        _check(aggregators, "/")
        self._aggregators = aggregators
        self._root = _Node()
        self.skipped: dict[str, str] = {}
        """Files that were passed over in a directory, and why."""

    def add_source(self, source: Any, data: Any) -> None:
        """Take in a tree of stats, such as `get_stats()`. What it lacks is passed over."""
        _add(source, self._aggregators, value_of(data), self._root)

    def add_json_directory(
        self, directory: str | os.PathLike[str], test: Callable[[str, str], object] | None = None
    ) -> None:
        """Take in every JSON file in a directory; its name without the suffix is the source.

        `test` is called with the name and with the path of each file, and says whether to take it
        in. Hidden files are not. What cannot be read, is no JSON or is gone by then is passed
        over, and is in `skipped`. Raises OSError for a directory that cannot be read.
        """
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            if name.startswith(".") or (test is not None and not test(name, path)):
                continue
            try:
                data = _json_in(path)
            except (OSError, ValueError, RecursionError) as error:
                self.skipped[name] = text_of(error)
            else:
                self.skipped.pop(name, None)
                self.add_source(os.path.splitext(name)[0], data)

    def result(self) -> dict[Any, Any]:
        """Return what all of it comes to so far, without branches that are empty."""
        return self._root.result()


class FileInclusionTest:
    """Says of a file whether to take it in; one that is gone or cannot be looked at is not."""

    def __init__(
        self,
        ignore_by_name: Callable[[str], object] | None = None,
        max_age: timedelta | None = None,
    ) -> None:
        """`ignore_by_name` is called with a path, and says whether to leave the file out.

        A file that was written to longer than `max_age` ago is left out too.
        """
        self.ignore_by_name = ignore_by_name
        self.max_age = max_age

    def __call__(self, filename: str, full_path: str) -> bool:
        """Return whether to take the file in."""
        if self.ignore_by_name is not None and self.ignore_by_name(full_path):
            return False
        if self.max_age is None:
            return True
        try:
            age = time.time() - os.stat(full_path).st_mtime
        except OSError:
            return False
        return age <= self.max_age.total_seconds()


def _json_in(path: str) -> Any:
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
        raise ValueError("it is no file")
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    if not isinstance(data, dict):
        raise ValueError("it holds no JSON object")
    return data


class _Node:
    """What there is at one place of the result."""

    def __init__(self) -> None:
        self.below: dict[Any, _Node] = {}
        self.aggregators: dict[str, Aggregator] = {}

    def result(self) -> dict[Any, Any]:
        results: dict[Any, Any] = {}
        for key, node in self.below.items():
            result = node.result()
            if result:
                results[key] = result
        for name, aggregator in self.aggregators.items():
            results[name] = aggregator.result()
        return results


def _check(aggregators: Any, path: str) -> None:
    if isinstance(aggregators, Mapping):
        for key, below in aggregators.items():
            is_pair = isinstance(key, tuple) and len(key) == 2
            if isinstance(key, tuple) and not (is_pair and isinstance(key[1], re.Pattern)):
                raise ConfigError(f"{path}: a key is a name or (name, re.compile(...)): {key!r}")
            _check(below, f"{path.rstrip('/')}/{text_of(key[0] if is_pair else key)}")
        return
    if not isinstance(aggregators, (list, tuple)) or not all(
        isinstance(each, Aggregator) for each in aggregators
    ):
        raise ConfigError(f"{path}: must be a list of aggregators, or a dictionary of such")
    names = [each.name for each in aggregators]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: two aggregators are called {name!r}")


def _add(source: Any, aggregators: Any, data: Any, node: _Node) -> None:
    if data is None:
        return
    if not isinstance(aggregators, Mapping):
        for aggregator in aggregators:
            _add_leaf(source, aggregator, data, node)
    elif is_branch(data):
        items = items_in(data)
        # By their texts: a number is a key in a process, and none in JSON.
        values = {text_of(key): value for key, value in items} if isinstance(items, list) else {}
        for key, below in aggregators.items():
            for name, value in _matching(key, values):
                _add(source, below, value_of(value), node.below.setdefault(name, _Node()))


def _matching(key: Any, values: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return what a key of the aggregators is for, by the names that it has in the result."""
    if isinstance(key, tuple):
        name, regex = key
        return [(name, value) for text, value in values.items() if regex.match(text)]
    if key == _ANY:
        return list(values.items())
    text = text_of(key)
    return [(key, values[text])] if text in values else []


def _add_leaf(source: Any, aggregator: Aggregator, data: Any, node: _Node) -> None:
    own = node.aggregators.get(aggregator.name) or aggregator.clone()
    try:
        own.add_value(source, data)
    except Lacking:
        return
    node.aggregators[aggregator.name] = own
