"""Logging handlers, for `logging.config` and by hand."""

from __future__ import annotations

from ecl_logging.handlers.counting import CountingHandler, count_logs
from ecl_logging.handlers.dedup import DedupHandler
from ecl_logging.handlers.messages import MessageHandler
from ecl_logging.handlers.publish import PublishHandler

__all__ = ["CountingHandler", "DedupHandler", "MessageHandler", "PublishHandler", "count_logs"]
