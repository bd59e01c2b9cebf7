"""What a configuration says, once it is right: frozen values, and the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ecl_logging.addresses import StoreAddress
from ecl_logging.errors import ConfigError
from ecl_logging.intervals import Interval
from ecl_logging.problems import shown
from ecl_logging.templates import Template

__all__ = [
    "DEFAULT_GROUPS",
    "DEFAULT_RULES",
    "MAX_HISTORY",
    "STANDARD_LEVELS",
    "Config",
    "GroupConfig",
    "RuleConfig",
    "find_interval",
]

MAX_HISTORY = 1_000_000
"""The most finished buckets that a group may keep."""

STANDARD_LEVELS = ("CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING")


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """A group as one program defines it."""

    name: str
    intervals: tuple[Interval, ...]
    events: tuple[str, ...] = ()
    auto_declare_events: bool = False
    max_events: int = 10_000
    sync_interval: float | None = None  # seconds
    sync_limit: int | None = None
    history: int = 60  # finished buckets
    measures: tuple[str, ...] = ()
    cur_last_keys: bool = True

    def declares(self, event_id: str) -> bool:
        """Whether the ID is known beforehand."""
        return event_id in self.events


def find_interval(text: object, intervals: Sequence[Interval], group: str) -> Interval:
    """Return the one of `intervals` that `text` means; raise ConfigError naming them all."""
    for interval in intervals:
        if interval.text == text:
            return interval
    try:
        seconds = Interval.parse(text).seconds
    except ValueError:
        seconds = 0
    for interval in intervals:
        if interval.seconds == seconds:
            return interval
    known = ", ".join(interval.text for interval in intervals)
    raise ConfigError(f"group {group} has no interval {shown(text)}; it has {known}")


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """One rule, checked but not compiled."""

    group: str | None
    logger: str | None = None
    at_least: int | None = None  # a level and above
    levels: frozenset[int] | None = None  # or exactly these
    has: tuple[str, ...] = ()
    pattern: str | None = None
    event: str | None = "{event}"  # None: a measure alone, which counts nothing beside itself
    count: int | str = 1
    measure: Mapping[str, str] = field(default_factory=dict)
    stop: bool = False

    def literal_events(self) -> tuple[str, ...]:
        """The event ID, where the rule names it literally: so it is declared."""
        literal = Template(self.event).literal if self.event is not None else None
        return () if literal is None else (literal,)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole section. `rules` is None where the file has none."""

    groups: Mapping[str, GroupConfig]
    rules: tuple[RuleConfig, ...] | None = None
    store: StoreAddress | None = None
    prefix: str = ""


def _default_groups() -> Iterable[GroupConfig]:
    intervals = (Interval("1m", 60), Interval("1h", 3600))
    for name, events in (("levels", STANDARD_LEVELS), ("loggers", ()), ("events", ())):
        yield GroupConfig(name, intervals, events, auto_declare_events=True)


DEFAULT_GROUPS = {group.name: group for group in _default_groups()}
DEFAULT_RULES = (
    RuleConfig("levels", event="{levelname}"),
    RuleConfig("loggers", event="{name}"),
    RuleConfig("events", event="{event}"),
)
