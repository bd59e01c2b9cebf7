"""EventGroup: counting in one group by hand, and reading it; DummyEventGroup for none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial, update_wrapper

from ecl_logging.counter import GroupCounter
from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.distributions import Distribution
from ecl_logging.errors import ConfigError
from ecl_logging.event_ids import MAX_LENGTH, InvalidEvent, text_of
from ecl_logging.flusher import Flusher
from ecl_logging.problems import shown
from ecl_logging.settings import find_interval
from ecl_logging.stores.protocols import Definition
from ecl_logging.stores.steps import united
from ecl_logging.tallies import Table, Tallies
from ecl_logging.timer import Timer
from ecl_logging.views import CURRENT, LAST, View, read_views

__all__ = ["DummyEventGroup", "EventGroup"]

_MAX_KNOWN = 10_000  # IDs that take the fast path


class EventGroup:
    """Counts events of one group, and reads them. Thread safe.

    Made by `EventCountLogger.get_group`.
    """

    def __init__(self, counter: GroupCounter, flusher: Flusher) -> None:
        self.name = counter.config.name
        self._counter = counter
        self._flusher = flusher
        if not counter.is_direct and not counter.has_limit:
            self._take_the_fast_path()

    def _take_the_fast_path(self) -> None:
        """Put what counts IDs that have come before in the place of `log`, and of `observe`."""
        tallies = self._flusher.tallies
        known = Table(tallies, keys=1, most=_MAX_KNOWN)
        carefully = partial(_log_carefully, self._counter, tallies, known)
        fast = tallies.path.log_by_event(known.top, carefully)
        vars(self)["log"] = update_wrapper(fast, EventGroup.log)
        known = Table(tallies, keys=1, most=_MAX_KNOWN)
        carefully = partial(_observe_carefully, self._counter, tallies, known)
        fast = tallies.path.observe_by_name(known.top, carefully)
        vars(self)["observe"] = update_wrapper(fast, EventGroup.observe)

    def log(self, event_id: object, count: object = 1) -> None:
        """Count an event, `count` times. Never raises.

        `event_id`: 1 to 200 printable characters, not starting with '@'; a whole number or
        an Enum with a text value becomes text. `count`: a whole number from 0 to 2^53. What
        is neither counts one under `@invalid`. An ID that the group does not have is dropped
        with a warning, unless it declares IDs by itself.

        In a group with `sync_interval` or `sync_limit` this only notes the event. In any
        other it writes to the store, and waits for one round trip at most; what could not be
        written stays pending.
        """
        self._counter.arrive(event_id, count, time.time())
        if self._counter.is_direct:
            self._counter.write_through()

    def observe(self, measure: object, value: object) -> None:
        """Note a value of a measure, such as seconds or bytes. Never raises.

        `measure`: a name, as an event ID may be; the group has it from now on, if it had not. A
        program adds 100 to a group at most. `value`: a finite number, also as decimal text.
        What is neither counts one under `@invalid`. In a group that writes each event straight
        to the store, this does so, too.
        """
        self._counter.observe_by_name(measure, value, time.time())
        if self._counter.is_direct:
            self._counter.write_through()

    def time(self, measure: object) -> Timer:
        """Return what observes the seconds that a `with` block takes, or a function it decorates.

        ::

            with requests.time("latency"):
                ...

        Also where it raises. By a clock that nobody sets. Thread safe.
        """
        return Timer(self.observe, measure)

    # --- sending

    def sync(self, timeout: float | None = None) -> bool:
        """Write everything that is pending now. Waits for the store; True when nothing is left.

        It waits for `timeout` seconds at most.
        """
        return self._flusher.flush_one(self._counter, timeout)

    def declare_event_id(self, event_id: object) -> None:
        """Make an ID known to every process that counts in the group; see `declare_event_ids`."""
        self.declare_event_ids([event_id])

    def declare_event_ids(self, event_ids: Iterable[object]) -> None:
        """Make IDs known to every process that counts in the group.

        Waits for the store. Where it is away, they are known here at once, and elsewhere when
        it is back. Raises ConfigError for what is no event ID.
        """
        if isinstance(event_ids, str):
            raise ConfigError("declare_event_ids takes a list of IDs; declare_event_id takes one")
        problems, texts = [], []
        for index, event_id in enumerate(event_ids):
            try:
                texts.append(text_of(event_id))
            except InvalidEvent as reason:
                problems.append(
                    f"group {self.name}: event_ids[{index}]: {shown(event_id)} {reason}"
                )
        if problems:
            raise ConfigError(problems)
        self._counter.declare(texts)

    # --- reading

    def get_counts(self, interval: str, current: bool = False) -> dict[str, int]:
        """Return the counts of the last finished bucket, or of the current one.

        Declared IDs are there also at zero. With `current`, what this process has pending is
        sent first, and so included. Waits for the store; raises StoreUnavailable, and
        ConfigError for an interval that the group does not have.
        """
        return self._counts(interval, CURRENT if current else LAST)

    def get_last_count(self, event_id: object, interval: str) -> int:
        """Return one ID's count in the last finished bucket. Waits and raises as `get_counts`.

        What is no event ID is a ConfigError.
        """
        text = self._text_of(event_id)
        return self.get_counts(interval).get(text, 0)

    def get_current_count(self, event_id: object, interval: str) -> int:
        """Return one ID's count in the current bucket. Waits and raises as `get_counts`.

        What is no event ID is a ConfigError.
        """
        text = self._text_of(event_id)
        return self.get_counts(interval, current=True).get(text, 0)

    def get_current_counts(self, event_id: object) -> dict[str, int]:
        """Return one ID's count in the current bucket of each interval, as {'5s': 3, ...}.

        Waits and raises as `get_counts` does; what is no event ID is a ConfigError.
        """
        self._text_of(event_id)
        intervals = self._definition().intervals
        return {i.text: self.get_current_count(event_id, i.text) for i in intervals}

    def get_distribution(
        self, measure: object, interval: str, current: bool = False
    ) -> Distribution:
        """Return how the values of a measure were spread in the last finished bucket.

        Or in the current one. One in which there were none has the `count` 0. Waits and raises as
        `get_counts` does; what cannot be a measure's name is a ConfigError.
        """
        name = self._text_of(measure)
        view = self._view(interval, CURRENT if current else LAST)
        return view.measures.get(name, Distribution())

    def get_history(self, interval: str, n: int | None = None) -> list[tuple[int, dict[str, int]]]:
        """Return the last `n` finished buckets as (start, counts), oldest first.

        `n` is at most the group's history, and that by default. A bucket in which nothing was
        counted has zeros. Waits and raises as `get_counts` does.
        """
        most = self._definition().history
        return self._read(interval, range(min(most, most if n is None else max(0, n)), 0, -1))

    def _text_of(self, event_id: object) -> str:
        try:
            return text_of(event_id)
        except InvalidEvent as reason:
            raise ConfigError(f"group {self.name}: {shown(event_id)} {reason}") from None

    def _counts(self, interval: str, age: int) -> dict[str, int]:
        return self._view(interval, age).counts

    def _view(self, interval: str, age: int) -> View:
        if age == CURRENT and self._counter.has_pending():
            self.sync(STEP_SECONDS)
        [view] = self._views(interval, [age])
        return view

    def _read(self, interval: str, ages: Sequence[int]) -> list[tuple[int, dict[str, int]]]:
        return [(view.start, view.counts) for view in self._views(interval, ages)]

    def _views(self, interval: str, ages: Sequence[int]) -> list[View]:
        definition = self._definition()
        found = find_interval(interval, definition.intervals, self.name)
        return read_views(self._flusher.store, definition, found, ages)

    def _definition(self) -> Definition:
        """The store's, with what it has not been told yet."""
        wanted = self._counter.wanted
        stored = self._flusher.store.definition(self.name)
        return united(stored, wanted) if stored is not None else wanted


def _log_carefully(
    counter: GroupCounter,
    tallies: Tallies,
    known: Table,
    event_id: object,
    count: object,
) -> None:
    """Count an event as it comes, and have the next of its ID take the fast path."""
    age = known.age
    counter.arrive(event_id, count, time.time())
    is_plain = type(event_id) is str and len(event_id) <= MAX_LENGTH
    if is_plain and not known.is_full and not counter.has_limit:
        tally = tallies.tally_of([(counter, event_id, 1)])  # type: ignore[list-item]
        if tally is not None:
            known.remember([event_id], tally, age)
    tallies.look()


def _observe_carefully(
    counter: GroupCounter, tallies: Tallies, known: Table, name: object, value: object
) -> None:
    """Note a value as it comes, and have the next of its measure take the fast path."""
    age = known.age
    measure = counter.observe_by_name(name, value, time.time())
    if measure is not None and not known.is_full and not counter.has_limit:
        tally = tallies.tally_of((), [(counter, measure)])
        if tally is not None:
            known.remember([measure], tally, age)
            tallies.make_room(tally)
    tallies.look()


class DummyEventGroup:
    """Stands in for a group that is not configured: writers do nothing, readers return nothing."""

    name = ""

    def log(self, event_id: object, count: object = 1) -> None:
        """Do nothing."""

    def observe(self, measure: object, value: object) -> None:
        """Do nothing."""

    def time(self, measure: object) -> Timer:
        """Return what observes nothing of a `with` block."""
        return Timer(self.observe, measure)

    def sync(self, timeout: float | None = None) -> bool:
        """Return True: nothing is pending."""
        return True

    def declare_event_id(self, event_id: object) -> None:
        """Do nothing."""

    def declare_event_ids(self, event_ids: Iterable[object]) -> None:
        """Do nothing."""

    def get_counts(self, interval: str, current: bool = False) -> dict[str, int]:
        """Return no counts."""
        return {}

    def get_last_count(self, event_id: object, interval: str) -> int:
        """Return 0."""
        return 0

    def get_current_count(self, event_id: object, interval: str) -> int:
        """Return 0."""
        return 0

    def get_current_counts(self, event_id: object) -> dict[str, int]:
        """Return no counts."""
        return {}

    def get_distribution(
        self, measure: object, interval: str, current: bool = False
    ) -> Distribution:
        """Return a distribution of nothing."""
        return Distribution()

    def get_history(self, interval: str, n: int | None = None) -> list[tuple[int, dict[str, int]]]:
        """Return no buckets."""
        return []
