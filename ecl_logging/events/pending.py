"""Events of a program that are on their way into a queue, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from ecl_logging.pending_parts import REASONS, PendingParts, Taken
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import AT_ONCE, MAX_WAITING, Published

__all__ = ["PendingEvent", "PendingEvents"]


@dataclass(slots=True)
class PendingEvent:
    """One event: nothing is added to it, so it is sent as it arrives."""

    published: Published
    size: int  # characters
    amount: int = 1


class PendingEvents(PendingParts[PendingEvent, int, PendingEvent]):
    """See `PendingParts`. Thread safe."""

    reasons = (*REASONS, "refused")  # by the queue, which can never take it

    _next = 0  # the place of the next one

    def __init__(self, max_waiting: int = MAX_WAITING, most_in_batch: int = AT_ONCE) -> None:
        """`max_waiting`: more than a part of it together would not find room among others."""
        self.at_once = min(most_in_batch, max(1, max_waiting // 4))
        super().__init__()

    def _take_in(self, arrival: PendingEvent) -> None:
        ledger, place = self.ledger, self._next
        if self._closed_as is not None:
            ledger.dropped[self._closed_as] += 1
            ledger.counted += 1
            return
        # From here on nothing is called, so that no signal handler comes in between.
        self._next = place + 1
        self._parts[place] = arrival
        self._size += arrival.size
        ledger.counted += 1

    def _left_out(self, taken: Taken[PendingEvent], receipt: Receipt) -> dict[str, int]:
        if not receipt.bad:
            return {}
        bad = set(receipt.bad)
        return {"refused": sum(part.published.id in bad for part in taken.parts)}
