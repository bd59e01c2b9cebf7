"""For all tests of handlers."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from ecl_logging import unbuilt


@pytest.fixture(autouse=True)
def logging_without_a_trace() -> Iterator[None]:
    """Each test leaves the class of loggers as it was, with everything in its order."""
    gc.collect()
    for left in unbuilt._counting.alive():  # of a test that failed, or dropped it
        left.close()  # type: ignore[attr-defined]
    gc.freeze()  # the next collection would else go through all that other tests have imported
    before = list(vars(logging.Logger).items())
    yield
    assert list(vars(logging.Logger).items()) == before
