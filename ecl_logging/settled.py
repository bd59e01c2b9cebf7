"""Buckets that have settled: pure functions of time.

A bucket settles one flush interval after its end, and the time that a flush may take: so long
programs send what belongs to it.
"""

from __future__ import annotations

from ecl_logging.intervals import Interval

__all__ = ["USUAL_FLUSH_SECONDS", "newest_settled", "settling_seconds"]

USUAL_FLUSH_SECONDS = 1.0
"""Of handlers; a group's own `sync_interval` goes before it."""

_SLACK_SECONDS = 1.0  # for what is under way


def settling_seconds(flush_seconds: float) -> float:
    """Return how long after its end a bucket settles, where programs flush so often."""
    return flush_seconds + _SLACK_SECONDS


def newest_settled(interval: Interval, now: float, settling: float) -> int:
    """Return the start of the newest bucket that has settled."""
    return interval.start_of(int(now - settling)) - interval.seconds
