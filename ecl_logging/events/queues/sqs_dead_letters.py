"""Dead letters of a topic: messages in a queue beside it, with what is known of their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError
from ecl_logging.events.queues.sqs_entries import MESSAGE_BYTES, Entry, text_attributes
from ecl_logging.events.queues.sqs_entries import text_that_is_taken as taken_text
from ecl_logging.events.queues.sqs_names import (
    AT_ONCE,
    STEP_SECONDS,
    Queues,
    dead_letters_of,
    is_fifo,
)
from ecl_logging.events.queues.sqs_sending import Progress, send
from ecl_logging.stores.queueing import DeadLetter, Message

__all__ = ["DeadLetters"]

_HOLD_SECONDS = 30  # for which those that are looked at are nobody else's
_WAIT_SECONDS = 1  # what is asked without waiting looks into some of its servers only
_SEND_SECONDS = 5.0
_REASON, _DELIVERIES, _CHANNEL = "reason", "deliveries", "channel"
_MOVED_BY_SQS = "SQS itself has moved it here"  # by a redrive policy, which says no more


class DeadLetters:
    """Moves messages to and from the queues of dead letters. Thread safe.

    SQS has no step that moves a message. It is sent first and deleted then, so that none is lost:
    where that is interrupted, it is in both places.
    """

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    # --- in

    def bury(self, message: Message, channel: str, reason: str) -> None:
        """Put a message there."""
        name = dead_letters_of(message.topic)
        self._queues.make_for_dead_letters(name)
        body = taken_text(message.body.decode("utf-8", "replace"))
        said = {_DELIVERIES: str(message.deliveries), _CHANNEL: channel, _REASON: reason}
        entry = Entry(body, attributes=text_attributes(said, MESSAGE_BYTES - len(body.encode())))
        if is_fifo(name):
            # Each in a group of its own: of a group no more are handed out than are in hand.
            entry = Entry(entry.body, message.id, message.id, entry.attributes)
        self._send(name, [entry])

    def _send(self, name: str, entries: list[Entry]) -> None:
        progress = Progress()
        send(self._queues, name, entries, progress, Deadline(_SEND_SECONDS))
        if progress.refused:
            raise StoreError(f"{self._queues.shown}: {name} does not take a message of this size")

    # --- out

    def listed(self, topic: str, limit: int) -> list[DeadLetter]:
        """Return at most `limit`, the oldest of these first, and leave them where they are."""
        held: dict[str, dict[str, Any]] = {}
        name = dead_letters_of(topic)
        try:
            for some in self._handed_out(name, limit):
                fresh = {raw["MessageId"]: raw for raw in some if raw["MessageId"] not in held}
                held.update((raw["MessageId"], raw) for raw in some)
                if not fresh or len(held) >= limit:
                    break
        finally:
            self._let_go(name, list(held.values()))
        letters = [_letter(topic, raw) for raw in held.values()]
        return sorted(letters, key=lambda letter: letter.at)

    def replay(self, topic: str) -> int:
        """Send them to their topic anew; how many. In order, as far as the queue hands them out."""

        def send_again(name: str, some: list[dict[str, Any]]) -> None:
            try:
                self._send(topic, [_again(topic, raw) for raw in some])
            except StoreError:
                self._let_go(name, some)
                raise
            self._delete(name, some)

        return self._with_all_older(topic, send_again)

    def drop(self, topic: str) -> int:
        """Delete them; how many."""
        return self._with_all_older(topic, self._delete)

    def _with_all_older(self, topic: str, do: Callable[[str, list[dict[str, Any]]], None]) -> int:
        """Do something with what was there at the beginning; return how much that was.

        What is replayed may be back soon. It is left where it is, or this would have no end.
        """
        amount, name = 0, dead_letters_of(topic)
        began: float | None = None
        newer: list[dict[str, Any]] = []
        try:
            for some in self._handed_out(name):
                began = some[0]["now"] if began is None else began
                newer += [raw for raw in some if _sent_at(raw) > began]
                older = [raw for raw in some if _sent_at(raw) <= began]
                if not older:
                    break
                do(name, older)
                amount += len(older)
        finally:
            self._let_go(name, newer)
        return amount

    def _handed_out(self, name: str, most: int | None = None) -> Iterator[list[dict[str, Any]]]:
        """Yield them as they come, until there are no more; each with the service's time."""
        if self._queues.find(name) is None:
            return
        amount = 0
        while most is None or amount < most:
            answer = self._queues.call(
                name,
                "receive_message",
                seconds=_WAIT_SECONDS + STEP_SECONDS,
                MaxNumberOfMessages=AT_ONCE if most is None else min(AT_ONCE, most - amount),
                VisibilityTimeout=_HOLD_SECONDS,
                WaitTimeSeconds=_WAIT_SECONDS,
                AttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                MessageAttributeNames=["All"],
            )
            some = answer.get("Messages")
            if not some:
                return
            amount += len(some)
            yield [raw | {"now": _now_of(answer)} for raw in some]

    def _let_go(self, name: str, some: list[dict[str, Any]]) -> None:
        entries = [{"ReceiptHandle": raw["ReceiptHandle"], "VisibilityTimeout": 0} for raw in some]
        self._queues.do_with_each(name, "change_message_visibility_batch", entries)

    def _delete(self, name: str, some: list[dict[str, Any]]) -> None:
        entries = [{"ReceiptHandle": raw["ReceiptHandle"]} for raw in some]
        self._queues.do_with_each(name, "delete_message_batch", entries)


def _again(topic: str, raw: dict[str, Any]) -> Entry:
    if not is_fifo(topic):
        return Entry(raw["Body"])
    return Entry(raw["Body"], _said(raw, _CHANNEL) or raw["MessageId"], raw["MessageId"])


def _letter(topic: str, raw: dict[str, Any]) -> DeadLetter:
    deliveries = _said(raw, _DELIVERIES)
    return DeadLetter(
        topic,
        raw["MessageId"],
        raw["Body"].encode(),
        int(deliveries) if deliveries.isascii() and deliveries.isdigit() else 0,
        _said(raw, _REASON) or ("" if deliveries else _MOVED_BY_SQS),
        _sent_at(raw),
    )


def _said(raw: dict[str, Any], name: str) -> str:
    return str(raw.get("MessageAttributes", {}).get(name, {}).get("StringValue", ""))


def _sent_at(raw: dict[str, Any]) -> float:
    """Unix time, by the service's clock."""
    return int(raw.get("Attributes", {}).get("SentTimestamp", 0)) / 1000


def _now_of(answer: dict[str, Any]) -> float:
    """Unix time by the service's clock, to the end of its second."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"]).timestamp() + 1
    except (KeyError, TypeError, ValueError):
        return time.time()
