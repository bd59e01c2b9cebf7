"""Fixtures for the tests of what fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis_servers import RedisServer, free_port


@pytest.fixture
def later(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that is not started yet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, port=free_port())
    yield server
    server.kill()
