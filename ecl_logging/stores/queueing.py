"""What a store keeps of events on their way to consumers: one queue for each topic.

Events come in numbered batches of a *source*, and each batch is taken in once, like counts and
records; see `protocols`. They are handed out for a time, and handed out again until somebody
says that they are done with: so an event is lost only when it is acknowledged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ecl_logging.stores.keeping import Receipt

__all__ = [
    "AT_ONCE",
    "CLAIM_BYTES",
    "MAX_DEAD_LETTERS",
    "MAX_WAITING",
    "Backlog",
    "DeadLetter",
    "EventBatch",
    "KeepsEvents",
    "Message",
    "Published",
    "QueueKeeper",
    "checked_topic",
    "question_of_events",
]

AT_ONCE = 500
"""The most messages that one batch, one claim or one other step may have."""

CLAIM_BYTES = 8 * 2**20
"""So many bytes are handed out at a time, or one message that has more."""

MAX_WAITING = 1_000_000
"""So many messages a topic may have that nobody has acknowledged, unless told otherwise."""

MAX_DEAD_LETTERS = 100_000
"""So many dead letters of a topic are kept; beyond, the oldest go."""

_NUMBER_OF_QUESTIONS = 2**53  # one that no source comes to
_TOPIC = re.compile(r"[A-Za-z0-9_.-]{1,200}", re.ASCII)


def checked_topic(topic: object) -> str:
    """Return the topic; raise ValueError for what no queue has as its name."""
    if not isinstance(topic, str) or not _TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError(
            f"{topic!r:.80} is no topic: those are 1 to 200 letters, digits, '_', '.' and '-'"
        )
    return topic


# --- in


@dataclass(frozen=True, slots=True)
class Published:
    """An event as it goes into a queue."""

    id: str  # of the event
    channel: str  # events of one channel stay in order, where a queue has more than one lane
    body: str  # the whole event, as JSON


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one program for one topic, at most AT_ONCE, in their order."""

    source: str  # 128 random bits as 32 hexadecimal digits
    number: int  # of this batch among its source's, from 1
    total: int  # events of the source that the queue has taken in, and those of this batch
    topic: str
    events: tuple[Published, ...]
    max_waiting: int = MAX_WAITING
    token: str = ""  # 64 random bits as hexadecimal digits: tells it from one of a copied source


def question_of_events(source: str, topic: str) -> EventBatch:
    """Return a batch that is never applied: the receipt is GAP, with what is known of a source."""
    return EventBatch(source, _NUMBER_OF_QUESTIONS, 0, topic, ())


# --- out


@dataclass(frozen=True, slots=True)
class Message:
    """What a queue hands out, for a time."""

    topic: str
    id: str  # of the message in its topic: the same each time that it is handed out
    body: bytes
    deliveries: int  # how often it has been handed out, this time included
    handle: Any = None  # what the queue itself needs to know it by


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody could do anything with."""

    topic: str
    id: str
    body: bytes
    deliveries: int
    reason: str
    at: float  # Unix time


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much a topic has; where a queue only guesses, these are guesses."""

    waiting: int = 0  # can be handed out, now or after a pause
    in_hand: int = 0  # somebody has them
    dead_letters: int = 0


@runtime_checkable
class KeepsEvents(Protocol):
    """Queues of events, one for each topic, the oldest first.

    What is said of methods in `protocols.Store` holds for these: each is one atomic step, may
    be called from any thread, and raises StoreUnavailable or StoreError. A `put` is sent again
    as it was where its outcome is unknown; the others can be called again, too.

    A message that was handed out is its receiver's until it is put back, or handed to another one,
    which can be when the time given is over, by the store's clock. So `put_back`, `extend` and
    `bury` do nothing for a message that has been put back or handed out once more since; `ack`
    holds all the same, for it says that the work is done. Each returns for how many messages it
    did something.
    """

    def put(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        """Take in a batch once, at the end of its topic.

        A duplicate gets the receipt that was given first (status DUPLICATE), a GAP writes
        nothing. Where the topic would have more than `max_waiting` messages, nothing is written
        and StoreUnavailable raised: the program keeps them until there is room.
        """

    def claim(
        self, topic: str, limit: int, *, seconds: float, timeout: float = 5.0
    ) -> list[Message]:
        """Hand out the oldest messages of a topic that nobody has, at most AT_ONCE.

        What was put back comes when its pause is over, and what was not acknowledged when its
        time is. One that has been handed out before is handed out alone: where it makes programs
        die, it does not take the deliveries of others with it. Together they have CLAIM_BYTES
        bytes at most, unless there is only one.
        """

    def ack(self, topic: str, messages: Collection[Message], *, timeout: float = 5.0) -> int:
        """Forget messages: their work is done."""

    def put_back(
        self,
        topic: str,
        messages: Collection[Message],
        *,
        pause: float,
        counted: bool = True,
        timeout: float = 5.0,
    ) -> int:
        """Have them handed out again, in `pause` seconds at the earliest.

        Without `counted`, as if they had not been handed out this time.
        """

    def extend(
        self, topic: str, messages: Collection[Message], *, seconds: float, timeout: float = 5.0
    ) -> int:
        """Give their receiver so many seconds more, from now."""

    def bury(
        self, topic: str, messages: Collection[Message], reason: str, *, timeout: float = 5.0
    ) -> int:
        """Move them to the topic's dead letters. Of these the newest MAX_DEAD_LETTERS are kept."""

    def dead_letters(
        self, topic: str, limit: int, *, after: str = "", timeout: float = 5.0
    ) -> list[DeadLetter]:
        """The oldest dead letters of a topic, or those that come after the one with an ID.

        At most AT_ONCE, and CLAIM_BYTES bytes unless there is only one.
        """

    def replay(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        """Move dead letters of these IDs to the end of their topic, as if never handed out."""

    def drop(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        """Forget dead letters of these IDs."""

    def topics(self, *, timeout: float = 5.0) -> list[str]:
        """Topics in which there ever was anything, sorted."""

    def backlog(self, topic: str, *, timeout: float = 5.0) -> Backlog:
        """How much there is."""


@runtime_checkable
class QueueKeeper(Protocol):
    """A store that keeps queues of events beside its counts, over the same connections."""

    @property
    def events(self) -> KeepsEvents: ...
