"""The fast path: what a known kind of record counts is counted by one addition.

A *kind* is what rules go by: logger, level and `event`, as far as they ask for them. What the
records of a kind count is worked out with the first of them, and kept as a `Tally`; those that
follow in the same second add one to it. Everything else goes the careful way.

Why there is no lock
--------------------
`tally.n += 1` reads, adds and writes. CPython lets another thread run, and looks for signals,
only where one of its functions is entered, where a loop turns, and when a call has returned.
From the comparison of the times to the addition there is none of these: attributes of slots,
cells, floats and ints. So nobody can see the path open, and count when it has been shut. They
share a line, because a tracer may run between two. Where Python has no such lock, the path stays
shut, and all is counted the careful way. (A time of a class that compares itself in Python can
come into a second that it does not lie in; such a time lies anywhere.)

The path is open for one second of the clock at a time: where all buckets begin and end between
two seconds, whoever collects the tallies after it was shut knows when their events were. Its two
edges are variables of one function's scope, which are faster to read than any attribute; they
are why that function is long.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from time import time
from typing import Any, Final, Protocol

from ecl_logging.fields import BURST_REPORT
from ecl_logging.shares import Tally
from ecl_logging.unbuilt import RESERVED, Seen, Shortcut
from ecl_logging.weak_sets import WeakRefs

__all__ = [
    "ABSENT",
    "ROUTING",
    "FastPath",
    "flushing_threads",
    "shut_fast_paths",
]

ABSENT: Final = object()
"""Stands in a table of kinds for the `event` of a record that has none."""

ROUTING: Final = frozenset({"event_count", "event_group"})
"""The extras by which an event finds its group and count where there are no rules."""

LogRecord = logging.LogRecord
_OF_LOGGING = vars(logging)
is_free, is_unrouted = RESERVED.isdisjoint, ROUTING.isdisjoint
_SHUT = float("inf"), float("-inf")
_IS_LOCKED = getattr(sys, "_is_gil_enabled", lambda: True)()

flushing_threads: set[object] = set()
"""Threads that are flushing now. What they log comes from the flush itself: not counted.

And an object for each flush that begins: while there is anything here, no fast path opens.
"""


class Ending(Protocol):
    """Says whether it is too late to have anything collected later."""

    is_ending: bool


class Asked(Protocol):
    """What rules ask of a record, of all they may ask."""

    @property
    def logger(self) -> bool: ...
    @property
    def level(self) -> bool: ...
    @property
    def levelname(self) -> bool: ...
    @property
    def event(self) -> bool: ...
    @property
    def is_routed(self) -> bool: ...
    @property
    def measured(self) -> str | None: ...


Handle = Callable[[logging.LogRecord], bool]


class FastPath:
    """The fast path of one EventCountLogger. Thread safe, and safe in signal handlers."""

    open_at: Callable[[float], None]
    shut: Callable[[], None]
    is_open_at: Callable[[float], bool]
    handle_by_event: Callable[..., Handle]
    handle_routed: Callable[..., Handle]
    handle_by_kind: Callable[..., Handle]
    handle_measured: Callable[..., Handle]
    count_unbuilt: Callable[..., Shortcut]
    log_by_event: Callable[..., Callable[..., None]]
    observe_by_name: Callable[..., Callable[..., None]]

    def __init__(self, life: Ending) -> None:
        """`life`: once it `is_ending`, the path stays shut."""
        vars(self).update(_functions_of_one_path(life))
        _paths.add(self)

    def handle_by(
        self, asked: Asked, kinds: Mapping[Any, Any], filters: list[Any], carefully: Handle
    ) -> Handle:
        """Return a handler's `handle`: it finds the tally in `kinds`, or goes `carefully`."""
        if asked.measured is not None:
            return self.handle_measured(kinds, filters, carefully, asked)
        if asked.event and not (asked.logger or asked.level or asked.levelname):
            by_event = self.handle_routed if asked.is_routed else self.handle_by_event
            return by_event(kinds, filters, carefully)
        return self.handle_by_kind(kinds, filters, carefully, asked)


_paths: WeakRefs[FastPath] = WeakRefs()


def shut_fast_paths() -> None:
    """Shut all of the process. What comes then goes the careful way, and opens them again."""
    for path in _paths.alive():
        path.shut()


def _functions_of_one_path(  # noqa: C901, PLR0915 - they share two variables
    life: Ending,
) -> dict[str, Callable[..., Any]]:
    start, end = _SHUT

    def open_at(second: float) -> None:
        """Count what comes from this second; not while anybody flushes, nor at the end."""
        nonlocal start, end
        if _IS_LOCKED and not flushing_threads and not life.is_ending: start, end = second, second + 1.0  # noqa: E501, E701  # fmt: skip

    def shut() -> None:
        nonlocal start, end
        start, end = _SHUT

    def is_open_at(moment: float) -> bool:
        return start <= moment < end

    def handle_by_event(
        kinds: Mapping[object, Tally], filters: list[Any], carefully: Handle
    ) -> Handle:
        def handle(record: logging.LogRecord) -> bool:
            try:
                event = getattr(record, "event", ABSENT)
                if type(event) is not str and (
                    event is not ABSENT
                    or type(record.msg) is not str
                    or BURST_REPORT in record.__dict__
                ):
                    return carefully(record)
                tally = kinds[event]
                created = record.created
                if start <= created < end and not filters: tally.n += 1; return True  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - a kind that is new, or anything else
                pass
            return carefully(record)

        return handle

    def handle_routed(
        kinds: Mapping[object, Tally], filters: list[Any], carefully: Handle
    ) -> Handle:
        def handle(record: logging.LogRecord) -> bool:
            try:
                event = getattr(record, "event", ABSENT)
                if type(event) is not str and (
                    event is not ABSENT
                    or type(record.msg) is not str
                    or BURST_REPORT in record.__dict__
                ):
                    return carefully(record)
                tally = kinds[event]
                extras = record.__dict__
                created = extras["created"]
                if start <= created < end and "event_count" not in extras and "event_group" not in extras and not filters: tally.n += 1; return True  # noqa: E501, E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above
                pass
            return carefully(record)

        return handle

    def handle_by_kind(  # noqa: C901 - a call would cost as much
        kinds: Any, filters: list[Any], carefully: Handle, asked: Asked
    ) -> Handle:
        by_logger, by_level, by_levelname = asked.logger, asked.level, asked.levelname
        by_event, is_routed = asked.event, asked.is_routed

        def handle(record: logging.LogRecord) -> bool:  # noqa: C901 - as above
            try:
                if BURST_REPORT in record.__dict__:
                    return carefully(record)
                tally = kinds
                if by_logger:
                    tally = tally[record.name]
                if by_level:
                    tally = tally[record.levelno]
                if by_levelname:
                    tally = tally[record.levelname]
                if by_event:
                    event = getattr(record, "event", ABSENT)
                    if type(event) is not str and event is not ABSENT:
                        return carefully(record)
                    if event is ABSENT and type(record.msg) is not str:
                        return carefully(record)
                    if is_routed and not is_unrouted(record.__dict__):
                        return carefully(record)
                    tally = tally[event]
                created = record.created
                if start <= created < end and not filters: tally.n += 1; return True  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above
                pass
            return carefully(record)

        return handle

    def handle_measured(  # noqa: C901 - as above
        kinds: Any, filters: list[Any], carefully: Handle, asked: Asked
    ) -> Handle:
        by_logger, by_level, by_levelname = asked.logger, asked.level, asked.levelname
        by_event, is_routed, measured = asked.event, asked.is_routed, asked.measured or ""

        def handle(record: logging.LogRecord) -> bool:  # noqa: C901 - as above
            try:
                extras = record.__dict__
                if BURST_REPORT in extras:
                    return carefully(record)
                tally = kinds
                if by_logger:
                    tally = tally[record.name]
                if by_level:
                    tally = tally[record.levelno]
                if by_levelname:
                    tally = tally[record.levelname]
                if by_event:
                    event = getattr(record, "event", ABSENT)
                    if type(event) is not str and event is not ABSENT:
                        return carefully(record)
                    if is_routed and not is_unrouted(extras):
                        return carefully(record)
                    tally = tally[event]
                if type(record.msg) is not str:  # a mapping may have what the extras have not
                    return carefully(record)
                has_value = measured in extras
                tally = tally[has_value]
                created = record.created
                if has_value and (slots := tally.slots) is not None:
                    value = extras[measured]
                    kind = type(value)
                    if (kind is float or kind is int) and start <= created < end and not filters: slots[tally.n - tally.base] = value; tally.n += 1; return True  # noqa: E501, E701, E702  # fmt: skip
                elif start <= created < end and not filters: tally.n += 1; return True  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above; or there is no slot left
                pass
            return carefully(record)

        return handle

    def count_unbuilt(  # noqa: C901, PLR0913, PLR0917 - called once for each logger
        seen: Seen,
        handler: Any,
        kinds: Mapping[object, Tally],
        key: object,
        asked: Asked,
        carefully: Callable[[object, Any], None],
    ) -> Shortcut:
        level, cache, forget = seen.level, seen.logger._cache, seen.forget  # type: ignore[attr-defined]
        as_is, as_was, above = seen.as_is, seen.as_was, tuple(seen.above)
        names = _OF_LOGGING["_levelToName"]
        level_name = names.get(level)  # None where logging has to make one up
        by_event, by_levelname, is_routed = asked.event, asked.levelname, asked.is_routed
        kind, (call, make) = type(seen.logger), seen.methods

        def count(message: object, extra: Any) -> bool:  # noqa: C901, PLR0912 - as above
            try:
                if not cache[level]:
                    return False
            except KeyError:  # logging has to find out anew
                return False
            if (
                as_is != as_was
                or handler.level > level
                or kind.callHandlers is not call  # tools put theirs in their place
                or kind.makeRecord is not make
                or _OF_LOGGING["_logRecordFactory"] is not LogRecord
                or (by_levelname and names.get(level) != level_name)
            ):
                forget()
                return False
            for other in above:
                if other.level <= level:
                    forget()
                    return False
            try:
                event: Any = ABSENT
                if extra is not None:
                    if type(extra) is not dict:
                        return False
                    if "event" in extra:
                        event = extra["event"]
                    if len(extra) > 1 or event is ABSENT:
                        if not is_free(extra):
                            return False
                        if is_routed and not is_unrouted(extra):
                            event = None
                if type(message) is str and (type(event) is str or event is ABSENT):
                    tally = kinds[event if by_event else key]
                    now = time()
                    if start <= now < end: tally.n += 1; return True  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above
                pass
            carefully(message, extra)
            return True

        return count

    def log_by_event(
        kinds: Mapping[object, Tally], carefully: Callable[..., None]
    ) -> Callable[..., None]:
        one = 1  # CPython has one of it, so that True is another

        def log(event_id: object, count: object = 1) -> None:
            try:
                if count is one and type(event_id) is str:
                    tally = kinds[event_id]
                    now = time()
                    if start <= now < end: tally.n += 1; return  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above
                pass
            carefully(event_id, count)

        return log

    def observe_by_name(
        known: Mapping[object, Tally], carefully: Callable[..., None]
    ) -> Callable[..., None]:
        def observe(measure: object, value: object) -> None:
            try:
                kind = type(value)
                if (kind is float or kind is int) and type(measure) is str:
                    tally = known[measure]
                    slots: Any = tally.slots
                    now = time()
                    if start <= now < end: slots[tally.n - tally.base] = value; tally.n += 1; return  # noqa: E701, E702  # fmt: skip
            except Exception:  # noqa: BLE001, S110 - as above
                pass
            carefully(measure, value)

        return observe

    return {
        "open_at": open_at,
        "shut": shut,
        "is_open_at": is_open_at,
        "handle_by_event": handle_by_event,
        "handle_routed": handle_routed,
        "handle_by_kind": handle_by_kind,
        "handle_measured": handle_measured,
        "count_unbuilt": count_unbuilt,
        "log_by_event": log_by_event,
        "observe_by_name": observe_by_name,
    }
