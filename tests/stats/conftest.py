"""The tree is empty before and after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecl_logging import stats


@pytest.fixture(autouse=True)
def _empty_tree() -> Iterator[None]:
    stats.reset()
    yield
    stats.reset()
