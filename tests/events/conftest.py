"""Queues of our own, each in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.events import calls
from ecl_logging.events.engines import base
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.protocols import Queue
from tests.redis_servers import RedisServer


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
