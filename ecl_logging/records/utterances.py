"""Messages of a program, gathered by logger and severity before they are sent."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

from ecl_logging.pending_parts import REASONS, PendingParts, Taken
from ecl_logging.stores.keeping import HOUR, OTHER_MESSAGES, Receipt, Said

__all__ = ["PendingMessages", "Utterance", "line_of"]

_MOST_IN_A_PART = 5_000  # different messages of an hour, so that a batch stays small
_OVERHEAD = 150  # of each line and each count, in characters


class Utterance(NamedTuple):
    """A message as it comes in."""

    name: str
    severity: str
    created: float
    message: str | None  # for the recent ones; None: it does not go there
    common: str | None  # for the common ones


def line_of(created: float, message: str) -> str:
    """Return a line of recent messages: `<ISO 8601 UTC, milliseconds>Z <message>`."""
    at = datetime.fromtimestamp(int(created * 1000) / 1000, UTC)
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.{at.microsecond // 1000:03d}Z {message}"


class _Said:
    """What is pending of a logger and severity."""

    __slots__ = ("amount", "hours", "lines", "name", "severity", "size")

    def __init__(self, name: str, severity: str, recent: int) -> None:
        self.name, self.severity = name, severity
        self.lines: deque[tuple[float, str]] = deque(maxlen=recent)
        self.hours: dict[int, dict[str, int]] = {}
        self.amount = 0
        self.size = 0

    @property
    def speaker(self) -> str:
        """As a receipt names it."""
        return f"{self.name}:{self.severity}"

    def growth_by_line(self, message: str) -> int:
        """How much more the lines take with this one, which pushes out the oldest."""
        lines = self.lines
        if len(lines) < (lines.maxlen or 0):
            return len(message) + _OVERHEAD
        return len(message) - len(lines[0][1]) if lines else 0

    def as_sent(self) -> Said:
        lines = tuple(line_of(*line) for line in sorted(self.lines, key=lambda line: line[0]))
        return Said(self.name, self.severity, lines, self.hours)


class PendingMessages(PendingParts[Utterance, tuple[str, str], _Said]):
    """Recent and common messages of a program. Thread safe."""

    reasons = (
        *REASONS,
        "late",  # of an hour that is not kept any more: not counted among the common ones
        "bad_key",  # the store's key of that name holds something else
    )

    def __init__(self, recent: int) -> None:
        """`recent`: how many lines of each logger and severity are kept."""
        self._recent = recent
        super().__init__()

    def _take_in(self, said: Utterance) -> None:
        ledger = self.ledger
        if self._closed_as is not None:
            ledger.dropped[self._closed_as] += 1
            ledger.counted += 1
            return
        key = (said.name, said.severity)
        part = self._parts.get(key) or _Said(*key, self._recent)
        lines: tuple[tuple[float, str], ...] = ()
        cells: dict[str, int] = {}
        common, n, growth = "", 0, 0
        if said.message is not None:
            lines = ((said.created, said.message),)
            growth = part.growth_by_line(said.message)
        if said.common is not None:
            common = said.common
            cells = part.hours.setdefault(int(said.created) // HOUR * HOUR, cells)
            if common not in cells and len(cells) >= _MOST_IN_A_PART:
                common = OTHER_MESSAGES
            n = cells.get(common, 0) + 1
            growth += len(common) + _OVERHEAD if n == 1 else 0
        # From here on nothing is called, so that no signal handler comes in between.
        part.lines += lines
        cells[common] = n
        part.size += growth
        part.amount += 1
        self._parts[key] = part
        self._size += growth
        ledger.counted += 1

    def _left_out(self, taken: Taken[_Said], receipt: Receipt) -> dict[str, int]:
        spoilt = sum(part.amount for part in taken.parts if part.speaker in receipt.bad)
        return {"late": receipt.late, "bad_key": spoilt}
