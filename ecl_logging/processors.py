"""CountingProcessor: counts structlog's events on their way, wherever they are rendered."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, MutableMapping
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ecl_logging.record_counter import build_counter, refused_aloud

if TYPE_CHECKING:
    from ecl_logging.groups import EventCountLogger

__all__ = ["CountingProcessor"]

_LEVELS = {"exception": logging.ERROR, "warn": logging.WARNING, "fatal": logging.CRITICAL}


class CountingProcessor:
    """Counts an event dict as `CountingHandler` counts a record, and returns it unchanged.

    ::

        structlog.configure(processors=[CountingProcessor(), structlog.dev.ConsoleRenderer()])

    It stands before the renderer (or `wrap_for_formatter`, `render_to_log_kwargs`), which is
    last. Thread safe. The call that logs neither waits for a store or a lock nor raises.

    The event dict's keys are what rules see as attributes, but for `name`, `levelname`, `levelno`,
    `created` and `msg`, which mean what they mean of a record; the ID is structlog's own `event`
    unless rules say otherwise, and a sentence that no group declares is not counted. Level and
    logger are its `level` and `logger`, else the method's name and `logger.name`.
    """

    def __init__(  # noqa: PLR0913 - those of CountingHandler
        self,
        ecl: EventCountLogger | None = None,
        *,
        config: object = None,
        store: object = None,
        groups: Mapping[str, object] | None = None,
        rules: object = None,
        level: int | str = logging.NOTSET,
        sync_interval: float | None = 1.0,
        sync_limit: int | None = None,
        unmatched: str | None = None,
        redis: Mapping[str, object] | None = None,
        **unknown: object,
    ) -> None:
        """Build a processor; the arguments and errors are those of `CountingHandler`."""
        with refused_aloud():
            self._counter, self._level = build_counter(
                ecl,
                config=config,
                store=store,
                groups=groups,
                rules=rules,
                redis=redis,
                level=level,
                unmatched=unmatched,
                flags={},
                sync_interval=sync_interval,
                sync_limit=sync_limit,
                unknown=unknown,
            )
        self.ecl: EventCountLogger = self._counter.ecl

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count the event. Never waits, never raises, never changes the event dict."""
        if get_ident() in self._counter.flushing_threads:
            return event_dict  # logged by the flush itself: counting it would make work without end
        try:
            self._count(logger, method_name, event_dict, time.time())
        except Exception:  # noqa: BLE001 - the program's own objects can raise anything
            self._counter.count_invalid("raises when it is looked at", time.time())
        return event_dict

    def _count(self, logger: Any, method_name: str, event_dict: object, now: float) -> None:
        if not isinstance(event_dict, Mapping):
            reason = "comes rendered: CountingProcessor has to stand before the renderer"
            self._counter.count_invalid(reason, now)
            return
        level = _level_of(event_dict.get("level"), method_name)
        if level >= self._level:
            name = event_dict.get("logger")
            if not isinstance(name, str):
                name = getattr(logger, "name", None)
            self._counter.count(_EventRecord(name, level, event_dict, now))

    def flush(self) -> None:
        """Send what is pending. Waits for the store, at most the logger's `exit_timeout`."""
        self._counter.flush()

    def close(self) -> None:
        """Send what is pending, then stop counting. Safe to call twice.

        An EventCountLogger that was handed in is flushed, and stays open.
        """
        self._counter.close()


class _EventRecord:
    """An event dict as rules see a record: what it lacks, a rule that asks for it lacks, too."""

    name = ""

    def __init__(
        self, name: object, level: int, event_dict: Mapping[str, Any], created: float
    ) -> None:
        if isinstance(name, str) and name:
            self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.created = created
        self.msg = event_dict

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        return str(self.msg)


def _level_of(value: object, method_name: object) -> int:
    """Return the level that an event dict names, else the one of the method that was called."""
    names = logging.getLevelNamesMapping()
    for text in (value, method_name):
        if isinstance(text, str):
            known = _LEVELS.get(text) or names.get(text.upper()) or names.get(text)
            if known is not None:
                return known
    return logging.NOTSET
