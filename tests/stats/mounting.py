"""Groups to be mounted, and what is then shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecl_logging import stats
from ecl_logging.stats.reading import items_of, lookup, value_of
from ecl_logging.stats.tree import parts_of
from ecl_logging.stores.memory import MemoryStore
from tests.faulty_stores import FlakyStore

KEYS: dict[str, Any] = {"events": ["req1", "req2"], "intervals": ["5s", "1m"], "measures": []}
GROUPS = {name: dict(KEYS) for name in ("requests", "errors", "jobs")}


class CountingStore(FlakyStore):
    """Notes the steps that are asked of it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.steps: list[str] = []

    def _reach(self) -> None:
        self.steps.append("step")
        super()._reach()


def shown(path: str) -> Any:
    """What a page shows at a path and below."""
    return opened(lookup(stats.get_stats(), parts_of(path)))


def opened(value: Any) -> Any:
    value = value_of(value)
    if isinstance(value, Mapping):
        return {key: opened(below) for key, below in items_of(value)}
    return value
