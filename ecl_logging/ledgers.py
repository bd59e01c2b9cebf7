"""Where everything that was logged went: one ledger for each thing that is sent to a store."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecl_logging.locks import Interrupted, is_mine, unless_mine

if TYPE_CHECKING:
    from ecl_logging.confirmed import Confirmed

__all__ = ["Booked", "Ledger"]


@dataclass(slots=True)
class Ledger:
    """Where all went, in numbers of events, records or messages.

    counted = applied + what is pending + all of dropped.
    """

    dropped: dict[str, int]  # by reason, each of which is there
    counted: int = 0
    applied: int = 0
    late: int = 0
    ahead: int = 0
    other: int = 0
    retries: int = 0  # batches sent again

    @classmethod
    def of(cls, reasons: Iterable[str]) -> Ledger:
        """Return one with nothing in it."""
        return cls(dict.fromkeys(reasons, 0))

    def copied(self) -> Ledger:
        """Return one of its own with the same content."""
        return dataclasses.replace(self, dropped=dict(self.dropped))


class Booked:
    """What is pending, with its ledger: as far as all such things have it in common.

    Thread safe. What moves is added there and taken away here with the lock held, and by
    assignments that call nothing, between which no signal handler can raise.
    """

    _lock: threading.RLock
    ledger: Ledger

    def _gather(self) -> None:
        """Have what waits elsewhere among the arrivals. Called without the lock."""

    def _drain(self, most: int | None = None) -> None:
        """Book arrivals, all or so many. Called with the lock held."""
        raise NotImplementedError

    def _amount(self) -> int:
        """How much is pending. Called with the lock held, or in a handler amid our work."""
        raise NotImplementedError

    def is_interrupted(self) -> bool:
        """Whether this thread is at work here: a signal handler has come in between."""
        return is_mine(self._lock)

    def sent_again(self) -> None:
        """A batch is sent once more."""
        with unless_mine(self._lock):
            self.ledger.retries += 1

    def forget_applied(self, confirmed: Confirmed, still: int) -> None:
        """The store knows only so much of what it had confirmed of a source."""
        with unless_mine(self._lock):
            ledger, lost = self.ledger, confirmed.total - still
            ledger.applied -= lost
            ledger.dropped["server_forgot"] += lost
            confirmed.total = still

    def snapshot(self) -> tuple[Ledger, int]:
        """The ledger as it stands, and how much is pending."""
        try:
            self._gather()
            with unless_mine(self._lock):
                self._drain()
                return self.ledger.copied(), self._amount()
        except Interrupted:
            ledger, pending = self.ledger.copied(), self._amount()
            # One may be in hand, counted and not yet noted as such.
            ledger.counted = ledger.applied + pending + sum(ledger.dropped.values())
            return ledger, pending
