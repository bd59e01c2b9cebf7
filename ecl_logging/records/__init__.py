"""What was said: deduplicated records, recent and common messages.

Nothing is loaded before it is used: commands need but a part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.lazy_names import loader_of

if TYPE_CHECKING:
    from ecl_logging.records.message_log import MessageLog, log_common, log_recent
    from ecl_logging.records.record_log import RecordLog
    from ecl_logging.records.severities import SEVERITY

__all__ = ["SEVERITY", "MessageLog", "RecordLog", "log_common", "log_recent"]

_MODULE_OF = {
    "MessageLog": "message_log",
    "RecordLog": "record_log",
    "SEVERITY": "severities",
    "log_common": "message_log",
    "log_recent": "message_log",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
