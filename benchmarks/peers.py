"""The peers as one would use them: each counting by hand, and each in a handler.

Each is set up in the way of its own manual that costs least. What is imported here is in the
extra `bench` only.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datadog.dogstatsd import DogStatsd
from event_count_logger import EventCountLogger
from greplin import scales as greplin_scales
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, Counter
from statsd import StatsClient

from benchmarks.servers import Server

__all__ = [
    "EVENT",
    "SYNC_SECONDS",
    "ByHand",
    "CallingHandler",
    "OpenTelemetryHandler",
    "PrometheusHandler",
    "by_hand",
    "event_count_logger_group",
    "receiver",
]

EVENT = "sale"
SYNC_SECONDS = 1  # of groups of ours and of event_count_logger's


@contextlib.contextmanager
def receiver() -> Iterator[int]:
    """The port of a socket to which clients of statsd can send; nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        yield int(listening.getsockname()[1])


def event_count_logger_group(server: Server, **keys: object) -> Any:
    """Return a group of event_count_logger; with `sync_interval` it has local counters."""
    groups = {"peer": {"events": [EVENT], "intervals": ["1m", "1h"], **keys}}
    return EventCountLogger(groups, server.peer_config).get_group("peer")


def _nothing() -> None:
    """Do nothing."""


# --- by hand


@dataclass(frozen=True)
class ByHand:
    """A statement that counts once, the names in it, and what sends what it has gathered."""

    statement: str
    names: Mapping[str, Any]
    finish: Callable[[], object] | None = None
    close: Callable[[], object] = _nothing


class _Stats:
    events = greplin_scales.IntStat("events")

    def __init__(self) -> None:
        greplin_scales.init(self, "/benchmarks")


def by_hand(server: Server, port: int) -> dict[str, Callable[[], ByHand]]:
    """What sets up each peer, by its name; `port` takes datagrams."""
    return {
        "prometheus_client child.inc()": _prometheus_child,
        "event_count_logger, local counters": lambda: _local_counters(server),
        "prometheus_client labels(...).inc()": _prometheus_labels,
        "scales IntStat += 1": lambda: ByHand("stats.events += 1", {"stats": _Stats()}),
        "opentelemetry counter.add": _opentelemetry,
        "statsd incr": lambda: _statsd(port),
        "datadog increment": lambda: _datadog(port),
        "event_count_logger, each event written": lambda: ByHand(
            "group.log('sale')", {"group": event_count_logger_group(server)}
        ),
    }


def _prometheus_child() -> ByHand:
    counter = Counter("children", "Events.", ["event"], registry=CollectorRegistry())
    return ByHand("child.inc()", {"child": counter.labels(EVENT)})


def _prometheus_labels() -> ByHand:
    counter = Counter("labelled", "Events.", ["event"], registry=CollectorRegistry())
    return ByHand("counter.labels('sale').inc()", {"counter": counter})


def _local_counters(server: Server) -> ByHand:
    group = event_count_logger_group(server, sync_interval=SYNC_SECONDS)
    return ByHand("group.log('sale')", {"group": group}, group.sync, group.scheduler.shutdown)


def _opentelemetry() -> ByHand:
    provider, counter = _opentelemetry_counter()
    return ByHand("counter.add(1, {'event': 'sale'})", {"counter": counter}, close=provider)


def _opentelemetry_counter() -> tuple[Callable[[], object], Any]:
    # With a reader in memory: without one nothing is counted.
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    counter = provider.get_meter("benchmarks").create_counter("events")
    return provider.shutdown, counter


def _statsd(port: int) -> ByHand:
    client: Any = StatsClient("127.0.0.1", port)
    return ByHand("client.incr('sale')", {"client": client}, close=client.close)


def _datadog(port: int) -> ByHand:
    client: Any = DogStatsd("127.0.0.1", port)
    return ByHand("client.increment('sale')", {"client": client}, client.flush, client.stop)


# --- in a handler


class CallingHandler(logging.Handler):
    """Counts the `event` of each record with a function that takes it."""

    def __init__(
        self,
        count: Callable[[str], object],
        finish: Callable[[], object] = _nothing,
        close: Callable[[], object] = _nothing,
    ) -> None:
        super().__init__()
        self._count, self._finish, self._end = count, finish, close

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record."""
        self._count(record.event)  # type: ignore[attr-defined]  # the extra

    def flush(self) -> None:
        """Send what is gathered."""
        self._finish()

    def close(self) -> None:
        """End what it counts with. Safe to call twice: `logging.shutdown` does so again."""
        self._end()
        self._end = _nothing
        super().close()


class PrometheusHandler(logging.Handler):
    """Counts with prometheus_client, looking the child up for each record."""

    def __init__(self) -> None:
        super().__init__()
        self._counter = Counter("logged", "Events.", ["event"], registry=CollectorRegistry())

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record."""
        self._counter.labels(record.event).inc()  # type: ignore[attr-defined]  # the extra


class OpenTelemetryHandler(logging.Handler):
    """Counts with OpenTelemetry's SDK."""

    def __init__(self) -> None:
        super().__init__()
        self._end, self._counter = _opentelemetry_counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record."""
        self._counter.add(1, {"event": record.event})  # type: ignore[attr-defined]  # the extra

    def close(self) -> None:
        """End what it counts with. Safe to call twice."""
        self._end()
        self._end = _nothing
        super().close()


def statsd_handler(port: int) -> logging.Handler:
    """Return a handler that sends a datagram for each record."""
    client: Any = StatsClient("127.0.0.1", port)
    return CallingHandler(client.incr, close=client.close)


def datadog_handler(port: int) -> logging.Handler:
    """Return a handler that counts with datadog's client, as it is without options."""
    client: Any = DogStatsd("127.0.0.1", port)
    return CallingHandler(client.increment, client.flush, client.stop)


def event_count_logger_handler(server: Server) -> logging.Handler:
    """Return a handler that counts with event_count_logger, in local counters."""
    group = event_count_logger_group(server, sync_interval=SYNC_SECONDS)
    return CallingHandler(group.log, group.sync, group.scheduler.shutdown)
