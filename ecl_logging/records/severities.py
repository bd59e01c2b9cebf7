"""Severities: logging's levels as the names under which messages are kept."""

from __future__ import annotations

import logging

from ecl_logging.stores.keeping import SEVERITIES

__all__ = ["SEVERITY", "severity_of"]

SEVERITY: dict[object, str] = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
    **{name: name for name in SEVERITIES},
}
"""Level numbers and names -> the name of the severity."""

_OTHER_NAMES = {"warn": "warning", "fatal": "critical", "notset": "debug"}


def severity_of(level: object) -> str:
    """Return the severity of a level, given as its number, also as text, or name.

    A number between two levels has the severity of the lower one, and one below `DEBUG` that of
    `DEBUG`. A name may be any that logging knows, in any case. Raises ValueError for what is
    neither.
    """
    if isinstance(level, str):
        name = level.strip().lower()
        name = _OTHER_NAMES.get(name, name)
        if name in SEVERITIES:
            return name
        is_number = name.isascii() and name.isdecimal()
        level = int(name[:20]) if is_number else logging.getLevelNamesMapping().get(name.upper())
    if isinstance(level, bool) or not isinstance(level, int):
        raise ValueError(f"a severity is one of {', '.join(SEVERITIES)}, or a level's number")
    return SEVERITIES[min(max(level // 10 - 1, 0), len(SEVERITIES) - 1)]
