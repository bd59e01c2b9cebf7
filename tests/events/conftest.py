"""What tests of events share: nothing configured before, records, and queues of our own in turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ecl_logging.events import calls, context
from ecl_logging.events.context import set_context
from ecl_logging.events.engines import base
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from tests.redis_servers import RedisServer


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """No test sees what another has configured, or that a problem has been told."""
    logger_class = logging.getLoggerClass()
    calls._told.clear()
    yield
    calls._told.clear()
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.setLoggerClass(logger_class)
    set_context(fqdn=None, application=None, application_version=None)
    context._context = None


class Records(logging.Handler):
    """What comes to a handler."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)

    @property
    def only(self) -> logging.LogRecord:
        """The one record that came."""
        (record,) = self.all
        return record


@pytest.fixture
def records() -> Iterator[Records]:
    """The records of the logger `shop`, from INFO on, and of those below it."""
    handler = Records()
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operator is told."""
    said: list[str] = []
    monkeypatch.setattr(calls, "warn", said.append)
    return said


@pytest.fixture(params=["memory", "sqlite", "redis"])
def queue_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty queue; that of memory is one for this test."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("empty_server")
        return server.url
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/queue.db"
    return f"memory://{tmp_path}"


@pytest.fixture
def queue(queue_url: str) -> Iterator[Queue]:
    queue = open_queue(queue_url)
    yield queue
    queue.close()


@pytest.fixture
def in_memory() -> Queue:
    """For what no kind of queue changes."""
    return open_queue("memory://")


@pytest.fixture
def warnings_told(warnings_told: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the library warned of during the test, engines and log calls too."""
    for module in (base, calls):
        monkeypatch.setattr(module, "warn", warnings_told.append)
    return warnings_told
