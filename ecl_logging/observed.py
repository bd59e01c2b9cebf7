"""Values of a measure on their way through a program, until they are counts."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ecl_logging.event_ids import InvalidEvent
from ecl_logging.measures import counted, number_of, sum_cells

__all__ = ["Values", "invalid_value"]

_MOST = 1000


class Values:
    """Values of one measure that were seen at about the same time. Not thread safe.

    Whoever logs only notes them; what cells they go to is worked out by whoever drains them. What
    has been added to counts is taken away here, so that adding can go on where it was interrupted.
    """

    __slots__ = ("cells", "digits", "invalid", "measure", "raw", "reasons")

    def __init__(self, measure: str, raw: Sequence[float]) -> None:
        """`raw`: floats and ints, of which some may not be finite."""
        self.measure = measure
        self.raw: Sequence[float] | None = raw  # until they are worked out
        self.cells: list[tuple[str, int]] = []  # of events
        self.digits: list[tuple[str, int]] = []  # of the sum
        self.invalid = 0  # values that are no finite numbers
        self.reasons: tuple[str, ...] = ()

    def begin_growing(self) -> None:
        """Have values that can be added to."""
        if self.raw is not None:
            self.raw = list(self.raw)

    def may_grow(self) -> bool:
        """Whether more can be added: not too many are worked out at once, and that only once."""
        return self.raw is not None and len(self.raw) < _MOST

    def goes_with(self, other: Values) -> bool:
        """Whether the other one's can be added."""
        return other.measure == self.measure and other.raw is not None

    def work_out(self) -> None:
        """Have `cells`, `digits` and `invalid` say what is to be added. Once."""
        raw = self.raw
        if raw is None:
            return
        invalid, reasons = 0, tuple[str, ...]()
        if not _are_finite(raw):
            raw, reasons = _finite_ones(self.measure, raw)
            invalid = len(self.raw or ()) - len(raw)
        cells = list(counted(self.measure, raw).items())
        digits = list(sum_cells(self.measure, raw).items())
        # These call nothing.
        self.cells, self.digits, self.invalid, self.reasons = cells, digits, invalid, reasons
        self.raw = None


def _are_finite(values: Sequence[float]) -> bool:
    try:
        return all(map(isfinite, values))
    except OverflowError:  # an int that is larger than any double
        return False


def invalid_value(measure: str, reason: object) -> str:
    """Why an event is none, for whoever is told of it."""
    return f"has a value of {measure!r} that {reason}"


def _finite_ones(measure: str, values: Sequence[float]) -> tuple[list[float], tuple[str, ...]]:
    """Return those that are, and why the others are not."""
    finite, reasons = [], dict[str, None]()
    for value in values:
        try:
            finite.append(number_of(value))
        except InvalidEvent as reason:
            reasons[invalid_value(measure, reason)] = None
    return finite, tuple(reasons)
