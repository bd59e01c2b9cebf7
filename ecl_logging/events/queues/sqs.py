"""Queues of Amazon SQS, or of what speaks its protocol, by boto3."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import ConfigError
from ecl_logging.events.queues.sqs_addresses import SqsAddress, address_of, parse_url
from ecl_logging.extras import missing_one
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import APPLIED, DUPLICATE, GAP
from ecl_logging.stores.queueing import (
    Backlog,
    DeadLetter,
    EventBatch,
    Message,
    Published,
    question_of_events,
)

try:
    from ecl_logging.events.queues.sqs_clients import Clients
    from ecl_logging.events.queues.sqs_dead_letters import DeadLetters
    from ecl_logging.events.queues.sqs_entries import Entry, text_that_is_taken
    from ecl_logging.events.queues.sqs_errors import translated
    from ecl_logging.events.queues.sqs_names import (
        AT_ONCE,
        STEP_SECONDS,
        Queues,
        dead_letters_of,
        is_fifo,
    )
    from ecl_logging.events.queues.sqs_sending import Progress, send
except ModuleNotFoundError as error:
    missing = missing_one(error, ["boto3", "botocore"])
    raise ModuleNotFoundError(
        f"ecl_logging.events.queues.sqs needs {missing}: pip install 'ecl-logging[sqs]'",
        name=error.name,
    ) from None

__all__ = ["SqsQueue"]

_LONGEST_WAIT = 20  # seconds, of one request
_LONGEST_HELD = 43200  # seconds, from when a message was handed out
_MOST_SOURCES = 100  # whose last batch is remembered
_ASKED_OF_MESSAGES = ["ApproximateReceiveCount", "MessageGroupId"]
_ASKED_OF_QUEUES = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
]


@dataclass(frozen=True, slots=True)
class _Handle:
    receipt: str
    channel: str  # a FIFO queue's, of this message


@dataclass(frozen=True, slots=True)
class _LastBatch:
    """Of a source."""

    number: int
    token: str
    progress: Progress


class SqsQueue:
    """Topics are queues of these names; one that ends in `.fifo` is a FIFO queue. Thread safe.

    What SQS has not, and what comes of it:

    - It knows of no numbered batches. Of a batch that was taken in partly, this object remembers
      which events were, and sends the others. Where a request had no answer, its events are sent
      again. A FIFO queue takes in each event once, if it comes again within five minutes (by
      its ID). **A standard queue has such an event twice**: consumers must bear that, as they must
      bear that a standard queue may hand out a message twice.
    - Order: a standard queue keeps it about, a FIFO queue within each channel, as long as it
      takes in all messages of a request.
    - It has no bound on messages that wait: `EventBatch.max_waiting` has no meaning here. It
      forgets messages after a time that the queue is configured for, 4 days as a rule.
    - A message has 1 MiB at most (a queue may be configured for less). An event that is too large
      is not sent; the receipt names it in `bad`.
    - Times are whole seconds, rounded up; a message can be held or put back for 12 hours at most,
      from when it was handed out.
    - Each time that a message is handed out counts as a delivery, whatever became of it.

    Dead letters are in the queue `<topic>-dead-letters` (`<name>-dead-letters.fifo`), created when
    first needed. Rights that are needed: `sqs:GetQueueUrl`; to publish `SendMessage`; to consume
    `ReceiveMessage`, `DeleteMessage`, `ChangeMessageVisibility`, and `SendMessage` to the
    dead letters; `CreateQueue` where a queue is to be created; `GetQueueAttributes` for `backlog`.
    """

    empty_after = 1.0
    """So many seconds without a message say that a topic has none that could be handed out."""

    most_in_batch = 100
    """In ten requests, one after the other."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        region: str | None = None,
        *,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        endpoint_url: str | None = None,
        create: bool = False,
    ) -> None:
        """Name the service; without arguments boto3's own configuration and environment do.

        `endpoint_url`: of another service than Amazon's. With `create`, queues that are missing
        are created; else a missing one is a StoreError. Raises ConfigError.
        """
        keys = {
            "aws_access_key_id": aws_access_key_id,
            "aws_secret_access_key": aws_secret_access_key,
            "aws_session_token": aws_session_token,
        }
        self._set_up(address_of(region, endpoint_url, create=create), _checked(keys))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read `sqs://[REGION][?endpoint_url=URL][&create=1]`; keys are boto3's to find.

        Raises ConfigError.
        """
        queue = cls.__new__(cls)
        queue._set_up(parse_url(url), {})
        return queue

    def _set_up(self, address: SqsAddress, keys: dict[str, str]) -> None:
        self._clients = Clients(address, keys)
        self._queues = Queues(self._clients, create=address.create)
        self._dead_letters = DeadLetters(self._queues)
        self._last: OrderedDict[tuple[str, str], _LastBatch] = OrderedDict()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown!r})"

    # --- as a destination

    @property
    def shown(self) -> str:
        """The URL for messages; there is no secret in it."""
        return self._clients.shown

    def advice(self, *, timeout: float = 5.0) -> str | None:
        """Nothing is known that would put events at risk."""
        return None

    def close(self) -> None:
        """Let go of connections. The queue can be used again. Never raises."""
        self._clients.close()

    def after_fork(self) -> None:
        """Forget what belongs to the parent process. Called in the child; only assigns."""
        self._clients.after_fork()

    # --- in

    def publish(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        """Take in a batch; see the class for what happens to one that comes again.

        Returns when SQS has all events but those that it can never take; the receipt's `bad` has
        the IDs of these. Raises StoreUnavailable while some may be missing, StoreError where the
        queue is missing or not ours to use. An event's channel is a FIFO queue's message group.
        """
        if batch == question_of_events(batch.source, batch.topic):
            # SQS cannot say what it knows of a source. Whatever that has sent, nothing is missed.
            return Receipt(GAP, total=batch.number)
        last = self._last.get((batch.source, batch.topic))
        is_known = last is not None and (last.number, last.token) == (batch.number, batch.token)
        if last is None or not is_known:
            last = self._begin(batch)
        was_done = all(map(last.progress.is_known, range(len(batch.events))))
        entries = [_entry(batch.topic, event) for event in batch.events]
        with translated(self.shown):
            send(self._queues, batch.topic, entries, last.progress, Deadline(timeout))
        return Receipt(
            DUPLICATE if is_known and was_done else APPLIED,
            number=batch.number,
            total=batch.total,
            token=batch.token,
            bad=tuple(batch.events[number].id for number in sorted(last.progress.refused)),
        )

    def _begin(self, batch: EventBatch) -> _LastBatch:
        key = batch.source, batch.topic
        last = self._last[key] = _LastBatch(batch.number, batch.token, Progress())
        self._last.move_to_end(key)
        while len(self._last) > _MOST_SOURCES:
            self._last.popitem(last=False)
        return last

    # --- out

    def receive(self, topic: str, limit: int, *, seconds: float, wait: float) -> list[Message]:
        """Hand out messages for `seconds`; wait up to `wait` seconds for the first one.

        At most 10, and 20 seconds, which are what one request can have.
        """
        if limit < 1:
            return []
        whole_wait = _whole(wait, 0, _LONGEST_WAIT)
        answer = self._queues.call(
            topic,
            "receive_message",
            seconds=whole_wait * 1.25 + STEP_SECONDS,  # it reads for four fifths of that
            MaxNumberOfMessages=min(limit, AT_ONCE),
            VisibilityTimeout=_whole(seconds, 1, _LONGEST_HELD),
            WaitTimeSeconds=whole_wait,
            AttributeNames=_ASKED_OF_MESSAGES,
        )
        with translated(self.shown):
            return [_message(topic, raw) for raw in answer.get("Messages") or ()]

    def ack(self, messages: Collection[Message]) -> None:
        """Forget messages, all of one topic: their work is done.

        What SQS has handed out to somebody else since may come again: it goes by the last time.
        """
        self._do_with_each(messages, "delete_message_batch", {})

    def put_back(
        self, messages: Collection[Message], *, pause: float, counted: bool = True
    ) -> None:
        """Have them handed out again, in `pause` seconds at the earliest; always counted."""
        more = {"VisibilityTimeout": _whole(pause, 0, _LONGEST_HELD)}
        self._do_with_each(messages, "change_message_visibility_batch", more)

    def extend(self, messages: Collection[Message], *, seconds: float) -> None:
        """Keep them for so many seconds more, from now."""
        more = {"VisibilityTimeout": _whole(seconds, 1, _LONGEST_HELD)}
        self._do_with_each(messages, "change_message_visibility_batch", more)

    def bury(self, message: Message, reason: str) -> None:
        """Move a message to the topic's dead letters, with the reason and its deliveries.

        It is sent there first and deleted then. The reason is cut to 1000 characters.
        """
        self._dead_letters.bury(message, message.handle.channel, reason)
        self.ack([message])

    def _do_with_each(
        self, messages: Collection[Message], operation: str, more: dict[str, int]
    ) -> None:
        if not messages:
            return
        entries = [{"ReceiptHandle": message.handle.receipt, **more} for message in messages]
        topic = next(iter(messages)).topic
        self._queues.do_with_each(topic, operation, entries)

    # --- dead letters

    def dead_letters(self, topic: str, limit: int) -> list[DeadLetter]:
        """At most `limit` dead letters of a topic, about the oldest; those stay where they are.

        For the time it takes they are handed out to nobody else.
        """
        with translated(self.shown):
            return self._dead_letters.listed(topic, limit) if limit > 0 else []

    def replay(self, topic: str) -> int:
        """Put all dead letters of a topic back into it, as if never handed out; how many.

        Those that come meanwhile stay. Where it is interrupted, up to 10 are in both places.
        """
        with translated(self.shown):
            return self._dead_letters.replay(topic)

    def drop(self, topic: str) -> int:
        """Forget all dead letters of a topic; how many."""
        with translated(self.shown):
            return self._dead_letters.drop(topic)

    def backlog(self, topic: str) -> Backlog:
        """How much there is, as SQS guesses. What was put back with a pause is `in_hand`."""
        waiting, in_hand = self._amounts(topic)
        name = dead_letters_of(topic)
        dead = sum(self._amounts(name)) if self._queues.find(name) is not None else 0
        return Backlog(waiting, in_hand, dead)

    def _amounts(self, name: str) -> tuple[int, int]:
        answer = self._queues.call(name, "get_queue_attributes", AttributeNames=_ASKED_OF_QUEUES)
        said = answer.get("Attributes") or {}
        with translated(self.shown):
            waiting, delayed, in_hand = (int(said.get(one, 0)) for one in _ASKED_OF_QUEUES)
        return waiting + delayed, in_hand


def _checked(keys: dict[str, str | None]) -> dict[str, str]:
    """Return the keys that are given; what they are is in no message."""
    given = {name: value for name, value in keys.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{name}: is a text, and not empty")
    both = {"aws_access_key_id", "aws_secret_access_key"}
    if given and not both <= given.keys():
        raise ConfigError(f"{min(both - given.keys())}: is missing; keys are given together")
    return given


def _entry(topic: str, event: Published) -> Entry:
    body = text_that_is_taken(event.body)
    # A channel may be empty, and a group may not.
    return Entry(body, event.channel or "-", event.id) if is_fifo(topic) else Entry(body)


def _message(topic: str, raw: dict[str, Any]) -> Message:
    attributes = raw.get("Attributes") or {}
    handle = _Handle(raw["ReceiptHandle"], attributes.get("MessageGroupId", ""))
    deliveries = int(attributes.get("ApproximateReceiveCount", 1))
    return Message(topic, raw["MessageId"], raw["Body"].encode(), deliveries, handle)


def _whole(seconds: float, least: int, most: int) -> int:
    """Return whole seconds, rounded up, as SQS takes them."""
    return int(min(max(math.ceil(min(seconds, most)), least), most))
