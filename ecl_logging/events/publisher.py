"""Publisher: a program's events, on their way into a queue.

The thread that publishes appends; the flusher's thread sends numbered batches, which the queues
of our own take in once each. Other queues say in their modules what they promise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ecl_logging.errors import ConfigError, EventError
from ecl_logging.events.envelope import MAX_BYTES, as_event, encode, new_log_event
from ecl_logging.events.formatters import event_in, written_event
from ecl_logging.events.log_payloads import log_payload
from ecl_logging.events.pending import PendingEvent, PendingEvents
from ecl_logging.events.queues import as_queue, open_queue
from ecl_logging.kept import Kept
from ecl_logging.outbox import PartsSender
from ecl_logging.pending_parts import Taken
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import Destination
from ecl_logging.stores.queueing import (
    MAX_WAITING,
    EventBatch,
    Published,
    checked_topic,
    question_of_events,
)
from ecl_logging.validation import check_kept

__all__ = ["Publisher"]


class _Sender(PartsSender[EventBatch]):
    _what = "events"

    def __init__(
        self,
        pending: PendingEvents,
        store: Callable[[], Destination],
        publisher: Publisher,
    ) -> None:
        super().__init__(pending, store, publisher._flusher.outage)
        self._topic, self._max_waiting = publisher.topic, publisher.max_waiting

    def _settled(self, batch: EventBatch, reply: Receipt) -> int:
        if reply.bad:
            self._note_once(
                "refused",
                f"some events of topic {self._topic} are too large for {self._store().shown}, and"
                " not sent (dropped: refused)",
            )
        return super()._settled(batch, reply)

    def _batch(self, taken: Taken[Any], source: str, number: int, total: int) -> EventBatch:
        events = tuple(part.published for part in taken.parts)
        return EventBatch(source, number, total, self._topic, events, self._max_waiting)

    def _apply(self, batch: EventBatch, timeout: float) -> Receipt:
        return as_queue(self._store()).publish(batch, timeout=timeout)

    def _question(self, source: str) -> EventBatch:
        return question_of_events(source, self._topic)

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        self._tell_as("events", [])


class Publisher(Kept):
    """Publishes events to one topic of a queue. Thread safe.

    Whatever fails, each event is in the queue once, where the queue is one of ours; see
    `docs/events.md`. While the queue is away, events wait in memory, which is bounded: beyond
    20,000 events or 32 MiB the oldest go (`telemetry()["dropped"]["memory"]`).

    Builds without touching network or disk. Also a context manager, which closes it.
    """

    def __init__(
        self,
        queue: object = None,
        *,
        topic: str = "events",
        events_only: bool = False,
        max_waiting: int = MAX_WAITING,
        sync_interval: float | None = 1.0,
    ) -> None:
        """`queue`: a URL, or what else `open_queue` takes; by default the embedded one.

        `topic`: a name of letters, digits, `_`, `.` and `-`. `events_only`: pass over
        log records that are no events. `max_waiting`: where so many events
        wait in the queue, those of this program wait here. `sync_interval`: seconds between two
        batches. Raises ConfigError.
        """
        check_kept(
            wholes={"max_waiting": (max_waiting, 1, 10**9)},
            flags={"events_only": events_only},
            sync_interval=sync_interval,
        )
        try:
            self.topic = checked_topic(topic)
        except ValueError as error:
            raise ConfigError(f"topic: {error}") from None
        self.max_waiting, self.events_only = max_waiting, events_only
        opened = open_queue(queue)
        self._pending = PendingEvents(max_waiting, opened.most_in_batch)
        self._open(
            opened,
            self._pending,
            lambda store: _Sender(self._pending, store, self),
            name="events",
            sync_interval=sync_interval,
        )

    def publish(self, event: Mapping[str, Any]) -> None:
        """Publish an event, as `new_event` makes it, with the next batch. Never waits.

        What it is made of is taken down at once. Raises EventError for what is no event.
        """
        checked_event = as_event(event)
        text = encode(checked_event)
        if len(text.encode()) > MAX_BYTES:
            raise EventError(f"the event: has more than {MAX_BYTES} bytes")
        self._take_in(checked_event, text)
        self.notice()

    def add(self, record: logging.LogRecord) -> None:
        """Publish the event of a log record, as `SchemaFormatter` makes it.

        Never waits, never raises.
        """
        is_in = False
        try:
            is_in = self.take_in(record)
        except Exception as error:  # noqa: BLE001 - whatever a record can be made of
            is_in = self.take_in_unreadable(error)
        if is_in:
            self.notice()

    def take_in(self, record: logging.LogRecord) -> bool:
        """Take in a record, for a handler, which calls `notice` then; return whether it did.

        Raises what the record raises; nothing has been taken in then.
        """
        event = None
        if self.events_only:
            event = event_in(record)
            if event is None:
                return False
        return self._take_in(*written_event(record, event))

    def take_in_unreadable(self, error: BaseException | None) -> bool:
        """Take in, for a record that cannot even be looked at, an event that says so."""
        text = f"a record that raises {type(error).__name__} when it is looked at"
        event = new_log_event(log_payload(text, "error"), "ecl_logging")
        return self._take_in(event, encode(event))

    def _take_in(self, event: Mapping[str, Any], body: str) -> bool:
        header = event["header"]
        self._flusher.after_fork()  # if no hook has done it yet: later it would be forgotten
        arrival = PendingEvent(Published(header["id"], header["channel"], body), len(body))
        arrivals = self._pending.arrivals
        arrivals += (arrival,)  # no call: whoever sees an exception knows that it is not there
        return True
