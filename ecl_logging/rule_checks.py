"""Checks of one rule's keys; called by `validation` for each rule."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Mapping

from ecl_logging.documents import as_written, read_otherwise
from ecl_logging.event_ids import InvalidEvent, amount_of, check_text
from ecl_logging.problems import Problems, named, shown
from ecl_logging.settings import GroupConfig, RuleConfig
from ecl_logging.templates import Template

__all__ = ["RULE_KEYS", "check_level", "check_rule"]

RULE_KEYS = (
    "count",
    "event",
    "group",
    "has",
    "level",
    "logger",
    "measure",
    "pattern",
    "stop",
)


# A command that reads the file does not know the names that a program adds.
_OWN_LEVEL = " (a level of your own is written as its number)"


def check_rule(
    problems: Problems, path: str, keys: Mapping[str, object], groups: dict[str, GroupConfig]
) -> RuleConfig:
    """Return the rule that `keys` describe; a literal event is declared in its group."""
    at_least, levels = _level(problems, f"{path}.level", keys.get("level"))
    measure = _measure(problems, f"{path}.measure", keys.get("measure"))
    rule = RuleConfig(
        group=_group(problems, f"{path}.group", keys.get("group"), groups),
        logger=_text(problems, f"{path}.logger", keys.get("logger")),
        at_least=at_least,
        levels=levels,
        has=_names(problems, f"{path}.has", keys.get("has")),
        pattern=_pattern(problems, f"{path}.pattern", keys.get("pattern")),
        event=_event(problems, f"{path}.event", keys.get("event"), alone=not measure),
        count=_count(problems, f"{path}.count", keys.get("count")),
        measure=measure,
        stop=_flag(problems, f"{path}.stop", keys.get("stop")),
    )
    _declare(rule, groups)
    return rule


def _declare(rule: RuleConfig, groups: dict[str, GroupConfig]) -> None:
    """Add what the rule names literally to its group, so that it is shown at zero."""
    if rule.group not in groups:
        return
    group = groups[rule.group]
    events = tuple(dict.fromkeys((*group.events, *rule.literal_events())))
    measures = tuple(dict.fromkeys((*group.measures, *rule.measure)))
    groups[rule.group] = dataclasses.replace(group, events=events, measures=measures)


def _group(
    problems: Problems, path: str, value: object, groups: Mapping[str, GroupConfig]
) -> str | None:
    if value is None:
        if len(groups) == 1:
            return next(iter(groups))
        problems.add(path, f"is missing; name one of {', '.join(groups)}")
        return None
    if not isinstance(value, str) or value not in groups:
        problems.add_unknown(path, "group", value, list(groups))
        return None
    return value


def _text(problems: Problems, path: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        problems.add(path, f"{shown(value)} is not a text; write a logger's name, such as web.api")
        return None
    return value


def _level(
    problems: Problems, path: str, value: object
) -> tuple[int | None, frozenset[int] | None]:
    if value is None:
        return None, None
    if isinstance(value, list | tuple):
        levels = [check_level(problems, f"{path}[{i}]", item) for i, item in enumerate(value)]
        return None, frozenset(level for level in levels if level is not None)
    return check_level(problems, path, value), None


def check_level(problems: Problems, path: str, value: object) -> int | None:
    """Return the number of a level, given as name or number; note what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    names = logging.getLevelNamesMapping()
    if isinstance(value, str):
        if value.upper() in names:
            return names[value.upper()]
        if value in names:
            return names[value]
        problems.add_unknown(path, "level", value, names, more=_OWN_LEVEL)
    else:
        problems.add(path, f"{shown(value)} is not a level; write a name such as ERROR, or 40")
    return None


def _names(problems: Problems, path: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) and n for n in names):
        problems.add(path, f"{shown(value)}: write an attribute's name, or a list of them")
        return ()
    return tuple(names)


def _pattern(problems: Problems, path: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        problems.add(path, f"{shown(value)} is not a regular expression; quote it")
        return None
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        problems.add(path, f"{shown(value)} is not a regular expression: {error}")
        return None
    return value


def _event(problems: Problems, path: str, value: object, *, alone: bool) -> str | None:
    if value is None:
        return "{event}" if alone else None
    if (misread := as_written(value)) or not isinstance(value, str | int):
        hint = f": '{misread}'" if misread else ""
        problems.add(path, f"{shown(value)} is not a text; quote it{hint}")
        return "{event}"
    try:
        template = Template(str(value))
        if template.literal is not None:
            check_text(template.literal)
    except InvalidEvent as reason:
        problems.add(path, f"{shown(value)} {reason}")
    except ValueError as error:
        problems.add(path, str(error))
    else:
        return template.text
    return "{event}"


def _count(problems: Problems, path: str, value: object) -> int | str:
    if value is None:
        return 1
    if isinstance(value, str) and value.isidentifier():
        return value
    if surprise := read_otherwise(value):
        problems.add(path, surprise)
        return 1
    try:
        return amount_of(value)
    except InvalidEvent:
        problems.add(path, f"{shown(value)}: write a whole number, or an attribute's name")
        return 1


def _measure(problems: Problems, path: str, value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not value:
        problems.add(path, f"{shown(value)}: write {{name of the measure: attribute}}")
        return {}
    measures = {}
    for name, attribute in value.items():
        try:
            check_text(str(name))
        except InvalidEvent as reason:
            problems.add(path, f"the measure's name {shown(name)} {reason}")
        if isinstance(attribute, str) and attribute.isidentifier():
            measures[str(name)] = attribute
        else:
            problems.add(f"{path}.{named(name)}", f"{shown(attribute)} is not an attribute's name")
    return measures


def _flag(problems: Problems, path: str, value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        problems.add(path, f"{shown(value)} is neither true nor false")
    return value is True
