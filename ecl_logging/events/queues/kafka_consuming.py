"""One topic as one member of the group has it: what is fetched, in hand, waiting and done.

Kafka knows neither acknowledgements of single messages nor pauses nor deliveries. So messages that
are put back wait here, in memory, and before any is handed out it is committed how often it has
been: also of one that kills its consumer each time, deliveries are counted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterable, Sequence
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
from ecl_logging.events.queues.kafka_commits import Commit, Commits
from ecl_logging.events.queues.kafka_held import Held
from ecl_logging.events.queues.kafka_offsets import METADATA_BYTES, Entry
from ecl_logging.stores.queueing import Message

__all__ = ["TopicConsumer"]

_SLICE_SECONDS = 0.1  # of waiting, after which others get a turn
_AGAIN_SECONDS = 0.02
_SERVING_SECONDS = 0.0002  # `poll` would wait for whole milliseconds, or for messages
_ANSWER_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
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
    messages is looked at with `_lock` held, which nobody holds while he waits.
    """

    def __init__(self, address: KafkaAddress, topic: str) -> None:
        self._address, self._topic = address, topic
        self._turn = threading.Lock()
        self._lock = threading.RLock()
        self._heard = Heard()
        self._consumer: Any = None
        self._is_closing = False
        self._held = Held()
        self._commits = Commits()
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
        fixed = {**_FIXED, "group.id": self._address.group, "on_commit": self._on_commit}
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
            picked = self._held.picked(limit)
            if not picked:
                return []
            until = time.monotonic() + seconds
            for entry in picked:
                entry.deliveries += 1
                entry.in_hand = True
                entry.partition.is_dirty = True
                self._held.wait_until(entry, until)
            messages = [self._message(entry) for entry in picked]
        try:
            self._commit(is_my_turn=True)
        except StoreError as error:
            self._take_back(messages)
            if not _is_rebalancing(error):
                raise
            time.sleep(_AGAIN_SECONDS)  # the group finds itself anew: nothing to tell
            return []
        with self._lock:
            return [message for message in messages if self.in_hand(message) is not None]

    def _take_back(self, messages: Iterable[Message]) -> None:
        with self._lock:
            for message in messages:
                entry = self.in_hand(message)
                if entry is not None:
                    entry.deliveries -= 1
                    entry.in_hand = False
                    self._held.wait_until(entry, 0.0)

    def _message(self, entry: Entry) -> Message:
        identifier = f"{entry.partition.number}-{entry.offset}"
        return Message(self._topic, identifier, entry.body, entry.deliveries, entry)

    # --- what becomes of them

    def ack(self, messages: Collection[Message]) -> None:
        """Messages are done, whoever had them, as long as their partition is ours."""
        with self._lock:
            for message in messages:
                partition, offset = _place_of(message)
                entry = self._held.entry(partition, offset)
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
                self._held.wait_until(entry, time.monotonic() + pause)
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
            return self._held.in_hand()

    # --- in

    def _fetch(self, limit: int, give_up: float) -> None:
        """Get some messages if there are any, and have librdkafka call us back."""
        with understood(self._address.shown):
            self._pause_or_resume()
            wait = self._seconds_to_wait(limit, give_up)
            message = self._consumer.poll(wait)
            while message is not None:
                self._take_in(message)
                if self._is_enough(limit):
                    break
                message = self._consumer.poll(0.0)
            self._read_committed()

    def _seconds_to_wait(self, limit: int, give_up: float) -> float:
        now = time.monotonic()
        with self._lock:
            due = self._held.next_look()
            if self._held.fresh() or not limit:
                return 0.0
        wait = min(_SLICE_SECONDS, give_up - now)
        return max(0.0, wait if due is None else min(wait, due - now))

    def _is_enough(self, limit: int) -> bool:
        with self._lock:
            return self._held.fresh() >= limit or not self._held.has_room()

    def _take_in(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            if error.code() in _NOTHING_YET or error.code() in _LOST_TURN:
                return
            raise translated(f"{self._address.shown}: topic {self._topic}", error)
        self._heard.is_down = False
        with self._lock:
            place = (message.partition(), message.offset())
            self._held.add(*place, message.key(), message.value() or b"")

    def _pause_or_resume(self) -> None:
        with self._lock:
            has_room, ours = self._held.has_room(), set(self._held.partitions)
        if has_room and not self._paused:
            return
        changing = self._paused & ours if has_room else ours - self._paused
        places = [TopicPartition(self._topic, number) for number in changing]
        if places:
            (self._consumer.resume if has_room else self._consumer.pause)(places)
        self._paused = set() if has_room else ours

    def _read_committed(self) -> None:
        """Learn what was committed of partitions that have become ours."""
        with self._lock:
            unread = self._held.unread()
        if not unread:
            return
        places = [TopicPartition(self._topic, partition.number) for partition in unread]
        for found in self._consumer.committed(places, timeout=_ANSWER_SECONDS):
            if found.error is not None:
                raise translated(self._address.shown, found.error)
            with self._lock:
                partition = self._held.partitions.get(found.partition)
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

    def _commit(self, *, is_my_turn: bool = False) -> None:
        """Commit what has changed, and wait for it. Without the lock."""
        give_up = time.monotonic() + _ANSWER_SECONDS
        while (commit := self._sent()) is not None:
            while not commit.is_answered:
                self._serve(is_my_turn=is_my_turn)
                if time.monotonic() >= give_up:
                    self._give_up(commit)
            if commit.error is None:
                return
            if commit.error.code() == KafkaError.OFFSET_METADATA_TOO_LARGE and self._shorten():
                continue
            raise translated(self._address.shown, commit.error) from KafkaException(commit.error)

    def _sent(self, only: Collection[int] | None = None) -> Commit | None:
        """Send off what has changed; None where nothing has."""
        with self._lock:
            dirty = [
                partition
                for partition in self._held.partitions.values()
                if partition.is_dirty and (only is None or partition.number in only)
            ]
            commit = self._commits.of(self._topic, dirty, self._metadata_bytes)
            if commit is None or self._consumer is None:
                return None
            with understood(self._address.shown):
                self._consumer.commit(offsets=list(commit.positions), asynchronous=True)
            self._commits.sent(commit)
            return commit

    def _serve(self, *, is_my_turn: bool) -> None:
        """Have librdkafka call us back, in this thread or in the one whose turn it is."""
        time.sleep(_SERVING_SECONDS)
        if not is_my_turn and not self._turn.acquire(blocking=False):
            return
        try:
            if self._consumer is not None:
                with understood(self._address.shown):
                    message = self._consumer.poll(0.0)
                if message is not None:
                    self._take_in(message)
        finally:
            if not is_my_turn:
                self._turn.release()

    def _give_up(self, commit: Commit) -> None:
        with self._lock:
            self._commits.given_up(commit, KafkaError(KafkaError._TIMED_OUT))

    def _shorten(self) -> bool:
        """Say less in commits, whose beginning says most; False where nothing is said anyway."""
        self._metadata_bytes //= 4
        return self._metadata_bytes > 0

    # --- called by librdkafka, in `poll` and `close`

    def _on_assign(self, consumer: object, places: Iterable[Any]) -> None:
        with self._lock:
            self._held.begin(place.partition for place in places)

    def _on_revoke(self, consumer: object, places: Collection[Any]) -> None:
        # It is sent before the partitions are given up; what gets lost is done once more.
        with self._lock, contextlib.suppress(StoreError):
            self._sent({place.partition for place in places})
        self._on_lost(consumer, places)

    def _on_lost(self, consumer: object, places: Iterable[Any]) -> None:
        with self._lock:
            numbers = {place.partition for place in places}
            self._held.forget(numbers)
            self._paused -= numbers

    def _on_commit(self, error: KafkaError | None, positions: Sequence[Any]) -> None:
        with self._lock:
            self._commits.answered(error, positions)

    # --- the end

    def close(self) -> None:
        """Leave the group. What is in hand is handed out to others. Never raises."""
        self._is_closing = True
        if not self._turn.acquire(timeout=2 * _ANSWER_SECONDS):
            return  # its thread hangs in a call, and the end of the process does not wait for it
        try:
            with self._lock, contextlib.suppress(StoreError):
                self._sent()
            with self._lock:  # from here on nobody commits with it
                consumer, self._consumer = self._consumer, None
            if consumer is not None:
                _leave(consumer)
        finally:
            self._turn.release()


def _leave(consumer: Any) -> None:
    """Close a consumer, unless that takes longer than anybody waits.

    Where the broker is away, librdkafka may wait for it without a bound; and a process that is
    about to end starts no thread any more. Then the group misses this member by itself.
    """
    thread = threading.Thread(
        target=_close_and_let_go, args=(consumer,), name="ecl-kafka-close", daemon=True
    )
    with contextlib.suppress(RuntimeError):
        thread.start()
        thread.join(_CLOSE_SECONDS)


def _close_and_let_go(consumer: Any) -> None:
    with contextlib.suppress(KafkaException, RuntimeError):
        consumer.close()
        let_go(consumer)


def _place_of(message: Message) -> tuple[int, int]:
    partition, _, offset = message.id.partition("-")
    try:
        return int(partition), int(offset)
    except ValueError:
        raise StoreError(f"{message.id!r:.80} is no message of Kafka's") from None


def _code_of(error: StoreError) -> int | None:
    cause = error.__cause__
    return cause.args[0].code() if isinstance(cause, KafkaException) else None


def _is_rebalancing(error: StoreError) -> bool:
    return _code_of(error) in REBALANCING
