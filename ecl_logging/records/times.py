"""The time of a record."""

from __future__ import annotations

import logging
import time

from ecl_logging.intervals import whole_seconds

__all__ = ["moment_of"]

_LATEST = 253_402_300_800  # seconds; the year 10000, beyond which nothing can be written as a date


def moment_of(record: logging.LogRecord) -> float:
    """Return the Unix time of a record, in seconds; the present where it has none."""
    created = record.created
    if type(created) is float and 0 <= created < _LATEST:
        return created
    second = whole_seconds(created)
    return float(second) if 0 < second < _LATEST else time.time()
