"""The groups of a store as a tree for the status pages, as it is at one request."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.group_branches import branch_of, read_intervals
from ecl_logging.stats.kept_readings import KeptReadings
from ecl_logging.stores.protocols import Definition, Store
from ecl_logging.tools.command import Context
from ecl_logging.tools.moments import utc_time
from ecl_logging.views import View, read_starts

__all__ = ["GroupTree"]

_T = TypeVar("_T")

_MANY_GROUPS = 10  # of more, each is behind a link, and not read before that is opened
_MANY_IDS = 100  # or measures; more are behind a link, so that the rest can be seen
_MOST_PAST = 60  # buckets of a history
_BEGIN_SECONDS = 8.0  # of a page; no group is begun later


class GroupTree:
    """Gives the tree `GROUP/INTERVAL/{last,current,measures,history}`. Thread safe.

    Of the groups of a command's file, and those that the store remembers at that moment. What is
    read is kept for a second, and that the store is away for five.
    """

    def __init__(self, context: Context, is_folded: Callable[[], bool] = lambda: True) -> None:
        """`is_folded`: whether what is much is to be behind links at this request.

        A history always is, for it is much to read. Touches nothing yet.
        """
        self._context = context
        self._is_folded = is_folded
        self._readings = KeptReadings()

    def __call__(self) -> StatContainer:
        """Return the tree, whose intervals are read when they are looked at. Raises StoreError."""
        definitions = self._readings.get(None, self._context.definitions)
        request = _Request(self._context.store, self._readings, is_folded=self._is_folded())
        root = StatContainer()
        for name, definition in definitions.items():
            root[name] = group = StatContainer(root, name)
            group.set_collapsed(request.is_folded and len(definitions) > _MANY_GROUPS)
            for interval in definition.intervals:
                group[interval.text] = _IntervalGauge(request, definition, interval)
        return root


class _Request:
    """What is read for one page."""

    def __init__(self, store: Store, readings: KeptReadings, *, is_folded: bool) -> None:
        self.store = store
        self.is_folded = is_folded
        self._readings = readings
        self._deadline = Deadline(_BEGIN_SECONDS)

    def read(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """Read what is not kept, unless the page takes too long already. Raises StoreError."""
        if not self._deadline.seconds_left():
            raise StoreUnavailable(f"{self.store.shown}: takes too long to be read")
        return self._readings.get(key, read)

    def folded(self, branch: Mapping[str, Any]) -> Mapping[str, Any]:
        """The branch, with what has many names in it behind a link, if there may be links."""
        return _folded(branch) if self.is_folded else branch


class _IntervalGauge:
    """One interval of a group. All of them are read together."""

    ends_by_itself = True  # see `stats.asking`: a store has so much time and no more
    __slots__ = ("_definition", "_interval", "_request")

    def __init__(self, request: _Request, definition: Definition, interval: Interval) -> None:
        self._request, self._definition, self._interval = request, definition, interval

    def __call__(self) -> Any:
        """Return what is there now. Raises StoreError."""
        # With the version, for somebody may change the definition between two requests.
        key = (self._definition.group, self._definition.version)
        last, current = self._request.read(key, self._read)[self._interval.text]
        branch = {**self._request.folded(branch_of(last, current))}
        branch["history"] = self._history(last.start)
        return branch

    def _read(self) -> dict[str, tuple[View, View]]:
        texts = [interval.text for interval in self._definition.intervals]
        return read_intervals(self._request.store, self._definition, texts)

    def _history(self, newest: int) -> StatContainer:
        """The finished buckets up to one, by their starts, which are read when it is opened."""
        seconds = self._interval.seconds
        n = min(self._definition.history, _MOST_PAST)
        starts = range(newest - (n - 1) * seconds, newest + 1, seconds)
        container = StatContainer()
        for start in starts:
            container[utc_time(start)] = _PastGauge(self, starts, start)
        container.set_collapsed(True)
        return container

    def past(self, starts: range, start: int) -> Any:
        """Return the counts of one of these buckets; all of them are read together."""

        def read() -> dict[int, Mapping[str, int]]:
            views = read_starts(
                self._request.store, self._definition, self._interval, starts, only_kept=True
            )
            return {view.start: view.in_order().counts for view in views}

        key = (self._definition.group, self._definition.version, self._interval.text, starts)
        return self._request.folded(self._request.read(key, read).get(start, {}))


class _PastGauge:
    """One finished bucket."""

    ends_by_itself = True
    __slots__ = ("_interval", "_start", "_starts")

    def __init__(self, interval: _IntervalGauge, starts: range, start: int) -> None:
        self._interval, self._starts, self._start = interval, starts, start

    def __call__(self) -> Any:
        """Return its counts. Raises StoreError."""
        return self._interval.past(self._starts, self._start)


def _folded(branch: Mapping[str, Any]) -> StatContainer:
    container = StatContainer()
    for name, value in branch.items():
        container[name] = _folded(value) if isinstance(value, Mapping) else value
    container.set_collapsed(len(container) > _MANY_IDS)
    return container
