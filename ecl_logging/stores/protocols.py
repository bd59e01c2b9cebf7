"""What a store is: the protocol that every store keeps, and what goes in and out of it.

How a batch is counted once: a *source* numbers its batches 1, 2, 3 ... and sends one at a
time. The store remembers each source's last number and applies a batch only if its number is
the next one, in one atomic step with the counts. A batch whose reply was lost is sent again
as it was, and found to be a duplicate if it had been applied. A number that is too high shows
that the store has forgotten something; the running totals say how much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ecl_logging.intervals import Interval
from ecl_logging.measures import holds_values
from ecl_logging.settings import MAX_HISTORY

__all__ = [
    "AHEAD_SECONDS",
    "APPLIED",
    "DUPLICATE",
    "GAP",
    "INVALID",
    "LATE",
    "MAX_BAD_CELLS",
    "MAX_BATCH_IDS",
    "MAX_CELL",
    "MIN_CELL",
    "OTHER",
    "PRUNE_SECONDS",
    "SOURCE_SECONDS",
    "UNDEFINED",
    "Batch",
    "Bucket",
    "Definition",
    "Destination",
    "Finished",
    "Reply",
    "Source",
    "Store",
    "Totals",
    "as_defined",
    "events_in",
    "is_note",
    "question",
]

MAX_BATCH_IDS = 2000
"""The most event IDs one batch may have, which bounds how long a store is held by it."""

MAX_BAD_CELLS = 100
"""So many spoilt cells a reply names, however many there are."""

MAX_CELL = 2**63 - 1
"""The largest count of a cell."""

MIN_CELL = -(2**63)
"""The smallest one: a digit of a measure's sum may be negative."""

AHEAD_SECONDS = 5
"""How far ahead of the store's clock a bucket may start and still be a bucket of its own."""

SOURCE_SECONDS = 7 * 86400
"""A source that was silent for so long is forgotten."""

PRUNE_SECONDS = 3600
"""So often, at most, a store looks for what it can forget."""

# Cells of a bucket that are no event IDs; no ID can start with '@'.
LATE = "@late"  # events older than the interval's history
OTHER = "@other"  # events beyond the cap on undeclared IDs
INVALID = "@invalid"  # values that are no event IDs

# What a store says to a batch.
UNDEFINED = "undefined"  # it does not know the group; nothing was written
APPLIED = "applied"
DUPLICATE = "duplicate"  # applied before; the reply is the one given then
GAP = "gap"  # batches before this one are missing; nothing was written


def is_note(cell: str) -> bool:
    """Whether a cell stands for no events: `@invalid`, `@late`, and a digit of a measure's sum."""
    return cell[0] == "@" and cell != OTHER and not holds_values(cell)


def events_in(counts: Mapping[str, int]) -> int:
    """How many events these cells stand for, a value of a measure being one, too."""
    notes = [cell for cell in counts if cell[0] == "@" and is_note(cell)]
    return sum(counts.values()) - sum(map(counts.__getitem__, notes))


@dataclass(frozen=True, slots=True)
class Definition:
    """What all programs that count in a group agree on.

    `version` grows with every change; 0 is a definition that no store has seen.
    """

    group: str
    intervals: tuple[Interval, ...]
    events: frozenset[str] = frozenset()  # declared IDs: shown at zero, and not capped
    history: int = 60
    max_events: int = 10_000
    measures: frozenset[str] = frozenset()
    cur_last_keys: bool = True
    version: int = 0


def as_defined(definition: Definition) -> Definition:
    """Return a definition that a store has; raise ValueError for one that nobody can have made."""
    numbers = (definition.history, definition.max_events, definition.version)
    if not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError(f"group {definition.group} has a number that is none")
    if definition.history > MAX_HISTORY or not definition.intervals:
        raise ValueError(f"group {definition.group} has no interval, or an endless history")
    return definition


@dataclass(frozen=True, slots=True)
class Batch:
    """Counts of one group and one stretch, frozen, sent as one unit."""

    group: str
    source: str  # 128 random bits as 32 hexadecimal digits
    number: int  # of this batch among its source's, from 1
    total: int  # events of the source that the store has counted, and those of this batch
    version: int  # of the definition by which it was cut
    start: int  # of its stretch, in Unix seconds
    intervals: tuple[Interval, ...]  # to count it in: its stretch lies in one bucket of each
    counts: Mapping[str, int]  # event ID, `@other`, `@invalid`, or a measure's cell -> how often
    token: str = ""  # 64 random bits as hexadecimal digits: tells it from one of a copied source


@dataclass(frozen=True, slots=True)
class Reply:
    """What the store did with a batch. Amounts are numbers of events of that batch."""

    status: str
    version: int = 0  # of the group's newest definition
    number: int = 0  # the source's last batch that was applied
    total: int = 0  # and the running total that it carried; on a gap, less what was dropped
    late: int = 0  # counted as `@late` in some interval
    ahead: int = 0  # dated ahead of the store's clock, counted in its current bucket
    other: int = 0  # counted as `@other` in some interval
    dropped: int = 0  # no interval's cell could take them
    bad_cells: tuple[str, ...] = ()  # `<interval> <id>` of spoilt cells, MAX_BAD_CELLS at most
    token: str = ""  # of that batch


def question(group: str, source: str) -> Batch:
    """Return a batch by which a store can be asked what it knows of a source.

    Its number is one that no source comes to, so it is never applied. The reply is GAP, with the
    source's number and total, both 0 where the source is not known; or UNDEFINED.
    """
    return Batch(group, source, 2**53, 0, 0, 0, (), {})


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket as it stands in the store: cell -> count, `@` cells included."""

    start: int
    cells: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """What a store remembers of one source."""

    source: str
    number: int
    total: int
    at: float  # Unix time of its last batch, by the store's clock
    reply: Reply


@dataclass(frozen=True, slots=True)
class Finished:
    """A bucket that is over, as the one caller that rotated it learns."""

    interval: Interval
    start: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted in a group since a time, whichever buckets it is in."""

    since: int  # Unix time by the store's clock
    cells: Mapping[str, int] = field(default_factory=dict)


class Destination(Protocol):
    """What is sent to, as far as whoever sends goes by it. Every store is one."""

    @property
    def shown(self) -> str:
        """The store's URL for messages, secrets masked."""

    def advice(self, *, timeout: float = 5.0) -> str | None:
        """What puts counts at risk in this place, if anything; asked before the first batch.

        None when it has been asked before.
        """

    def close(self) -> None:
        """Let go of connections. The store can be used again. Never raises."""

    def after_fork(self) -> None:
        """Forget what belongs to the parent process. Called in the child; only assigns."""


@runtime_checkable
class Store(Destination, Protocol):
    """Shared counts.

    Every method is one atomic step: it happens whole or not at all, whatever fails, and no
    other step is seen half done. Methods may be called from any thread, and may wait for the
    store at most `timeout` seconds (reads: the store's own bound). They raise
    `StoreUnavailable` where trying again may help, `StoreError` where it will not, and
    nothing else. After StoreUnavailable from a writing method the outcome is unknown.

    Building a store touches neither network nor disk.
    """

    def define(
        self, wanted: Definition, *, replace: bool = False, timeout: float = 5.0
    ) -> Definition:
        """Make the group known, and return its definition.

        What the store has and what is wanted are united: events, measures, intervals, the
        larger history and max_events, and cur_last_keys if either has it. With `replace` the
        definition becomes the wanted one. In both cases intervals are one by their length, and
        the text that came first stays: counts are kept under it. A change makes a new version.
        """

    def apply(self, batch: Batch, *, timeout: float = 5.0) -> Reply:
        """Count a batch once.

        A cell goes to the bucket of the batch's start. An interval whose history is over
        counts the batch's events under `@late` of its current bucket; a bucket that starts more
        than AHEAD_SECONDS ahead of the store's clock is replaced by the current one. Undeclared IDs
        beyond `max_events` in a bucket count under `@other`. A cell that holds no number, or
        cannot hold the sum, is passed over and reported. A bucket lives until `history` + 2
        intervals after its end. Where totals are kept, the batch is added to them, too.
        """

    def groups(self) -> list[str]:
        """Names of the groups that were defined here, sorted.

        One that is being defined this moment may be here and have no definition yet.
        """

    def definition(self, group: str, *, timeout: float = 5.0) -> Definition | None:
        """The group's newest definition; None for a group that was never defined."""

    def read(self, group: str, interval: Interval, ages: Iterable[int]) -> Sequence[Bucket]:
        """Buckets by age: 0 is the one in which the store's clock is, 1 the one before.

        A bucket in which nothing was counted has no cells. Cells that hold no number are
        left out. Each bucket is seen whole; batches may come between two, and, where it has more
        cells than can be read without holding up others, into its midst. The buckets are the
        caller's own. Nothing is written.
        """

    def sources(self, group: str) -> list[Source]:
        """The sources that counted in the group within the last week."""

    def rotate(self, group: str) -> list[Finished]:
        """Buckets that ended since the last call, oldest first, at most `history` of them.

        Each is returned to one caller only, however many there are, in all processes; where
        the reply to it is lost, to nobody.
        """

    def totals(self, group: str) -> Totals | None:
        """All that was counted in the group since this was asked first; only ever more.

        From the first call on, which finds nothing counted, each batch is added to the totals in
        the same step in which it is counted, whatever becomes of buckets later. Late events are
        there under their own IDs; undeclared ones beyond `max_events` under `@other`; what a cell
        of the totals cannot take is missing there and nowhere told. None for a group that was never
        defined. The first call writes; the others only read, as `read` does. Raises StoreError
        where something else is in their place.
        """

    def marks(self, group: str, reader: str) -> dict[str, int]:
        """How far a reader has come in the group: interval's text -> start of its last bucket.

        `reader`: a name of printable characters without blanks, such as `push:graphite:2003:ecl`.
        """

    def mark(self, group: str, reader: str, interval: Interval, start: int) -> None:
        """Remember that a reader has come to this bucket. One that is marked later stays."""
