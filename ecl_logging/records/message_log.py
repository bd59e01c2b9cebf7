"""MessageLog: recent and common messages of all programs; log_recent and log_common.

The keys, the hour that is kept, and the hour before it, are those of `log_recent()` and
`log_common()` in chapter 5.1 of "Redis in Action" (Josiah L. Carlson, 2013).
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from ecl_logging.deadlines import STEP_SECONDS, Deadline
from ecl_logging.errors import ConfigError
from ecl_logging.kept import Kept, opened_keeper
from ecl_logging.notices import warn
from ecl_logging.outage import Outage
from ecl_logging.outbox import PartsSender
from ecl_logging.pending_parts import Taken
from ecl_logging.records.fingerprints import fingerprint_from
from ecl_logging.records.rendering.cutting import tidy
from ecl_logging.records.rendering.texts import message_of
from ecl_logging.records.severities import SEVERITY, severity_of
from ecl_logging.records.times import moment_of
from ecl_logging.records.utterances import PendingMessages, Utterance, line_of
from ecl_logging.stores import open_store, standing_in
from ecl_logging.stores.keeping import (
    MAX_MESSAGES,
    MAX_RECENT,
    MessageBatch,
    Receipt,
    question_of_messages,
)
from ecl_logging.stores.protocols import Store
from ecl_logging.validation import check_kept

__all__ = ["MessageLog", "log_common", "log_recent"]

_MOST_RECENT: Final = 10_000
_PAUSE: Final = 0.05  # seconds between two tries of somebody who waits


class _Sender(PartsSender[MessageBatch]):
    _what = "messages"

    def __init__(
        self,
        pending: PendingMessages,
        store: Callable[[], Store],
        outage: Outage,
        log: MessageLog,
    ) -> None:
        super().__init__(pending, store, outage)
        self._bounds = (max(1, log.recent), log.max_messages)
        self._fingerprint = log.fingerprint

    def _batch(self, taken: Taken[Any], source: str, number: int, total: int) -> MessageBatch:
        said = tuple(part.as_sent() for part in taken.parts)
        return MessageBatch(source, number, total, said, *self._bounds)

    def _apply(self, batch: MessageBatch, timeout: float) -> Receipt:
        return self._keeper().messages.say(batch, timeout=timeout)

    def _question(self, source: str) -> MessageBatch:
        return question_of_messages(source)

    def _settled(self, batch: MessageBatch, reply: Receipt) -> int:
        for speaker in reply.bad:
            self._note_once(
                "key",
                f"a key of {speaker} in the store holds something else; its messages are not kept"
                " (dropped: bad_key)",
            )
        if reply.late:
            self._note_once(
                "late",
                f"{reply.late} messages are older than the hours that are kept, and not counted"
                " as common ones (dropped: late)",
            )
        if reply.other:
            self._note_once(
                "cap",
                f"an hour has more different messages than max_messages ({self._bounds[1]}); what"
                " is beyond counts as @other; a fingerprint of template or masked has fewer",
            )
        return super()._settled(batch, reply)

    def tell(self) -> None:
        """Warn of what has come up. Called after the flush, with no lock held."""
        self._tell_as("messages", [])
        self._fingerprint.tell()


class MessageLog(Kept):
    """Recent and common messages, for each logger and severity, of all programs. Thread safe.

    The most recent ones are kept as lines, the newest first; the others are counted, hour by hour:
    there are this hour's and those of the hour before it in which there were any. Whatever fails,
    each is counted once. `ecl-tail` and `ecl-top` show them.

    Builds without touching network or disk. Also a context manager, which closes it.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that can be chosen
        self,
        store: object = None,
        *,
        recent: int = MAX_RECENT,
        common: bool = True,
        max_messages: int = MAX_MESSAGES,
        fingerprint: object = "template",
        sync_interval: float | None = 1.0,
    ) -> None:
        """`store`: a URL, a redis-py client (whose settings are taken over) or a store.

        Without it, it is the one that ECL_STORE names, else the embedded one. `recent`: how many
        lines are kept of each logger and severity, 0 for none. `common`: whether messages are
        counted. `max_messages`: so many different ones of an hour; what is beyond counts as
        `@other`. `fingerprint`: what of a record is counted, see `docs/fingerprints.md`.
        `sync_interval`: seconds between flushes of what comes by `add`. Raises ConfigError.
        """
        check_kept(
            wholes={"recent": (recent, 0, _MOST_RECENT), "max_messages": (max_messages, 1, 10**7)},
            flags={"common": common},
            sync_interval=sync_interval,
        )
        self.recent, self.common, self.max_messages = recent, common, max_messages
        self.fingerprint = fingerprint_from(fingerprint)
        self._pending = PendingMessages(recent)
        self._open(
            opened_keeper(store, "messages"),
            self._pending,
            lambda store: _Sender(self._pending, store, self._flusher.outage, self),
            name="messages",
            sync_interval=sync_interval,
        )

    def add(self, record: logging.LogRecord) -> None:
        """Take in a record's message, in the hour of its own time, to be sent with the next flush.

        Never waits. Raises what the record's attributes raise.
        """
        self.take_in(record)
        self.notice()

    def take_in(self, record: logging.LogRecord) -> bool:
        """Take in a record's message, for a handler, which calls `notice` then; return True.

        Raises what the record raises; nothing has been taken in then.
        """
        level = record.levelno
        severity = SEVERITY.get(level) if type(level) is int else None
        severity = severity or severity_of(int(level))
        message = message_of(record) if self.recent else None
        common = self.fingerprint.text(record) if self.common else None
        return self._take_in(record.name, severity, moment_of(record), message, common)

    def take_in_unreadable(self, error: BaseException | None) -> bool:
        """Take in a message that says that a record could not even be looked at."""
        text = f"a record that raises {type(error).__name__} when it is looked at"
        recent, common = text if self.recent else None, text if self.common else None
        return self._take_in("ecl_logging", "error", time.time(), recent, common)

    def _take_in(
        self, name: object, severity: str, created: float, message: str | None, common: str | None
    ) -> bool:
        """Have a message among the arrivals; its texts must not spoil the batch that has them."""
        message = None if message is None else tidy(message)
        common = None if common is None else tidy(common)
        who = tidy(name if type(name) is str else str.__str__(str(name)))
        said = Utterance(who, severity, created, message, common)
        self._flusher.after_fork()  # if no hook has done it yet: later it would be forgotten
        arrivals = self._pending.arrivals
        arrivals += (said,)  # no call: whoever sees an exception knows that it is not there
        return True

    # --- by hand

    def log_recent(self, name: str, message: str, severity: object = logging.INFO) -> bool:
        """Put a message to the recent ones of a name, at once; True when it is there.

        Waits for the store, for one round trip as a rule, and a few seconds at most. Where that
        is away, the message is kept and sent later. `severity`: a level's number or name.
        Raises ValueError for another one, and for a name that is no text.
        """
        self._take_in(_checked(name), severity_of(severity), time.time(), str(message), None)
        self.notice()
        return self._flush_at_once(STEP_SECONDS)

    def log_common(
        self, name: str, message: str, severity: object = logging.INFO, timeout: float = 5
    ) -> bool:
        """Count a message of a name in this hour, and put it to the recent ones, at once.

        Tries for `timeout` seconds, and returns True when the message is counted. Where it is
        not, a warning says so, and it is kept and sent later. Raises ValueError as `log_recent`.
        """
        message = str(message)
        self._take_in(_checked(name), severity_of(severity), time.time(), message, message)
        self.notice()
        deadline = Deadline(timeout)
        while not self._flush_at_once(deadline.seconds_left()):
            if self._flusher.is_closed or deadline.seconds_left() <= _PAUSE:
                if not self._flusher.outage.is_on:  # which would be told
                    warn(f"{self.store.shown}: no answer in {timeout:g} s; a message waits here")
                return False
            time.sleep(_PAUSE)
        return True


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError("a name is a text, such as that of a logger")
    return name


_logs_of_clients: weakref.WeakKeyDictionary[object, MessageLog] = weakref.WeakKeyDictionary()
_logs_of_urls: dict[str, MessageLog] = {}
_log_of_stand_in: MessageLog | None = None  # of a test's store, which must not be kept for others


def log_recent(
    conn: Any, name: str, message: str, severity: object = logging.INFO, pipe: Any = None
) -> bool:
    """Put a message to the recent ones of a name; True when it is there.

    `conn`: a redis-py client, whose settings are taken over; a MessageLog; or a store or its URL.
    With `pipe`, a redis-py pipeline, the commands are added to those that are in it, and all are
    executed by it. See `MessageLog.log_recent`. Thread safe, but for `pipe`. Raises ConfigError for
    what is none of these.
    """
    if pipe is None:
        return _log_of(conn).log_recent(name, message, severity)
    key = f"recent:{name}:{severity_of(severity)}"
    pipe.lpush(key, line_of(time.time(), str(message)))
    pipe.ltrim(key, 0, MAX_RECENT - 1)
    pipe.execute()
    return True


def log_common(
    conn: Any, name: str, message: str, severity: object = logging.INFO, timeout: float = 5
) -> bool:
    """Count a message of a name in this hour, and put it to the recent ones.

    `conn` as for `log_recent`. Where it cannot be counted within `timeout` seconds, a warning says
    so, and False is returned. See `MessageLog.log_common`. Thread safe.
    """
    return _log_of(conn).log_common(name, message, severity, timeout)


def _log_of(conn: Any) -> MessageLog:
    """The MessageLog of a client, which the first call for it makes."""
    if isinstance(conn, MessageLog):
        return conn
    if standing_in() is not None:
        return _log_in(standing_in())
    if isinstance(conn, str):
        return _logs_of_urls.get(conn) or _logs_of_urls.setdefault(conn, MessageLog(conn))
    try:
        found = _logs_of_clients.get(conn)
    except TypeError:
        raise ConfigError(
            f"{type(conn).__name__} is no connection; a redis-py client, a store or its URL, and a"
            " MessageLog are"
        ) from None
    if found is None:
        found = _logs_of_clients.setdefault(conn, MessageLog(open_store(conn)))
    return found


def _log_in(stand_in: Store | None) -> MessageLog:
    global _log_of_stand_in  # noqa: PLW0603 - that of the test that runs
    found = _log_of_stand_in
    if found is None or found.store is not stand_in:
        found = _log_of_stand_in = MessageLog(stand_in)
    return found
