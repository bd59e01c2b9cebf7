"""The pytest fixture `ecl_counts`. pytest imports this at its start: so it loads nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ecl_logging.testing import CapturedCounts

__all__ = ["ecl_counts"]


@pytest.fixture
def ecl_counts() -> Iterator[CapturedCounts]:
    """What was counted in this test: `ecl_counts("requests") == {"req1": 2}`.

    While it is active every store is one private memory store.
    """
    from ecl_logging.testing import capture_counts

    with capture_counts() as counts:
        yield counts
