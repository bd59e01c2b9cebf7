"""One group's batches on their way to the store, one at a time, each until its fate is known."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ecl_logging.batches import PendingCounts
from ecl_logging.confirmed import UNKNOWN_SECONDS, Confirmed, PastSources
from ecl_logging.deadlines import Deadline, OutOfTime, elapsed
from ecl_logging.definitions import SharedDefinition
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.locks import Interrupted, do_alone
from ecl_logging.outage import Outage
from ecl_logging.problems import shown
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import (
    DUPLICATE,
    GAP,
    UNDEFINED,
    Batch,
    Reply,
    Store,
    events_in,
    question,
)

__all__ = ["Sender"]

RENEW_SECONDS = 86400.0  # a source that was silent for so long is replaced
_MAX_TOLD = 100  # warnings of one kind


@dataclass(slots=True)
class _UnderWay:
    batch: Batch
    first_sent: float | None = None  # elapsed(); from then on it may have been applied


class Sender:
    """Sends what is pending. Thread safe: one flush of a group runs at a time."""

    def __init__(
        self,
        group: GroupConfig,
        pending: PendingCounts,
        store: Callable[[], Store],
        outage: Outage,
    ) -> None:
        self._group = group.name
        self._intervals = group.intervals
        self._pending = pending
        self._store = store
        self._outage = outage
        self.definition = SharedDefinition(
            group,
            pending,
            store,
            warn=lambda message: self._note_once("definition", message),
            on_loss=self._forget_oldest,
        )
        self._told: set[str] = set()
        self._told_of: Counter[str] = Counter()  # by kind
        self.last_flush: float | None = None  # Unix time
        self._start()

    def reset(self) -> None:
        """Start with no source and nothing under way, as a forked child does."""
        self.definition.reset()
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._under_way: _UnderWay | None = None
        self._news: list[str] = []
        self._is_advised = False
        self._advice: str | None = None  # what the store's place puts at risk; not told yet
        self._past = PastSources()
        self._must_ask = False  # the store about them
        self._lost_untold = 0  # events that the store had confirmed
        self._confirmed = Confirmed(os.urandom(16).hex(), elapsed())

    @property
    def source(self) -> str:
        """The source that counts here at present."""
        return self._confirmed.source

    def _draw_source(self) -> None:
        self._past.add(self._confirmed)
        self._must_ask = True
        self._confirmed = Confirmed(os.urandom(16).hex(), elapsed())

    def give_up(self) -> None:
        """Forget the batch under way, whose events have been booked as dropped."""
        with contextlib.suppress(Interrupted):
            do_alone(self._lock, self._forget_under_way)

    def _forget_under_way(self) -> None:
        if self._under_way is not None:
            self._under_way = None
            self._draw_source()

    def is_unsure(self) -> bool:
        """Whether a batch has been sent of which nobody knows whether it was counted."""
        return self._under_way is not None and self._under_way.first_sent is not None

    # --- flushing

    def flush(self, timeout: float | None = None) -> bool:
        """Send everything that is pending; True when nothing is left.

        Waits for the store, up to `timeout` seconds in all. Returns False, and keeps what is
        left, where the store fails, time runs out, or this very thread is flushing already.
        """
        thread = threading.get_ident()
        if thread in flushing_threads:
            return False
        deadline, flush = Deadline(timeout), object()
        try:
            # Fast paths do not ask who logs. So none is open, and none opens, when this thread is
            # known to be flushing: a finalizer may log between any two of these lines.
            flushing_threads.add(flush)
            shut_fast_paths()
            # Before the lock is had and until it is let go of: a signal handler that comes in
            # between can tell that it must not wait.
            flushing_threads.add(thread)
            flushed = do_alone(
                self._lock, lambda: self._flush(deadline), timeout=deadline.seconds_left()
            )
        except Interrupted:
            return False
        finally:
            flushing_threads.difference_update((thread, flush))
        if flushed is None:
            with contextlib.suppress(Interrupted):
                self._pending.drain()  # it was logged before the time was over
        return bool(flushed)

    def _flush(self, deadline: Deadline) -> bool:
        try:
            # First, so that the store's definition decides how arrivals are cut.
            has_answered = self.definition.define_if_due(deadline)
            if self._pending.drain() or self._under_way or self._is_to_ask():
                self._send_all(deadline)
                has_answered = True
        except Interrupted:
            return False
        except (OutOfTime, StoreError) as error:
            if isinstance(error, StoreError):
                self._outage.began(error)
            with contextlib.suppress(Interrupted):
                self._pending.drain()  # it was logged before this failed
            return False
        except Exception as error:  # noqa: BLE001 - a store that was handed in may not keep its word
            self._outage.began(StoreError(f"{self._store().shown}: {error!r}"))
            return False
        if has_answered:
            self._outage.ended()
            self.last_flush = time.time()
        return True

    def _send_all(self, deadline: Deadline) -> None:
        if not self._is_advised:
            self._advice = self._store().advice(timeout=deadline.for_one_step())
            self._is_advised = True
        if self._pending.has_unsure():
            self.definition.follow(deadline)
            self._note_undeclared(self._pending.settle_unsure())
        while (under_way := self._under_way or self._next_batch()) is not None:
            self._under_way = under_way
            if self._is_too_old(under_way):
                continue
            reply = self._send(under_way, deadline)
            self._settle(under_way, reply)
            if reply.version != self.definition.version:
                self.definition.follow(deadline)
        if self._is_to_ask():
            self._ask_of_past_sources(deadline)

    def _send(self, under_way: _UnderWay, deadline: Deadline) -> Reply:
        reply = self._send_once(under_way, deadline)
        for _ in range(2):
            if reply.status != UNDEFINED:
                return reply
            under_way.first_sent = None  # nothing was written
            self._forget_oldest()
            self.definition.define(deadline)
            reply = self._send_once(under_way, deadline)
        raise StoreError(f"{self._store().shown}: forgets group definitions at once")

    def _send_once(self, under_way: _UnderWay, deadline: Deadline) -> Reply:
        timeout = deadline.for_one_step()
        sent_before = under_way.first_sent
        if sent_before is None:
            under_way.first_sent = elapsed()
        else:
            self._pending.sent_again()
        try:
            return self._store().apply(under_way.batch, timeout=timeout)
        except StoreUnavailable:
            raise  # it may have been applied
        except StoreError:
            under_way.first_sent = sent_before  # it was refused, and nothing written
            raise

    def _next_batch(self) -> _UnderWay | None:
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
        return _UnderWay(batch)

    def _renew_source(self) -> None:
        if self._under_way is None and elapsed() - self._confirmed.at > RENEW_SECONDS:
            self._draw_source()

    def _is_too_old(self, under_way: _UnderWay) -> bool:
        """Give up a batch whose outcome the store may not remember any more."""
        sent = under_way.first_sent
        if sent is None or elapsed() - sent <= UNKNOWN_SECONDS:
            return False
        events = self._pending.drop_under_way("unknown")
        self._note(f"{events} counts were sent six days ago and never confirmed; given up")
        self._under_way = None
        self._draw_source()
        return True

    # --- replies

    def _settle(self, under_way: _UnderWay, reply: Reply) -> None:
        batch = under_way.batch
        if reply.status == GAP:
            self._forget(self._confirmed, reply.total)
            self._send_as_first(batch)
        elif reply.status == DUPLICATE and reply.token != batch.token:
            # Another process goes on from a copy of this one, as after a restored snapshot
            # of a machine, and counted under our source. The store is right: nothing is lost.
            self._send_as_first(batch)
        else:
            self._pending.acknowledge(reply)
            total = batch.total - reply.dropped
            self._confirmed = Confirmed(batch.source, elapsed(), batch.number, total)
            self._under_way = None
            for cell in reply.bad_cells:
                self._note_once("cell", f"cell {cell!r} holds no number that can be added to")
            if reply.other:
                self._note_cap(batch)

    def _is_to_ask(self) -> bool:
        """Whether a new source is to have the store asked about those before it.

        After its first batch, not before: what the store forgets later than that, the source
        sees by a gap, and what it has forgotten until then, the answers say.
        """
        return self._must_ask and self._confirmed.number > 0

    def _ask_of_past_sources(self, deadline: Deadline) -> None:
        """Find out what the store has lost of what earlier sources have counted."""
        for used in self._past.to_ask(elapsed()):
            asked = question(self._group, used.source)
            reply = self._store().apply(asked, timeout=deadline.for_one_step())
            self._forget(used, reply.total)
        self._must_ask = False

    def _forget_oldest(self) -> None:
        """The store knows the group no more: what nobody can ask about is gone as well."""
        self._renew_source()
        self._forget(self._past.beyond(elapsed()), 0)
        self._must_ask = True

    def _forget(self, confirmed: Confirmed, still: int) -> None:
        """The store knows only so many events of those that it had confirmed."""
        if still < confirmed.total:
            self._lost_untold += confirmed.total - still
            self._pending.forget_applied(confirmed, still)

    def _send_as_first(self, batch: Batch) -> None:
        """Give the batch to a new source, as its number 1."""
        self._draw_source()
        total = events_in(batch.counts)
        renumbered = dataclasses.replace(batch, source=self.source, number=1, total=total)
        self._under_way = _UnderWay(renumbered)

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

    def _note_once(self, kind: str, message: str) -> None:
        if message not in self._told and self._told_of[kind] < _MAX_TOLD:
            self._told.add(message)
            self._told_of[kind] += 1
            self._note(message)

    def _note(self, message: str) -> None:
        self._news.append(message)

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        try:
            reasons, blurred = self._pending.take_news()
        except Interrupted:
            return
        news, self._news = self._news, []
        lost, self._lost_untold = self._lost_untold, 0
        advice, self._advice = self._advice, None
        news += [f"an event {reason}; it is counted as @invalid" for reason in reasons]
        if lost:
            news.append(f"the store has lost {lost} counts that it had confirmed")
        if blurred:
            news.append(
                f"memory for pending counts is full: {blurred} counts went to a later interval"
            )
        texts = [f"group {self._group}: {text}" for text in news]
        self._outage.tell(texts if advice is None else [advice, *texts])
