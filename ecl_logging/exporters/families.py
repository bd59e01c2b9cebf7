"""Families of metrics, as prometheus_client takes them from a collector of a program's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import utils
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from ecl_logging.distributions import Distribution, distributions_in
from ecl_logging.exporters.histograms import Bounds, at_most
from ecl_logging.stores.protocols import INVALID, OTHER, Definition, Totals

if TYPE_CHECKING:
    from ecl_logging.exporters.readings import GroupReading, Reading
    from ecl_logging.groups import Telemetry

__all__ = ["ProcessFamilies", "StoreFamilies"]

_PERCENTS = (50, 90, 95, 99)

# How a bound is written. Prometheus 3 writes those of any client so, whatever they sent.
_written: Callable[[float], str] = utils.floatToGoString


class StoreFamilies:
    """What a store has, of all programs together."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._events = CounterMetricFamily(
            "ecl_events", "Events counted since totals are kept.", labels=["group", "event"]
        )
        self._other = CounterMetricFamily(
            "ecl_other_events",
            "Events of undeclared IDs beyond the group's max_events.",
            labels=["group"],
        )
        self._invalid = CounterMetricFamily(
            "ecl_invalid_events",
            "Values that were no event IDs, counts or numbers.",
            labels=["group"],
        )
        self._interval_events = GaugeMetricFamily(
            "ecl_interval_events",
            "Events of the last finished bucket of each interval.",
            labels=["group", "interval", "event"],
        )
        self._starts = GaugeMetricFamily(
            "ecl_interval_start_timestamp_seconds",
            "When the last finished bucket of each interval began.",
            labels=["group", "interval"],
        )
        self._interval_values = GaugeMetricFamily(
            "ecl_interval_values",
            "Values measured in the last finished bucket of each interval.",
            labels=["group", "interval", "measure"],
        )
        self._interval_quantiles = GaugeMetricFamily(
            "ecl_interval_quantile",
            "Quantiles of these values, within 1.1 %.",
            labels=["group", "interval", "measure", "quantile"],
        )
        self._measures = HistogramMetricFamily(
            "ecl_measure",
            "Values measured since totals are kept.",
            labels=["group", "measure"],
        )
        self._sources = GaugeMetricFamily(
            "ecl_sources", "Sources that counted within the last week.", labels=["group"]
        )
        self._lag = GaugeMetricFamily(
            "ecl_flush_lag_seconds",
            "Whole seconds since any program sent counts, by the store's clock.",
            labels=["group"],
        )
        self._group_up = GaugeMetricFamily(
            "ecl_group_up", "Whether all of the group could be read.", labels=["group"]
        )
        self._up = GaugeMetricFamily("ecl_up", "Whether the store could be read.")

    def all(self) -> list[Metric]:
        """Every family, whether it has samples or not."""
        return [family for family in vars(self).values() if isinstance(family, Metric)]

    def add(self, reading: Reading) -> None:
        """Add all that was read."""
        for group in reading.groups:
            self._add_group(group)
        self._up.add_metric([], int(reading.is_up))

    def _add_group(self, reading: GroupReading) -> None:
        group = _label(reading.group)
        self._group_up.add_metric([group], int(reading.problem is None))
        if reading.definition is None:
            return
        if reading.totals is not None:
            self._add_totals(group, reading.definition, reading.totals)
        for interval, view in reading.last:
            self._starts.add_metric([group, interval.text], view.start)
            for event, n in view.counts.items():
                self._interval_events.add_metric([group, interval.text, _label(event)], n)
            for measure, distribution in view.measures.items():
                self._add_interval([group, interval.text, _label(measure)], distribution)
        self._sources.add_metric([group], reading.sources)
        if reading.lag_seconds is not None:
            self._lag.add_metric([group], reading.lag_seconds)

    def _add_interval(self, labels: list[str], distribution: Distribution) -> None:
        self._interval_values.add_metric(labels, distribution.count)
        for percent in _PERCENTS if distribution else ():
            value = distribution.percentile(percent)
            self._interval_quantiles.add_metric([*labels, f"{percent / 100:g}"], value)

    def _add_totals(self, group: str, definition: Definition, totals: Totals) -> None:
        cells, since = totals.cells, totals.since
        events = {event: n for event, n in cells.items() if event[:1] != "@"}
        for event, n in sorted((dict.fromkeys(definition.events, 0) | events).items()):
            self._events.add_metric([group, _label(event)], n, created=since)
        self._other.add_metric([group], cells.get(OTHER, 0), created=since)
        self._invalid.add_metric([group], cells.get(INVALID, 0), created=since)
        for name, distribution in distributions_in(cells, definition.measures).items():
            self._add_measure([group, _label(name)], self._bounds.of(name), distribution)
            labels = {"group": group, "measure": _label(name)}
            self._measures.add_sample("ecl_measure_created", labels, since)

    def _add_measure(
        self, labels: list[str], bounds: tuple[float, ...], distribution: Distribution
    ) -> None:
        buckets = [
            (_written(bound), n)
            for bound, n in zip(bounds, at_most(distribution, bounds), strict=True)
        ]
        # A sum that can fall is no counter: OpenMetrics wants none then, and no count either.
        # Where a bound is negative, the client leaves them out by itself.
        sum_value = None if distribution.min < 0 else distribution.sum
        buckets.append(("+Inf", distribution.count))
        self._measures.add_metric(labels, buckets, sum_value)


class ProcessFamilies:
    """What became of the events of one process."""

    def __init__(self) -> None:
        self._counted = CounterMetricFamily("ecl_counted", "Events that this process counted.")
        self._pending = GaugeMetricFamily(
            "ecl_pending", "Events of this process that the store has not confirmed yet."
        )
        self._dropped = CounterMetricFamily(
            "ecl_dropped", "Events of this process that are in no bucket.", labels=["reason"]
        )
        self._late = CounterMetricFamily(
            "ecl_late", "Events of this process that were older than the history of an interval."
        )
        self._ahead = CounterMetricFamily(
            "ecl_ahead", "Events of this process that were dated ahead of the store's clock."
        )
        self._retries = CounterMetricFamily(
            "ecl_retries", "Batches of this process that were sent again."
        )
        self._last_flush = GaugeMetricFamily(
            "ecl_last_flush_timestamp_seconds", "When the store last confirmed what was sent."
        )

    def all(self) -> list[Metric]:
        """Every family, whether it has samples or not."""
        return [family for family in vars(self).values() if isinstance(family, Metric)]

    def add(self, telemetry: Telemetry) -> None:
        """Add all of it."""
        self._counted.add_metric([], telemetry["counted"])
        self._pending.add_metric([], telemetry["pending"])
        for reason, n in telemetry["dropped"].items():
            self._dropped.add_metric([reason], n)
        self._late.add_metric([], telemetry["late"])
        self._ahead.add_metric([], telemetry["ahead"])
        self._retries.add_metric([], telemetry["retries"])
        if telemetry["last_flush"] is not None:
            self._last_flush.add_metric([], telemetry["last_flush"])


def _label(text: str) -> str:
    """The text as it can be written: what somebody else has stored may be no Unicode text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
