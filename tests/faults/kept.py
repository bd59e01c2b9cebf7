"""What programs that keep records and messages have in common: logging, and an oracle beside it."""

from __future__ import annotations

import logging
import os
from collections import Counter
from typing import Any

from ecl_logging.handlers import DedupHandler, MessageHandler
from ecl_logging.records import MessageLog, RecordLog
from ecl_logging.records.rendering.captured import restored
from tests.faults.oracle import EVENTS, OracleHandler, logged
from tests.faults.programs import Programs

log = logging.getLogger("app")

PATIENCE = 20.0


def configure(**options: Any) -> None:
    """Have each record noted by the oracle, then kept by both handlers."""
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(OracleHandler(os.environ["ORACLE"]))
    for kind in (DedupHandler, MessageHandler):
        handler: Any = kind(**options)
        handler.log.exit_timeout = PATIENCE
        log.addHandler(handler)


def logs() -> list[Any]:
    """The RecordLog and the MessageLog of `configure`."""
    return [handler.log for handler in log.handlers if hasattr(handler, "log")]


def flush() -> None:
    for one in logs():
        while not one.flush():
            pass


def log_records(count: int) -> None:
    """Log so many records, of all kinds in turn."""
    for number in range(count):
        event = EVENTS[number % len(EVENTS)]
        log.info(event, extra={"event": event})


def expected(programs: Programs) -> Counter[tuple[str, int]]:
    """Kind and second -> how many the oracle has noted."""
    return Counter((event, int(created)) for event, created in logged(programs.oracle))


def assert_kept(programs: Programs) -> None:
    """Everything that the oracle has noted is in the store, once, as records and as messages."""
    noted, records = expected(programs), Counter[tuple[str, int]]()
    with RecordLog(programs.url) as kept:
        while entries := kept.claim():
            for entry in entries:
                records[restored(entry.record)["msg"], entry.second] += entry.repeats
            kept.ack(entries)
    assert records == noted
    assert noted
    messages = Counter[str]()
    with MessageLog(programs.url) as said:
        [common] = said.store.messages.common([("app", "info")])  # type: ignore[attr-defined]
    for hour in (common.current, common.last):
        messages.update(hour.counts if hour else {})
    assert messages == Counter(event for event, _ in logged(programs.oracle))
