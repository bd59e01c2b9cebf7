"""What there is in topics, and dead letters: looked at by consumers that are in no group.

The dead letters of a topic are in one beside it. Those that were replayed or dropped stay there,
as everything does in Kafka; a group of its own remembers how far that has come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ecl_logging.errors import StoreUnavailable
from ecl_logging.events.queues.kafka_addresses import KafkaAddress
from ecl_logging.events.queues.kafka_clients import (
    AdminClient,
    Heard,
    KafkaError,
    KafkaException,
    NewTopic,
    TopicPartition,
    leave,
    let_go,
    new_client,
    new_consumer,
    translated,
    understood,
)
from ecl_logging.events.queues.kafka_offsets import Entry, open_in
from ecl_logging.events.queues.kafka_producing import Outgoing
from ecl_logging.stores.queueing import DeadLetter, Message

__all__ = ["Look", "dead_letter", "looking", "make_topic", "outgoing"]

_ANSWER_SECONDS = 5.0
_MAKING_SECONDS = 2.0
_MOST_OF_REASON = 1000  # characters
_FIXED: dict[str, object] = {
    "allow.auto.create.topics": False,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
}


class Look:
    """A look at one topic, as far as a group has come with it. One thread at a time."""

    def __init__(self, consumer: Any, address: KafkaAddress, group: str, topic: str) -> None:
        self._consumer, self._address, self._group = consumer, address, group
        self._shown, self._topic = address.shown, topic

    def places(self) -> list[Any]:
        """Return what the group has committed for each partition; none for no topic."""
        with understood(self._shown):
            found = self._consumer.list_topics(self._topic, timeout=_ANSWER_SECONDS)
            topic = found.topics[self._topic]
            if topic.error is not None:
                if topic.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return []
                raise translated(self._shown, topic.error)
            places = [TopicPartition(self._topic, number) for number in sorted(topic.partitions)]
            return list(self._consumer.committed(places, timeout=_ANSWER_SECONDS))

    def left(self, place: Any) -> tuple[int, int]:
        """Return from where to where the group has not been yet."""
        with understood(self._shown):
            marks = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
        if marks is None:
            raise StoreUnavailable(f"{self._shown}: no answer about topic {self._topic}")
        low, high = marks
        return (place.offset if low <= place.offset <= high else low), high

    def waiting(self) -> int:
        """How many messages are not done, as far as commits tell."""
        amount = 0
        for place in self.places():
            begin, end = self.left(place)
            begun, known_to = open_in(begin, place.metadata)
            amount += len(begun) + max(0, end - known_to)
        return amount

    def messages(self, place: Any) -> Iterator[Any]:
        """Yield what is left of a partition now."""
        begin, end = self.left(place)
        if begin >= end:
            return
        with understood(self._shown):
            self._consumer.assign([TopicPartition(self._topic, place.partition, begin)])
            heard = time.monotonic()
            while True:
                message = self._consumer.poll(_ANSWER_SECONDS)
                if message is None:
                    if time.monotonic() - heard >= _ANSWER_SECONDS:
                        raise StoreUnavailable(f"{self._shown}: nothing comes of {self._topic}")
                    continue
                heard = time.monotonic()
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    raise translated(self._shown, error)
                if message.offset() < end:
                    yield message
                if message.offset() >= end - 1:
                    return

    def commit(self, partition: int, offset: int) -> None:
        """Have the group be so far."""
        place = TopicPartition(self._topic, partition, offset)
        commit_within(self._address, self._group, place, _ANSWER_SECONDS)


@contextmanager
def looking(address: KafkaAddress, group: str, topic: str) -> Iterator[Look]:
    """Look at a topic as a group does, without being in it."""
    consumer = _consumer_of(address, group)
    try:
        yield Look(consumer, address, group, topic)
    finally:
        leave(consumer)


def _consumer_of(address: KafkaAddress, group: str, **more: object) -> Any:
    fixed = {**_FIXED, "group.id": group, **more}
    return new_consumer(address, Heard(), {**address.settings_of_consumers(), **fixed})


def commit_within(address: KafkaAddress, group: str, place: Any, seconds: float) -> None:
    """Commit for a group that has no members. Raises StoreUnavailable at the end of the time.

    By a consumer of its own, which has nothing that `poll` could return; see `kafka_commits`.
    """
    answers: list[Any] = []

    def answered(error: KafkaError | None, places: list[Any]) -> None:
        answers.append(error or next((one.error for one in places if one.error), None))

    consumer = _consumer_of(address, group, on_commit=answered)
    give_up = time.monotonic() + seconds
    try:
        with understood(address.shown):
            consumer.commit(offsets=[place], asynchronous=True)
            while not answers and time.monotonic() < give_up:
                consumer.poll(0.01)
    finally:
        leave(consumer)
    if not answers:
        raise StoreUnavailable(f"{address.shown}: a commit of group {group} has no answer")
    if answers[0] is not None:
        raise translated(address.shown, answers[0])


def make_topic(address: KafkaAddress, topic: str) -> None:
    """Make a topic of one partition that forgets nothing by itself, unless there is one.

    Where that is not allowed, it is left to the broker, which makes topics as it was told to.
    """
    admin = new_client(AdminClient, address, Heard(), address.settings_of_admins())
    try:
        if topic in admin.list_topics(timeout=_ANSWER_SECONDS).topics:
            return
        new = NewTopic(topic, 1, -1, config={"retention.ms": "-1"})
        made = admin.create_topics([new], request_timeout=_MAKING_SECONDS)
        made[topic].result(_MAKING_SECONDS)
    except (KafkaException, TimeoutError):
        return
    finally:
        let_go(admin)


# --- dead letters as messages


def outgoing(message: Message, entry: Entry, reason: str) -> Outgoing:
    """Return a message as a dead letter."""
    headers = {
        "id": message.id,
        "reason": reason[:_MOST_OF_REASON],
        "deliveries": str(message.deliveries),
        "at": repr(time.time()),
    }
    encoded = ((name, text.encode("utf-8", "replace")) for name, text in headers.items())
    return Outgoing(entry.key, message.body, tuple(encoded))


def dead_letter(topic: str, message: Any) -> DeadLetter:
    """Read a dead letter; what somebody else has put there has few headers, or none."""
    headers = {
        name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or ()
    }
    deliveries, at = headers.get("deliveries", ""), headers.get("at", "")
    try:
        seconds = float(at)
    except ValueError:
        seconds = message.timestamp()[1] / 1000
    return DeadLetter(
        topic,
        headers.get("id") or f"{message.partition()}-{message.offset()}",
        message.value() or b"",
        int(deliveries) if deliveries.isascii() and deliveries.isdigit() else 0,
        headers.get("reason", ""),
        seconds,
    )
