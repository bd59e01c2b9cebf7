"""What the programs of these tests have in common: logging that counts, an oracle beside it."""

from __future__ import annotations

import logging
import logging.config
import os
from typing import Any

from ecl_logging.groups import EventCountLogger
from ecl_logging.handlers import CountingHandler
from tests.faults.oracle import EVENTS, GROUP, INTERVALS, OracleHandler

log = logging.getLogger("app")

GROUPS = {GROUP: {"events": EVENTS, "intervals": INTERVALS, "history": 600}}


PATIENCE = 20.0


class NotingHandler(CountingHandler):
    """Has the oracle note each record that is delivered to it, then counts it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._oracle = OracleHandler(os.environ["ORACLE"])
        self.ecl.exit_timeout = PATIENCE

    def emit(self, record: logging.LogRecord) -> None:
        self._oracle.emit(record)
        super().emit(record)


def configure(
    groups: dict[str, dict[str, object]] | None = None,
    *,
    patience: float | None = PATIENCE,
    **handler: object,
) -> None:
    """Configure logging: each record is noted by the oracle, then counted.

    `patience` is the program's `exit_timeout`, long enough for a slow machine where a test is
    about what is counted, not about when; None leaves it as it is.
    """
    counts = {"class": "ecl_logging.handlers.CountingHandler", "groups": groups or GROUPS}
    oracle = {"class": "tests.faults.oracle.OracleHandler", "path": os.environ["ORACLE"]}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"oracle": oracle, "counts": counts | handler},
            "root": {"level": "INFO", "handlers": ["oracle", "counts"]},
        }
    )
    if patience is not None:
        event_count_logger().exit_timeout = patience


def log_records(count: int) -> None:
    """Log so many records, of all kinds in turn."""
    for number in range(count):
        log.info("something happened", extra={"event": EVENTS[number % len(EVENTS)]})


def counting_handler() -> CountingHandler:
    """The handler that `configure` made."""
    (handler,) = (h for h in logging.getLogger().handlers if isinstance(h, CountingHandler))
    return handler


def event_count_logger() -> EventCountLogger:
    """What the handler of `configure` counts with."""
    ecl = counting_handler().ecl
    assert ecl is not None
    return ecl
