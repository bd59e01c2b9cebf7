"""From a log record to what it counts: the rules, compiled once.

What depends only on a record's logger and level is decided once for each such pair. No
attribute is looked at that a rule does not need, and nothing of the record is changed.
"""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from ecl_logging.event_ids import NO_GROUP, InvalidEvent, text_of
from ecl_logging.notices import OWN_LOGGER
from ecl_logging.settings import RuleConfig
from ecl_logging.templates import Template

__all__ = ["Counted", "Declaring", "Rules", "is_own"]

# (group, event ID as it came, count as it came); both may be anything a program can put there.
Counted = tuple[str, object, object]

PATTERN_CHARACTERS = 4096
"""So much of a message is searched."""

_MAX_PAIRS = 10_000
_MISSING = object()


class _Rule:
    """One rule, apart from what depends on logger and level alone."""

    __slots__ = ("_config", "_count", "_names", "_sole_name", "_template", "group", "pattern")

    def __init__(self, config: RuleConfig) -> None:
        self._config = config
        self.group = config.group or ""
        self.pattern = re.compile(config.pattern) if config.pattern is not None else None
        self._template = Template(config.event) if config.event is not None else None
        self._names = self._template.names if self._template else ()
        self._sole_name = self._template.sole_name() if self._template else None
        self._count = config.count

    @property
    def stops(self) -> bool:
        return self._config.stop

    def fits(self, name: str, level: int) -> bool:
        """Whether the rule is for records of this logger and level."""
        config = self._config
        if config.at_least is not None and level < config.at_least:
            return False
        if config.levels is not None and level not in config.levels:
            return False
        return config.logger is None or _is_below(name, config.logger)

    def match(self, fields: _Fields) -> tuple[bool, object, object]:
        """Return whether the rule matches, and the ID and count if it counts an event."""
        if any(fields.get(name) is _MISSING for name in self._config.has):
            return False, _MISSING, 0
        if self.pattern is not None:
            found = self.pattern.search(fields.message())
            if found is None:
                return False, _MISSING, 0
            fields = fields.with_groups(found.groupdict())
        if any(fields.get(name) is _MISSING for name in self._config.measure.values()):
            return False, _MISSING, 0
        if self._template is None:
            return True, _MISSING, 0
        event_id = self._event_id(self._template, fields)
        count = fields.get(self._count) if isinstance(self._count, str) else self._count
        return event_id is not _MISSING and count is not _MISSING, event_id, count

    def _event_id(self, template: Template, fields: _Fields) -> object:
        if template.literal is not None:
            return template.literal
        if self._sole_name is not None:
            return fields.get(self._sole_name)
        values = {name: fields.get(name) for name in self._names}
        if any(value is _MISSING for value in values.values()):
            return _MISSING
        return template.fill({name: _text(value) for name, value in values.items()})


def _text(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _is_below(name: str, logger: str) -> bool:
    """Whether the logger called `name` is meant by a rule's `logger`."""
    if logger == "root":
        return name == "root"  # its descendants would be all there are
    if "*" in logger or "?" in logger:
        return fnmatch.fnmatchcase(name, logger)
    return name == logger or name.startswith(logger + ".")


class _Fields:
    """A record's attributes, and the keys of its message where that is a mapping."""

    __slots__ = ("_attributes", "_groups", "_message", "_record")

    def __init__(self, record: logging.LogRecord) -> None:
        self._record = record
        self._attributes = record.__dict__
        self._message: str | None = None
        self._groups: Mapping[str, str | None] = {}

    def get(self, name: str) -> object:
        """Return the value of `name`, or _MISSING."""
        if name in self._groups:
            value = self._groups[name]
            return _MISSING if value is None else value
        if name in self._attributes:
            return self._attributes[name]
        message = self._record.msg
        if isinstance(message, Mapping) and name in message:
            return message[name]
        return self.message() if name == "message" else _MISSING

    def message(self) -> str:
        """The start of the formatted message, which is formatted once."""
        if self._message is None:
            try:
                self._message = self._record.getMessage()[:PATTERN_CHARACTERS]
            except (TypeError, ValueError):  # arguments that do not fit the message
                self._message = str(self._record.msg)[:PATTERN_CHARACTERS]
        return self._message

    def with_groups(self, groups: Mapping[str, str | None]) -> _Fields:
        """The same fields with a pattern's named groups before them."""
        fields = _Fields(self._record)
        fields._message, fields._groups = self._message, groups
        return fields


class Rules:
    """What records count, by the rules of a configuration. Thread safe."""

    def __init__(
        self,
        rules: Sequence[RuleConfig] | None,
        groups: Mapping[str, Declaring],
        begin: Callable[[], object] | None = None,
    ) -> None:
        """With no rules, the `event` extra counts in the group that it belongs to.

        `begin` is called with the first record, whether it counts or not.
        """
        self._begin = begin
        self._rules = None if rules is None else [_Rule(rule) for rule in rules]
        self._route = _Route(groups)
        self._pairs: dict[tuple[str, int], Callable[[logging.LogRecord], Iterable[Counted]]] = {}

    def counted_by(self, record: logging.LogRecord) -> Iterable[Counted]:
        """Return what the record counts. May raise what the record's own objects raise."""
        try:
            count = self._pairs[record.name, record.levelno]
        except KeyError:
            count = self._decide(record.name, record.levelno)
        return count(record)

    def _decide(self, name: Any, level: Any) -> Callable[[logging.LogRecord], Iterable[Counted]]:
        count: Callable[[logging.LogRecord], Iterable[Counted]]
        key = name, level
        if type(name) is not str or not isinstance(level, int):
            name, level = str(name), 0  # a record made by hand can have anything there
        is_ours = is_own(name)
        if is_ours:
            count = _nothing
        elif self._rules is None:
            count = self._route.counted_by
        else:
            fitting = [rule for rule in self._rules if rule.fits(name, level)]
            count = _Matcher(fitting) if fitting else _nothing
        if len(self._pairs) >= _MAX_PAIRS:
            self._pairs.clear()  # a program that makes up logger names without end
        self._pairs[key] = count
        if self._begin is not None and not is_ours:
            self._begin()
        return count


def is_own(name: str) -> bool:
    """Whether a logger is the library's own, whose records are never counted."""
    return name == OWN_LOGGER or name.startswith(OWN_LOGGER + ".")


def _nothing(record: logging.LogRecord) -> Iterable[Counted]:  # noqa: ARG001 - as its siblings
    return ()


class _Matcher:
    """The rules that are left for one logger and level."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = tuple(rules)

    def __call__(self, record: logging.LogRecord) -> Iterator[Counted]:
        fields = _Fields(record)
        failure: Exception | None = None
        for rule in self._rules:
            try:
                matches, event_id, count = rule.match(fields)
            except Exception as error:  # noqa: BLE001 - an attribute can raise anything
                failure = error
                continue
            if event_id is not _MISSING and matches:
                yield rule.group, event_id, count
            if matches and rule.stops:
                break
        if failure is not None:
            raise failure  # when all other rules have had the record


class Declaring(Protocol):
    """What routing asks of a group."""

    @property
    def auto_declare_events(self) -> bool: ...
    def declares(self, event_id: str) -> bool: ...


class _Route:
    """Where an `event` extra counts when there are no rules."""

    def __init__(self, groups: Mapping[str, Declaring]) -> None:
        self._groups = groups
        self._first = list(groups)[:1]
        auto = [name for name, group in groups.items() if group.auto_declare_events]
        # Without a group that takes any ID, the first one says that it does not know this one.
        self._fallback = auto[:1] or self._first

    def counted_by(self, record: logging.LogRecord) -> Iterator[Counted]:
        fields = _Fields(record)
        event_id = fields.get("event")
        if event_id is _MISSING:
            return
        count = fields.get("event_count")
        n = 1 if count is _MISSING else count
        named = fields.get("event_group")
        if named is _MISSING or named is None:
            for group in self._declaring(event_id) or self._fallback:
                yield group, event_id, n
        elif isinstance(named, str) and named in self._groups:
            yield named, event_id, n
        else:
            yield from ((group, NO_GROUP, 1) for group in self._first)

    def _declaring(self, event_id: object) -> list[str]:
        try:
            text = text_of(event_id)
        except InvalidEvent:
            return []
        return [name for name, group in self._groups.items() if group.declares(text)]
