"""Interval lengths, buckets and stretches: pure functions of time.

Time is cut into buckets aligned to the Unix epoch; a stretch is the time between two
neighbouring edges of all intervals of a group, so its start decides the bucket in each.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "MAX_SECONDS",
    "Interval",
    "NoInterval",
    "bucket_start",
    "stretch_around",
    "whole_seconds",
]

MAX_SECONDS = 366 * 86400

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"([1-9][0-9]{0,9})([smhd])")

# Beyond these a time stamp is no time, whatever made it; they keep integers small everywhere.
_EARLIEST, _LATEST = 0, 2**40


class NoInterval(ValueError):  # noqa: N818 - what the value is
    """The value is no interval; `reason` says why, with nothing of the value in it."""

    def __init__(self, value: object, reason: str) -> None:
        try:
            given = reprlib.repr(value)  # of bounded size, whatever it is
        except ValueError:  # a number of thousands of digits
            given = f"a very long {type(value).__name__}"
        super().__init__(f"{given} {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Interval:
    """A length of time, with the text that keys and commands call it by."""

    text: str
    seconds: int

    @classmethod
    def parse(cls, text: object) -> Interval:
        """Read `<positive whole number><s|m|h|d>`, 1s to 366d; raise NoInterval otherwise."""
        if not isinstance(text, str) or (match := _FORM.fullmatch(text)) is None:
            raise NoInterval(text, "is not an interval; write <number><s|m|h|d>, such as 5m")
        seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
        if seconds > MAX_SECONDS:
            raise NoInterval(text, "is too long; an interval is 1s to 366d")
        return cls(str(text), seconds)

    def start_of(self, second: int) -> int:
        """Return the start of the bucket that `second` lies in."""
        return bucket_start(second, self.seconds)

    def contains(self, start: int, end: int) -> bool:
        """Whether one bucket holds the whole of [start, end)."""
        return end <= bucket_start(start, self.seconds) + self.seconds


def bucket_start(second: int, seconds: int) -> int:
    """Return the start of the bucket of length `seconds` that `second` lies in."""
    return second // seconds * seconds


def whole_seconds(created: Any) -> int:
    """Return the Unix second that `created` lies in; what is no time becomes the epoch.

    The epoch is older than any history, so such records stay in the total as late ones.
    """
    if issubclass(type(created), float):
        created = float.__float__(created)  # whatever its class says of it
    try:
        return min(max(int.__int__(math.floor(created)), _EARLIEST), _LATEST)
    except OverflowError:
        return _LATEST if _is_infinite(created) else _EARLIEST
    except Exception:  # noqa: BLE001 - a record can carry any object as its time
        return _EARLIEST


def _is_infinite(created: Any) -> bool:
    try:
        return bool(created == math.inf)
    except Exception:  # noqa: BLE001 - as above
        return False


def stretch_around(second: int, lengths: Iterable[int]) -> tuple[int, int]:
    """Return start and end of the stretch that `second` lies in."""
    starts_and_lengths = [(bucket_start(second, length), length) for length in lengths]
    start = max(start for start, _ in starts_and_lengths)
    end = min(start + length for start, length in starts_and_lengths)
    return start, end
