"""What counting may cost: all rows, each with its limit, in one place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["ROWS", "Row", "rows_of"]


@dataclass(frozen=True)
class Row:
    """A ratio that is measured.

    `subject` is the module that measures it, under the name `key`. A row without a limit is
    shown beside the others, and no exit status depends on it. What is not `quick` takes long:
    `make bench` alone measures it.
    """

    key: str
    subject: str
    what: str
    against: str
    limit: float | None
    quick: bool = True


_WITH_ALL_WORK = "the same in CPU time, with all work that is put off"

ROWS = (
    Row(
        "log call, groups",
        "log_call",
        "logger.info(msg, arg, extra=...), CountingHandler with groups",
        "NullHandler",
        1.06,
    ),
    Row("log call, groups, all work", "log_call", _WITH_ALL_WORK, "NullHandler", None),
    Row("log call, rules", "log_call", "CountingHandler with rules", "NullHandler", 1.06),
    Row(
        "log call, default",
        "log_call",
        "CountingHandler() with nothing configured, which counts thrice",
        "NullHandler",
        1.06,
    ),
    Row(
        "added time",
        "log_call",
        "time that CountingHandler with groups adds",
        "handler with prometheus_client labels(...).inc()",
        1 / 5,
    ),
    Row(
        "added time, all work",
        "log_call",
        _WITH_ALL_WORK,
        "handler with prometheus_client labels(...).inc()",
        None,
    ),
    Row(
        "measure",
        "log_call",
        "time that CountingHandler adds where a rule has a measure",
        "what it adds without the measure",
        2,
    ),
    Row("measure, all work", "log_call", _WITH_ALL_WORK, "what it adds without the measure", None),
    Row(
        "dedup",
        "log_call",
        "time that DedupHandler adds to the call for a record that repeats",
        "what CountingHandler with groups adds",
        3,
    ),
    Row(
        "messages",
        "log_call",
        "time that MessageHandler adds, which formats every message",
        "what CountingHandler with groups adds",
        None,
    ),
    Row(
        "count_only",
        "log_call",
        "a record that only counters want, count_only: true",
        "NullHandler",
        0.15,
    ),
    Row("count_only, all work", "log_call", _WITH_ALL_WORK, "NullHandler", None),
    Row(
        "by hand, prometheus",
        "counting_call",
        "EventGroup.log, batched",
        "prometheus_client child.inc()",
        1 / 2,
    ),
    Row(
        "by hand, prometheus, all work",
        "counting_call",
        _WITH_ALL_WORK,
        "prometheus_client child.inc()",
        None,
    ),
    Row(
        "by hand, event_count_logger",
        "counting_call",
        "EventGroup.log, batched",
        "event_count_logger, local counters",
        1 / 5,
    ),
    Row(
        "by hand, event_count_logger, all work",
        "counting_call",
        _WITH_ALL_WORK,
        "event_count_logger, local counters",
        None,
    ),
    Row("stats, number", "stats_calls", "IntStat += 1 in the tree of statistics", "scales", 1.0),
    Row(
        "stats, sample",
        "stats_calls",
        "a value for a PmfStat whose sample is full",
        "scales",
        1.0,
    ),
    Row(
        "stats, first samples",
        "stats_calls",
        "a value for a PmfStat whose sample is not full yet",
        "scales",
        1.0,
    ),
    Row("stats, mark", "stats_calls", "MeterStat.mark()", "scales", 1.0),
    Row(
        "sync",
        "store_steps",
        "sync of 1,000 IDs in 2 intervals to Redis, with cur_last_keys",
        "event_count_logger",
        1 / 40,
    ),
    Row(
        "sync, buckets only",
        "store_steps",
        "sync of 1,000 IDs in 2 intervals to Redis, without cur_last_keys",
        "event_count_logger",
        1 / 80,
    ),
    Row(
        "rotation",
        "store_steps",
        "rotation of 1,000 IDs in 2 intervals, with cur_last_keys",
        "event_count_logger",
        1 / 5,
    ),
    Row(
        "reading",
        "store_steps",
        "reading one bucket of 1,000 IDs",
        "event_count_logger",
        1 / 40,
    ),
    Row(
        "apply",
        "server_work",
        "apply of 2,000 IDs in 2 intervals without cur_last_keys, server's CPU",
        "a pipeline of as many bare HINCRBY",
        3.0,
    ),
    Row(
        "import",
        "start_up",
        "import ecl_logging.handlers, -X importtime, cumulative",
        "import logging.config",
        1.5,
    ),
    Row(
        "eight threads",
        "programs",
        "eight threads that log to one CountingHandler, all work in their time",
        "the same threads with a NullHandler",
        1.5,
        quick=False,
    ),
)


def rows_of(subjects: Collection[str], *, quick: bool) -> list[Row]:
    """Return the rows that these subjects measure."""
    return [row for row in ROWS if row.subject in subjects and (row.quick or not quick)]
