"""Fixtures for tests that start programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.programs import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts programs; those that still run at the end of the test are killed."""
    programs = Programs(tmp_path)
    yield programs
    programs.kill_all()
