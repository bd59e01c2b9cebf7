"""The tree is empty before and after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecl_logging import stats


@pytest.fixture(autouse=True)
def empty_tree() -> Iterator[None]:
    """Nothing of other tests is in the tree."""
    stats.reset()
    yield
    stats.reset()
