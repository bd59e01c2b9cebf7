"""The messages of one topic that a consumer holds in memory, and when each can be handed out."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Iterable

from ecl_logging.events.queues.kafka_offsets import Entry, Partition
from ecl_logging.stores.queueing import CLAIM_BYTES

__all__ = ["MOST_BYTES", "MOST_MESSAGES", "Held"]

MOST_MESSAGES = 5000
"""So many messages are held, in hand or waiting; then none is fetched."""

MOST_BYTES = 64 * 2**20
"""And so many bytes of them, about."""


class Held:
    """Those of the partitions that are ours. One thread at a time."""

    def __init__(self) -> None:
        self.partitions: dict[int, Partition] = {}
        self._fresh: deque[Entry] = deque()  # never handed out here, in the order they came
        self._later: list[tuple[float, int, Entry]] = []  # a heap: due at, ticket
        self._tickets = itertools.count(1)

    # --- partitions

    def begin(self, numbers: Iterable[int]) -> None:
        """These partitions are ours from now on."""
        for number in numbers:
            self.partitions[number] = Partition(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """These are not any more."""
        for number in numbers:
            partition = self.partitions.pop(number, None)
            if partition is not None:
                partition.is_gone = True

    def unread(self) -> list[Partition]:
        """Those with messages of which it is not known yet what was committed before."""
        ours = self.partitions.values()
        return [partition for partition in ours if partition.open and not partition.is_read]

    # --- messages

    def add(self, number: int, offset: int, key: bytes | None, body: bytes) -> None:
        """Take in what was fetched."""
        partition = self.partitions.get(number)
        entry = partition.add(offset, key, body) if partition is not None else None
        if entry is not None:
            self._fresh.append(entry)

    def entry(self, number: int, offset: int) -> Entry | None:
        """Return a message by its place; None where it is done, or not ours."""
        partition = self.partitions.get(number)
        return partition.open.get(offset) if partition is not None else None

    def has_room(self) -> bool:
        """Whether more can be held."""
        ours = self.partitions.values()
        return (
            sum(len(partition.open) for partition in ours) < MOST_MESSAGES
            and sum(partition.size for partition in ours) < MOST_BYTES
        )

    def fresh(self) -> int:
        """About how many were never handed out here."""
        return len(self._fresh)

    def in_hand(self) -> int:
        """How many are in somebody's hand."""
        ours = self.partitions.values()
        return sum(entry.in_hand for partition in ours for entry in partition.open.values())

    # --- times

    def next_look(self) -> float | None:
        """Return when one may be due, by time.monotonic(); None where none waits."""
        return self._later[0][0] if self._later else None

    def wait_until(self, entry: Entry, due: float) -> None:
        """Have a message handed out then, unless it is done."""
        entry.due, entry.ticket = due, next(self._tickets)
        heapq.heappush(self._later, (due, entry.ticket, entry))
        if len(self._later) > 4 * MOST_MESSAGES:
            self._forget_the_done()

    def _forget_the_done(self) -> None:
        self._later = [one for one in self._later if one[2].ticket == one[1] and one[2].is_open()]
        heapq.heapify(self._later)

    def picked(self, limit: int) -> list[Entry]:
        """Return what can be handed out now, those first that have waited for it.

        One that was in the hand of a consumer that died goes alone: if it was this one's doing,
        the deliveries of others are not counted with it.
        """
        picked: list[Entry] = []
        size = 0
        while len(picked) < limit:
            entry = self._next_due() or self._next_fresh()
            if entry is None:
                break
            size += len(entry.body)
            if picked and (entry.is_suspect or size > CLAIM_BYTES):
                self.wait_until(entry, 0.0)  # it is the first one next time
                break
            picked.append(entry)
            if entry.is_suspect:
                break
        return picked

    def _next_due(self) -> Entry | None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, ticket, entry = heapq.heappop(self._later)
            if entry.ticket != ticket or not entry.is_open():
                continue
            if entry.due > now:  # it was extended
                self.wait_until(entry, entry.due)
                continue
            return entry
        return None

    def _next_fresh(self) -> Entry | None:
        while self._fresh:
            partition = self._fresh[0].partition
            if not (partition.is_read or partition.is_gone):
                return None  # what of it is done is not known yet
            entry = self._fresh.popleft()
            if entry.is_open():
                return entry
        return None
