"""The tree is empty before and after each test; a store with groups to be mounted."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.stats import kept_readings
from ecl_logging.stores.memory import MemoryStore
from tests.clocks import count_by
from tests.conftest import Clock
from tests.stats.mounting import GROUPS, CountingStore


@pytest.fixture(autouse=True)
def _tree_of_each_test(empty_tree: None) -> Iterator[None]:
    """Nothing of other tests is in the tree, and `gc.collect` looks at what is new only."""
    gc.freeze()  # hundreds of collections in a test would else go through all that is imported
    yield
    gc.unfreeze()


@pytest.fixture
def store(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> CountingStore:
    count_by(clock, monkeypatch)
    return CountingStore(MemoryStore(clock=clock))


@pytest.fixture
def ecl(store: CountingStore) -> Iterator[EventCountLogger]:
    with EventCountLogger(GROUPS, store=store) as ecl:
        yield ecl


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which readings are kept."""
    moments = Clock(100.0)
    monkeypatch.setattr(kept_readings, "time", SimpleNamespace(monotonic=moments))
    return moments
