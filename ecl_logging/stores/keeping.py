"""What a store keeps of what was said: deduplicated records, recent and common messages.

Like counts, both come in numbered batches of a *source*, and each is taken in once; see
`protocols`. A source is one program's, for records or for messages; the two have nothing in
common, and neither has anything to do with the sources of groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = [
    "AT_ONCE",
    "CLAIM_SECONDS",
    "HOUR",
    "MAX_BYTES",
    "MAX_KINDS",
    "MAX_MESSAGES",
    "MAX_RECENT",
    "OTHER_MESSAGES",
    "SEVERITIES",
    "Common",
    "Entry",
    "Hour",
    "Keeper",
    "KeepsMessages",
    "KeepsRecords",
    "MessageBatch",
    "Receipt",
    "RecordBatch",
    "Repeated",
    "Said",
    "Waiting",
    "question_of_messages",
    "question_of_records",
]

AT_ONCE = 500
"""The most entries that one batch, one claim or one acknowledgement may have."""

MAX_KINDS = 100_000
"""So many entries a store keeps for gatherers, unless told otherwise."""

MAX_BYTES = 256 * 2**20
"""And so many bytes of them."""

CLAIM_SECONDS = 60.0
"""So long a gatherer has for what it claims, unless it says otherwise."""

HOUR = 3600

MAX_RECENT = 100
"""So many recent messages of each logger and severity are kept, unless told otherwise."""

MAX_MESSAGES = 10_000
"""So many different messages of an hour are told apart, unless told otherwise."""

OTHER_MESSAGES = "@other"
"""The name under which messages beyond that are counted."""

SEVERITIES = ("debug", "info", "warning", "error", "critical")

_NUMBER_OF_QUESTIONS = 2**53  # one that no source comes to


# --- records


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a program has seen of one kind of record in one second, since its last batch."""

    kind: str  # 32 hexadecimal digits: equal for records that are repeats of each other
    second: int  # Unix time
    first: float  # Unix time of the first one
    last: float
    repeats: int  # how many there were, 1 for a record that did not repeat
    record: str  # the first one, as JSON


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one program, at most AT_ONCE entries, each kind and second once."""

    source: str  # 128 random bits as 32 hexadecimal digits
    number: int  # of this batch among its source's, from 1
    total: int  # records of the source that the store has taken in, and those of this batch
    entries: tuple[Repeated, ...]
    max_kinds: int = MAX_KINDS
    max_bytes: int = MAX_BYTES
    token: str = ""  # 64 random bits as hexadecimal digits: tells it from one of a copied source


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind and second that waits in the store, as a gatherer gets it."""

    id: str  # never used twice, in any store
    kind: str
    second: int
    first: float
    last: float
    repeats: int
    record: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much a store has for gatherers."""

    entries: int = 0  # those that can be claimed, now or when a claim has run out
    claimed: int = 0  # of these, those that somebody has claimed
    size: int = 0  # bytes, of their records as UTF-8
    pushed_out: int = 0  # records that had to make room, ever


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: of records as of messages."""

    status: str  # APPLIED, DUPLICATE or GAP of `protocols`
    number: int = 0  # the source's last batch that was applied
    total: int = 0  # and the running total that it carried
    pushed_out: int = 0  # records that had to make room for this batch, whosesoever
    late: int = 0  # messages that are older than the hours that are kept: not counted
    ahead: int = 0  # messages dated ahead of the store's clock: counted in its hour
    other: int = 0  # messages counted as OTHER_MESSAGES
    token: str = ""  # of that batch
    bad: tuple[str, ...] = ()  # `<name>:<severity>` of speakers whose part could not be taken in


def question_of_records(source: str) -> RecordBatch:
    """Return a batch that is never applied: the receipt is GAP, with what is known of a source."""
    return RecordBatch(source, _NUMBER_OF_QUESTIONS, 0, ())


@runtime_checkable
class KeepsRecords(Protocol):
    """Records that wait for a gatherer, each kind and second as one entry with its repeats.

    What is said of methods in `protocols.Store` holds for these: each is one atomic step, may
    be called from any thread, and raises StoreUnavailable or StoreError. A `put` is sent again
    as it was where its outcome is unknown; the others can be called again, too.
    """

    def put(self, batch: RecordBatch, *, timeout: float = 5.0) -> Receipt:
        """Take in a batch once.

        Where an entry of the same kind and second waits that was never claimed, the repeats
        are added, `first` and `last` become the earlier and the later ones, and the record is
        that of the earlier `first`. Else there is a new entry. Where there are more than
        `max_kinds` entries or `max_bytes` bytes then, the oldest that are not claimed go, and
        the receipt says how many records these were. A duplicate gets the receipt that was
        given first (status DUPLICATE), a GAP writes nothing.
        """

    def claim(
        self, limit: int, *, seconds: float = CLAIM_SECONDS, timeout: float = 5.0
    ) -> list[Entry]:
        """Hand out the oldest entries that are not claimed, by `first`; at most AT_ONCE.

        Whoever has them must acknowledge them within `seconds`, by the store's clock; what is
        not is handed out again, unchanged and under the same ID. An entry that was claimed once
        gets no more repeats: a repeat that comes later makes a new one.
        """

    def ack(self, ids: Collection[str], *, timeout: float = 5.0) -> int:
        """Forget these entries; return how many there were. Of IDs that are gone, none."""

    def waiting(self, *, timeout: float = 5.0) -> Waiting:
        """How much there is."""


# --- messages


@dataclass(frozen=True, slots=True)
class Said:
    """What was said by one logger with one severity, since the program's last batch."""

    name: str
    severity: str
    lines: tuple[str, ...] = ()  # `<ISO 8601 UTC, milliseconds>Z <message>`, the oldest first
    counts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """Start of an hour in Unix seconds -> message -> how often."""


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages of one program."""

    source: str
    number: int
    total: int  # messages of the source, counted or in lines: what `Receipt.total` repeats
    said: tuple[Said, ...]
    recent: int = MAX_RECENT  # lines that are kept of each logger and severity
    max_messages: int = MAX_MESSAGES
    token: str = ""


@dataclass(frozen=True, slots=True)
class Hour:
    """The messages of one hour."""

    start: int  # Unix seconds
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Common:
    """The hour in which a logger last spoke with a severity, and the one before that it did."""

    current: Hour | None = None
    last: Hour | None = None


def question_of_messages(source: str) -> MessageBatch:
    """Return a batch that is never applied: the receipt is GAP, with what is known of a source."""
    return MessageBatch(source, _NUMBER_OF_QUESTIONS, 0, ())


@runtime_checkable
class KeepsMessages(Protocol):
    """Recent and common messages, for each logger and severity. Methods as in KeepsRecords."""

    def say(self, batch: MessageBatch, *, timeout: float = 5.0) -> Receipt:
        """Take in a batch once.

        Lines are kept newest first, by their time, and the newest `recent` of them; the time of
        one that is ahead of the store's clock becomes the clock's, so that it cannot stay the
        newest for ever. Counts go to the hour that they name. A later hour than the current one
        becomes the current one, which becomes the last one. An hour between these two becomes
        the last one; what is older still is not counted (`late`). One ahead of the store's
        clock, by more than AHEAD_SECONDS, is replaced by the store's own (`ahead`); so is a
        current hour that is, as when the clock was set back. Messages beyond `max_messages` in
        an hour count as OTHER_MESSAGES (`other`). So hours end up the same in whatever
        order batches come.
        """

    def speakers(self, *, timeout: float = 5.0) -> list[tuple[str, str]]:
        """Names and severities of which there are messages, sorted."""

    def recent(
        self, speakers: Sequence[tuple[str, str]], limit: int, *, timeout: float = 5.0
    ) -> list[list[str]]:
        """The newest `limit` lines of each of these, newest first."""

    def common(self, speakers: Sequence[tuple[str, str]], *, timeout: float = 5.0) -> list[Common]:
        """The common messages of each of these. Cells that hold no number are left out."""

    def now(self, *, timeout: float = 5.0) -> float:
        """The store's clock, in Unix seconds: it says which hour it is."""


@runtime_checkable
class Keeper(Protocol):
    """A store that keeps what was said beside its counts, over the same connections."""

    @property
    def records(self) -> KeepsRecords: ...
    @property
    def messages(self) -> KeepsMessages: ...
