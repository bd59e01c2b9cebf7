"""Programs that send what was said: records and messages, in numbered batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ecl_logging.stores.keeping import (
    Entry,
    KeepsMessages,
    KeepsRecords,
    MessageBatch,
    Receipt,
    RecordBatch,
    Repeated,
    Said,
)
from tests.stores.programs import NOW


def seen(
    kind: int = 1,
    first: float = NOW,
    *,
    last: float | None = None,
    repeats: int = 1,
    record: str = "{}",
    second: int | None = None,
) -> Repeated:
    """What a program has seen of one kind in one second."""
    last = first if last is None else last
    second = int(first) if second is None else second
    return Repeated(f"{kind:032x}", second, first, last, repeats, record)


class RecordProgram:
    """A program that sends records: it numbers its batches and keeps their running total."""

    def __init__(self, records: KeepsRecords, source: str = "a" * 32) -> None:
        self.records, self.source = records, source
        self.number = self.total = 0

    def batch(self, *entries: Repeated, number: int | None = None, **limits: int) -> RecordBatch:
        """The next batch, or one of another number."""
        number = self.number + 1 if number is None else number
        total = self.total + sum(entry.repeats for entry in entries)
        return RecordBatch(self.source, number, total, entries, **limits)

    def put(self, *entries: Repeated, **limits: int) -> Receipt:
        """Send the next batch, and hear that it was taken in."""
        batch = self.batch(*entries, **limits)
        receipt = self.records.put(batch)
        assert receipt.status == "applied"
        self.number, self.total = batch.number, batch.total
        return receipt


def told(entries: Sequence[Entry]) -> list[tuple[int, float, float, int, str]]:
    """Kind, first, last, repeats and record of each entry."""
    return [(int(e.kind, 16), e.first, e.last, e.repeats, e.record) for e in entries]


# --- messages

CART = ("shop.cart", "warning")


def said(
    counts: Mapping[int, Mapping[str, int]] | None = None,
    lines: Sequence[str] = (),
    speaker: tuple[str, str] = CART,
) -> Said:
    return Said(*speaker, lines=tuple(lines), counts=counts or {})


def line(message: str, at: float = NOW) -> str:
    """A line as programs send it."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S')}.{time.microsecond // 1000:03}Z {message}"


class MessageProgram:
    """A program that sends messages."""

    def __init__(self, messages: KeepsMessages, source: str = "a" * 32) -> None:
        self.messages, self.source = messages, source
        self.number = self.total = 0

    def batch(self, *parts: Said, number: int | None = None, **options: Any) -> MessageBatch:
        """The next batch, or one of another number."""
        number = self.number + 1 if number is None else number
        new = sum(sum(counts.values()) for part in parts for counts in part.counts.values())
        return MessageBatch(self.source, number, self.total + new, parts, **options)

    def say(self, *parts: Said, **options: Any) -> Receipt:
        """Send the next batch, and hear that it was taken in."""
        batch = self.batch(*parts, **options)
        receipt = self.messages.say(batch, timeout=60.0)  # others write, on a busy machine
        assert receipt.status == "applied"
        self.number, self.total = batch.number, batch.total
        return receipt


def hours(
    messages: KeepsMessages, speaker: tuple[str, str] = CART
) -> tuple[tuple[int, dict[str, int]] | None, ...]:
    """Start and counts of the current hour and of the one before, None where there is none."""
    (common,) = messages.common([speaker])
    both = (common.current, common.last)
    return tuple(hour and (hour.start, dict(hour.counts)) for hour in both)


def as_duplicate(receipt: Receipt) -> Receipt:
    """What is said when the batch comes again."""
    return dataclasses.replace(receipt, status="duplicate")
