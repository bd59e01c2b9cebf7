"""The groups of a store as a tree for the status pages, as it is at one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stats.branches import read_branches
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.kept_readings import KeptReadings
from ecl_logging.stores.protocols import Definition, Store
from ecl_logging.tools.command import Context

__all__ = ["GroupTree"]

_MANY_GROUPS = 10  # of more, each is behind a link, and not read before that is opened
_MANY_IDS = 100  # or measures; more are behind a link, so that the rest can be seen
_BEGIN_SECONDS = 8.0  # of a page; no group is begun later


class GroupTree:
    """Gives the tree `GROUP/INTERVAL/{last,current,measures}`. Thread safe.

    Of the groups of a command's file, and those that the store remembers at that moment. What is
    read is kept for a second, and that the store is away for five.
    """

    def __init__(self, context: Context, is_folded: Callable[[], bool] = lambda: True) -> None:
        """`is_folded`: whether what is much is to be behind links at this request.

        Touches nothing yet.
        """
        self._context = context
        self._is_folded = is_folded
        self._readings = KeptReadings()

    def __call__(self) -> StatContainer:
        """Return the tree, whose intervals are read when they are looked at. Raises StoreError."""
        definitions = self._readings.get(None, self._context.definitions)
        deadline = Deadline(_BEGIN_SECONDS)
        is_folded = self._is_folded()
        root = StatContainer()
        for name, definition in definitions.items():
            root[name] = group = StatContainer(root, name)
            group.set_collapsed(is_folded and len(definitions) > _MANY_GROUPS)
            read = _GroupAtRequest(self._context.store, self._readings, definition, deadline)
            for interval in definition.intervals:
                group[interval.text] = _Gauge(read, interval.text, is_folded=is_folded)
        return root


class _GroupAtRequest:
    """Reads a group for one request."""

    def __init__(
        self, store: Store, readings: KeptReadings, definition: Definition, deadline: Deadline
    ) -> None:
        self._store = store
        self._readings = readings
        self._definition = definition
        self._deadline = deadline

    def branch(self, text: str) -> Any:
        """Return the branch of an interval; all of them are read together. Raises StoreError."""
        if not self._deadline.seconds_left():
            raise StoreUnavailable(f"{self._store.shown}: takes too long to be read")
        # With the definition, which somebody may have changed since another request.
        return self._readings.get((self._definition.group, self._definition.version), self._read)[
            text
        ]

    def _read(self) -> dict[str, dict[str, Any]]:
        texts = [interval.text for interval in self._definition.intervals]
        return read_branches(self._store, self._definition, texts)


class _Gauge:
    """One interval of a group."""

    __slots__ = ("_group", "_is_folded", "_text")

    def __init__(self, group: _GroupAtRequest, text: str, *, is_folded: bool) -> None:
        self._group, self._text, self._is_folded = group, text, is_folded

    def __call__(self) -> Any:
        """Return what is there now. Raises StoreError."""
        branch = self._group.branch(self._text)
        return _folded(branch) if self._is_folded else branch


def _folded(branch: Mapping[str, Any]) -> StatContainer:
    """The branch, with what has many names in it behind a link."""
    container = StatContainer()
    for name, value in branch.items():
        is_branch = isinstance(value, Mapping)
        container[name] = _folded(value) if is_branch else value
    container.set_collapsed(len(container) > _MANY_IDS)
    return container
