"""What there is to tell of each group of a store, read within seconds. No exporter's format yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.intervals import Interval, whole_seconds
from ecl_logging.stores.protocols import Definition, Store, Totals
from ecl_logging.stores.steps import united
from ecl_logging.views import LAST, View, read_views, store_second

__all__ = ["GroupReading", "Reader", "Reading"]

_BEGIN_SECONDS = 4.0
"""No step begins later. One takes 5 seconds at most, and a scrape as a rule 10."""

_DEFINE_SECONDS = 2.0


@dataclass(slots=True)
class GroupReading:
    """What a store has of one group; nothing where it could not be read."""

    group: str
    definition: Definition | None = None
    last: list[tuple[Interval, View]] = field(default_factory=list)  # finished buckets
    totals: Totals | None = None
    sources: int = 0  # within the last week
    lag_seconds: int | None = None  # since the newest of them sent something
    problem: str | None = None  # why there is not all of it


@dataclass(slots=True)
class Reading:
    """What a store has at one time."""

    groups: list[GroupReading] = field(default_factory=list)
    error: StoreError | None = None  # that ended the reading; the groups before it are whole

    @property
    def is_up(self) -> bool:
        """Whether the store could be read: to its end, and at least one of its groups."""
        if self.error is not None:
            return False
        return not self.groups or any(one.definition is not None for one in self.groups)


class Reader:
    """Reads a store, in 9 seconds at most, and never raises. Thread safe.

    A group that is wanted and that the store does not know is defined there, so that its totals
    begin with the first reading and not after the first counts.
    """

    def __init__(self, store: Store, names: Collection[str] | None = None) -> None:
        """`names`: of the groups to read; None for all that the store knows, or are wanted."""
        self._store, self._names = store, names

    def read(self, wanted: Mapping[str, Definition]) -> Reading:
        """Read all groups. `wanted`: what this process's configuration says of some of them."""
        reading = Reading()
        one = _OneReading(self._store, Deadline(_BEGIN_SECONDS))
        try:
            names = self._names
            if names is None:
                names = {*wanted, *self._store.groups()}
            for name in sorted(names):
                reading.groups.append(one.group(name, wanted.get(name)))
        except StoreError as error:
            reading.error = error
        return reading


class _OneReading:
    """The steps of one reading. They raise StoreError where the store cannot be read at all."""

    def __init__(self, store: Store, deadline: Deadline) -> None:
        self._store, self._deadline = store, deadline
        self._now: int | None = None

    def group(self, name: str, wanted: Definition | None) -> GroupReading:
        reading = GroupReading(name)
        try:
            self._read(reading, wanted)
        except StoreUnavailable:
            raise
        except StoreError as error:  # what somebody has spoilt; other groups may be well
            reading.problem = str(error)
        return reading

    def _read(self, reading: GroupReading, wanted: Definition | None) -> None:
        definition = reading.definition = self._definition(reading, wanted)
        if definition is None:
            reading.problem = f"{self._store.shown} knows no group {reading.group!r}"
            return
        for interval in definition.intervals:
            self._see_to_time()
            [view] = read_views(self._store, definition, interval, [LAST])
            reading.last.append((interval, view))
        self._see_to_time()
        sources = self._store.sources(reading.group)
        reading.sources = len(sources)
        if sources:
            newest = max(whole_seconds(source.at) for source in sources)
            reading.lag_seconds = max(0, self._second(reading.group) - newest)
        self._see_to_time()
        try:
            reading.totals = self._store.totals(reading.group)
        except StoreUnavailable as error:  # the first time they must be written, not only read
            reading.problem = f"{error}; totals of group {reading.group} cannot begin"

    def _definition(self, reading: GroupReading, wanted: Definition | None) -> Definition | None:
        self._see_to_time()
        timeout = self._deadline.seconds_left()
        stored = self._store.definition(reading.group, timeout=timeout)
        if wanted is None or stored is not None:
            return united(stored, wanted) if stored and wanted else stored
        try:
            return self._store.define(wanted, timeout=min(_DEFINE_SECONDS, timeout))
        except StoreUnavailable as error:
            reading.problem = str(error)
            return wanted  # all zeros, as far as it can be read

    def _second(self, group: str) -> int:
        """The second that it is by the store's clock, asked once."""
        if self._now is None:
            self._now = store_second(self._store, group)
        return self._now

    def _see_to_time(self) -> None:
        if not self._deadline.seconds_left():
            raise StoreUnavailable(f"{self._store.shown}: takes too long to be read")
