"""IDs of events: `LG` and 26 characters that sort by time.

The characters are Crockford's base 32 (digits, and capitals without I, L, O and U):

- 10 characters: milliseconds since 1970 (48 bits of the 50), which is good until the year 10889;
- 8 characters: a sequence, which goes up by one with each ID of a process (40 bits);
- 8 characters: random bits, drawn once for each process (40 bits).

So IDs sort by time across processes, to the millisecond, and those of one process in the order in
which they were made. Two processes can only make the same ID if they have the same random bits
and come to the same number in the same millisecond; the sequence begins at a random place,
too.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

__all__ = ["PREFIX", "new_id"]

PREFIX = "LG"

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _DIGITS for b in _DIGITS)
_SEQUENCE_BITS = 40


class _Origin:
    """What tells the IDs of this process from those of others."""

    def __init__(self) -> None:
        drawn = int.from_bytes(os.urandom(10), "big")
        self.random = _eight(drawn & (1 << 40) - 1)
        # In the lower half, so that it does not begin anew within any process's life.
        self.sequence: Iterator[int] = itertools.count(drawn >> (80 - _SEQUENCE_BITS + 1))
        self.latest = 0  # milliseconds


def _eight(number: int) -> str:
    """Return the lowest 40 bits as characters."""
    return (
        f"{_PAIRS[number >> 30 & 1023]}{_PAIRS[number >> 20 & 1023]}"
        f"{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
    )


_origin = _Origin()


def new_id() -> str:
    """Return an ID that no other event has. Thread safe without a lock; see above for its parts.

    It is greater than any that this process has made before, also when the clock is set back.
    """
    origin = _origin
    now = time.time_ns() // 1_000_000
    if now > origin.latest:
        origin.latest = now
    else:
        now = origin.latest
    # The number after the time: who comes later within a millisecond has the greater number.
    number = next(origin.sequence)
    return f"{PREFIX}{_PAIRS[now >> 40 & 1023]}{_eight(now)}{_eight(number)}{origin.random}"


def _in_child() -> None:
    global _origin  # noqa: PLW0603 - one for each process
    _origin = _Origin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
