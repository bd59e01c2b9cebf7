"""What one consumer knows of a partition: which of its messages are done, and which are not.

Kafka remembers one offset for each partition and group, so that of the first message that is not
done is committed. What is known beyond it goes into the metadata of the commit: which of the next
messages are done all the same, and how often the others were handed out. So a consumer that
takes over, from one that was killed as well, repeats only what was in hand, and knows of it.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

__all__ = ["METADATA_BYTES", "Entry", "Partition", "open_in"]

METADATA_BYTES = 3800
"""At most so much goes into a commit; brokers take 4096 bytes unless told otherwise."""

_MOST_OPEN = 1_000_000  # more than a consumer keeps


class Entry:
    """A message that is not done."""

    __slots__ = (
        "body",
        "burying",
        "deliveries",
        "due",
        "in_hand",
        "is_suspect",
        "key",
        "offset",
        "partition",
        "ticket",
    )

    def __init__(self, partition: Partition, offset: int, key: bytes | None, body: bytes) -> None:
        self.partition, self.offset, self.key, self.body = partition, offset, key, body
        self.deliveries = 0
        self.is_suspect = False  # whoever had it before did not live to say what became of it
        self.in_hand = False
        self.due = 0.0  # time.monotonic(): when it can be handed out again
        self.ticket = 0  # of its place in the heap of those that are due some time
        self.burying: Any = None  # its way to the dead letters, once begun

    def is_open(self) -> bool:
        """Whether it is still ours and to be done."""
        return not self.partition.is_gone and self.partition.open.get(self.offset) is self


class Partition:
    """One partition from its assignment until it is revoked. One thread at a time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_gone = False
        self.is_read = False  # whether what was committed before is known
        self.is_dirty = False  # whether there is something to commit
        self.open: OrderedDict[int, Entry] = OrderedDict()  # by offset, which grow
        self.size = 0  # bytes of these
        self._next: int | None = None  # the offset after the last message that came
        self._before: OrderedDict[int, int] = OrderedDict()  # deliveries of those to come again
        self._before_end = 0  # what is below it and not in there is done

    # --- in

    def add(self, offset: int, key: bytes | None, body: bytes) -> Entry | None:
        """Take in the next message; None for one that came before, or is done."""
        if self._next is not None and offset < self._next:
            return None
        self._next = offset + 1
        entry = Entry(self, offset, key, body)
        self.open[offset] = entry
        self.size += len(body)
        return entry if not self.is_read or self._compare(entry) else None

    def read(self, offset: int, metadata: str | None) -> None:
        """Learn what was committed before; messages that are done go."""
        self.is_read = True
        first = next(iter(self.open), offset)
        if offset >= 0 and first >= offset:  # else the topic has been made anew since
            self._before, self._before_end = open_in(offset, metadata)
        for entry in list(self.open.values()):
            self._compare(entry)

    def _compare(self, entry: Entry) -> bool:
        """Set a message's deliveries; False where it is done."""
        offset = entry.offset
        while self._before and next(iter(self._before)) < offset:
            self._before.popitem(last=False)  # it is gone from the topic
        deliveries = self._before.pop(offset, None)
        if deliveries is None and offset < self._before_end:
            self.finish(entry)
            return False
        entry.deliveries = deliveries or 0
        entry.is_suspect = entry.deliveries > 0
        return True

    # --- done

    def finish(self, entry: Entry) -> None:
        """A message is done."""
        if self.open.pop(entry.offset, None) is not None:
            self.size -= len(entry.body)
            self.is_dirty = True

    def position(self, limit: int = METADATA_BYTES) -> tuple[int, str] | None:
        """Return the offset and the metadata to commit; None before the first message."""
        if self._next is None or not self.is_read:
            return None
        end = max(self._next, self._before_end)
        first = next(iter(self.open), next(iter(self._before), end))
        runs: list[list[int]] = []
        for offset, deliveries in self._all_open():
            if runs and runs[-1][2] == deliveries and sum(runs[-1][:2]) == offset - first:
                runs[-1][1] += 1
            elif 8 * len(runs) > limit:
                break  # no run takes less
            else:
                runs.append([offset - first, 1, deliveries])
        return first, _fitting(end - first, runs, limit)

    def _all_open(self) -> list[tuple[int, int]]:
        here = [(entry.offset, entry.deliveries) for entry in self.open.values()]
        return [*here, *self._before.items()]


def _fitting(end: int, runs: list[list[int]], limit: int) -> str:
    """Return the metadata that says most: from some offset on all is as if never handed out."""
    while runs and runs[-1][2] == 0 and sum(runs[-1][:2]) == end:
        end = runs.pop()[0]
    while True:
        if not end:
            return ""
        text = json.dumps({"n": end, "u": runs}, separators=(",", ":"))
        if len(text) <= limit:
            return text
        kept = min(len(runs) - 1, len(runs) * limit // len(text))
        if kept < 0:
            return ""
        end = runs[kept][0]
        runs = runs[:kept]


def open_in(offset: int, metadata: str | None) -> tuple[OrderedDict[int, int], int]:
    """Read the metadata of a commit: deliveries by offset, and the end of what it speaks of.

    What is below the end and has no deliveries there is done. Metadata of others says nothing.
    """
    found: OrderedDict[int, int] = OrderedDict()
    try:
        read = json.loads(metadata or "{}")
        end = int(read.get("n", 0))
        for delta, length, deliveries in read.get("u", ()):
            if not len(found) <= delta <= delta + length <= end or length > _MOST_OPEN:
                return OrderedDict(), offset
            for number in range(delta, delta + length):
                found[offset + number] = int(deliveries)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return OrderedDict(), offset
    return found, offset + end
