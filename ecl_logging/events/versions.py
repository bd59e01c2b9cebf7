"""Conditions on the schema version of events: `<1.0`, `>=1.0.1`, and several of them together."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from ecl_logging.events.needed import InvalidVersion, Version

__all__ = ["VersionCondition", "version_of"]

_COMPARISONS: dict[str, Callable[[Version, Version], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


def version_of(text: object) -> Version | None:
    """Return the version that a text means; None for what is none."""
    try:
        return Version(text) if isinstance(text, str) and len(text) <= 100 else None
    except InvalidVersion:
        return None


class VersionCondition:
    """One comparison with a version.

    Versions are compared as they are ordered, so `<1.0` is true of `1.0.dev1`. Specifiers of
    Python packages differ there: those keep releases to be tried out from whoever does not ask.
    """

    def __init__(self, text: object) -> None:
        """Raise ValueError for what is none."""
        match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
        version = version_of(match[2]) if match else None
        if match is None or version is None:
            raise ValueError(
                f"{text!r:.80} is no condition on a version; write such as '<1.0' or '>=1.0.1',"
                " and several as ('>=1.0.1', '<2.0')"
            )
        self._holds, self._version = _COMPARISONS[match[1]], version
        self.text = f"{match[1]}{match[2]}"

    def is_met_by(self, version: Version) -> bool:
        """Whether the condition holds for a version."""
        return self._holds(version, self._version)
