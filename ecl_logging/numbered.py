"""Batches of one source on their way to the store, one at a time, each until its fate is known.

A batch whose outcome is not known is sent again as it was; the store takes it in once, by its
source and number. What is sent, and what there is to do beside it, subclasses say: `sender` for
the counts of a group, `outbox` for what was said.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ecl_logging.confirmed import UNKNOWN_SECONDS, Confirmed, PastSources
from ecl_logging.deadlines import Deadline, OutOfTime, elapsed
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.locks import Interrupted, do_alone
from ecl_logging.outage import Outage
from ecl_logging.stores.protocols import DUPLICATE, GAP, Destination

__all__ = ["NumberedBatch", "NumberedReply", "NumberedSender", "Pending", "UnderWay"]

RENEW_SECONDS = 86400.0  # a source that was silent for so long is replaced
_MAX_TOLD = 100  # warnings of one kind


class NumberedBatch(Protocol):
    """What is asked of a batch."""

    @property
    def source(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def token(self) -> str: ...


class NumberedReply(Protocol):
    """What is asked of the store's reply."""

    @property
    def status(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def token(self) -> str: ...


_Batch = TypeVar("_Batch", bound=NumberedBatch)
_Reply = TypeVar("_Reply", bound=NumberedReply)


class Pending(Protocol):
    """What is pending, as far as its sender goes by it."""

    def drain(self) -> bool: ...
    def acknowledge(self, reply: Any) -> None: ...
    def drop_under_way(self, reason: str) -> int: ...
    def forget_applied(self, confirmed: Confirmed, still: int) -> None: ...
    def sent_again(self) -> None: ...


@dataclass(slots=True)
class UnderWay(Generic[_Batch]):
    """A batch that is being sent."""

    batch: _Batch
    first_sent: float | None = None  # elapsed(); from then on it may have been applied


class NumberedSender(Generic[_Batch, _Reply]):
    """Sends what is pending. Thread safe: one flush runs at a time."""

    _what = "counts"  # that are sent, in warnings

    def __init__(self, pending: Pending, store: Callable[[], Destination], outage: Outage) -> None:
        self._pending = pending
        self._store: Callable[[], Any] = store  # which subclasses know more of
        self._outage = outage
        self._told: set[str] = set()
        self._told_of: Counter[str] = Counter()  # by kind
        self.last_flush: float | None = None  # Unix time
        self._start()

    def reset(self) -> None:
        """Start with no source and nothing under way, as a forked child does."""
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._under_way: UnderWay[_Batch] | None = None
        self._news: list[str] = []
        self._is_advised = False
        self._advice: str | None = None  # what the store's place puts at risk; not told yet
        self._past = PastSources()
        self._must_ask = False  # the store about them
        self._lost_untold = 0  # what the store had confirmed
        self._confirmed = Confirmed(os.urandom(16).hex(), elapsed())

    # --- what is sent

    def _prepare(self, deadline: Deadline) -> bool:
        """Do what comes before; return whether the store was asked anything, and has answered."""
        return False

    def _before_the_first(self, deadline: Deadline) -> None:
        """Do what there is to do before batches of a flush."""

    def _next_batch(self) -> UnderWay[_Batch] | None:
        """Freeze what is to be sent next; None when there is nothing."""
        raise NotImplementedError

    def _apply(self, batch: _Batch, timeout: float) -> _Reply:
        """Have the store take in a batch."""
        raise NotImplementedError

    def _question(self, source: str) -> _Batch:
        """Return what asks the store about a source."""
        raise NotImplementedError

    def _as_first(self, batch: _Batch) -> _Batch:
        """Return the batch as number 1 of the source that counts now."""
        raise NotImplementedError

    def _settled(self, batch: _Batch, reply: _Reply) -> int:
        """Note what a reply says beside the fate; return how much of the batch was not taken in."""
        return 0

    def _followed(self, reply: _Reply, deadline: Deadline) -> None:
        """Do what a reply asks for, when its batch is settled."""

    # --- sources

    @property
    def source(self) -> str:
        """The source that counts here at present."""
        return self._confirmed.source

    def _draw_source(self) -> None:
        self._past.add(self._confirmed)
        self._must_ask = True
        self._confirmed = Confirmed(os.urandom(16).hex(), elapsed())

    def _renew_source(self) -> None:
        if self._under_way is None and elapsed() - self._confirmed.at > RENEW_SECONDS:
            self._draw_source()

    def give_up(self) -> None:
        """Forget the batch under way, of which all has been booked as dropped."""
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
            has_answered = self._prepare(deadline)
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
        self._before_the_first(deadline)
        while (under_way := self._under_way or self._next_batch()) is not None:
            self._under_way = under_way
            if self._is_too_old(under_way):
                continue
            reply = self._send(under_way, deadline)
            self._settle(under_way.batch, reply)
            self._followed(reply, deadline)
        if self._is_to_ask():
            self._ask_of_past_sources(deadline)

    def _send(self, under_way: UnderWay[_Batch], deadline: Deadline) -> _Reply:
        timeout = deadline.for_one_step()
        sent_before = under_way.first_sent
        if sent_before is None:
            under_way.first_sent = elapsed()
        else:
            self._pending.sent_again()
        try:
            return self._apply(under_way.batch, timeout)
        except StoreUnavailable:
            raise  # it may have been applied
        except StoreError:
            under_way.first_sent = sent_before  # it was refused, and nothing written
            raise

    def _is_too_old(self, under_way: UnderWay[_Batch]) -> bool:
        """Give up a batch whose outcome the store may not remember any more."""
        sent = under_way.first_sent
        if sent is None or elapsed() - sent <= UNKNOWN_SECONDS:
            return False
        amount = self._pending.drop_under_way("unknown")
        self._note(f"{amount} {self._what} were sent six days ago and never confirmed; given up")
        self._under_way = None
        self._draw_source()
        return True

    # --- replies

    def _settle(self, batch: _Batch, reply: _Reply) -> None:
        if reply.status == GAP:
            self._forget(self._confirmed, reply.total)
            self._send_as_first(batch)
        elif reply.status == DUPLICATE and reply.token != batch.token:
            # Another process goes on from a copy of this one, as after a restored snapshot
            # of a machine, and counted under our source. The store is right: nothing is lost.
            self._send_as_first(batch)
        else:
            self._pending.acknowledge(reply)
            total = batch.total - self._settled(batch, reply)
            self._confirmed = Confirmed(batch.source, elapsed(), batch.number, total)
            self._under_way = None

    def _send_as_first(self, batch: _Batch) -> None:
        """Give the batch to a new source, as its number 1."""
        self._draw_source()
        self._under_way = UnderWay(self._as_first(batch))

    # --- what a store has lost

    def _is_to_ask(self) -> bool:
        """Whether a new source is to have the store asked about those before it.

        After its first batch, not before: what the store forgets later than that, the source
        sees by a gap, and what it has forgotten until then, the answers say.
        """
        return self._must_ask and self._confirmed.number > 0

    def _ask_of_past_sources(self, deadline: Deadline) -> None:
        """Find out what the store has lost of what earlier sources have counted."""
        for used in self._past.to_ask(elapsed()):
            reply = self._apply(self._question(used.source), deadline.for_one_step())
            self._forget(used, reply.total)
        self._must_ask = False

    def _forget(self, confirmed: Confirmed, still: int) -> None:
        """The store knows only so much of what it had confirmed."""
        if still < confirmed.total:
            self._lost_untold += confirmed.total - still
            self._pending.forget_applied(confirmed, still)

    # --- what the operator should know

    def _note_once(self, kind: str, message: str) -> None:
        if message not in self._told and self._told_of[kind] < _MAX_TOLD:
            self._told.add(message)
            self._told_of[kind] += 1
            self._note(message)

    def _note(self, message: str) -> None:
        self._news.append(message)

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        raise NotImplementedError

    def _tell_as(self, name: str, news: list[str]) -> None:
        """Warn of `news` and of what has come up here. After the flush, with no lock held."""
        own, self._news = self._news, []
        lost, self._lost_untold = self._lost_untold, 0
        advice, self._advice = self._advice, None
        if lost:
            news = [*news, f"the store has lost {lost} {self._what} that it had confirmed"]
        texts = [f"{name}: {text}" for text in (*own, *news)]
        self._outage.tell(texts if advice is None else [advice, *texts])
