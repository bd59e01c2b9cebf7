"""KafkaQueue: topics of Kafka's, by confluent-kafka. Needs the extra `kafka`."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Self

from ecl_logging.events.queues import (
    kafka_addresses,
    kafka_clients,  # noqa: F401 - first, for it tells which package is missing
)
from ecl_logging.events.queues.kafka_addresses import DEFAULT_GROUP, address_of
from ecl_logging.events.queues.kafka_consuming import TopicConsumer
from ecl_logging.events.queues.kafka_dead_letters import (
    Look,
    dead_letter,
    looking,
    make_topic,
    outgoing,
)
from ecl_logging.events.queues.kafka_producing import Outgoing, Producing, Sending
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import APPLIED, DUPLICATE, GAP
from ecl_logging.stores.queueing import (
    AT_ONCE,
    Backlog,
    DeadLetter,
    EventBatch,
    Message,
    checked_topic,
    question_of_events,
)

__all__ = ["KafkaQueue"]

_ANSWER_SECONDS = 5.0
_MOST_SOURCES = 1000  # whose last batch is remembered
_QUESTION = question_of_events("", "").number
_DEAD_LETTERS = "-dead-letters"  # after the name of a topic, and after that of the group


class _Batch:
    """The last batch of a source: on its way, or in the topic."""

    def __init__(self, batch: EventBatch) -> None:
        self.number, self.token = batch.number, batch.token
        self.is_applied = False
        self.lock = threading.Lock()  # while it is waited for
        self.sending = Sending(
            batch.topic,
            [Outgoing(event.channel.encode(), event.body.encode()) for event in batch.events],
            leaves_out=True,
        )
        self.bad: tuple[str, ...] = ()  # IDs of events that are too large for the topic


class KafkaQueue:
    """See `Queue`. Thread safe.

    A batch that is published again is not doubled, as long as it is published to the same object,
    in the same process, and that has not been closed in between. Events of one channel are in one
    partition, in their order; one that is put back is overtaken by others. Messages that are
    handed out are kept for whoever has them as long as this process is a member of the group: it
    may take `max.poll.interval.ms`, an hour, from one `receive` or `extend` to the next. Each
    topic has two or three threads of librdkafka's. A queue that was used is closed, or lives as
    long as its process.
    """

    empty_after = 8.0
    """Seconds without a message after which a topic is taken for empty.

    A group lets three seconds pass before it deals out partitions to its first members.
    """

    most_in_batch = AT_ONCE

    def __init__(
        self,
        servers: str,
        group: str = DEFAULT_GROUP,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`servers`: `host:9092`, several with commas between; `group`: of consumers.

        `settings`: librdkafka's own, such as `security.protocol`. Raises ConfigError.
        """
        self._address = address_of(servers, group, settings)
        self._start()

    @classmethod
    def from_url(cls, url: str, *, settings: Mapping[str, object] | None = None) -> Self:
        """Read `kafka://host:9092,host2:9092?group=workers`; raise ConfigError.

        Names with dots are settings of librdkafka's, as in `?security.protocol=SSL`. Passwords go
        into `settings`, for URLs are shown in many places.
        """
        servers, group, in_url = kafka_addresses.from_url(url)
        return cls(servers, group, settings={**in_url, **(settings or {})})

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._producing = Producing(self._address)
        self._consumers: dict[str, TopicConsumer] = {}
        self._batches: OrderedDict[tuple[str, str], _Batch] = OrderedDict()
        self._dead_letter_topics: set[str] = set()

    # --- as a destination

    @property
    def shown(self) -> str:
        """Its URL, without settings."""
        return self._address.shown

    def advice(self, *, timeout: float = 5.0) -> str | None:
        """Nothing: what a topic's settings put at risk is not looked at."""
        return None

    def after_fork(self) -> None:
        """Forget what belongs to the parent process. What it has is never touched here."""
        self._start()

    def close(self) -> None:
        """Leave the groups and let go of connections, within seconds. Never raises.

        What is in hand is handed out to others. The queue can be used again.
        """
        self._mine()
        with self._lock:
            consumers, self._consumers = list(self._consumers.values()), {}
            producing = self._producing
        for consumer in consumers:
            consumer.close()
        producing.close()

    def _mine(self) -> None:
        """Notice a fork that ran no hooks."""
        if self._pid != os.getpid():
            self._start()

    # --- in

    def publish(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        """Produce a batch, and wait until all copies of the topic have it.

        The same batch again is waited for, not produced again. What is too large for the topic is
        left out: the receipt's `bad` has the IDs of these. What is refused for another reason is
        a StoreError, while the rest of the batch is produced; when it comes again, only that is
        tried again. `max_waiting` is left to the retention of the topic.
        """
        self._mine()
        if batch.number == _QUESTION:
            # What Kafka has lost it cannot tell. So it has all that anybody asks for.
            return Receipt(GAP, 0, _QUESTION)
        one = self._known(batch)
        if one.is_applied:
            status = DUPLICATE
        else:
            with one.lock:
                self._producing.deliver(one.sending, timeout)
            one.is_applied, status = True, APPLIED
            one.bad = tuple(batch.events[number].id for number in sorted(one.sending.left_out))
            one.sending = Sending(batch.topic, ())
        return Receipt(status, batch.number, batch.total, token=batch.token, bad=one.bad)

    def _known(self, batch: EventBatch) -> _Batch:
        checked_topic(batch.topic)
        with self._lock:
            source = (batch.topic, batch.source)
            one = self._batches.get(source)
            if one is None or (one.number, one.token) != (batch.number, batch.token):
                one = self._batches[source] = _Batch(batch)
            self._batches.move_to_end(source)
            while len(self._batches) > _MOST_SOURCES:
                self._batches.popitem(last=False)
            return one

    # --- out

    def receive(self, topic: str, limit: int, *, seconds: float, wait: float) -> list[Message]:
        """Hand out messages; the first call for a topic makes this a member of the group.

        One that was in the hand of a consumer that died is handed out alone, with its deliveries.
        """
        return self._consumer(topic).receive(min(limit, AT_ONCE), seconds=seconds, wait=wait)

    def ack(self, messages: Collection[Message]) -> None:
        """Commit that messages are done. For one whose partition is another's now, nothing."""
        for topic, some in _by_topic(messages):
            self._consumer(topic).ack(some)

    def put_back(
        self, messages: Collection[Message], *, pause: float, counted: bool = True
    ) -> None:
        """Keep messages in memory, here, until their pause is over, while others are handed out."""
        for topic, some in _by_topic(messages):
            self._consumer(topic).put_back(some, pause=pause, counted=counted)

    def extend(self, messages: Collection[Message], *, seconds: float) -> None:
        """Keep messages, and the membership in the group."""
        for topic, some in _by_topic(messages):
            self._consumer(topic).extend(some, seconds=seconds)

    def _consumer(self, topic: str) -> TopicConsumer:
        self._mine()
        with self._lock:
            consumer = self._consumers.get(topic)
            if consumer is None:
                name = checked_topic(topic)
                consumer = self._consumers[topic] = TopicConsumer(self._address, name)
            return consumer

    # --- dead letters, and how much there is

    def bury(self, message: Message, reason: str) -> None:
        """Produce a message into the topic `<topic>-dead-letters`; then it is done here.

        That topic is made with one partition, and without end of retention, where this may be done.
        """
        consumer = self._consumer(message.topic)
        entry = consumer.in_hand(message)
        if entry is None:
            return
        topic = message.topic + _DEAD_LETTERS
        if topic not in self._dead_letter_topics:
            make_topic(self._address, topic)
            self._dead_letter_topics.add(topic)
        if entry.burying is None:
            entry.burying = Sending(topic, [outgoing(message, entry, reason)])
        self._producing.deliver(entry.burying, _ANSWER_SECONDS)
        consumer.ack([message])

    def dead_letters(self, topic: str, limit: int) -> list[DeadLetter]:
        """The oldest dead letters that were neither replayed nor dropped."""
        found: list[DeadLetter] = []
        with self._looking(topic) as look:
            for place in look.places():
                for message in look.messages(place):
                    if len(found) >= limit:
                        return found
                    found.append(dead_letter(topic, message))
        return found

    def replay(self, topic: str) -> int:
        """Produce all dead letters into their topic again, at its end; how many.

        Some at a time. Where that is cut off in between, these come into the topic once more.
        """
        amount = 0
        with self._looking(topic) as look:
            for place in look.places():
                some = []
                for message in look.messages(place):
                    some.append(Outgoing(message.key(), message.value() or b""))
                    if len(some) >= AT_ONCE:
                        self._produce(topic, some)
                        look.commit(place.partition, message.offset() + 1)
                        amount, some = amount + len(some), []
                if some:
                    self._produce(topic, some)
                    look.commit(place.partition, message.offset() + 1)
                    amount += len(some)
        return amount

    def _produce(self, topic: str, messages: list[Outgoing]) -> None:
        self._producing.deliver(Sending(topic, messages), _ANSWER_SECONDS)

    def drop(self, topic: str) -> int:
        """Have all dead letters count as seen to; how many, where no offset was left out."""
        amount = 0
        with self._looking(topic) as look:
            for place in look.places():
                begin, end = look.left(place)
                if begin < end:
                    look.commit(place.partition, end)
                    amount += end - begin
        return amount

    def _looking(self, topic: str) -> AbstractContextManager[Look]:
        self._mine()
        name = checked_topic(topic) + _DEAD_LETTERS
        return looking(self._address, self._address.group + _DEAD_LETTERS, name)

    def backlog(self, topic: str) -> Backlog:
        """How much there is, as far as commits and the ends of partitions tell.

        What is in hand is known of this process only; what others have counts as waiting.
        """
        with self._looking(topic) as look:
            dead = look.waiting()
        with looking(self._address, self._address.group, topic) as look:
            waiting = look.waiting()
        with self._lock:
            consumer = self._consumers.get(topic)
        in_hand = consumer.in_hands() if consumer is not None else 0
        return Backlog(max(0, waiting - in_hand), in_hand, dead)


def _by_topic(messages: Collection[Message]) -> list[tuple[str, list[Message]]]:
    topics: dict[str, list[Message]] = {}
    for message in messages:
        topics.setdefault(message.topic, []).append(message)
    return list(topics.items())
