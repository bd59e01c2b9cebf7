"""Logging handlers, for `logging.config` and by hand."""

from __future__ import annotations

from ecl_logging.handlers.counting import CountingHandler, count_logs

__all__ = ["CountingHandler", "count_logs"]
