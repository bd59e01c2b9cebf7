"""Counts and measures for Prometheus: a collector for any registry of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ecl_logging import notices
from ecl_logging.config import config_from
from ecl_logging.definitions import wanted_definition
from ecl_logging.errors import ConfigError
from ecl_logging.exporters.histograms import DEFAULT_BOUNDS, Bounds, powers_of_two
from ecl_logging.exporters.readings import Reader, Reading
from ecl_logging.extras import missing_one
from ecl_logging.groups import EventCountLogger
from ecl_logging.lifetime import watch
from ecl_logging.outage import Outage
from ecl_logging.settings import Config
from ecl_logging.stores import open_chosen_store

try:
    from ecl_logging.exporters.families import ProcessFamilies, StoreFamilies
    from ecl_logging.exporters.stats_collector import StatsCollector
except ModuleNotFoundError as error:
    missing = missing_one(error, ["prometheus_client"])
    raise ModuleNotFoundError(
        f"ecl_logging.exporters.prometheus needs {missing}: pip install 'ecl-logging[prometheus]'",
        name=error.name,
    ) from None

if TYPE_CHECKING:
    from prometheus_client.core import Metric


__all__ = ["DEFAULT_BOUNDS", "EventCollector", "StatsCollector", "powers_of_two"]


class EventCollector:
    """Collects what a store has, and what became of this process's events. Thread safe.

    ::

        REGISTRY.register(EventCollector(ecl))
        REGISTRY.register(EventCollector(store="redis://localhost"))

    With an EventCountLogger: its groups, its store, and its telemetry. Else: all groups that
    the store remembers, and those of a configuration.

    Building and registering it touches neither network nor disk. Collecting waits for the store,
    9 seconds at most, and never raises: `ecl_up` is 0 where it cannot be read. Groups that are
    configured and that the store does not know are defined there, for totals begin with the
    first collecting. Has no thread; can be used in forked children.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing that can be chosen
        self,
        ecl: EventCountLogger | None = None,
        *,
        config: object = None,
        store: object = None,
        groups: Iterable[str] | None = None,
        bounds: Mapping[str | None, Iterable[float]] | Iterable[float] = DEFAULT_BOUNDS,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """`config`: a mapping of our keys, or a YAML file's path. `store`: a URL, or a store.

        `groups`: names of those to collect. `bounds`: upper bounds of histograms, of all measures
        or by measure (None: of all others); other bounds than zero and what `powers_of_two` gives
        are moved by up to 1.1 %. `say` takes warnings; without it they are warnings of the
        library. Raises ConfigError.
        """
        self._bounds = Bounds(bounds)
        self._names = _checked_names(groups)
        self._ecl = ecl
        self._say = say or notices.warn
        self._problems: dict[str, str] = {}  # group -> what was told of it
        self._outage = Outage("ecl_up is 0 meanwhile", "it is read again", say=self._say)
        if ecl is not None:
            if not (config is store is None):
                raise ConfigError("ecl: takes the place of config and store; give one")
            if not isinstance(ecl, EventCountLogger):
                raise ConfigError(f"ecl: {type(ecl).__name__} is no EventCountLogger")
            self._check_known(ecl)
            return
        if config is None or isinstance(config, Config):
            self._open(store, config)
        else:
            self._open(store, config_from(config))

    def _check_known(self, ecl: EventCountLogger) -> None:
        for name in self._names or ():
            if name not in ecl.groups:
                known = ", ".join(ecl.groups)
                raise ConfigError(f"groups: unknown group {name!r}; known are {known}")

    def _open(self, store: object, section: Config | None) -> None:
        configured, prefix = (section.store, section.prefix) if section else (None, "")
        self._store = open_chosen_store(store, configured, prefix=prefix)
        self._wanted = {
            name: wanted_definition(group)
            for name, group in (section.groups if section else {}).items()
            if self._names is None or name in self._names
        }
        watch(self)

    # --- of prometheus_client

    def describe(self) -> list[Metric]:
        """Return the families without samples. Touches nothing."""
        families = StoreFamilies(self._bounds).all()
        return families if self._ecl is None else families + ProcessFamilies().all()

    def collect(self) -> list[Metric]:
        """Return the families with all that there is. Waits for the store; never raises."""
        reading = self._read()
        families = StoreFamilies(self._bounds)
        families.add(reading)
        if self._ecl is None:
            return families.all()
        process = ProcessFamilies()
        process.add(self._ecl.telemetry())
        return families.all() + process.all()

    # --- reading

    def _read(self) -> Reading:
        if self._ecl is not None:
            counters = self._ecl._counters
            wanted = {name: counter.wanted for name, counter in counters.items()}
            names = self._names if self._names is not None else frozenset(wanted)
            reading = Reader(self._ecl.store, names).read(wanted)
        else:
            reading = Reader(self._store, self._names).read(self._wanted)
        self._tell(reading)
        return reading

    def _tell(self, reading: Reading) -> None:
        """Warn of what is new: once of a problem, and of each outage."""
        problems = {one.group: one.problem for one in reading.groups if one.problem is not None}
        if self._ecl is None and not reading.groups and reading.error is None:
            problems[""] = f"nothing is counted in {self._store.shown} so far"
        news = [text for name, text in problems.items() if self._problems.get(name) != text]
        if reading.error is None:
            self._problems = problems
        else:
            self._problems = self._problems | problems
        if self._ecl is None:  # else whoever flushes says that the store is away
            if reading.error is not None:
                self._outage.began(reading.error)
            else:
                self._outage.ended()
            self._outage.tell()
        for text in dict.fromkeys(news):
            self._say(text)

    # --- of the process; see `lifetime`

    @property
    def is_used(self) -> bool:
        """Whether there is something to do at the end of the process."""
        return False

    def after_fork(self) -> None:
        """Leave connections to the parent. Called in the child; only assigns."""
        self._store.after_fork()

    def at_exit(self, *, spent: float, sharing: int) -> bool:
        """Nothing to do."""
        return True


def _checked_names(groups: object) -> frozenset[str] | None:
    if groups is None:
        return None
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise ConfigError(f"groups: {groups!r} is no list of names")
    names = list(groups)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"groups: {names!r} is no list of names")
    return frozenset(names)
