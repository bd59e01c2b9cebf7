"""The configuration: YAML or a mapping in, a frozen `Config` out.

What each key means and which values it takes is checked in `validation`; here is where
the section comes from, and what it is once it is right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ecl_logging.addresses import StoreAddress
from ecl_logging.errors import ConfigError
from ecl_logging.intervals import Interval
from ecl_logging.templates import Template

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "STANDARD_LEVELS",
    "Config",
    "GroupConfig",
    "RuleConfig",
    "config_from",
    "find_interval",
    "plain",
    "read_config_file",
]

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
    raise ConfigError(f"group {group} has no interval {text!r}; it has {known}")


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


def config_from(
    source: object = None,
    *,
    groups: object = None,
    rules: object = None,
    place: str = "ecl",
) -> Config:
    """Return the Config of a mapping with our keys, or of a YAML file's path.

    `groups` and `rules` go before what `source` has. Raises ConfigError with every
    problem there is. A path is read; nothing else is touched.
    """
    from ecl_logging.validation import check_section

    section: object = {}
    if isinstance(source, str | os.PathLike):
        place, section = _place(source), _section_of_file(source)
        if section is None:
            raise ConfigError(f"{place}: has neither 'ecl' nor 'groups' at its top level")
    elif source is not None:
        section = plain(source)
    if not isinstance(section, dict):
        raise ConfigError(f"{place}: is {type(section).__name__}, not a mapping of our keys")
    given = {"groups": groups, "rules": rules}
    section = section | {key: plain(value) for key, value in given.items() if value is not None}
    return check_section(section, place=place)


def read_config_file(path: str | os.PathLike[str]) -> Config | None:
    """Return the Config in a YAML file; None where the file has none of our keys.

    Raises ConfigError where the file cannot be read or its content is wrong.
    """
    from ecl_logging.validation import check_section

    section = _section_of_file(path)
    return None if section is None else check_section(section, place=_place(path))


def _place(path: str | os.PathLike[str]) -> str:
    return os.path.basename(os.fspath(path)) or os.fspath(path)


def _section_of_file(path: str | os.PathLike[str]) -> dict[object, object] | None:
    """Return our section of a file: `ecl:`, or all of it in the form that has `groups`."""
    import yaml

    place = _place(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            document = yaml.safe_load(file)
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{place}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        # The whole error quotes the file, which can hold a password.
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "is not YAML"
        raise ConfigError(f"{place}: {line}{_without_quotes(problem)}") from None
    except RecursionError:
        raise ConfigError(f"{place}: is nested too deeply") from None
    except ValueError as error:  # YAML has read a date that no calendar has
        raise ConfigError(f"{place}: {error}; quote what is meant as text") from None
    if not isinstance(document, dict):
        return None
    if "ecl" in document:
        section = document["ecl"]
        if section is None:
            return {}
        if not isinstance(section, dict):
            raise ConfigError(f"{place}: ecl: is {type(section).__name__}, not a mapping")
        return section
    return document if "groups" in document else None


def _without_quotes(problem: str) -> str:
    """Leave out what an error quotes of the file, but for YAML's own words and marks."""
    return re.sub(r"'(?!<)[^']{4,}'", "'...'", problem)


def plain(value: object) -> object:
    """Return `value` with every mapping and sequence in it as a plain dict or list.

    dictConfig hands over containers of its own, which resolve `cfg://` on access and can be
    neither copied nor pickled.
    """
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [plain(value[index]) for index in range(len(value))]
    return value
