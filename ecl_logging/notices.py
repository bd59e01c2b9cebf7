"""What the library has to say about itself: one place, never the logging path.

Warnings go to the logger `ecl_logging`. Where no handler but ours would show them, they go
to stderr, so that nobody loses counts in silence.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

__all__ = ["OWN_LOGGER", "warn"]

OWN_LOGGER = "ecl_logging"

# Looked up once, because getLogger takes logging's own lock; see below.
_logger = logging.getLogger(OWN_LOGGER)


def warn(message: str) -> None:
    """Tell the operator. Called by flushing threads and commands, with no lock held."""
    if any(_shows_warnings(handler) for handler in _handlers_of(_logger)):
        try:
            # Not `warning`, which may take logging's lock: `dictConfig` holds it while it closes
            # handlers, and so waits for our thread.
            _logger.handle(_record_of(message))
        except Exception:  # noqa: BLE001 - the program's own handlers and filters can raise
            _print(message)
    else:
        _print(message)


def _record_of(message: str) -> logging.LogRecord:
    return _logger.makeRecord(
        OWN_LOGGER, logging.WARNING, __file__, 0, "%s", (message,), None, "warn"
    )


def _print(message: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(Exception):  # closed, or the program's own: nobody to tell
            # In one write: others may write to the same file.
            print(f"{OWN_LOGGER}: {message}\n", end="", file=sys.stderr, flush=True)


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    """The handlers that a warning of `logger` would reach."""
    if logger.disabled or logger.manager.disable >= logging.WARNING:
        return
    if logger.getEffectiveLevel() > logging.WARNING:
        return
    at: logging.Logger | None = logger
    while at is not None:
        yield from at.handlers
        at = at.parent if at.propagate else None


def _shows_warnings(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.NullHandler) or handler.level > logging.WARNING:
        return False
    return not getattr(handler, "only_counts", False)
