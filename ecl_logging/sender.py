"""One group's batches on their way to the store, one at a time, each until its fate is known."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ecl_logging.batches import Interrupted, PendingCounts
from ecl_logging.errors import StoreError
from ecl_logging.outage import Outage
from ecl_logging.settings import GroupConfig
from ecl_logging.stores.protocols import (
    DUPLICATE,
    GAP,
    UNDEFINED,
    Batch,
    Definition,
    Reply,
    Store,
    events_in,
)

__all__ = ["Sender", "elapsed", "flushing_threads", "wanted_definition"]

STEP_SECONDS = 5.0  # the most that one step of the store may take
SOURCE_SECONDS = 86400.0  # a source that was silent for so long is replaced
UNKNOWN_SECONDS = 6 * 86400.0  # stores remember silent sources for a week
_MAX_TOLD = 100  # warnings about single IDs and cells

flushing_threads: set[int] = set()
"""Threads that are flushing now. What they log comes from the flush itself: not counted."""


def elapsed() -> float:
    """Seconds on a clock that never steps, and goes on while the machine sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot_time) if boot_time is not None else time.monotonic()


def wanted_definition(group: GroupConfig) -> Definition:
    """What a program's own configuration says of a group, as the store is told."""
    return Definition(
        group=group.name,
        intervals=group.intervals,
        events=frozenset(group.events),
        history=group.history,
        max_events=group.max_events,
        measures=frozenset(group.measures),
        cur_last_keys=group.cur_last_keys,
    )


@dataclass(slots=True)
class _UnderWay:
    batch: Batch
    first_sent: float | None = None  # elapsed(); from then on it may have been applied
    sends: int = 0


class Sender:
    """Sends what is pending. Thread safe: one flush of a group runs at a time."""

    def __init__(
        self,
        group: GroupConfig,
        pending: PendingCounts,
        store: Callable[[], Store],
        outage: Outage,
    ) -> None:
        self._pending = pending
        self._store = store
        self._outage = outage
        self._wanted = wanted_definition(group)
        self._told: set[str] = set()
        self.last_flush: float | None = None  # Unix time
        self.reset()

    def reset(self) -> None:
        """Start with no source and nothing under way, as a forked child does."""
        # Re-entrant for signal handlers alone: `flushing_threads` keeps flushes from nesting.
        self._lock = threading.RLock()
        self._wanted_lock = threading.RLock()
        self._definition: Definition | None = None
        self._must_define = True
        self._under_way: _UnderWay | None = None
        self._news: list[str] = []
        self._draw_source()

    def _draw_source(self) -> None:
        self.source = secrets.token_hex(16)
        self._number = 0  # of the last batch that was acknowledged
        self._total = 0  # and the running total that it carried
        self._last_reply = elapsed()

    @property
    def wanted(self) -> Definition:
        """What this process wants the group's definition to have."""
        return self._wanted

    def give_up(self) -> None:
        """Forget the batch under way, whose events have been booked as dropped."""
        is_flushing = threading.get_ident() in flushing_threads
        if not is_flushing and self._lock.acquire(blocking=False):
            try:
                if self._under_way is not None:
                    self._under_way = None
                    self._draw_source()
            finally:
                self._lock.release()

    # --- flushing

    def flush(self, timeout: float | None = None) -> bool:
        """Send everything that is pending; True when nothing is left.

        Waits for the store, up to `timeout` seconds in all. Returns False, and keeps what is
        left, where the store fails, time runs out, or this very thread is flushing already.
        """
        deadline = elapsed() + timeout if timeout is not None else float("inf")
        if threading.get_ident() in flushing_threads:
            return False
        with self._alone(timeout) as is_alone:
            flushed = is_alone and self._flush(deadline)
        if not is_alone:
            with contextlib.suppress(Interrupted):
                self._pending.drain()  # it was logged before the time was over
        self._tell()
        return flushed

    @contextlib.contextmanager
    def _alone(self, timeout: float | None) -> Iterator[bool]:
        """Keep other flushes of the group out; False where that took too long.

        The thread counts as flushing before it has the lock and until it has let go of it: a
        signal handler that comes in between can tell that it must not wait.
        """
        thread = threading.get_ident()
        try:
            flushing_threads.add(thread)
            patience = -1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
            is_alone = self._lock.acquire(timeout=patience)
            try:
                yield is_alone
            finally:
                if is_alone:
                    self._lock.release()
        finally:
            flushing_threads.discard(thread)

    def _flush(self, deadline: float) -> bool:
        try:
            if self._definition is None and self._pending.arrivals:
                self._define(deadline)  # first, so that it decides how arrivals are cut
            if self._pending.drain() or self._under_way:
                self._send_all(deadline)
                self._outage.ended()
                self.last_flush = time.time()
        except Interrupted:
            return False
        except TimeoutError:
            return False
        except StoreError as error:
            self._outage.began(error)
            with contextlib.suppress(Interrupted):
                self._pending.drain()
            return False
        except Exception as error:  # noqa: BLE001 - a store that was handed in may not keep its word
            self._outage.began(StoreError(f"{self._store().shown}: {error!r}"))
            return False
        return True

    def _send_all(self, deadline: float) -> None:
        if self._must_define:
            self._define(deadline)
        if self._pending.has_unsure():
            self._follow(self._stored_definition(deadline), deadline)
            self._note_undeclared(self._pending.settle_unsure())
        undefined = 0
        while (under_way := self._under_way or self._next_batch()) is not None:
            self._under_way = under_way
            if self._is_too_old(under_way):
                continue
            reply = self._send(under_way, deadline)
            if reply.status == UNDEFINED:
                undefined += 1
                if undefined > 2:
                    raise StoreError(f"{self._store().shown}: forgets group definitions at once")
                under_way.first_sent, under_way.sends = None, 0  # nothing was written
                self._define(deadline)
            else:
                self._settle(under_way, reply)
                if self._definition is None or reply.version != self._definition.version:
                    self._follow(self._stored_definition(deadline), deadline)

    def _send(self, under_way: _UnderWay, deadline: float) -> Reply:
        timeout = self._step_timeout(deadline)
        under_way.sends += 1
        if under_way.first_sent is None:
            under_way.first_sent = elapsed()
        else:
            self._pending.sent_again()
        return self._store().apply(under_way.batch, timeout=timeout)

    def _step_timeout(self, deadline: float) -> float:
        left = deadline - elapsed()
        if left <= 0:
            raise TimeoutError
        return min(STEP_SECONDS, left)

    def _next_batch(self) -> _UnderWay | None:
        if elapsed() - self._last_reply > SOURCE_SECONDS:
            self._draw_source()
        if self._definition is None or (frozen := self._pending.freeze()) is None:
            return None
        batch = Batch(
            group=self._wanted.group,
            source=self.source,
            number=self._number + 1,
            total=self._total + events_in(frozen.counts),
            version=self._definition.version,
            start=frozen.start,
            intervals=frozen.intervals_among(self._definition.intervals),
            counts=frozen.counts,
        )
        return _UnderWay(batch)

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
            self._report_forgotten(reply)
            self._send_as_first(batch)
        elif reply.status == DUPLICATE and (
            under_way.sends == 1 or (reply.number, reply.total) != (batch.number, batch.total)
        ):
            # Another process goes on from a copy of this one, as after a restored snapshot
            # of a machine, and counted under our source. The store is right: nothing is lost.
            self._send_as_first(batch)
        else:
            self._pending.acknowledge(reply)
            self._number, self._total = batch.number, batch.total
            self._last_reply = elapsed()
            self._under_way = None
            for cell in reply.bad_cells:
                self._note_once(
                    f"cell {cell}", f"cell {cell!r} holds no number that can be added to"
                )

    def _report_forgotten(self, reply: Reply) -> None:
        forgotten = max(0, self._total - reply.total)
        self._pending.forget_applied(forgotten)
        self._note(f"the store has lost {forgotten} counts that it had confirmed")

    def _send_as_first(self, batch: Batch) -> None:
        """Give the batch to a new source, as its number 1."""
        self._draw_source()
        total = events_in(batch.counts)
        renumbered = dataclasses.replace(batch, source=self.source, number=1, total=total)
        self._under_way = _UnderWay(renumbered)

    # --- definitions

    def expect(self, event_ids: Iterable[str]) -> None:
        """Know these IDs from now on; the next flush declares them. Does no I/O."""
        with self._wanted_lock:
            events = self._wanted.events.union(event_ids)
            self._wanted = dataclasses.replace(self._wanted, events=events)
            self._must_define = True
            self._adopt(self._definition or self._wanted)

    def declare(self, event_ids: Iterable[str], timeout: float = STEP_SECONDS) -> bool:
        """Declare IDs for every process; False where that has to wait for the store."""
        self.expect(event_ids)
        if threading.get_ident() in flushing_threads:
            return False
        with self._alone(timeout) as is_alone:
            declared = is_alone and self._declare(timeout)
        self._tell()
        return declared

    def _declare(self, timeout: float) -> bool:
        try:
            self._define(elapsed() + timeout)
        except TimeoutError:
            return False
        except StoreError as error:
            self._outage.began(error)
            return False
        return True

    def _define(self, deadline: float) -> None:
        """Make the group known to the store, and follow what it says."""
        with self._wanted_lock:
            wanted, self._must_define = self._wanted, False
        try:
            before = self._stored_definition(deadline)
            definition = self._store().define(wanted, timeout=self._step_timeout(deadline))
        except BaseException:
            self._must_define = True
            raise
        if before is not None and self._definition is None:  # what it adds later is no surprise
            self._note_differences(before, definition)
        self._definition = definition
        self._adopt(definition)

    def _stored_definition(self, deadline: float) -> Definition | None:
        timeout = self._step_timeout(deadline)
        return self._store().definition(self._wanted.group, timeout=timeout)

    def _follow(self, definition: Definition | None, deadline: float) -> None:
        if definition is None:
            self._define(deadline)
        elif self._definition is None or definition.version != self._definition.version:
            self._definition = definition
            self._adopt(definition)

    def _adopt(self, definition: Definition) -> None:
        """Cut by the definition, and know its IDs and those that this process wants."""
        self._pending.follow(definition.intervals, definition.events | self._wanted.events)

    def _note_differences(self, before: Definition, union: Definition) -> None:
        wanted = self._wanted
        lengths = {interval.seconds for interval in wanted.intervals}
        differing = []
        if lengths != {interval.seconds for interval in before.intervals}:
            texts = ", ".join(interval.text for interval in union.intervals)
            differing.append(f"intervals are now {texts}")
        for key in ("history", "max_events"):
            if getattr(wanted, key) != getattr(before, key):
                differing.append(f"{key} is {getattr(union, key)}")
        if new := sorted(wanted.events - before.events):
            differing.append(f"new events are {', '.join(new[:10])}")
        if differing:
            self._note_once(
                "definition",
                f"another program has defined it differently; {'; '.join(differing)}"
                " ('ecl-rotate CONFIG --define' makes one file the definition)",
            )

    # --- what the operator should know

    def _note_undeclared(self, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            self._note_once(
                f"event {event_id}", f"event {event_id!r} is not declared and not counted"
            )

    def _note_once(self, key: str, message: str) -> None:
        if key not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(key)
            self._note(message)

    def _note(self, message: str) -> None:
        self._news.append(message)

    def _tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        try:
            reasons, blurred = self._pending.take_news()
        except Interrupted:
            return
        news, self._news = self._news, []
        news += [f"an event {reason}; it is counted as @invalid" for reason in reasons]
        if blurred:
            news.append(
                f"memory for pending counts is full: {blurred} counts went to a later interval"
            )
        self._outage.tell(f"group {self._wanted.group}: {text}" for text in news)
