"""Kinds of records: which of them count the same, and what that is.

What a record counts is worked out by the rules. Where these ask for nothing but its logger, level
and `event`, each record that has the same of these counts the same; see `fast_path`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecl_logging.event_ids import MAX_LENGTH
from ecl_logging.fast_path import ABSENT, ROUTING
from ecl_logging.fields import Record
from ecl_logging.rules import Asked, Counted, Measured, Rules, is_own
from ecl_logging.tallies import Table, Tallies

__all__ = ["Kinds"]

_MAX_KINDS = 10_000
_MAX_EACH = 1_000_000


class Kinds:
    """A table of the kinds of records that have come: kind -> tally. Thread safe."""

    def __init__(
        self, rules: Rules, asked: Asked, counters: Mapping[str, Any], tallies: Tallies
    ) -> None:
        """`asked`: what to tell records apart by; at least what the rules ask for."""
        self.asked = asked
        self._rules = rules
        self._counters = counters
        self._tallies = tallies
        keys = asked.logger + asked.level + asked.levelname + asked.event
        keys += asked.measured is not None
        self._table = Table(tallies, keys=keys, most=_MAX_KINDS)

    @property
    def table(self) -> dict[object, Any]:
        """By logger, then level, name of the level, `event`, as far as they are asked for.

        And at last by whether there is the attribute that is measured.
        """
        return self._table.top

    @property
    def age(self) -> object:
        """What `learn` is to be told, as it was before the record was counted."""
        return self._table.age

    def below(self, logger: str, level: int, level_name: str) -> tuple[dict[object, Any], object]:
        """Return a part of the table and a key in it: for records of this logger and level.

        Where records are told apart by their `event`, too, that is the key, and None here.
        """
        asked = self.asked
        keys: list[object] = [
            key
            for is_asked, key in (
                (asked.logger, logger),
                (asked.level, level),
                (asked.levelname, level_name),
            )
            if is_asked
        ]
        last = None if asked.event else keys.pop()
        return self._table.below(keys), last

    def learn(self, record: Record, counted: Sequence[Counted], age: object) -> None:
        """Remember that records such as this one count so, or did at this `age`."""
        if self._table.is_full or not self._rules.is_steady(record.name, record.levelno):
            return
        if not self.asked.event and is_own(str(record.name)):
            return  # these count if they have an event, whatever it is
        path = self._path_of(record)
        events = self._events_of(counted)
        if path is None or events is None:
            return
        tally = self._tallies.tally_of(events, self._measures_of(counted))
        if tally is not None:
            self._table.remember(path, tally, age)
            self._tallies.make_room(tally)

    def _path_of(self, record: Any) -> list[object] | None:
        asked, path = self.asked, list[object]()
        attributes = record.__dict__
        for is_asked, name, kind in (
            (asked.logger, "name", str),
            (asked.level, "levelno", int),
            (asked.levelname, "levelname", str),
        ):
            if is_asked:
                value = attributes.get(name)
                if type(value) is not kind:
                    return None
                path.append(value)
        if asked.event:
            event = attributes.get("event", ABSENT)
            is_plain = type(event) is str or (event is ABSENT and type(record.msg) is str)
            if not is_plain or (asked.is_routed and not ROUTING.isdisjoint(attributes)):
                return None
            path.append(event)
        if asked.measured is not None:
            if type(record.msg) is not str:
                return None  # a mapping may have what the record has not
            path.append(asked.measured in attributes)
        return path

    def _events_of(self, counted: Sequence[Counted]) -> list[tuple[object, str, int]] | None:
        events = []
        for group, event_id, n in counted:
            if type(event_id) is Measured:
                continue
            is_plain = type(event_id) is str and len(event_id) <= MAX_LENGTH and type(n) is int
            if not is_plain or not 0 < n <= _MAX_EACH:  # type: ignore[operator]
                return None
            counter = self._counters[group]
            if counter.has_limit:
                return None  # it has to be seen at once that an ID has reached it
            events.append((counter, event_id, n))
        return events  # type: ignore[return-value]

    def _measures_of(self, counted: Sequence[Counted]) -> list[tuple[object, str]]:
        return [
            (self._counters[group], one.measure)
            for group, one, _ in counted
            if isinstance(one, Measured)
        ]
