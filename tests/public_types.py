"""A program as users write it: what mypy makes of the public names. Checked, never run."""

from __future__ import annotations

from ecl_logging import (
    DummyEventGroup,
    EventCountLogger,
    EventGroup,
    StoreUnavailable,
    count_logs,
    open_store,
)
from ecl_logging.handlers import CountingHandler


def count() -> int:
    """Use what the README uses."""
    with EventCountLogger({"g": {"intervals": ["1m"]}}, store=open_store("memory://")) as ecl:
        known: EventGroup | DummyEventGroup = ecl["g"]
        sure: EventGroup | DummyEventGroup = ecl.get_group("g", dummy=True)
        unsure: EventGroup | DummyEventGroup | None = ecl.get_group("g")
        sure.log("x", 2)
        counts: dict[str, int] = known.get_counts("1m", current=True)
        forgotten: int = ecl.telemetry()["dropped"]["server_forgot"]
        pending: int = ecl.telemetry()["pending"]
        is_well: bool = ecl.health()["ok"]
    return counts["x"] + forgotten + pending + is_well + (unsure is None)


def handle() -> bool:
    """Flush through a handler."""
    handler: CountingHandler = count_logs(store="memory://")
    try:
        return handler.ecl.flush(timeout=1.0)
    except StoreUnavailable:
        return False
