"""Who counts: the sources of each group, and when they were last heard of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ecl_logging.intervals import whole_seconds
from ecl_logging.tools.command import Context
from ecl_logging.tools.moments import Moment
from ecl_logging.tools.printable import Ruler
from ecl_logging.views import store_second

__all__ = ["SourceReport", "read_sources", "source_object", "source_table"]

_SHOWN_DIGITS = 8
_COLUMNS = ["group", "source", "batches", "events", "last flush", "lag"]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What the store knows of one source of one group."""

    group: str
    source: str
    batches: int
    events: int
    last_flush: int  # Unix time by the store's clock
    lag_seconds: int  # since then, by the same clock


def read_sources(context: Context, group: str | None) -> list[SourceReport]:
    """Return the sources of one group, or of all; newest first. Raises ConfigError, StoreError."""
    groups = context.definitions() if group is None else [context.definition(group).group]
    found = [report for name in groups for report in _sources_of(context, name)]
    return sorted(found, key=lambda one: (-one.last_flush, one.group, one.source))


def _sources_of(context: Context, group: str) -> Iterable[SourceReport]:
    sources = context.store.sources(group)
    now = store_second(context.store, group) if sources else 0
    for source in sources:
        at = whole_seconds(source.at)
        lag = max(0, now - at)
        yield SourceReport(group, source.source, source.number, source.total, at, lag)


def source_table(reports: Iterable[SourceReport], moment: Moment, ruler: Ruler) -> str:
    """A row for each source, below the names of the columns."""
    rows = [_COLUMNS]
    for one in reports:
        numbers = map(str, (one.batches, one.events))
        source = ruler.printed(one.source[:_SHOWN_DIGITS])
        row = [ruler.printed(one.group), source, *numbers, moment(one.last_flush)]
        rows.append([*row, str(one.lag_seconds)])
    return "".join(f"{line}\n" for line in ruler.table(rows, left=2))


def source_object(report: SourceReport, moment: Moment) -> dict[str, object]:
    """One source, as it is in the JSON that is printed."""
    return {
        "group": report.group,
        "source": report.source,
        "batches": report.batches,
        "events": report.events,
        "last_flush": moment(report.last_flush),
        "lag_seconds": report.lag_seconds,
    }
