"""What was said: deduplicated records, recent and common messages.

Nothing is loaded before it is used: commands need but a part of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value  # found without this function from now on
        return value


def __dir__() -> list[str]:
    return [*__all__]
