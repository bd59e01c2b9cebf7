"""CountingHandler: counts log records; count_logs: one on the root logger, in one line.

Importing this module costs little more than `logging`: the rest is imported when the first
handler is built.
"""

from __future__ import annotations

import logging
import weakref

from ecl_logging.handlers.fast import FastHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ecl_logging.groups import EventCountLogger
    from ecl_logging.unbuilt import Seen, Shortcut

__all__ = ["CountingHandler", "count_logs"]


class CountingHandler(FastHandler):
    """Counts log records as events, in buckets of time that all processes share.

    Builds without touching network or disk. Raises ConfigError with every problem of its
    arguments, and writes it to stderr as well, because servers such as gunicorn hide it.

    A record is counted in the interval of its own `created`. The call that logs neither
    waits for a store or a lock nor raises; a thread sends the counts later.
    """

    _counts_unbuilt: weakref.ref[Any] | None = None
    _asked: tuple[object, ...] | None = None  # what count_logs made it of

    def __init__(  # noqa: PLR0913 - one argument for each thing that YAML can say
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
        count_only: bool = False,
        redis: Mapping[str, object] | None = None,
        **unknown: object,
    ) -> None:
        """Build a handler.

        `ecl`: an EventCountLogger to count with, instead of `config`, `store`, `groups` and
        `redis`. `config`: a mapping with the keys of a configuration file's `ecl:` section,
        or such a file's path; `store`, `groups`, `rules` and `redis` go before it. With none
        of them, levels, loggers and the `event` extra are counted in 1m and 1h.
        `sync_interval`: seconds between flushes, and `sync_limit`: a count of one ID that
        brings the flush on, both in groups that do not have their own. `unmatched`: an event
        ID that counts the records that no rule matched, in the first group. `count_only`: where
        this handler is the only one that would take a record, count it without building it; the
        rules may ask for logger, level and extras only. Any other argument is a ConfigError, told
        with the nearest one that there is.
        """
        from ecl_logging.record_counter import build_counter, refused_aloud
        from ecl_logging.unbuilt import count_unbuilt

        with refused_aloud():
            counter, number = build_counter(
                ecl,
                config=config,
                store=store,
                groups=groups,
                rules=rules,
                redis=redis,
                level=level,
                unmatched=unmatched,
                flags={"count_only": count_only},
                sync_interval=sync_interval,
                sync_limit=sync_limit,
                unknown=unknown,
            )
        self._counter = counter
        super().__init__(number)
        self._take = counter.count_and_learn  # type: ignore[method-assign]
        self._take_failed = counter.count_failed  # type: ignore[method-assign]
        self._flush, self._close = counter.flush, counter.close
        self._flushing = counter.flushing_threads
        self.ecl: EventCountLogger = counter.ecl
        self._counts_unbuilt = count_unbuilt(self) if count_only else None

    def _forget_shortcuts(self) -> None:
        if self._counts_unbuilt is not None:
            from ecl_logging.unbuilt import forget_shortcuts

            forget_shortcuts()

    def _fast_path(
        self, filters: list[Any], carefully: Callable[[logging.LogRecord], bool]
    ) -> Callable[[logging.LogRecord], bool]:
        return self._counter.handle_by_kind(filters, carefully)

    def _shortcut(self, seen: Seen) -> Shortcut | None:
        """Return what counts with no record; see `unbuilt`."""
        if self.is_closed or seen.look_into(self._filters) or not self._is_plain():
            return None
        me = weakref.ref(self)

        def carefully(message: object, extra: Any) -> None:
            handler = me()
            if handler is not None:
                handler.emit(seen.unbuilt(message, extra))  # type: ignore[arg-type]
            seen.end_in_time()  # at the latest when a second begins, which opens the fast path

        return self._counter.shortcut(seen, self, carefully)

    def flush(self) -> None:
        """Send what is pending. Waits for the store, at most the logger's `exit_timeout`.

        `logging.shutdown` calls this and `close` in turn: together they take no longer.
        """
        self._flush()

    def close(self) -> None:
        """Send what is pending, then stop counting. Safe to call twice.

        An EventCountLogger that was handed in is flushed, and stays open. Where `logging.config`
        closes the handler, its thread sends what is pending, and what still comes is counted.
        """
        self._close()
        self.is_closed = True
        if self._counts_unbuilt is not None:
            from ecl_logging.unbuilt import end_counting

            end_counting(self._counts_unbuilt)
        super().close()


def count_logs(
    ecl: EventCountLogger | None = None, *, level: int | str | None = None, **arguments: Any
) -> CountingHandler:
    """Count every log record of the program from here on: a CountingHandler on the root logger.

    Takes the handler's arguments. Where logging has not been configured, the root logger
    takes in records of `level` and above (INFO by default), and what was shown on stderr is
    still shown there: a handler for warnings is added, because Python's own last resort
    falls silent once there is any handler. Safe to call twice: the second call returns the
    handler of the first, and warns where it asks for another.
    """
    root = logging.getLogger()
    asked = (ecl, level, arguments)
    for handler in root.handlers[:]:
        if isinstance(handler, CountingHandler):
            if not handler.is_closed:
                _warn_of_other_arguments(handler, asked)
                return handler
            root.removeHandler(handler)  # it counts no more
    counting = CountingHandler(ecl, level=logging.NOTSET if level is None else level, **arguments)
    counting._asked = asked
    if not root.handlers:
        console = logging.StreamHandler()
        console.setLevel(logging.WARNING)
        root.addHandler(console)
        root.setLevel(logging.INFO if level is None else level)
    root.addHandler(counting)
    return counting


def _warn_of_other_arguments(handler: CountingHandler, asked: tuple[object, ...]) -> None:
    if asked not in ((None, None, {}), handler._asked):
        from ecl_logging.notices import warn

        warn("count_logs: the root logger has a counting handler; these arguments are not taken")
