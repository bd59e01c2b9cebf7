"""Programs that publish events to the queue that the environment names, each noted in a file before.

A note is the text of the event, which no other has: so what is in the queue, and how often, is seen.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import Counter
from pathlib import Path
from typing import Any

from ecl_logging.handlers import PublishHandler
from tests.events.queue_contents import events_in
from tests.faults.programs import Programs

__all__ = ["assert_published", "configure", "flush", "log_events", "noted", "publisher", "texts_in"]

PATIENCE = 20.0
log = logging.getLogger("app")
_numbers = itertools.count()


def configure(**options: Any) -> None:
    """Have what is logged published; at the end there is much time for it."""
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = PublishHandler(**options)
    handler.log.exit_timeout = PATIENCE
    log.addHandler(handler)


def publisher() -> Any:
    """The Publisher of `configure`."""
    return log.handlers[0].log  # type: ignore[attr-defined]


def flush() -> None:
    while not publisher().flush():
        pass


def log_events(count: int) -> None:
    """Note so many events, and publish each."""
    notes = os.open(os.environ["ORACLE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        text = f"{os.getpid()}-{next(_numbers):06}"
        os.write(notes, f"{text}\n".encode())
        log.info(text)
    os.close(notes)


def noted(oracle: Path) -> list[str]:
    return oracle.read_text().splitlines()


def texts_in(url: object) -> list[str]:
    """The texts of the events in the queue, in its order."""
    return [event["payload"]["message"] for event in events_in(url)]


def assert_published(programs: Programs) -> None:
    """Everything that was noted is in the queue, once, and that of each process in its order."""
    found, notes = texts_in(programs.url), noted(programs.oracle)
    assert Counter(found) == Counter(notes)
    assert notes
    for process in {text.partition("-")[0] for text in found}:
        of_it = [text for text in found if text.startswith(f"{process}-")]
        assert of_it == sorted(of_it)
