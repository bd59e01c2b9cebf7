"""From a log record to what it counts: the rules, compiled once.

What depends only on a record's logger and level is decided once for each such pair. No
attribute is looked at that a rule does not need, and nothing of the record is changed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from ecl_logging.event_ids import NO_GROUP, InvalidEvent, text_of
from ecl_logging.fields import MISSING, Fields, Record
from ecl_logging.logger_names import is_below
from ecl_logging.notices import OWN_LOGGER
from ecl_logging.settings import RuleConfig
from ecl_logging.templates import Template
from ecl_logging.unbuilt import KNOWN, RESERVED

__all__ = ["ASK_ALL", "Asked", "Counted", "Declaring", "Measured", "Rules", "is_own"]

# (group, event ID as it came, count as it came); both may be anything a program can put there.
# Or (group, a Measured, its value as it came).
Counted = tuple[str, object, object]

_MAX_PAIRS = 10_000
_STEADY = frozenset({"name", "levelno", "levelname", "event"})


class Measured:
    """Stands in the place of an event ID: what comes with it is a value of this measure."""

    __slots__ = ("measure",)

    def __init__(self, measure: str) -> None:
        self.measure = measure


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules ask of every record, whether it matches or not."""

    logger: bool
    level: bool
    levelname: bool
    event: bool
    is_routed: bool = False  # by `event_group`, `event_count`, and who declares the event
    measured: str | None = None  # whether a record has this attribute, and its value


ASK_ALL = Asked(logger=True, level=True, levelname=True, event=True)


class _Rule:
    """One rule, apart from what depends on logger and level alone."""

    __slots__ = (
        "_config",
        "_count",
        "_declaring",
        "_measures",
        "_names",
        "_sole_name",
        "_template",
        "group",
        "pattern",
    )

    def __init__(self, config: RuleConfig, declaring: Declaring | None) -> None:
        self._config = config
        self.group = config.group or ""
        self._declaring = declaring
        self.pattern = re.compile(config.pattern) if config.pattern is not None else None
        self._template = Template(config.event) if config.event is not None else None
        self._names = self._template.names if self._template else ()
        self._sole_name = self._template.sole_name() if self._template else None
        self._count = config.count
        self._measures = [(Measured(name), value) for name, value in config.measure.items()]

    @property
    def stops(self) -> bool:
        return self._config.stop

    def asks(self) -> frozenset[str]:
        """The attributes that it looks at."""
        config = self._config
        return self._asks_for_values() | {*config.has, *config.measure.values()}

    def _asks_for_values(self) -> frozenset[str]:
        """Those that make a difference to what it counts, apart from measures."""
        config = self._config
        names = set(self._names)
        names |= {"message"} if config.pattern is not None else set()
        names |= {config.count} if isinstance(config.count, str) else set()
        names |= {"name"} if config.logger is not None else set()
        names |= {"levelno"} if (config.at_least, config.levels) != (None, None) else set()
        return frozenset(names)

    def is_for_all(self) -> bool:
        """Whether it is for records of every logger and level."""
        config = self._config
        return (config.logger, config.at_least, config.levels) == (None, None, None)

    def measured(self) -> frozenset[str]:
        """The attributes that it measures."""
        return frozenset(self._config.measure.values())

    def is_steady(self, measured: str | None) -> bool:
        """Whether it counts the same for all records that `Asked` does not tell apart.

        Of the attribute `measured` that says whether they have it.
        """
        told_apart = _STEADY if measured is None else _STEADY | {measured}
        return self._asks_for_values() <= _STEADY and (
            self.measured() <= frozenset({measured}) and set(self._config.has) <= told_apart
        )

    def fits(self, name: str, level: int) -> bool:
        """Whether the rule is for records of this logger and level."""
        config = self._config
        if config.at_least is not None and level < config.at_least:
            return False
        if config.levels is not None and level not in config.levels:
            return False
        return config.logger is None or is_below(name, config.logger)

    def match(self, fields: Fields) -> Sequence[Counted] | None:
        """Return what the rule counts; None where it does not match."""
        if any(fields.get(name) is MISSING for name in self._config.has):
            return None
        if self.pattern is not None:
            found = self.pattern.search(fields.message())
            if found is None:
                return None
            fields = fields.with_groups(found.groupdict())
        counted: list[Counted] = []
        if self._template is not None:
            event_id = self._event_id(self._template, fields)
            count = fields.get(self._count) if isinstance(self._count, str) else self._count
            counted.append((self.group, event_id, count))
        for measured, attribute in self._measures:
            counted.append((self.group, measured, fields.get(attribute)))
        is_whole = all(one is not MISSING and n is not MISSING for _, one, n in counted)
        return counted if is_whole else None

    def _event_id(self, template: Template, fields: Fields) -> object:
        if template.literal is not None:
            return template.literal
        if self._sole_name is not None:
            value = fields.get(self._sole_name)
            if fields.is_sentence(value) and not _takes(self._declaring, value):
                return MISSING
            return value
        values = {name: fields.get(name) for name in self._names}
        if any(value is MISSING for value in values.values()):
            return MISSING
        return template.fill({name: _text(value) for name, value in values.items()})


def _takes(group: Declaring | None, event_id: object) -> bool:
    """Whether the group counts this ID: it declares it, or takes any."""
    if group is None or group.auto_declare_events:
        return True
    try:
        return group.declares(text_of(event_id))
    except InvalidEvent:
        return False


def _text(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)


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
        self._groups = groups
        self._rules = None
        if rules is not None:
            self._rules = [_Rule(rule, groups.get(rule.group or "")) for rule in rules]
        self._route = _Route(groups)
        self._pairs: dict[tuple[str, int], Callable[[Record], Iterable[Counted]]] = {}

    def counted_by(self, record: Record) -> Iterable[Counted]:
        """Return what the record counts. May raise what the record's own objects raise."""
        try:
            count = self._pairs[record.name, record.levelno]
        except KeyError:
            count = self._decide(record.name, record.levelno)
        return count(record)

    def asked(self) -> Asked | None:
        """What the rules ask of records; None where no kind of record counts the same each time."""
        if self._rules is None:
            return Asked(logger=False, level=False, levelname=False, event=True, is_routed=True)
        measured = self._sole_measured()
        if any(not rule.is_steady(measured) and rule.is_for_all() for rule in self._rules):
            return None
        names = frozenset().union(*(rule.asks() for rule in self._rules))
        return Asked(
            # Our own records, which have no event, must not be taken for the program's.
            logger="name" in names or any("event" not in rule.asks() for rule in self._rules),
            level="levelno" in names,
            levelname="levelname" in names,
            event="event" in names,
            measured=measured,
        )

    def _sole_measured(self) -> str | None:
        """The attribute that all measures are of, if it is one that records have or have not."""
        names = frozenset().union(*(rule.measured() for rule in self._rules or ()))
        return next(iter(names)) if len(names) == 1 and "message" not in names else None

    def need_no_record(self) -> bool:
        """Whether they ask for nothing but logger, level and extras."""
        names = frozenset().union(*(rule.asks() for rule in self._rules or ()))
        return names & RESERVED <= KNOWN

    def is_steady(self, name: object, level: object) -> bool:
        """Whether records of this logger and level count the same, each time that they come.

        As far as `asked` does not tell them apart.
        """
        rules = self._fitting(name, level) if self._rules is not None else ()
        measured = self._sole_measured()
        return all(rule.is_steady(measured) for rule in rules)

    def name(self, record: Record) -> tuple[str, str] | None:
        """Return group and event ID of the first rule that matches and counts an event.

        None where there is none. May raise what the record's own objects raise.
        """
        for group, event_id, _ in self.counted_by(record):
            if type(event_id) is Measured:
                continue
            with contextlib.suppress(InvalidEvent):
                text = text_of(event_id)
                if self._rules is not None or _takes(self._groups[group], text):
                    return group, text
        return None

    def _decide(self, name: Any, level: Any) -> Callable[[Record], Iterable[Counted]]:
        count: Callable[[Record], Iterable[Counted]]
        key = name, level
        if self._rules is None:
            count = self._route.counted_by
        else:
            fitting = self._fitting(name, level)
            count = _Matcher(fitting) if fitting else _nothing
        is_ours = is_own(str(name))
        if is_ours:
            count = _given_an_event(count)
        if len(self._pairs) >= _MAX_PAIRS:
            self._pairs.clear()  # a program that makes up logger names without end
        self._pairs[key] = count
        if self._begin is not None and not is_ours:
            self._begin()
        return count

    def _fitting(self, name: Any, level: Any) -> list[_Rule]:
        if type(name) is not str or not isinstance(level, int):
            # A record made by hand can have anything there. What a subclass of str says of itself
            # is not what it is found by.
            level = level if isinstance(level, int) else 0
            name = str.__str__(name) if isinstance(name, str) else str(name)
        return [rule for rule in self._rules or () if rule.fits(name, level)]


def is_own(name: str) -> bool:
    """Whether a logger is the library's own, whose records are not counted.

    What a program logs there by itself, it has given an `event`.
    """
    return name == OWN_LOGGER or name.startswith(OWN_LOGGER + ".")


def _nothing(record: Record) -> Iterable[Counted]:  # noqa: ARG001 - as its siblings
    return ()


def _given_an_event(
    count: Callable[[Record], Iterable[Counted]],
) -> Callable[[Record], Iterable[Counted]]:
    """Count the records that a program has given an event."""
    return lambda record: count(record) if "event" in record.__dict__ else ()


class _Matcher:
    """The rules that are left for one logger and level."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = tuple(rules)

    def __call__(self, record: Record) -> Iterator[Counted]:
        fields = Fields(record)
        failure: Exception | None = None
        for rule in self._rules:
            try:
                counted = rule.match(fields)
            except Exception as error:  # noqa: BLE001 - an attribute can raise anything
                failure = error
                continue
            if counted is None:
                continue
            yield from counted
            if rule.stops:
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
        self._auto = [name for name, group in groups.items() if group.auto_declare_events][:1]
        # Without a group that takes any ID, the first one says that it does not know this one.
        self._fallback = self._auto or self._first

    def counted_by(self, record: Record) -> Iterator[Counted]:
        fields = Fields(record)
        event_id = fields.set_by_program("event")
        # Where the event is, there its group and count are, too.
        get = fields.get if event_id is MISSING else fields.set_by_program
        if event_id is MISSING:
            event_id = get("event")
        named, count = get("event_group"), get("event_count")
        if event_id is MISSING:
            event_id, named = fields.named_by_filter("event"), fields.named_by_filter("event_group")
        if event_id is MISSING:
            return
        n = 1 if count is MISSING else count
        if named is MISSING or named is None:
            otherwise = self._auto if fields.is_sentence(event_id) else self._fallback
            for group in self._declaring(event_id) or otherwise:
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
