"""InHand: the messages that an engine has been handed, until the queue knows what became of them.

Some threads work on messages, another one has the queue keep them for longer. What is done with
is acknowledged some at a time, because each acknowledgement is a round trip; one that did not
get through is tried again, for the work of that message must not be done once more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.outage import Outage
from ecl_logging.stores.queueing import Message

__all__ = ["InHand"]

_MOST_UNTOLD = 50  # messages that are done with, and not acknowledged yet
_LONGEST_UNTOLD = 0.25  # seconds


class InHand:
    """Messages of one topic. Thread safe."""

    def __init__(self, queue: Queue, outage: Outage) -> None:
        self._queue, self._outage = queue, outage
        self._lock = threading.Lock()
        self._telling = threading.Lock()  # whoever finds nothing to tell knows that it was told
        self._open: dict[str, Message] = {}
        self._done: list[Message] = []
        self._done_since = 0.0

    def take(self, messages: Iterable[Message]) -> None:
        """These have been handed out to us."""
        with self._lock:
            self._open.update((message.id, message) for message in messages)

    def is_done(self, message: Message) -> None:
        """The work of a message is done."""
        with self._lock:
            self._open.pop(message.id, None)
            if not self._done:
                self._done_since = time.monotonic()
            self._done.append(message)
            waited = time.monotonic() - self._done_since
            is_much = len(self._done) >= _MOST_UNTOLD or waited >= _LONGEST_UNTOLD
        if is_much:
            self.acknowledge()

    def acknowledge(self) -> bool:
        """Tell the queue what is done; False where it could not be told, and will be later."""
        with self._telling:
            return self._acknowledge()

    def acknowledge_late(self) -> None:
        """Tell what has waited for long: the consumer of the next message may take hours."""
        with self._lock:
            is_late = bool(self._done) and time.monotonic() - self._done_since >= _LONGEST_UNTOLD
        if is_late and self._outage.may_try():
            self.acknowledge()

    def _acknowledge(self) -> bool:
        with self._lock:
            done, self._done = self._done, []
        if not done:
            return True
        try:
            self._queue.ack(done)
        except StoreUnavailable as error:
            self._outage.began(error)
            with self._lock:
                self._done = done + self._done
            return False
        except StoreError as error:
            self._outage.began(error)  # it comes again, and nothing here can help that
            return False
        return True

    def put_back(self, message: Message, *, pause: float) -> None:
        """Have a message handed out again later; where the queue is away, when its time is over."""
        with self._lock:
            self._open.pop(message.id, None)
        try:
            self._queue.put_back([message], pause=pause)
        except StoreError as error:
            self._outage.began(error)

    def bury(self, message: Message, reason: str) -> bool:
        """Move a message to the dead letters; where that fails it comes again, and so does this."""
        with self._lock:
            self._open.pop(message.id, None)
        try:
            self._queue.bury(message, reason)
        except StoreError as error:
            self._outage.began(error)
            return False
        return True

    def extend(self, seconds: float) -> None:
        """Have the queue keep what is in hand for so long, and what it has not been told of."""
        with self._lock:
            messages = [*self._open.values(), *self._done]
        if messages:
            try:
                self._queue.extend(messages, seconds=seconds)
            except StoreError as error:
                self._outage.began(error)

    def let_go(self) -> None:
        """Give back what nobody has begun to work on, as if it had not been handed out."""
        self._give_back(pause=0.0, counted=False)

    def give_up(self, *, pause: float) -> None:
        """Give back what is open, when it is not known which one was worked on."""
        self._give_back(pause=pause, counted=True)

    def _give_back(self, *, pause: float, counted: bool) -> None:
        with self._lock:
            messages = list(self._open.values())
            self._open.clear()
        if messages:
            try:
                self._queue.put_back(messages, pause=pause, counted=counted)
            except StoreError as error:
                self._outage.began(error)
