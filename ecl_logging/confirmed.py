"""What the store has confirmed to a program: a total for each source that the program has used.

A store that was emptied, or set back to an older copy, knows less than it had confirmed. A gap
shows that for the source that counts at the time. Sources that were used before it show nothing by
themselves, so a new source, after its first batch, has the store asked about them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecl_logging.stores.protocols import SOURCE_SECONDS

__all__ = ["UNKNOWN_SECONDS", "Confirmed", "PastSources"]

UNKNOWN_SECONDS = SOURCE_SECONDS - 86400.0
"""So long after its last batch, stores remember a source for certain."""

_MOST = 100  # sources to ask about; who has more has a store that is set back all the time


@dataclass(slots=True)
class Confirmed:
    """A source, and what the store has confirmed of its batches."""

    source: str
    at: float  # when, by `elapsed`
    number: int = 0  # of the last one
    total: int = 0  # events that were counted


class PastSources:
    """The sources that a program has used up. One thread at a time."""

    def __init__(self) -> None:
        self._sources: list[Confirmed] = []  # the oldest first
        self._beyond = Confirmed("", 0.0)  # the sum of all older ones

    def add(self, used: Confirmed) -> None:
        """A source is used no more."""
        if used.total and not any(one is used for one in self._sources):
            self._sources.append(used)

    def to_ask(self, now: float) -> list[Confirmed]:
        """Those of which a store knows the total, unless it has lost something."""
        self._sources = [one for one in self._sources if one.total]
        # Stores may forget the others by right.
        remembered = [one for one in self._sources if now - one.at <= UNKNOWN_SECONDS][-_MOST:]
        while len(self._sources) > len(remembered):
            self._beyond.total += self._sources.pop(0).total
        return remembered

    def beyond(self, now: float) -> Confirmed:
        """The sum of what is too old to ask about."""
        self.to_ask(now)
        return self._beyond
