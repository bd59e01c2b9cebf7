"""Queues of events in Redis Streams: each step of `queueing.KeepsEvents` is one script."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import (
    AT_ONCE,
    CLAIM_BYTES,
    MAX_DEAD_LETTERS,
    Backlog,
    DeadLetter,
    EventBatch,
    Message,
    checked_topic,
)
from ecl_logging.stores.redis.receipts import as_bytes, receipt_of
from ecl_logging.stores.redis.replies import names_of, number_of, text_of
from ecl_logging.stores.redis.scripts import Script
from ecl_logging.stores.redis.server import Place, Server

__all__ = ["RedisEvents"]

_PUBLISH = Script("basics", "receipts", "events", "publish")
_RECEIVE = Script("basics", "events", "receive")
_FINISH = Script("basics", "events", "finish")
_PUT_BACK = Script("basics", "events", "put_back")
_EXTEND = Script("basics", "events", "extend")
_BURY = Script("basics", "events", "bury")
_DEAD_LETTERS = Script("basics", "events", "dead_letters")
_REPLAY = Script("basics", "events", "replay")
_DROP = Script("basics", "events", "drop")
_TOPICS = Script("basics", "events", "topics")
_BACKLOG = Script("basics", "events", "backlog")

_SHARED_KEYS = ("@state", "@topics", "@sources")
_ENDS = ("", ":claimed", ":paused", ":claims", ":dead")  # of the keys of a topic
_FULL = b"full"


class RedisEvents:
    """Queues of events on one Redis server, each topic a stream. Thread safe."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._name = f"{server.prefix}@queue"

    # --- in

    def put(self, batch: EventBatch, *, timeout: float = 5.0) -> Receipt:
        answer = self._server.run(
            # Somebody in between may have said it, when the batch had been taken in.
            self._server.reading(_receipt_or_size_of, StoreUnavailable),
            _PUBLISH,
            self._place(batch.topic),
            batch.topic,
            batch.source,
            batch.number,
            batch.total,
            batch.token,
            batch.max_waiting,
            *_events_as_sent(batch),
            timeout=timeout,
        )
        if isinstance(answer, Receipt):
            return answer
        # Told here and not by an error of the server: its words would come with the script's.
        raise StoreUnavailable(
            f"{self._server.shown}: topic {batch.topic} is full: {answer} events wait for consumers"
        )

    # --- out

    def claim(
        self, topic: str, limit: int, *, seconds: float, timeout: float = 5.0
    ) -> list[Message]:
        if limit < 1:
            return []
        return self._server.run(
            self._server.reading(lambda answer: _messages_of(topic, answer)),
            _RECEIVE,
            self._place(topic),
            topic,
            min(limit, AT_ONCE),
            float(seconds),
            CLAIM_BYTES,
            timeout=timeout,
        )

    def ack(self, topic: str, messages: Collection[Message], *, timeout: float = 5.0) -> int:
        ids = map(as_bytes, _by_id(topic, messages))
        return self._count(_FINISH, topic, *ids, timeout=timeout) if messages else 0

    def put_back(
        self,
        topic: str,
        messages: Collection[Message],
        *,
        pause: float,
        counted: bool = True,
        timeout: float = 5.0,
    ) -> int:
        about = (float(pause), int(counted))
        return self._change(_PUT_BACK, topic, messages, *about, timeout=timeout)

    def extend(
        self, topic: str, messages: Collection[Message], *, seconds: float, timeout: float = 5.0
    ) -> int:
        return self._change(_EXTEND, topic, messages, float(seconds), timeout=timeout)

    def bury(
        self, topic: str, messages: Collection[Message], reason: str, *, timeout: float = 5.0
    ) -> int:
        about = (as_bytes(reason), MAX_DEAD_LETTERS)
        return self._change(_BURY, topic, messages, *about, timeout=timeout)

    # --- dead letters

    def dead_letters(
        self, topic: str, limit: int, *, after: str = "", timeout: float = 5.0
    ) -> list[DeadLetter]:
        if limit < 1:
            return []
        return self._server.run(
            self._server.reading(lambda answer: _letters_of(topic, answer)),
            _DEAD_LETTERS,
            self._place(topic),
            topic,
            min(limit, AT_ONCE),
            as_bytes(after or "0-0"),
            CLAIM_BYTES,
            timeout=timeout,
        )

    def replay(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        return self._count(_REPLAY, topic, *map(as_bytes, ids), timeout=timeout) if ids else 0

    def drop(self, topic: str, ids: Sequence[str], *, timeout: float = 5.0) -> int:
        return self._count(_DROP, topic, *map(as_bytes, ids), timeout=timeout) if ids else 0

    # --- how much there is

    def topics(self, *, timeout: float = 5.0) -> list[str]:
        read = self._server.reading(names_of)
        place = Place(self._name, [f"{self._name}:{key}" for key in _SHARED_KEYS])
        return self._server.run(read, _TOPICS, place, timeout=timeout)

    def backlog(self, topic: str, *, timeout: float = 5.0) -> Backlog:
        read = self._server.reading(_backlog_of)
        return self._server.run(read, _BACKLOG, self._place(topic), topic, timeout=timeout)

    # --- running a script

    def _place(self, topic: str) -> Place:
        name = f"{self._name}:{checked_topic(topic)}"
        keys = [f"{self._name}:{key}" for key in _SHARED_KEYS]
        keys += [f"{name}{end}" for end in _ENDS]
        return Place(self._name, [*keys, f"{self._name}:@nothing"])

    def _change(
        self,
        script: Script,
        topic: str,
        messages: Collection[Message],
        *about: object,
        timeout: float,
    ) -> int:
        """Run a script for messages that are still their receiver's."""
        if not messages:
            return 0
        claims = _claims_as_sent(_by_id(topic, messages).values())
        return self._count(script, topic, *about, *claims, timeout=timeout)

    def _count(self, script: Script, topic: str, *arguments: object, timeout: float) -> int:
        read, place = self._server.reading(number_of), self._place(topic)
        return self._server.run(read, script, place, topic, *arguments, timeout=timeout)


def _events_as_sent(batch: EventBatch) -> Iterator[bytes]:
    for event in batch.events:
        # Half of a surrogate pair is no UTF-8; JSON has the same escapes for it as Python.
        yield event.body.encode(errors="backslashreplace")
        yield as_bytes(event.id)
        yield as_bytes(event.channel)


def _by_id(topic: str, messages: Collection[Message]) -> dict[str, Message]:
    """Messages of a topic; those of another one may have the same IDs."""
    return {message.id: message for message in messages if message.topic == topic}


def _claims_as_sent(messages: Iterable[Message]) -> Iterator[object]:
    for message in messages:
        yield as_bytes(message.id)
        yield message.handle if isinstance(message.handle, str) else ""
        yield message.deliveries


def _receipt_or_size_of(answer: Sequence[bytes]) -> Receipt | int:
    """What became of a batch; or how many messages there are, where they leave it no room."""
    if answer[0] == _FULL:
        return int(answer[1])
    return receipt_of(answer)


def _messages_of(topic: str, answer: Sequence[bytes]) -> list[Message]:
    if not answer:
        return []
    claim, *flat = answer
    parts = zip(*(flat[at::3] for at in range(3)), strict=True)
    return [
        Message(topic, text_of(id_), _bytes(body), int(deliveries), text_of(claim))
        for id_, body, deliveries in parts
    ]


def _letters_of(topic: str, answer: Sequence[bytes]) -> list[DeadLetter]:
    parts = zip(*(answer[at::5] for at in range(5)), strict=True)
    return [
        DeadLetter(topic, text_of(id_), _bytes(body), int(times), text_of(reason), float(at))
        for id_, body, times, reason, at in parts
    ]


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no event")
    return value


def _backlog_of(answer: Sequence[int]) -> Backlog:
    return Backlog(*map(number_of, answer))
