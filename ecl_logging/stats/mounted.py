"""Groups of an EventCountLogger as branches of the tree: a process and its fleet in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ecl_logging.errors import ConfigError
from ecl_logging.event_group import DummyEventGroup, EventGroup
from ecl_logging.flusher import Flusher
from ecl_logging.stats.group_branches import branch_of, read_definition, read_intervals
from ecl_logging.stats.kept_readings import KeptReadings
from ecl_logging.stats.tree import parts_of, tree

__all__ = ["mount", "unmount"]

_Branches = Mapping[str, Any]  # by interval


class _Counting(Protocol):
    """What can be mounted beside groups of ours."""

    @property
    def intervals(self) -> Iterable[str]: ...
    def get_counts(self, interval: str, *, current: bool = ...) -> Mapping[str, int]: ...


_readings: WeakKeyDictionary[Flusher, KeptReadings] = WeakKeyDictionary()
"""One for each store that groups of this process are in."""


def mount(path: object, group: EventGroup | DummyEventGroup | _Counting) -> None:
    """Show a group in the tree, at a path such as `/events/requests`.

    ::

        for name, group in ecl.groups.items():
            mount(f"/events/{name}", group)

    There it has `last` and `current` of each of its intervals, such as `5m/last/req1`, of all
    programs that count in the group; and `measures`, if it has any, such as
    `5m/measures/last/latency/p95`: count, mean, p50, p90, p95, p99 and max. They are read from the
    store when somebody looks at them, in one step for each interval and one more, and kept for a
    second; nothing is written, so what this process has pending is not yet there. Where the
    store is away, its error stands in their place, for five seconds before it is asked
    again: looking takes no longer than the first step that fails.

    The tree holds the group, and so its store, until `unmount` or `reset`; the EventCountLogger
    may go. Other objects are groups, too, if they have `get_counts(interval, current=...)` and
    `intervals`, texts; a DummyEventGroup has none of these and shows nothing. Touches neither
    network nor disk. Thread safe; works in forked children. Raises ConfigError where something
    is at the path, where a name above it is a stat, and for what is no group.
    """
    tree.mount(parts_of(path), _gauges_of(group))


def unmount(path: object) -> bool:
    """Take the group at a path out of the tree, and let go of it. Thread safe.

    Returns whether there was one; all else at the path stays.
    """
    return tree.unmount(parts_of(path))


def _gauges_of(group: Any) -> dict[str, Callable[[], Any]]:
    """What is called for each interval."""
    if isinstance(group, DummyEventGroup):
        return {}
    if isinstance(group, EventGroup):
        texts = [interval.text for interval in group._counter.wanted.intervals]
        readings = _readings.setdefault(group._flusher, KeptReadings())
        return {text: _Gauge(readings, _Read(group, texts), text) for text in texts}
    if not callable(getattr(group, "get_counts", None)) or not hasattr(group, "intervals"):
        raise ConfigError(f"mount: {type(group).__name__} is no group")
    texts = [str(text) for text in group.intervals]
    readings = KeptReadings()
    return {text: _Gauge(readings, _Ask(group, texts), text) for text in texts}


class _Gauge:
    """One interval of a group. All of them are read together."""

    ends_by_itself = True  # see `asking`: a store has so much time and no more
    __slots__ = ("_read", "_readings", "_text")

    def __init__(self, readings: KeptReadings, read: _Read | _Ask, text: str) -> None:
        self._readings, self._read, self._text = readings, read, text

    def __call__(self) -> Any:
        """Return what is there now. Raises StoreError."""
        return self._readings.get(self._read.key, self._read)[self._text]


class _Read:
    """Reads a group of ours."""

    __slots__ = ("_group", "_texts", "key")

    def __init__(self, group: EventGroup, texts: list[str]) -> None:
        self._group, self._texts = group, texts
        self.key = (group.name, *texts)

    def __call__(self) -> _Branches:
        store = self._group._flusher.store
        definition = read_definition(store, self._group._counter.wanted)
        found = read_intervals(store, definition, self._texts)
        return {text: branch_of(*views) for text, views in found.items()}


class _Ask:
    """Asks an object that is like a group."""

    __slots__ = ("_group", "_texts", "key")

    def __init__(self, group: _Counting, texts: list[str]) -> None:
        self._group, self._texts = group, texts
        self.key = None

    def __call__(self) -> _Branches:
        return {
            text: {
                "last": _events_of(self._group.get_counts(text)),
                "current": _events_of(self._group.get_counts(text, current=True)),
            }
            for text in self._texts
        }


def _events_of(counts: Mapping[str, int]) -> dict[str, int]:
    return {event: n for event, n in counts.items() if str(event)[:1] != "@"}
