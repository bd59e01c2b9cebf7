"""Programs that publish: events, in numbered batches, and those who are handed them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import (
    MAX_WAITING,
    DeadLetter,
    EventBatch,
    KeepsEvents,
    Message,
    Published,
)

__all__ = ["ORDERS", "EventProgram", "bodies", "bury_all", "claim", "ids", "published"]

ORDERS = "orders"


def published(body: str = "{}", *, id: str = "", channel: str = "shop.done") -> Published:  # noqa: A002 - its name there
    return Published(id or f"LG-{body[:20]}", channel, body)


class EventProgram:
    """A program that publishes events: it numbers its batches and keeps their running total."""

    def __init__(self, events: KeepsEvents, source: str = "a" * 32, topic: str = ORDERS) -> None:
        self.events, self.source, self.topic = events, source, topic
        self.number = self.total = 0

    def batch(
        self, *bodies: str, number: int | None = None, max_waiting: int = MAX_WAITING
    ) -> EventBatch:
        """The next batch, or one of another number."""
        number = self.number + 1 if number is None else number
        return EventBatch(
            self.source,
            number,
            self.total + len(bodies),
            self.topic,
            tuple(map(published, bodies)),
            max_waiting,
        )

    def put(self, *bodies: str, max_waiting: int = MAX_WAITING) -> Receipt:
        """Send the next batch, and hear that it was taken in."""
        batch = self.batch(*bodies, max_waiting=max_waiting)
        receipt = self.events.put(batch)
        assert receipt.status == "applied"
        self.number, self.total = batch.number, batch.total
        return receipt


def bodies(found: Collection[Message | DeadLetter]) -> list[str]:
    """What messages or dead letters say, in their order."""
    return [one.body.decode() for one in found]


def ids(found: Collection[Message | DeadLetter]) -> list[str]:
    return [one.id for one in found]


def claim(events: KeepsEvents, limit: int = 9, seconds: float = 60) -> list[Message]:
    return events.claim(ORDERS, limit, seconds=seconds)


def bury_all(events: KeepsEvents, topic: str = ORDERS, reason: str = "broken") -> Sequence[Message]:
    """Bury what can be handed out, and return it."""
    messages = events.claim(topic, 500, seconds=60)
    assert events.bury(topic, messages, reason) == len(messages)
    return messages
