"""Consumers: functions that say which events they want, and the hub that finds them.

Declared by a decorator, which leaves the function as it is, and found by a scan of packages, as
in balog (Balanced, 2014).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from ecl_logging.errors import ConfigError
from ecl_logging.events.versions import VersionCondition, version_of
from ecl_logging.extras import missing_one

try:
    import venusian
except ModuleNotFoundError as error:
    missing = missing_one(error, ["venusian"])
    raise ConfigError(
        f"consumers need {missing}, which is not installed: pip install 'ecl-logging[events]'"
    ) from None

__all__ = ["Consumer", "ConsumerHub", "ConsumerOperator", "consumer_config"]

_CATEGORY = "ecl_logging.events"
_PLACEHOLDER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_.\[\]]*\}")
_TOPIC = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Consumer:
    """A function, and the events that it is for. Thread safe: nothing of it changes."""

    def __init__(
        self,
        func: Callable[..., Any],
        topic: str,
        cls_type: str | Collection[str] | None = None,
        version: str | Collection[str] | None = None,
        name: str | None = None,
    ) -> None:
        """`func`: gets events, plain or async; how it is called, an operator says.

        `topic`: the queue, perhaps with placeholders for an operator, as in `orders-{env}`.
        `cls_type`: one or several kinds of payloads, all without it. `version`: one or several
        conditions on the schema version, all of which must hold. `name`: for reports and logs.
        Raises ConfigError with everything that is wrong.
        """
        self.func = func
        self.topic = topic
        self.cls_type = _as_tuple(cls_type)
        self.version = _as_tuple(version)
        self.name = name or str(getattr(func, "__name__", type(func).__name__))
        self._conditions: list[VersionCondition] = []
        problems = list(self._problems())
        if problems:
            raise ConfigError(f"consumer {self.name}: {'; '.join(problems)}")

    def _problems(self) -> Iterator[str]:
        function: object = self.func
        if not callable(function):
            yield f"{function!r:.80} cannot be called"
        bare = _PLACEHOLDER.sub("x", self.topic) if isinstance(self.topic, str) else ""
        if not _TOPIC.fullmatch(bare):
            yield (
                f"topic: {self.topic!r:.80} is no topic; those have letters, digits, '_', '.', '-',"
                " and placeholders such as {env}"
            )
        if self.cls_type == ():
            yield "cls_type: is empty, so no event would fit; leave it out for all of them"
        for kind in self.cls_type or ():
            if not isinstance(kind, str) or not kind:
                yield f"cls_type: {kind!r:.80} is no kind of payload; write such as 'metrics'"
        for part in self.version or ():
            for condition in part.split(",") if isinstance(part, str) else [part]:
                try:
                    self._conditions.append(VersionCondition(condition))
                except ValueError as error:
                    yield f"version: {error}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def match_event(self, event: Mapping[str, Any]) -> bool:
        """Whether this consumer is for the event. Raises KeyError for what is no event."""
        if self.cls_type is not None and event["payload"]["cls_type"] not in self.cls_type:
            return False
        if not self._conditions:
            return True
        version = version_of(event["schema"])
        return version is not None and all(one.is_met_by(version) for one in self._conditions)


def _as_tuple(given: Any) -> tuple[Any, ...] | None:
    if given is None:
        return None
    return tuple(given) if isinstance(given, tuple | list | set | frozenset) else (given,)


def consumer_config(
    topic: str,
    cls_type: str | Collection[str] | None = None,
    version: str | Collection[str] | None = None,
    name: str | None = None,
    consumer_cls: type[Consumer] = Consumer,
) -> Callable[[_Function], _Function]:
    """Declare which events a function is for; `ConsumerHub.scan` finds it.

    The arguments are those of `Consumer`. The function stays what it is, and can be declared
    several times. Raises ConfigError where it stands, for what is wrong.
    """
    if callable(topic):
        raise ConfigError(
            f"consumer {getattr(topic, '__name__', topic)!s:.80}: write"
            " @consumer_config(topic=...), with what it wants in parentheses"
        )

    def declare(function: _Function) -> _Function:
        consumer = consumer_cls(function, topic, cls_type, version, name)

        def found(scanner: Any, _name: str, _function: object) -> None:
            scanner.add_consumer(consumer)

        venusian.attach(function, found, category=_CATEGORY)
        return function

    return declare


class ConsumerHub:
    """A collection of consumers. Not thread safe while consumers are added."""

    def __init__(self) -> None:
        self.consumers: list[Consumer] = []

    def add_consumer(self, consumer: Consumer) -> None:
        """Add a consumer; one that is there already is not added again."""
        if not any(known is consumer for known in self.consumers):
            self.consumers.append(consumer)

    def scan(self, package: ModuleType, ignore: Any = None) -> None:
        """Add all consumers that are declared in a package or module, and all below it.

        Imports all of it. `ignore`: names to be passed over, as full names, as names relative to
        the package with a dot before, or as functions from full name to bool; one or a list. What
        a module raises when it is imported, is raised.
        """
        scanner = venusian.Scanner(add_consumer=self.add_consumer)
        scanner.scan(package, categories=(_CATEGORY,), ignore=ignore)

    def route(self, event: Mapping[str, Any]) -> Iterator[Consumer]:
        """Yield the consumers that an event is for, whatever its topic."""
        return (consumer for consumer in self.consumers if consumer.match_event(event))

    def __iter__(self) -> Iterator[Consumer]:
        return iter(self.consumers)

    def __len__(self) -> int:
        return len(self.consumers)


class ConsumerOperator:
    """Knows where consumers get their events from, and how they are called.

    The one that is used where nobody gives another. Anything with these two methods is one.
    """

    def get_topic(self, consumer: Consumer) -> str:
        """Return the topic of a consumer, its placeholders filled."""
        return consumer.topic

    def process_event(self, consumer: Consumer, event: dict[str, Any]) -> Any:
        """Have a consumer work on an event; what is awaitable is awaited.

        What this raises, and what the awaited raises, makes the event come again.
        """
        return consumer.func(event)
