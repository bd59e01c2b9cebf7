"""The way into topics: each message is produced once, and waited for until its fate is known.

librdkafka tries again by itself, and its producer is idempotent: the broker takes in once what
it gets twice. So what was handed over to it must not be handed over again when a program has
lost its patience, but waited for further.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.kafka_addresses import KafkaAddress
from ecl_logging.events.queues.kafka_clients import (
    Heard,
    KafkaError,
    KafkaException,
    let_go,
    new_producer,
    translated,
    understood,
)

__all__ = ["Outgoing", "Producing", "Sending"]

_LARGEST = 64 * 2**20  # bytes of a message that goes out; brokers take less, unless told otherwise
_SLICE_SECONDS = 0.05  # another thread may have been told what this one waits for
_CLOSE_SECONDS = 2.0
_TOO_LARGE = {
    KafkaError.MSG_SIZE_TOO_LARGE: "message.max.bytes, of the broker or in the settings, or"
    " max.message.bytes of the topic",
    KafkaError.RECORD_LIST_TOO_LARGE: "segment.bytes of the topic",
}
_SETTINGS: dict[str, object] = {
    "linger.ms": 1,  # a batch is handed over within microseconds
    "message.max.bytes": _LARGEST,
}
_FIXED: dict[str, object] = {
    "acks": "all",
    "enable.idempotence": True,
    # A program gives up after six days; until then librdkafka must not.
    "message.timeout.ms": 7 * 86_400_000,
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it is produced."""

    key: bytes | None
    body: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Sending:
    """Messages of one topic on their way. What is told of them is told in any thread."""

    def __init__(
        self, topic: str, messages: Sequence[Outgoing], *, leaves_out: bool = False
    ) -> None:
        """`leaves_out`: what is too large for the topic is left out, and no error."""
        self.topic, self.messages, self._leaves_out = topic, messages, leaves_out
        self.to_do = set(range(len(messages)))
        self.under_way: set[int] = set()
        self.error: tuple[KafkaError, int] | None = None  # the first one, and whose it is
        self.left_out: set[int] = set()

    def reporter(self, number: int) -> Callable[[Any, Any], None]:
        """Return what librdkafka calls when the fate of a message is known."""

        def report(error: KafkaError | None, _message: object) -> None:
            self.under_way.discard(number)
            if error is not None:
                self.failed(number, error)

        return report

    def failed(self, number: int, error: KafkaError) -> None:
        """A message is to be produced again: it is in no topic, or nobody will ever know."""
        if self._leaves_out and error.code() in _TOO_LARGE:
            self.left_out.add(number)
            return
        self.to_do.add(number)
        if self.error is None:
            self.error = (error, number)


class Producing:
    """One producer for all topics, made at first use. Thread safe."""

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._producer: Any = None
        self._heard = Heard()

    def _producer_here(self) -> Any:
        with self._lock:
            if self._heard.is_fatal and self._producer is not None:
                self._retire(0.5)
            if self._producer is None:
                chosen = self._address.settings_of_producers()
                self._heard = Heard()
                self._producer = new_producer(
                    self._address, self._heard, {**_SETTINGS, **chosen, **_FIXED}
                )
            return self._producer

    def deliver(self, sending: Sending, timeout: float) -> None:
        """Return when all is in the topic. Called again, it goes on.

        Raises StoreUnavailable at the end of the time; StoreError where a message is refused,
        while the others are produced.
        """
        deadline = Deadline(timeout)
        producer = self._producer_here()
        sending.error = None
        with understood(self._address.shown):
            self._hand_over(producer, sending, deadline)
            while sending.under_way and (left := deadline.seconds_left()) > 0:
                producer.poll(min(left, _SLICE_SECONDS))
        if sending.error is not None:
            raise self._told(sending, *sending.error)
        if sending.under_way or sending.to_do:
            left = len(sending.under_way) + len(sending.to_do)
            why = self._heard.why(f"{left} messages for {sending.topic} are not confirmed")
            raise StoreUnavailable(f"{self._address.shown}: {why}")

    def _hand_over(self, producer: Any, sending: Sending, deadline: Deadline) -> None:
        for number in sorted(sending.to_do):
            message = sending.messages[number]
            sending.to_do.discard(number)
            sending.under_way.add(number)
            try:
                while not self._has_taken(producer, sending, number, message):
                    if deadline.seconds_left() <= 0:
                        sending.under_way.discard(number)
                        sending.to_do.add(number)
                        return
                    producer.poll(_SLICE_SECONDS)
            except KafkaException as error:
                sending.under_way.discard(number)
                sending.failed(number, error.args[0])

    def _has_taken(self, producer: Any, sending: Sending, number: int, message: Outgoing) -> bool:
        try:
            producer.produce(
                sending.topic,
                key=message.key,
                value=message.body,
                headers=list(message.headers) or None,
                on_delivery=sending.reporter(number),
            )
        except BufferError:
            return False
        return True

    def _told(self, sending: Sending, error: KafkaError, number: int) -> StoreError:
        limit = _TOO_LARGE.get(error.code())
        if limit is None:
            return translated(f"{self._address.shown}: topic {sending.topic}", error)
        size = len(sending.messages[number].body)
        return StoreError(
            f"{self._address.shown}: topic {sending.topic}: an event of {size} bytes is more than"
            f" {limit} allows"
        )

    def close(self) -> None:
        """Let go of the producer, when what it has is out or two seconds are over."""
        with self._lock:
            if self._producer is not None:
                self._retire(_CLOSE_SECONDS)

    def _retire(self, seconds: float) -> None:
        producer, self._producer = self._producer, None
        if producer.flush(seconds):
            # It will be produced again, by the next producer. What was on its way to the broker
            # at this moment may be there then already.
            producer.purge()
            producer.flush(0.5)
        let_go(producer)
