"""What the cases of bad input have in common: a handler that counts, and books that balance."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.intervals import Interval
from tests.making import making
from tests.tools.conftest import Ran, ran

__all__ = ["Ran", "ran"]

LONG = Interval("366d", 366 * 86400)  # no test lasts until the next one begins
GROUP = {"intervals": ["366d"], "auto_declare_events": True, "sync_interval": 3600}

Make = Callable[..., CountingHandler]


def record(**attributes: object) -> logging.LogRecord:
    """A record as `logging` makes it, with some attributes as the test says."""
    return logging.makeLogRecord({"name": "web", "levelno": 20, "levelname": "INFO"} | attributes)


def cells(ecl: EventCountLogger, group: str = "g") -> dict[str, int]:
    """Everything in the current bucket, the library's own cells included."""
    ecl.flush()
    return dict(ecl.store.read(group, LONG, [0])[0].cells)


def dropped(ecl: EventCountLogger) -> dict[str, int]:
    return {reason: n for reason, n in ecl.telemetry()["dropped"].items() if n}


def assert_balanced(ecl: EventCountLogger, counted: int) -> None:
    """So much was counted, and all of it is somewhere."""
    books: Any = ecl.telemetry()
    sums = books["applied"] + books["pending"] + books["spooled"] + sum(books["dropped"].values())
    assert books["counted"] == counted == sums


@pytest.fixture
def make() -> Iterator[Make]:
    """Make handlers that count in a group `g`, in a memory of their own."""
    yield from making(CountingHandler, store="memory://", groups={"g": GROUP})
