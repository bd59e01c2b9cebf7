"""A logging level as the severity that messages are kept under."""

from __future__ import annotations

from ecl_logging.stores.keeping import SEVERITIES

__all__ = ["severity_of"]

_DEBUG, _CRITICAL = 10, 50
_OTHER_NAMES = {"notset": "debug", "warn": "warning", "fatal": "critical"}


def severity_of(level: int | str) -> str | None:
    """Return the severity of a level: a number, also as text, or a name in any case.

    A number between those of logging's own levels is of the next lower one. None for a name
    that is none.
    """
    if isinstance(level, str):
        name = level.strip().lower()
        if not (name.isascii() and name.isdecimal()):
            return name if name in SEVERITIES else _OTHER_NAMES.get(name)
        level = int(name[:20])
    return SEVERITIES[min(_CRITICAL, max(_DEBUG, level)) // 10 - 1]
