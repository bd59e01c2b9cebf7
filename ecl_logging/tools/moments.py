"""Unix times as they are printed: ISO 8601."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from ecl_logging.intervals import whole_seconds

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Moment", "local_time", "utc_time"]

Moment: TypeAlias = Callable[[float], str]
"""Writes a Unix time."""

_LATEST = 253_370_764_800  # the year 9999; what is later is no time, whoever wrote it


def utc_time(seconds: float) -> str:
    """Return the time in UTC, such as `2026-11-22T12:00:00Z`."""
    return _datetime(seconds).isoformat().removesuffix("+00:00") + "Z"


def local_time(seconds: float) -> str:
    """Return the time in the local time zone, such as `2026-11-22T13:00:00+01:00`."""
    return _datetime(seconds).astimezone().isoformat()


def _datetime(seconds: float) -> datetime:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(min(whole_seconds(seconds), _LATEST), UTC)
