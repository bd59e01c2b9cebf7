"""One topic as one member of the group has it: what is fetched, in hand, waiting and done.

Kafka knows neither acknowledgements of single messages nor pauses nor deliveries. So messages that
are put back wait here, in memory, and before any is handed out it is committed how often it has
been: also of one that kills its consumer each time, deliveries are counted.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.kafka_addresses import KafkaAddress
from ecl_logging.events.queues.kafka_clients import (
    REBALANCING,
    Heard,
    KafkaError,
    KafkaException,
    TopicPartition,
    let_go,
    new_consumer,
    translated,
    understood,
)
from ecl_logging.events.queues.kafka_offsets import METADATA_BYTES, Entry, Partition
from ecl_logging.stores.queueing import CLAIM_BYTES, Message

__all__ = ["MOST_BYTES", "MOST_MESSAGES", "TopicConsumer"]

MOST_MESSAGES = 5000
"""So many messages a consumer has in memory, in hand or waiting; then it fetches none."""

MOST_BYTES = 64 * 2**20
"""And so many bytes of them, about."""

_SLICE_SECONDS = 0.1  # of waiting, after which others get a turn
_AGAIN_SECONDS = 0.02
_ANSWER_SECONDS = 5.0
_SETTINGS: dict[str, object] = {
    "allow.auto.create.topics": True,  # an engine may be there before the first event
    "fetch.queue.backoff.ms": 20,  # once enough is fetched; librdkafka itself waits a second
    "fetch.wait.max.ms": 100,
    "heartbeat.interval.ms": 2000,
    "max.poll.interval.ms": 3_600_000,  # a consumer function may take long
    "partition.assignment.strategy": "cooperative-sticky",  # what stays is not interrupted
    "queued.max.messages.kbytes": 16 * 1024,
    "session.timeout.ms": 10_000,
    "socket.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": 10_000,  # a topic that is new is soon seen
}
_FIXED: dict[str, object] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
}
_NOTHING_YET = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})
_LOST_TURN = frozenset({KafkaError._MAX_POLL_EXCEEDED})  # what follows is a new assignment


class TopicConsumer:
    """Subscribes at its first `receive`. Thread safe.

    Waiting for messages is done by one thread at a time, which holds `_turn`. What is known of
    messages is looked at with `_lock` held, which nobody holds for longer than a commit takes.
    """

    def __init__(self, address: KafkaAddress, topic: str) -> None:
        self._address, self._topic = address, topic
        self._turn = threading.Lock()
        self._lock = threading.RLock()
        self._heard = Heard()
        self._consumer: Any = None
        self._is_closing = False
        self._partitions: dict[int, Partition] = {}
        self._fresh: deque[Entry] = deque()  # never handed out here, in the order they came
        self._later: list[tuple[float, int, Entry]] = []  # a heap: due at, ticket
        self._tickets = itertools.count(1)
        self._paused: set[int] = set()
        self._metadata_bytes = METADATA_BYTES

    # --- out

    def receive(self, limit: int, *, seconds: float, wait: float) -> list[Message]:
        """Hand out messages; see `Queue`."""
        give_up = time.monotonic() + wait
        if not self._turn.acquire(timeout=max(0.0, min(wait, threading.TIMEOUT_MAX))):
            return []
        try:
            self._subscribe()
            while not self._is_closing:
                self._fetch(limit, give_up)
                messages = self._hand_out(limit, seconds)
                if messages:
                    return messages
                if time.monotonic() >= give_up:
                    self._raise_if_away()
                    break
            return []
        finally:
            self._turn.release()

    def _subscribe(self) -> None:
        if self._consumer is not None or self._is_closing:
            return
        chosen = self._address.settings_of_consumers()
        fixed = {**_FIXED, "group.id": self._address.group}
        consumer = new_consumer(self._address, self._heard, {**_SETTINGS, **chosen, **fixed})
        with understood(self._address.shown):
            consumer.subscribe(
                [self._topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
        self._consumer = consumer

    def _hand_out(self, limit: int, seconds: float) -> list[Message]:
        with self._lock:
            picked = self._picked(limit)
            if not picked:
                return []
            until = time.monotonic() + seconds
            for entry in picked:
                entry.deliveries += 1
                entry.in_hand = True
                entry.partition.is_dirty = True
                self._wait_until(entry, until)
            try:
                self._commit()
            except StoreError as error:
                self._take_back(picked)
                if not _is_rebalancing(error):
                    raise
                time.sleep(_AGAIN_SECONDS)  # the group finds itself anew: nothing to tell
                return []
            return [self._message(entry) for entry in picked if entry.is_open()]

    def _take_back(self, picked: Iterable[Entry]) -> None:
        for entry in picked:
            entry.deliveries -= 1
            entry.in_hand = False
            self._wait_until(entry, 0.0)

    def _picked(self, limit: int) -> list[Entry]:
        """Return what can be handed out now, those first that have waited for it.

        One that was in the hand of a consumer that died goes alone: if it was this one's doing,
        the deliveries of others are not counted with it.
        """
        picked: list[Entry] = []
        size = 0
        while len(picked) < limit:
            entry = self._next_due() or self._next_fresh()
            if entry is None:
                break
            size += len(entry.body)
            if picked and (entry.is_suspect or size > CLAIM_BYTES):
                self._wait_until(entry, 0.0)
                break
            picked.append(entry)
            if entry.is_suspect:
                break
        return picked

    def _next_due(self) -> Entry | None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, ticket, entry = heapq.heappop(self._later)
            if entry.ticket != ticket or not entry.is_open():
                continue
            if entry.due > now:
                self._wait_until(entry, entry.due)
                continue
            return entry
        return None

    def _next_fresh(self) -> Entry | None:
        while self._fresh:
            partition = self._fresh[0].partition
            if not (partition.is_read or partition.is_gone):
                return None  # what of it is done is not known yet
            entry = self._fresh.popleft()
            if entry.is_open():
                return entry
        return None

    def _wait_until(self, entry: Entry, due: float) -> None:
        entry.due, entry.ticket = due, next(self._tickets)
        heapq.heappush(self._later, (due, entry.ticket, entry))

    def _message(self, entry: Entry) -> Message:
        identifier = f"{entry.partition.number}-{entry.offset}"
        return Message(self._topic, identifier, entry.body, entry.deliveries, entry)

    # --- what becomes of them

    def ack(self, messages: Collection[Message]) -> None:
        """Messages are done, whoever had them, as long as their partition is ours."""
        with self._lock:
            for message in messages:
                partition, offset = _place_of(message)
                entry = self._entry(partition, offset)
                if entry is not None:
                    entry.partition.finish(entry)
            self._commit_if_possible()

    def put_back(self, messages: Collection[Message], *, pause: float, counted: bool) -> None:
        """Have messages handed out again later."""
        with self._lock:
            for message in messages:
                entry = self.in_hand(message)
                if entry is None:
                    continue
                entry.in_hand = entry.is_suspect = False
                if not counted:
                    entry.deliveries -= 1
                    entry.partition.is_dirty = True
                self._wait_until(entry, time.monotonic() + pause)
            self._commit_if_possible()

    def extend(self, messages: Collection[Message], *, seconds: float) -> None:
        """Keep messages for longer, and see to it that the group does not take us for dead."""
        with self._lock:
            for message in messages:
                entry = self.in_hand(message)
                if entry is not None:
                    entry.due = time.monotonic() + seconds  # its place in the heap is earlier
        if self._turn.acquire(blocking=False):
            try:
                if self._consumer is not None and not self._is_closing:
                    self._fetch(0, 0.0)
            finally:
                self._turn.release()

    def in_hand(self, message: Message) -> Entry | None:
        """Return what a message is here; None where it is not in its receiver's hand any more."""
        entry = message.handle
        with self._lock:
            is_it = (
                isinstance(entry, Entry)
                and entry.is_open()
                and entry.in_hand
                and entry.deliveries == message.deliveries
            )
            return entry if is_it else None

    def in_hands(self) -> int:
        """How many messages are in hand."""
        with self._lock:
            ours = self._partitions.values()
            return sum(entry.in_hand for partition in ours for entry in partition.open.values())

    def _entry(self, partition: int, offset: int) -> Entry | None:
        ours = self._partitions.get(partition)
        return ours.open.get(offset) if ours is not None else None

    # --- in

    def _fetch(self, limit: int, give_up: float) -> None:
        """Get some messages if there are any, and have librdkafka call us back."""
        with understood(self._address.shown):
            self._pause_or_resume()
            wait = self._seconds_to_wait(limit, give_up)
            message = self._consumer.poll(wait)
            while message is not None:
                self._take_in(message)
                if len(self._fresh) >= limit or not self._has_room():
                    break
                message = self._consumer.poll(0.0)
            self._read_committed()

    def _seconds_to_wait(self, limit: int, give_up: float) -> float:
        now = time.monotonic()
        with self._lock:
            if self._fresh or not limit:
                return 0.0
            due = self._later[0][0] if self._later else give_up
        return max(0.0, min(_SLICE_SECONDS, give_up - now, due - now))

    def _take_in(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() in _NOTHING_YET or error.code() in _LOST_TURN:
                return
            raise translated(f"{self._address.shown}: topic {self._topic}", error)
        self._heard.is_down = False
        with self._lock:
            partition = self._partitions.get(message.partition())
            if partition is None:
                return
            entry = partition.add(message.offset(), message.key(), message.value() or b"")
            if entry is not None:
                self._fresh.append(entry)

    def _has_room(self) -> bool:
        with self._lock:
            ours = self._partitions.values()
            return (
                sum(len(partition.open) for partition in ours) < MOST_MESSAGES
                and sum(partition.size for partition in ours) < MOST_BYTES
            )

    def _pause_or_resume(self) -> None:
        has_room = self._has_room()
        if has_room and not self._paused:
            return
        with self._lock:
            ours = set(self._partitions)
        changing = self._paused & ours if has_room else ours - self._paused
        places = [TopicPartition(self._topic, number) for number in changing]
        if places:
            (self._consumer.resume if has_room else self._consumer.pause)(places)
        self._paused = set() if has_room else ours

    def _read_committed(self) -> None:
        """Learn what was committed of partitions that have become ours."""
        with self._lock:
            unread = [
                partition
                for partition in self._partitions.values()
                if not partition.is_read and partition.open
            ]
        if not unread:
            return
        places = [TopicPartition(self._topic, partition.number) for partition in unread]
        for found in self._consumer.committed(places, timeout=_ANSWER_SECONDS):
            if found.error is not None:
                raise translated(self._address.shown, found.error)
            with self._lock:
                partition = self._partitions.get(found.partition)
                if partition is not None and not partition.is_read:
                    partition.read(found.offset, found.metadata)

    def _raise_if_away(self) -> None:
        if not self._heard.is_down:
            return
        try:
            self._consumer.list_topics(self._topic, timeout=1.0)
        except KafkaException as error:
            raise StoreUnavailable(
                f"{self._address.shown}: {self._heard.why('no broker can be reached')}"
            ) from error
        self._heard.is_down = False

    # --- commits

    def _commit_if_possible(self) -> None:
        try:
            self._commit()
        except StoreUnavailable as error:
            if not _is_rebalancing(error):
                raise
            # It is committed later, or the partition has another consumer now.

    def _commit(self, only: Collection[int] | None = None) -> None:
        """Commit what has changed, and wait for it. With the lock held."""
        dirty = [
            partition
            for partition in self._partitions.values()
            if partition.is_dirty and (only is None or partition.number in only)
        ]
        if self._consumer is None:
            return
        places = []
        for partition in dirty:
            position = partition.position(self._metadata_bytes)
            if position is not None:
                place = (self._topic, partition.number, position[0])
                places.append(TopicPartition(*place, metadata=position[1]))
        if not places:
            return
        with understood(self._address.shown):
            answers = self._consumer.commit(offsets=places, asynchronous=False)
        for answer in answers:
            if answer.error is not None:
                self._refused(answer.error)
        for partition in dirty:
            partition.is_dirty = False

    def _refused(self, error: KafkaError) -> None:
        if error.code() == KafkaError.OFFSET_METADATA_TOO_LARGE:
            self._metadata_bytes //= 2  # the broker takes less; counts of the first stay
        raise translated(self._address.shown, error) from KafkaException(error)

    # --- called by librdkafka, in `poll` and `close`

    def _on_assign(self, consumer: object, places: Iterable[Any]) -> None:
        with self._lock:
            for place in places:
                self._partitions[place.partition] = Partition(place.partition)

    def _on_revoke(self, consumer: object, places: Collection[Any]) -> None:
        with self._lock:
            try:
                self._commit({place.partition for place in places})
            except StoreError:
                pass  # what is done is done once more
            finally:
                self._on_lost(consumer, places)

    def _on_lost(self, consumer: object, places: Iterable[Any]) -> None:
        with self._lock:
            for place in places:
                partition = self._partitions.pop(place.partition, None)
                if partition is not None:
                    partition.is_gone = True
                self._paused.discard(place.partition)

    # --- the end

    def close(self) -> None:
        """Leave the group. What is in hand is handed out to others. Never raises."""
        self._is_closing = True
        if not self._turn.acquire(timeout=2 * _ANSWER_SECONDS):
            return  # its thread hangs in a call, and the end of the process does not wait for it
        try:
            consumer = self._consumer
            if consumer is not None:
                consumer.close()
                self._consumer = None
                let_go(consumer)
        except (KafkaException, RuntimeError):
            self._consumer = None
        finally:
            self._turn.release()


def _place_of(message: Message) -> tuple[int, int]:
    partition, _, offset = message.id.partition("-")
    try:
        return int(partition), int(offset)
    except ValueError:
        raise StoreError(f"{message.id!r:.80} is no message of Kafka's") from None


def _is_rebalancing(error: StoreError) -> bool:
    cause = error.__cause__
    return isinstance(cause, KafkaException) and cause.args[0].code() in REBALANCING
