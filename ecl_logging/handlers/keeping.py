"""KeepingHandler: what the handlers share that keep what was said."""

from __future__ import annotations

import sys

from ecl_logging.handlers.fast import FastHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any

__all__ = ["KeepingHandler"]


class KeepingHandler(FastHandler):
    """Gives records to a log that keeps them. Never waits, never raises, never changes a record."""

    log: Any

    def _open(  # noqa: PLR0913 - one for each thing that YAML can say
        self,
        log: object,
        kind: type[Any],
        *,
        config: object,
        store: object,
        redis: object,
        level: object,
        unknown: dict[str, object],
        options: dict[str, tuple[object, object]],
    ) -> None:
        """Be a handler of this log, or of one that is made of all else; see `_open_at`."""
        self._open_at(
            log,
            kind,
            {"config": config, "store": store, "redis": redis},
            lambda: _store(config, store, redis),
            level=level,
            unknown=unknown,
            options=options,
        )

    def _open_at(  # noqa: PLR0913 - as above
        self,
        log: object,
        kind: type[Any],
        where: dict[str, object],
        place: Callable[[], object],
        *,
        level: object,
        unknown: dict[str, object],
        options: dict[str, tuple[object, object]],
    ) -> None:
        """Be a handler of this log, or of one that is made of all else.

        `where`: the arguments that say where the log has its place, by name; `place` returns it.
        `options`: the arguments of the log by name, each with what it is if nobody gives it.
        Raises ConfigError with every problem there is, and writes it to stderr as well.
        """
        from ecl_logging.fast_path import flushing_threads
        from ecl_logging.problems import checked_together
        from ecl_logging.record_counter import refused_aloud
        from ecl_logging.rules import is_own
        from ecl_logging.validation import check_level_and_names

        def made() -> Any:
            given = {name for name, (value, usual) in options.items() if value != usual}
            if log is not None:
                given.update(name for name, value in where.items() if value is not None)
                return _given(log, kind, given)
            values = {name: value for name, (value, _) in options.items()}
            return kind(place(), **values)

        with refused_aloud():
            self.log, number = checked_together(
                made,
                lambda: check_level_and_names(level, unknown, {"level", "log", *where, *options}),
            )
        self._owns_log = log is None
        self._flushing = flushing_threads
        self._is_own: Callable[[str], bool] = is_own
        super().__init__(number)

    def _take(self, record: logging.LogRecord) -> None:
        if self._is_own(str(record.name)):
            return
        is_in = False
        try:
            is_in = self.log.take_in(record)
            if is_in:
                self.log.notice()
        except Exception as error:  # noqa: BLE001 - of the record, or out of a signal handler
            if not is_in:
                self.log.take_in_unreadable(error)
                self.log.notice()

    def _take_failed(self, record: logging.LogRecord) -> None:
        self.log.take_in_unreadable(sys.exception())  # nothing of it is in
        self.log.notice()

    def flush(self) -> None:
        """Send what is pending. Waits for the store, at most the log's `exit_timeout`.

        `logging.shutdown` calls this and `close` in turn: together they take no longer.
        """
        from ecl_logging.retirement import is_configured_anew

        if not is_configured_anew():
            self.log._flusher.flush_patiently()

    def close(self) -> None:
        """Send what is pending, then take in no more. Safe to call twice.

        A log that was handed in is flushed, and stays open. Where `logging.config` closes the
        handler, its thread sends what is pending, and what still comes is kept, too.
        """
        from ecl_logging.retirement import is_configured_anew

        if not self._owns_log:
            self.flush()
        elif is_configured_anew():
            self.log._flusher.retire()
        else:
            self.log.close()
        self.is_closed = True
        super().close()


def _given(log: object, kind: type[Any], others: set[str]) -> object:
    from ecl_logging.errors import ConfigError

    if not isinstance(log, kind):
        raise ConfigError(f"log: {type(log).__name__} is no {kind.__name__}")
    if others:
        raise ConfigError(f"log: takes the place of {', '.join(sorted(others))}; give one")
    return log


def _store(config: object, store: object, redis: object) -> object:
    """Return the store that these name."""
    from ecl_logging.config import config_from
    from ecl_logging.problems import checked_together
    from ecl_logging.stores import check_store, open_chosen_store

    section, given = checked_together(
        lambda: config_from(config), lambda: check_store(store, redis)
    )
    return open_chosen_store(given, section.store, prefix=section.prefix)
