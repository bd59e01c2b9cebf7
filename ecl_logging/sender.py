"""One group's batches on their way to the store."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable

from ecl_logging.batches import PendingCounts
from ecl_logging.deadlines import Deadline, elapsed
from ecl_logging.definitions import SharedDefinition
from ecl_logging.errors import StoreError
from ecl_logging.locks import Interrupted
from ecl_logging.numbered import NumberedSender, UnderWay
from ecl_logging.outage import Outage
from ecl_logging.problems import shown
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import UNDEFINED, Batch, Reply, Store, events_in, question

__all__ = ["Sender"]


class Sender(NumberedSender[Batch, Reply]):
    """Sends the pending counts of a group. Thread safe: one flush of a group runs at a time."""

    _pending: PendingCounts

    def __init__(
        self,
        group: GroupConfig,
        pending: PendingCounts,
        store: Callable[[], Store],
        outage: Outage,
    ) -> None:
        self._group = group.name
        self._intervals = group.intervals
        super().__init__(pending, store, outage)
        self.definition = SharedDefinition(
            group,
            pending,
            store,
            warn=lambda message: self._note_once("definition", message),
            on_loss=self._forget_oldest,
        )

    def reset(self) -> None:
        """Start with no source and nothing under way, as a forked child does."""
        self.definition.reset()
        super().reset()

    # --- what is sent

    def _prepare(self, deadline: Deadline) -> bool:
        # First, so that the store's definition decides how arrivals are cut.
        return self.definition.define_if_due(deadline)

    def _before_the_first(self, deadline: Deadline) -> None:
        if self._pending.has_unsure():
            self.definition.follow(deadline)
            self._note_undeclared(self._pending.settle_unsure())

    def _next_batch(self) -> UnderWay[Batch] | None:
        self._renew_source()
        definition = self.definition.stored
        if definition is None or (frozen := self._pending.freeze()) is None:
            return None
        batch = Batch(
            group=self._group,
            source=self.source,
            number=self._confirmed.number + 1,
            total=self._confirmed.total + frozen.events,
            version=definition.version,
            start=frozen.start,
            intervals=frozen.intervals_among(definition.intervals),
            counts=frozen.counts,
            token=os.urandom(8).hex(),
        )
        return UnderWay(batch)

    def _apply(self, batch: Batch, timeout: float) -> Reply:
        reply: Reply = self._store().apply(batch, timeout=timeout)
        return reply

    def _question(self, source: str) -> Batch:
        return question(self._group, source)

    def _as_first(self, batch: Batch) -> Batch:
        total = events_in(batch.counts)
        return dataclasses.replace(batch, source=self.source, number=1, total=total)

    # --- replies

    def _send(self, under_way: UnderWay[Batch], deadline: Deadline) -> Reply:
        reply = super()._send(under_way, deadline)
        for _ in range(2):
            if reply.status != UNDEFINED:
                return reply
            under_way.first_sent = None  # nothing was written
            self._forget_oldest()
            self.definition.define(deadline)
            reply = super()._send(under_way, deadline)
        raise StoreError(f"{self._store().shown}: forgets group definitions at once")

    def _settled(self, batch: Batch, reply: Reply) -> int:
        for cell in reply.bad_cells:
            self._note_once("cell", f"cell {cell!r} holds no number that can be added to")
        if reply.other:
            self._note_cap(batch)
        return reply.dropped

    def _followed(self, reply: Reply, deadline: Deadline) -> None:
        if reply.version != self.definition.version:
            self.definition.follow(deadline)

    def _forget_oldest(self) -> None:
        """The store knows the group no more: what nobody can ask about is gone as well."""
        self._renew_source()
        self._forget(self._past.beyond(elapsed()), 0)
        self._must_ask = True

    # --- what the operator should know

    def note_period(self, seconds: float) -> None:
        """Say once, with the next flush, that buckets are shorter than the time between flushes."""
        shortest = min(self._intervals, key=lambda interval: interval.seconds)
        if seconds > shortest.seconds:
            self._note_once(
                "definition",
                f"sync_interval is {seconds:g} seconds, so a bucket of {shortest.text} is complete"
                " only that long after its end",
            )

    def _note_cap(self, batch: Batch) -> None:
        """Say once that IDs have no end, with some by which it can be seen where they are made."""
        definition = self.definition.stored
        if definition is None or self._told_of["cap"]:
            return
        undeclared = [one for one in batch.counts if one[0] != "@" and one not in definition.events]
        samples = ", ".join(shown(event_id) for event_id in undeclared[-3:])
        self._note_once(
            "cap",
            f"it has more undeclared event IDs than max_events ({definition.max_events}), such as"
            f" {samples}; what is beyond counts as @other",
        )

    def _note_undeclared(self, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            self._note_once(
                "event",
                f"event {event_id!r} is not declared and not counted; name it in events,"
                " or set auto_declare_events",
            )

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        try:
            reasons, blurred = self._pending.take_news()
        except Interrupted:
            return
        news = [f"an event {reason}; it is counted as @invalid" for reason in reasons]
        if blurred:
            news.append(
                f"memory for pending counts is full: {blurred} counts went to a later interval"
            )
        self._tell_as(f"group {self._group}", news)
