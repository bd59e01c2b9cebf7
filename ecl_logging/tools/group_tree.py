"""The groups of a store as a tree for the status pages, as it is at one request."""

from __future__ import annotations

from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stats.branches import read_branches
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.kept_readings import KeptReadings
from ecl_logging.stores.protocols import Definition
from ecl_logging.tools.command import Context

__all__ = ["GroupTree"]

_MANY = 10  # groups; of more than that each is behind a link, and not read before it is opened
_BEGIN_SECONDS = 8.0  # of a page; no group is begun later


class GroupTree:
    """Gives the tree `GROUP/INTERVAL/{last,current,measures}`. Thread safe.

    Of the groups of a command's file, and those that the store remembers at that moment. What is
    read is kept for a second, and that the store is away for five.
    """

    def __init__(self, context: Context) -> None:
        """Touches nothing yet."""
        self._context = context
        self._readings = KeptReadings()

    def __call__(self) -> StatContainer:
        """Return the tree, whose intervals are read when they are looked at. Raises StoreError."""
        definitions = self._readings.get(None, self._context.definitions)
        deadline = Deadline(_BEGIN_SECONDS)
        root = StatContainer()
        for name, definition in definitions.items():
            root[name] = group = StatContainer(root, name)
            group.set_collapsed(len(definitions) > _MANY)
            read = _GroupAtRequest(self._context, self._readings, definition, deadline)
            for interval in definition.intervals:
                group[interval.text] = _Gauge(read, interval.text)
        return root


class _GroupAtRequest:
    """Reads a group for one request."""

    def __init__(
        self, context: Context, readings: KeptReadings, definition: Definition, deadline: Deadline
    ) -> None:
        self._store = context.store
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

    __slots__ = ("_group", "_text")

    def __init__(self, group: _GroupAtRequest, text: str) -> None:
        self._group, self._text = group, text

    def __call__(self) -> Any:
        """Return what is there now. Raises StoreError."""
        return self._group.branch(self._text)
