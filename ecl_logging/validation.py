"""From plain values to a Config, with every problem that they have in one ConfigError."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ecl_logging.addresses import StoreAddress, parse_address
from ecl_logging.documents import as_written, read_otherwise
from ecl_logging.event_ids import InvalidEvent, text_of
from ecl_logging.intervals import Interval, NoInterval
from ecl_logging.problems import Problems, named, shown
from ecl_logging.rule_checks import RULE_KEYS, check_level, check_rule
from ecl_logging.settings import (
    DEFAULT_GROUPS,
    DEFAULT_RULES,
    MAX_HISTORY,
    Config,
    GroupConfig,
    RuleConfig,
)

__all__ = [
    "check_arguments",
    "check_burst_arguments",
    "check_filter_arguments",
    "check_groups",
    "check_kept",
    "check_level_and_names",
    "check_rules",
    "check_section",
]

_SECTION_KEYS = ("groups", "prefix", "redis", "rules", "spool", "store")
_GROUP_KEYS = (
    "auto_declare_events",
    "cur_last_keys",
    "events",
    "history",
    "intervals",
    "max_events",
    "measures",
    "sync_interval",
    "sync_limit",
)
_GROUP_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_RESERVED_GROUPS = ("common", "recent")
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_MAX_INTERVALS = 8
_BYTES_OF_A_COUNT = 25  # the least that a store takes for one
_MAX_EVENTS = 10_000_000


def check_section(section: Mapping[object, object], *, place: str) -> Config:
    """Return the Config that `section` describes; raise ConfigError with all its problems."""
    problems = Problems(place)
    values = problems.mapping("", section, _SECTION_KEYS)
    groups = _groups(problems, values.get("groups"))
    rules = _rules(problems, values, groups)
    if not values.get("groups") and not values.get("rules"):
        groups, rules = dict(DEFAULT_GROUPS), DEFAULT_RULES
    store = _store(problems, values)
    prefix = values.get("prefix")
    if prefix is not None and not (isinstance(prefix, str) and _PREFIX.fullmatch(prefix)):
        problems.add("prefix", f"{shown(prefix)}: write 1 to 64 letters, digits, and _ . : -")
    if values.get("spool") is not None:
        problems.add("spool", "this version has no spool; leave the key out")
    problems.raise_if_any()
    return Config(groups, rules, store, str(prefix or ""))


def check_groups(groups: object, *, place: str = "ecl") -> dict[str, GroupConfig]:
    """Return the groups that a program gives directly; raise ConfigError."""
    problems = Problems(place)
    checked = _groups(problems, groups)
    problems.raise_if_any()
    return checked


def check_arguments(  # noqa: PLR0913 - one argument for each thing that YAML can say
    *,
    level: object,
    sync_interval: object,
    sync_limit: object,
    unmatched: object,
    flags: Mapping[str, object],
    unknown: Mapping[str, object],
    known: Collection[str],
) -> tuple[int, str | None]:
    """Check what a handler is given beside the section; return its level and `unmatched` ID.

    `unknown`: arguments that it does not have; `known`: the names of those that it has.
    """
    problems = Problems("ecl")
    _names(problems, unknown, known)
    number = check_level(problems, "level", level)
    _seconds(problems, "sync_interval", sync_interval)
    if sync_limit is not None:
        _whole(problems, "sync_limit", sync_limit, 2**53)
    event_id = None if unmatched is None else _event_id(problems, "unmatched", unmatched)
    _flags(problems, flags)
    problems.raise_if_any()
    return number or 0, event_id


def check_filter_arguments(
    flags: Mapping[str, object], unknown: Collection[str], *, known: Collection[str]
) -> None:
    """Check what a filter is given beside the section: flags, and arguments that it has not."""
    problems = Problems("ecl")
    _names(problems, unknown, known)
    _flags(problems, flags)
    problems.raise_if_any()


def check_burst_arguments(
    limit: object, interval: object, max_kinds: object, unknown: Collection[str]
) -> tuple[int, Interval, int]:
    """Check what a BurstFilter is given, apart from its fingerprint; return what it means."""
    problems = Problems("ecl")
    _names(problems, unknown, ("fingerprint", "interval", "limit", "max_kinds"))
    number = _whole(problems, "limit", limit, 2**53)
    kinds = _whole(problems, "max_kinds", max_kinds, _MAX_EVENTS)
    length = None
    try:
        length = interval if isinstance(interval, Interval) else Interval.parse(interval)
    except NoInterval as error:
        problems.add("interval", f"{shown(interval)} {error.reason}")
    problems.raise_if_any()
    return number or 1, length or Interval("1m", 60), kinds or 1


def check_kept(
    *,
    wholes: Mapping[str, tuple[object, int, int]],
    sync_interval: object,
    flags: Mapping[str, object] | None = None,
    names: Mapping[str, object] | None = None,
) -> None:
    """Check how records and messages are to be kept; raise ConfigError with all problems.

    `wholes`: numbers, each with the least and the most that it may be; `names`: lists of texts.
    """
    problems = Problems("ecl")
    for name, (value, least, most) in wholes.items():
        _whole(problems, name, value, most, least=least)
    _seconds(problems, "sync_interval", sync_interval)
    _flags(problems, flags or {})
    for name, value in (names or {}).items():
        if value is not None and not _is_list_of_texts(value):
            problems.add(name, f"{shown(value)} is not a list of names; write [a, b]")
    problems.raise_if_any()


def _is_list_of_texts(value: object) -> bool:
    if not isinstance(value, list | tuple | set | frozenset):
        return False
    return all(isinstance(one, str) for one in value)


def check_level_and_names(level: object, unknown: Collection[str], known: Collection[str]) -> int:
    """Check what every handler has; return its level as a number."""
    problems = Problems("ecl")
    _names(problems, unknown, known)
    number = check_level(problems, "level", level)
    problems.raise_if_any()
    return number or 0


def _flags(problems: Problems, flags: Mapping[str, object]) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            problems.add(name, f"{shown(value)} is neither true nor false")


def _names(problems: Problems, unknown: Collection[str], known: Collection[str]) -> None:
    for name in unknown:
        problems.add_unknown("", "argument", name, known)


def _store(problems: Problems, values: Mapping[str, object]) -> StoreAddress | None:
    given = [key for key in ("store", "redis") if values.get(key) is not None]
    if len(given) > 1:
        problems.add("redis", "is the older word for store; give one of them")
        return None
    if not given:
        return None
    value = values[given[0]]
    for name, setting in value.items() if isinstance(value, Mapping) else ():
        if surprise := read_otherwise(setting):
            problems.add(f"{given[0]}.{named(name)}", surprise)
            return None
    try:
        return parse_address(value)
    except ValueError as error:
        problems.add(given[0], str(error))
        return None


# --- groups


def _groups(problems: Problems, value: object) -> dict[str, GroupConfig]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.add("groups", f"{shown(value)} is not a mapping of group names")
        return {}
    checked = {}
    for name, keys in value.items():
        path = f"groups.{named(name)}"
        if not isinstance(name, str):
            problems.add(path, f"{shown(name)}: quote it: '{as_written(name) or name}'")
        elif not _GROUP_NAME.fullmatch(name):
            problems.add(path, f"{shown(name)}: letters, digits, and _ . - make a group's name")
        elif name in _RESERVED_GROUPS:
            problems.add(path, "the name is taken by the lists of messages; choose another")
        else:
            checked[name] = _group(problems, path, name, keys)
    return checked


def _group(problems: Problems, path: str, name: str, value: object) -> GroupConfig:
    if isinstance(value, GroupConfig):
        return value
    keys = problems.mapping(path, value, _GROUP_KEYS)

    def whole(key: str, default: int | None, most: int) -> int | None:
        given = keys.get(key)
        return default if given is None else _whole(problems, f"{path}.{key}", given, most)

    def flag(key: str, *, default: bool) -> bool:
        given = keys.get(key)
        if given is not None and not isinstance(given, bool):
            problems.add(f"{path}.{key}", f"{shown(given)} is neither true nor false")
        return default if given is None else given is True

    return GroupConfig(
        name=name,
        intervals=_intervals(problems, f"{path}.intervals", keys.get("intervals")),
        events=_event_ids(problems, f"{path}.events", keys.get("events")),
        auto_declare_events=flag("auto_declare_events", default=False),
        max_events=whole("max_events", 10_000, _MAX_EVENTS) or 1,
        sync_interval=_seconds(problems, f"{path}.sync_interval", keys.get("sync_interval")),
        sync_limit=whole("sync_limit", None, 2**53),
        history=_history(problems, f"{path}.history", keys.get("history")),
        measures=_event_ids(problems, f"{path}.measures", keys.get("measures"), of="measures"),
        cur_last_keys=flag("cur_last_keys", default=True),
    )


def _history(problems: Problems, path: str, value: object) -> int:
    if value is None:
        return 60
    if isinstance(value, int) and value > MAX_HISTORY:
        problems.add(
            path,
            f"{shown(value)} buckets take {_size(value * _BYTES_OF_A_COUNT)} for each event ID;"
            f" write a whole number from 1 to {MAX_HISTORY}",
        )
        return 1
    return _whole(problems, path, value, MAX_HISTORY) or 1


def _size(number: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number} {unit}"
        number //= 1000
    return "thousands of TB"


def _whole(
    problems: Problems, path: str, value: object, most: int, *, least: int = 1
) -> int | None:
    if surprise := read_otherwise(value):
        problems.add(path, surprise)
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        problems.add(path, f"{shown(value)} is not a whole number from {least} to {most}")
        return None
    return value


def _seconds(problems: Problems, path: str, value: object) -> float | None:
    if value is None:
        return None
    if surprise := read_otherwise(value):
        problems.add(path, surprise)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        problems.add(path, f"{shown(value)} is not a number of seconds, such as 1 or 0.5")
    elif not 0 < value <= 86400:  # which NaN is not, either
        problems.add(path, f"{shown(value)} seconds: more than 0 and at most 86400 are possible")
    else:
        return float(value)
    return None


def _intervals(problems: Problems, path: str, value: object) -> tuple[Interval, ...]:
    if value is None:
        problems.add(path, "is missing; write a list such as [5m, 1h]")
        return ()
    if not isinstance(value, list | tuple):
        problems.add(path, f"{shown(value)} is not a list; write [5m, 1h]")
        return ()
    if not 1 <= len(value) <= _MAX_INTERVALS:
        problems.add(path, f"has {len(value)} intervals; 1 to {_MAX_INTERVALS} are possible")
    intervals: dict[int, Interval] = {}
    for index, text in enumerate(value):
        try:
            interval = text if isinstance(text, Interval) else Interval.parse(text)
        except NoInterval as error:
            problems.add(f"{path}[{index}]", f"{shown(text)} {error.reason}")
            continue
        same = intervals.setdefault(interval.seconds, interval)
        if same is not interval:
            problems.add(f"{path}[{index}]", f"{text!r} is as long as {same.text!r}; keep one")
    return tuple(intervals.values())


def _event_ids(
    problems: Problems, path: str, value: object, *, of: str = "event IDs"
) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple | set | frozenset):
        problems.add(path, f"{shown(value)} is not a list of {of}; write [a, b]")
        return ()
    ids: dict[str, None] = {}
    for index, event_id in enumerate(value):
        text = _event_id(problems, f"{path}[{index}]", event_id)
        if text is not None:
            ids[text] = None
    return tuple(ids)


def _event_id(problems: Problems, path: str, value: object) -> str | None:
    if misread := as_written(value):
        problems.add(path, f"{value}: quote it: '{misread}'")
        return None
    try:
        return text_of(value)
    except InvalidEvent as reason:
        problems.add(path, f"{shown(value)} {reason}")
        return None


# --- rules


def check_rules(
    rules: object, groups: Mapping[str, GroupConfig], *, place: str = "ecl"
) -> tuple[RuleConfig, ...] | None:
    """Return the rules that a program gives directly, for groups that exist already."""
    problems = Problems(place)
    checked = _rules(problems, {"rules": rules, "groups": groups}, dict(groups))
    problems.raise_if_any()
    return checked


def _rules(
    problems: Problems, values: Mapping[str, object], groups: dict[str, GroupConfig]
) -> tuple[RuleConfig, ...] | None:
    """Return the checked rules; a literal event is added to its group's events."""
    value = values.get("rules")
    if value is None or value == []:
        return None
    if not isinstance(value, list | tuple):
        problems.add("rules", f"{shown(value)} is not a list; write one rule a line: - {{...}}")
        return None
    if not values.get("groups"):
        problems.add("rules", "have no groups to count in; add groups")
        return None
    return tuple(
        check_rule(problems, path, problems.mapping(path, keys, RULE_KEYS), groups)
        for path, keys in ((f"rules[{index}]", keys) for index, keys in enumerate(value))
    )
