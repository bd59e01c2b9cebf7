"""Records for tests, with nothing of a logger's."""

from __future__ import annotations

import logging
import sys


def record_of(msg: object, *args: object, **attributes: object) -> logging.LogRecord:
    """Return a record as a logger would make it; `attributes` are set as they are."""
    record = logging.LogRecord("web", logging.INFO, "/srv/web.py", 7, msg, args, None)
    vars(record).update(attributes)
    return record


def raised(error: BaseException) -> tuple[object, object, object]:
    """Return what `exc_info` is where the error was raised."""
    try:
        raise error  # noqa: TRY301
    except BaseException:  # noqa: BLE001 - it is any
        return sys.exc_info()  # type: ignore[return-value]
