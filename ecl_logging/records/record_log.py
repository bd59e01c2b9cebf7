"""RecordLog: deduplicated records, from every program into one queue, and out of it again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ecl_logging.deadlines import STEP_SECONDS
from ecl_logging.errors import StoreError
from ecl_logging.kept import Kept, opened_keeper
from ecl_logging.outage import Outage
from ecl_logging.outbox import PartsSender
from ecl_logging.pending_parts import Taken
from ecl_logging.records.fingerprints import fingerprint_from
from ecl_logging.records.in_hand import InHand
from ecl_logging.records.rendering.captured import as_json, captured, restored
from ecl_logging.records.repeats import PendingRepeats, Seen, handle_repeats
from ecl_logging.records.times import moment_of
from ecl_logging.stores.keeping import (
    AT_ONCE,
    CLAIM_SECONDS,
    MAX_BYTES,
    MAX_KINDS,
    Entry,
    Keeper,
    KeepsRecords,
    Receipt,
    RecordBatch,
    question_of_records,
)
from ecl_logging.stores.protocols import Store
from ecl_logging.validation import check_kept

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Event", "RecordLog"]

_LONGEST_KEY = 4096  # characters of a message


class Event(TypedDict):
    """A kind of record in one second, as `RecordLog.get_event` returns it."""

    time: float
    last: float
    repeats: int
    msg: str
    args: dict[str, Any]
    id: str
    kind: str


class _Sender(PartsSender[RecordBatch]):
    _what = "records"

    def __init__(
        self,
        pending: PendingRepeats,
        store: Callable[[], Store],
        outage: Outage,
        log: RecordLog,
    ) -> None:
        super().__init__(pending, store, outage)
        self._max_kinds, self._max_bytes = log._bounds
        self._fingerprint = log.fingerprint

    def _batch(self, taken: Taken[Any], source: str, number: int, total: int) -> RecordBatch:
        entries = tuple(part.as_sent() for part in taken.parts)
        return RecordBatch(source, number, total, entries, self._max_kinds, self._max_bytes)

    def _apply(self, batch: RecordBatch, timeout: float) -> Receipt:
        return self._keeper().records.put(batch, timeout=timeout)

    def _question(self, source: str) -> RecordBatch:
        return question_of_records(source)

    def _settled(self, batch: RecordBatch, reply: Receipt) -> int:
        if reply.pushed_out:
            self._note_once(
                "full",
                "the store's queue is full, and its oldest records go (dropped: queue_full);"
                " does ecl-gather run?",
            )
        return super()._settled(batch, reply)

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        self._tell_as("records", [])
        self._fingerprint.tell()


class RecordLog(Kept):
    """Records in one place, each kind once a second with its repeats. Thread safe.

    A record that repeats (by its fingerprint) within one second is stored once, with the number
    of repeats, the times of the first and the last one, and the first one's data. Whatever fails,
    each record is in there once; see `docs/guarantee.md`. The way out is `get_event`, iteration, or
    `claim` and `ack`; `ecl-gather` uses the latter.

    Builds without touching network or disk. Also a context manager, which closes it.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that can be chosen
        self,
        store: object = None,
        *,
        fingerprint: object = "template",
        attributes: Collection[str] | None = None,
        max_kinds: int = MAX_KINDS,
        max_bytes: int = MAX_BYTES,
        sync_interval: float | None = 1.0,
    ) -> None:
        """`store`: a URL, a redis-py client (whose settings are taken over) or a store.

        Without it, it is the one that ECL_STORE names, else the embedded one. `fingerprint`: what
        makes records repeats of each other: `template` (module, file, line and message template),
        `message`, `masked`, or a function from record to text, also as `module:function`; see
        `docs/fingerprints.md`. `attributes`: of what the program has added to its records, only
        these are kept (all by default). `max_kinds`, `max_bytes`: so many entries, and bytes, may
        wait in the store; beyond, the oldest go. `sync_interval`: seconds between flushes of what
        comes by `add`. Raises ConfigError.
        """
        check_kept(
            wholes={"max_kinds": (max_kinds, 1, 10**7), "max_bytes": (max_bytes, 2**20, 2**40)},
            names={"attributes": attributes},
            sync_interval=sync_interval,
        )
        self.fingerprint = fingerprint_from(fingerprint)
        self._attributes = None if attributes is None else frozenset(attributes)
        self._bounds = (max_kinds, max_bytes)
        self._pending = PendingRepeats()
        self._open(
            opened_keeper(store, "records"),
            self._pending,
            lambda store: _Sender(self._pending, store, self._flusher.outage, self),
            name="records",
            sync_interval=sync_interval,
        )
        self._in_hand = InHand(self._acknowledge)

    # --- in

    def add(self, record: logging.LogRecord) -> None:
        """Take in a record, which is sent with the next flush. Never waits, never raises."""
        try:
            self.take_in(record)
        except Exception as error:  # noqa: BLE001 - whatever a record can be made of
            self.take_in_unreadable(error)
        self.notice()

    def take_in(self, record: logging.LogRecord) -> bool:
        """Take in a record, for a handler, which calls `notice` then; return True.

        Raises what the record raises; nothing has been taken in then.
        """
        self._flusher.after_fork()  # if no hook has done it yet: later it would be forgotten
        key, created = self._key_of(record), moment_of(record)
        if self._pending.sees_again(key, created):
            return True
        kind = key if isinstance(key, str) else self.fingerprint.kind(record)
        text = as_json(captured(record, self._attributes))
        return self._pending.see(Seen(key, kind, created, text))

    def take_in_unreadable(self, error: BaseException | None) -> bool:
        """Take in, for a record that cannot even be looked at, one that says so."""
        text = f"a record that raises {type(error).__name__} when it is looked at"
        record = logging.LogRecord("ecl_logging", logging.ERROR, __file__, 0, text, (), None)
        return self.take_in(record)

    def handle_repeats(
        self, filters: list[Any], carefully: Callable[[logging.LogRecord], bool]
    ) -> Callable[[logging.LogRecord], bool]:
        """Return what a handler takes records in with: a known repeat at once; see `repeats`."""
        if not self.fingerprint.by_place:
            return carefully
        return handle_repeats(self._pending.known, filters, carefully)

    def log_event(self, record: logging.LogRecord) -> bool:
        """Write a record at once; True when it is in the store.

        Waits for the store, for one round trip as a rule, and a few seconds at most. Where the
        store is away, the record is kept, and sent later. Never raises.
        """
        self.add(record)
        return self._flush_at_once(STEP_SECONDS)

    def _key_of(self, record: logging.LogRecord) -> object:
        """By what a repeat is looked up: the place, where that decides; else the kind."""
        if self.fingerprint.by_place:
            place = (record.msg, record.lineno, record.pathname)
            is_plain = [type(part) for part in place] == [str, int, str]
            if is_plain and len(record.msg) <= _LONGEST_KEY:  # it is kept until the next flush
                return place
        return self.fingerprint.kind(record)

    # --- out

    def claim(self, limit: int = AT_ONCE, *, seconds: float = CLAIM_SECONDS) -> list[Entry]:
        """Return the oldest entries, at most `limit` (and 500), in the order of their time.

        They are this caller's for `seconds`. What is not acknowledged by then is handed out
        again, as it is; so nothing is lost where a gatherer dies, and what it has stored before
        that, the next one knows by the ID. Raises StoreError; ValueError for less than one entry
        or second.
        """
        is_whole = isinstance(limit, int) and not isinstance(limit, bool)
        if not is_whole or limit < 1 or not isinstance(seconds, int | float) or not seconds > 0:
            raise ValueError("claim at least 1 entry, for more than 0 seconds")
        return self._records.claim(limit, seconds=seconds)

    def ack(self, entries: Iterable[Entry | str]) -> int:
        """Forget these entries, or those of these IDs: they are stored elsewhere.

        Returns how many were there. Safe to call twice. Raises StoreError.
        """
        ids = [entry.id if isinstance(entry, Entry) else entry for entry in entries]
        return sum(self._records.ack(ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE))

    def get_event(self) -> Event | None:
        """Return the oldest event, or None where there is none. Raises StoreError.

        `time` and `last` are Unix times of the first and the last of its `repeats`; `msg` is the
        message template; `args` is the whole record of the first one: `logging.makeLogRecord`
        makes a record of it that has its `message` and `exc_text`.

        The event is acknowledged by the next call in this thread, by `close`, or by the end of the
        process. So one that dies with an event in hand has not lost it: it is returned again, to
        whoever asks after a minute.
        """
        self._in_hand.let_go()
        entries = self.claim(1)
        if not entries:
            return None
        self._in_hand.take(entries[0])
        return _event_of(entries[0])

    def __iter__(self) -> Iterator[Event]:
        """Take out events until there are none, each acknowledged when the next is asked for."""
        while (event := self.get_event()) is not None:
            yield event

    def _acknowledge(self, entry: Entry, timeout: float) -> None:
        self._records.ack([entry.id], timeout=timeout)

    @property
    def _records(self) -> KeepsRecords:
        return cast(Keeper, self.store).records

    # --- ending

    def close(self, timeout: float | None = None) -> None:
        """Send what is pending, and take in no more; see `Kept.close`.

        An event in hand is acknowledged.
        """
        with contextlib.suppress(StoreError):  # then somebody gets it once more
            self._in_hand.let_go_of_all()
        super().close(timeout)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._in_hand.forget()  # it may not have been stored
        super().__exit__(kind, error, traceback)


def _event_of(entry: Entry) -> Event:
    attributes = restored(entry.record)
    return {
        "time": entry.first,
        "last": entry.last,
        "repeats": entry.repeats,
        "msg": str(attributes.get("msg", "")),
        "args": attributes,
        "id": entry.id,
        "kind": entry.kind,
    }
