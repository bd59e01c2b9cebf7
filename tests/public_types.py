"""A program as users write it: what mypy makes of the public names. Checked, never run."""

from __future__ import annotations

import logging

import structlog

from ecl_logging import (
    DummyEventGroup,
    EventCountLogger,
    EventGroup,
    StoreUnavailable,
    count_logs,
    open_store,
    stats,
)
from ecl_logging.filters import EventFilter
from ecl_logging.handlers import CountingHandler
from ecl_logging.processors import CountingProcessor
from ecl_logging.testing import CapturedCounts, capture_counts
from ecl_logging.web import serve_in_background


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


def report(group: str, interval: str, start: int, counts: dict[str, int]) -> None:
    """Take what `on_rotation` gives."""


def look_on(ecl: EventCountLogger) -> dict[str, int]:
    """Use what stands beside the handler."""
    structlog.configure(processors=[CountingProcessor(ecl), structlog.dev.ConsoleRenderer()])
    logging.getLogger().addFilter(EventFilter(ecl, require=True))
    same = ecl.on_rotation(report)
    same("g", "1m", 0, {})
    with capture_counts() as counted:
        captured: CapturedCounts = counted
        everything: dict[str, dict[str, int]] = captured()
    return everything["g"] | captured("g")


class Handler:
    """Has stats, whose values have types of their own."""

    requests = stats.IntStat("requests")
    latency = stats.PmfStat("latency")
    hits = stats.MeterStat("hits")
    by_status = stats.IntDictStat("by_status")
    by_path = stats.NamedPmfDictStat("by_path")
    state = stats.StateTimeStat("state")

    def __init__(self) -> None:
        """Have a place for them."""
        stats.init(self, "/handler").set_collapsed(True)

    def handle(self, path: str) -> int:
        """Count, measure and mark by assigning, too."""
        with self.latency.time() as timer, self.by_path[path].time():
            timer.warn99(logging.getLogger("web"), "%s took long", path)
        self.latency = 0.5
        self.latency.add_value(0.5)
        self.hits = 3
        self.hits.mark()
        self.by_path[path] = 0.5
        self.by_status["200"] += 1
        self.by_status.add("200")
        self.state = "ready"
        self.requests += 1
        type(self).requests.add(self)
        return self.requests


def show() -> str:
    """Serve what is counted."""
    with serve_in_background(0, server_name="shop") as server:
        address: str = server.url
    return address
