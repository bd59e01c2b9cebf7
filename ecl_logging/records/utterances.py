"""Messages of a program, gathered by logger and severity before they are sent."""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime
from typing import NamedTuple

from ecl_logging.records.pending import REASONS, PendingParts, Taken
from ecl_logging.stores.keeping import HOUR, OTHER_MESSAGES, Receipt, Said

__all__ = ["PendingMessages", "Utterance", "line_of"]

_MOST_IN_A_PART = 5_000  # different messages of an hour, so that a batch stays small


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
        self.hours: dict[int, Counter[str]] = {}
        self.amount = 0
        self.size = 0

    @property
    def speaker(self) -> str:
        """As a receipt names it."""
        return f"{self.name}:{self.severity}"

    def count(self, hour: int, message: str) -> None:
        counts = self.hours.setdefault(hour, Counter())
        if message not in counts:
            if len(counts) >= _MOST_IN_A_PART:
                message = OTHER_MESSAGES
            self.size += len(message)
        counts[message] += 1

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
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Said(*key, self._recent)
        size = part.size
        if said.message is not None:
            part.lines.append((said.created, said.message))
            part.size += len(said.message) if len(part.lines) < self._recent else 0
        if said.common is not None:
            part.count(int(said.created) // HOUR * HOUR, said.common)
        self._size += part.size - size
        part.amount += 1
        ledger.counted += 1

    def _book(self, taken: Taken[_Said], receipt: Receipt) -> None:
        spoilt = sum(part.amount for part in taken.parts if part.speaker in receipt.bad)
        for reason, amount in (("late", receipt.late), ("bad_key", spoilt)):
            self.ledger.applied -= amount
            self.ledger.dropped[reason] += amount
        self.ledger.ahead += receipt.ahead
        self.ledger.other += receipt.other
