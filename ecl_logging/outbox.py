"""Outboxes: what was said in a program, and how it gets to the store; as the flusher sees it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar, cast

from ecl_logging.batching import Batching
from ecl_logging.deadlines import Deadline
from ecl_logging.flusher import Flusher
from ecl_logging.locks import Interrupted
from ecl_logging.numbered import NumberedSender, UnderWay
from ecl_logging.pending_parts import PendingParts, Taken
from ecl_logging.stores.keeping import Keeper, MessageBatch, Receipt, RecordBatch
from ecl_logging.stores.queueing import EventBatch

__all__ = ["Outbox", "PartsSender"]

_Batch = TypeVar("_Batch", RecordBatch, MessageBatch, EventBatch)


class PartsSender(NumberedSender[_Batch, Receipt], Generic[_Batch]):
    """Sends pending parts in numbered batches. Thread safe."""

    _pending: PendingParts[Any, Any, Any]

    def _batch(self, taken: Taken[Any], source: str, number: int, total: int) -> _Batch:
        """Return the batch of these parts."""
        raise NotImplementedError

    def _next_batch(self) -> UnderWay[_Batch] | None:
        self._renew_source()
        taken = self._pending.freeze()
        if taken is None:
            return None
        total = self._confirmed.total + taken.amount
        batch = self._batch(taken, self.source, self._confirmed.number + 1, total)
        return UnderWay(dataclasses.replace(batch, token=os.urandom(8).hex()))

    def _as_first(self, batch: _Batch) -> _Batch:
        taken = self._pending.freeze()  # what is under way
        amount = taken.amount if taken is not None else 0
        return dataclasses.replace(batch, source=self.source, number=1, total=amount)

    def _settled(self, batch: _Batch, reply: Receipt) -> int:
        # So much of what was sent before it may be gone, where records had to make room.
        return min(batch.total, self._pending.left_out)

    is_set_aside = False
    """Whether what is pending is another one's, for the time being."""

    def _flush(self, deadline: Deadline) -> bool:
        return not self.is_set_aside and super()._flush(deadline)

    def between_flushes(self) -> AbstractContextManager[object]:
        """Have no flush run in the block."""
        return self._lock

    def _keeper(self) -> Keeper:
        return cast(Keeper, self._store())  # as was made sure of when it was opened


class Outbox(Batching):
    """Takes in what was said of one kind, and has it sent. Thread safe."""

    drain_at, crowd = 500, 1000  # arrivals, which are records and messages as a whole

    def __init__(
        self,
        name: str,
        flusher: Flusher,
        pending: PendingParts[Any, Any, Any],
        make_sender: Callable[[Callable[[], Any]], PartsSender[Any]],
        *,
        sync_interval: float,
    ) -> None:
        """`make_sender` gets what returns the store."""
        self._name = name
        self._flusher = flusher
        self._pending: PendingParts[Any, Any, Any] = pending
        self._make_sender = make_sender
        self._period = sync_interval
        self._open()

    _sender: PartsSender[Any]

    def _open(self) -> None:
        store = self._flusher.store
        self._sender = self._make_sender(lambda: store)
        self._begin()

    @property
    def name(self) -> str:
        """What it is that is sent."""
        return self._name

    def notice(self) -> None:
        """See that somebody sees to what has arrived. On the thread that logs: takes no lock."""
        self._notice()

    def is_due(self) -> bool:
        """Take a look at what has arrived: whether it is time to flush."""
        with contextlib.suppress(Interrupted):
            self._pending.drain()
        if self._notice_at and not self._flusher.is_ending:
            self._notice_at = self.drain_at
        return time.monotonic() >= self._next_flush

    def set_aside(self) -> Callable[[], None]:
        """Begin anew, as if nothing had arrived; return what puts all back as it was."""
        sender = self._sender
        # One that has sent what it does not know the fate of would find something else under way.
        with sender.between_flushes():
            sender.is_set_aside = True
            put_back = self._pending.set_aside()
            self._open()

        def put() -> None:
            with self._sender.between_flushes():
                self._sender.is_set_aside = True
                put_back()
                self._sender = sender
                self._begin()
            sender.is_set_aside = False

        return put
