"""What was said: deduplicated records, recent and common messages."""

from __future__ import annotations

from ecl_logging.records.message_log import MessageLog, log_common, log_recent
from ecl_logging.records.record_log import RecordLog
from ecl_logging.records.severities import SEVERITY

__all__ = ["SEVERITY", "MessageLog", "RecordLog", "log_common", "log_recent"]
