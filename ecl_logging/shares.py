"""What the records of a kind count: a tally, and its shares.

Their attributes are slots, and are written by assignments only; `fast_path` says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["SLOTS", "MeasuredShare", "Share", "Tally"]

SLOTS: Final = 1000
"""So many values of records of one kind may wait to be passed on."""


class Share:
    """An event of a tally's records: so many of one ID in one group."""

    __slots__ = ("counter", "each", "event_id", "given")

    def __init__(self, counter: Any, event_id: str, each: int) -> None:
        self.counter, self.event_id, self.each = counter, event_id, each
        self.given = 0  # so many of the tally's records have been passed on


class MeasuredShare:
    """A measure of a tally's records, in one group."""

    __slots__ = ("counter", "given", "measure")

    def __init__(self, counter: Any, measure: str) -> None:
        self.counter, self.measure = counter, measure
        self.given = 0  # as in a Share


class Tally:
    """How many records of some kinds have come, all of which count the same.

    Where they have a measure, their values are in `slots`, the one of the record number `base`
    first. A slot is written like any variable, while `append` would be a call.
    """

    __slots__ = ("base", "measured", "n", "shares", "slots")

    def __init__(self, shares: Iterable[Share], measured: Iterable[MeasuredShare] = ()) -> None:
        self.n = self.base = 0  # these only grow
        self.shares, self.measured = tuple(shares), tuple(measured)
        self.slots: list[float] | None = [0.0] * SLOTS if self.measured else None

    def is_full(self) -> bool:
        """Whether there is no slot for another value."""
        return self.slots is not None and self.n - self.base >= len(self.slots)
