"""What a queue is, for those who publish and for engines; one module beside this for each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import Destination
from ecl_logging.stores.queueing import Backlog, DeadLetter, EventBatch, Message

__all__ = ["Queue"]


@runtime_checkable
class Queue(Destination, Protocol):
    """Topics of messages, kept by a service.

    Methods may be called from any thread. They raise StoreUnavailable where trying again may
    help, StoreError where it will not, and nothing else. Building one touches neither network nor
    disk.
    """

    empty_after: float
    """So many seconds without a message say that a topic has none that could be handed out."""

    most_in_batch: int
    """So many events `publish` takes in within a few seconds, also where the service is slow."""

    def publish(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        """Take in a batch once; see `KeepsEvents.put`.

        It comes again, as it was, where the outcome was unknown. What cannot tell a duplicate
        says in its docstring what happens then.
        """

    def receive(self, topic: str, limit: int, *, seconds: float, wait: float) -> list[Message]:
        """Hand out messages for `seconds`; wait up to `wait` seconds for the first one."""

    def ack(self, messages: Collection[Message]) -> None:
        """Forget messages, all of one topic: their work is done."""

    def put_back(
        self, messages: Collection[Message], *, pause: float, counted: bool = True
    ) -> None:
        """Have them handed out again, in `pause` seconds at the earliest.

        Without `counted`, as if they had not been handed out this time, where the queue can.
        """

    def extend(self, messages: Collection[Message], *, seconds: float) -> None:
        """Keep them for so many seconds more, from now."""

    def bury(self, message: Message, reason: str) -> None:
        """Move a message to the topic's dead letters, with the reason and its deliveries."""

    def dead_letters(self, topic: str, limit: int) -> list[DeadLetter]:
        """The oldest dead letters of a topic; those stay where they are."""

    def replay(self, topic: str) -> int:
        """Put all dead letters of a topic back into it, as if never handed out; how many."""

    def drop(self, topic: str) -> int:
        """Forget all dead letters of a topic; how many."""

    def backlog(self, topic: str) -> Backlog:
        """How much there is."""
