"""What the design says must be in a store, and in each program's books, after any steps.

Written from the guarantee, and not from the code: a record is counted once, in the interval of its
own time, or is in a drop counter. It knows of batches only that the counts of one stretch travel
together, the oldest first, and that a store applies those of a source in the order of their numbers.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ecl_logging.stores.protocols import Batch
from tests.faults.oracle import Buckets

AHEAD = 5  # seconds by which a bucket may start ahead of the store's clock


def start_of(time: float, length: int) -> int:
    return math.floor(time) // length * length


@dataclass(frozen=True)
class Group:
    """What programs agree on."""

    intervals: Mapping[str, int]  # text -> seconds
    events: frozenset[str] = frozenset()
    history: int = 60
    max_events: int = 10_000

    def united(self, other: Group) -> Group:
        return Group(
            {**other.intervals, **self.intervals},
            self.events | other.events,
            max(self.history, other.history),
            max(self.max_events, other.max_events),
        )


@dataclass
class Stretch:
    """Counts between two neighbouring edges of the intervals by which they were cut."""

    start: int
    end: int
    cut_by: Mapping[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    unsure: dict[str, int] = field(default_factory=dict)  # of IDs that the store is asked about
    invalid: int = 0
    sums: dict[str, int] = field(default_factory=dict)  # of measures; their values are in counts

    def events(self) -> int:
        return sum(self.counts.values()) + sum(self.unsure.values())

    def taken(self, intervals: Mapping[str, int]) -> Stretch:
        """What a batch carries of it, to count in those intervals that hold the whole of it."""
        fitting = {
            text: length
            for text, length in intervals.items()
            if self.end <= start_of(self.start, length) + length
        }
        taken = replace(self, cut_by=fitting or self.cut_by, unsure={})
        self.counts, self.invalid = {}, 0
        return taken


@dataclass(frozen=True)
class Applied:
    """What became of the events of a batch."""

    events: int
    late: int
    ahead: int
    other: int


@dataclass
class World:
    """A store. `kept_less`: by so many intervals less than promised do buckets live for certain."""

    kept_less: int
    group: Group | None = None
    buckets: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    kept_until: dict[tuple[str, int], int] = field(default_factory=dict)
    last: dict[str, tuple[int, str]] = field(default_factory=dict)  # source -> number, token
    applied: dict[str, Applied] = field(default_factory=dict)  # by token
    told: dict[str, int] = field(default_factory=dict)  # interval -> last finished bucket
    totals: dict[str, int] = field(
        default_factory=dict
    )  # with `@since`; none until they are asked for

    def copied(self) -> World:
        return copy.deepcopy(self)

    def define(self, wanted: Group, *, replace: bool) -> None:
        self.group = wanted if replace or self.group is None else self.group.united(wanted)

    # --- batches

    def judge(self, batch: Batch) -> str:
        if self.group is None:
            return "undefined"
        number, token = self.last.get(batch.source, (0, ""))
        if batch.number > number + 1:
            return "gap"
        if batch.number == number + 1:
            return "applied"
        return "duplicate" if token == batch.token else "of a copy"

    def apply(self, batch: Batch, stretch: Stretch, now: float) -> None:
        """Count a batch of which it is known what it must carry."""
        self.last[batch.source] = (batch.number, batch.token)
        is_late, is_ahead, other = False, False, set()
        for text, length in stretch.cut_by.items():
            start, current = start_of(stretch.start, length), start_of(now, length)
            counts = stretch.counts | stretch.sums
            if start < current - self.group.history * length:
                is_late = True
                start, counts = current, {"@late": stretch.events()}
            elif start > now + AHEAD:
                is_ahead = True
                start = current
            bucket = self.buckets.setdefault((text, start), {})
            other |= self._add(bucket, counts, stretch.invalid)
            if not bucket:
                del self.buckets[text, start]
            kept = start + (self.group.history + 3 - self.kept_less) * length
            self.kept_until[text, start] = kept
        self.applied[batch.token] = Applied(
            stretch.events(),
            late=stretch.events() if is_late else 0,
            ahead=stretch.events() if is_ahead else 0,
            other=sum(stretch.counts[event_id] for event_id in other),
        )
        if self.totals:
            self._add(self.totals, stretch.counts | stretch.sums, stretch.invalid)

    def begin_totals(self, now: float) -> None:
        """Somebody asks for them."""
        if self.group is not None and not self.totals:
            self.totals = {"@since": math.floor(now)}

    def _add(self, bucket: dict[str, int], counts: dict[str, int], invalid: int) -> set[str]:
        """Add to a bucket; return the IDs that were beyond the cap."""
        declared, other = self.group.events, set()
        for event_id, n in [*counts.items(), ("@invalid", invalid)]:
            cell = event_id
            if cell[0] != "@" and cell not in declared and cell not in bucket:
                there = sum(1 for one in bucket if one[0] != "@" and one not in declared)
                if there >= self.group.max_events:
                    cell = "@other"
                    other.add(event_id)
            if n:
                bucket[cell] = bucket.get(cell, 0) + n
        return other

    # --- what is over

    def rotate(self, now: float) -> list[tuple[str, int]]:
        """The buckets that are told as finished: each once, at most `history` of an interval."""
        if self.group is None:
            return []
        finished = []
        for text, length in self.group.intervals.items():
            last = start_of(now, length) - length
            since = self.told.get(text, last - length) + length
            first = max(since, last - (self.group.history - 1) * length)
            finished += [(text, start) for start in range(first, last + 1, length)]
            self.told[text] = max(last, self.told.get(text, last))
        return finished

    def has_uncertain(self, now: float) -> bool:
        return any(not self._is_kept(key, now) for key in self.buckets)

    def let_go(self, found: Buckets, now: float) -> None:
        """Buckets that have had their time are there still, whole, or not at all."""
        for key in [key for key in self.buckets if key not in found]:
            if not self._is_kept(key, now):
                del self.buckets[key]

    def _is_kept(self, key: tuple[str, int], now: float) -> bool:
        text, start = key
        if self.group is None or text not in self.group.intervals:
            return False
        length = self.group.intervals[text]
        oldest = start_of(now, length) - (self.group.history + 2 - self.kept_less) * length
        return start >= oldest and now < self.kept_until[key]


class Books:
    """A program: what it has logged, and where that must be by its own telemetry."""

    def __init__(self, wanted: Group, *, any_id: bool) -> None:
        self.wanted, self.any_id = wanted, any_id
        self.intervals, self.ids = wanted.intervals, wanted.events
        self.forget_all()

    def forget_all(self) -> None:
        """Begin as a forked child does."""
        self.group: Group | None = None  # as the store has told it
        self.pending: dict[tuple[int, int], Stretch] = {}
        self.under_way: tuple[str, Stretch] | None = None  # token and counts
        self.confirmed: dict[str, int] = {}  # token -> events, of what the store has confirmed
        self.sums: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def copied(self) -> Books:
        return copy.deepcopy(self)

    # --- logging

    def log(self, event_id: str, n: int, created: float) -> None:
        self.sums["counted"] += n
        lengths = self.intervals.values()
        start = max(start_of(created, length) for length in lengths)
        end = min(start_of(created, length) + length for length in lengths)
        stretch = self.pending.setdefault((start, end), Stretch(start, end, self.intervals))
        if event_id == "" or event_id[0] == "@":
            stretch.invalid += 1
            self.dropped["invalid"] += n
        else:
            is_sure = self.any_id or event_id in self.ids or event_id in stretch.counts
            counts = stretch.counts if is_sure else stretch.unsure
            counts[event_id] = counts.get(event_id, 0) + n

    def declare(self, event_ids: Iterable[str]) -> None:
        self.wanted = replace(self.wanted, events=self.wanted.events | {*event_ids})
        self._adopt(self.group or self.wanted)

    def hear(self, group: Group) -> None:
        """The store tells the definition."""
        self.group = group
        self._adopt(group)

    def _adopt(self, group: Group) -> None:
        self.intervals, self.ids = group.intervals, group.events | self.wanted.events

    def has_unsure(self) -> bool:
        return any(stretch.unsure for stretch in self.pending.values())

    def settle_unsure(self) -> None:
        """The IDs that are known by now count; the others are undeclared."""
        for stretch in self.pending.values():
            for event_id, n in stretch.unsure.items():
                if event_id in self.ids:
                    stretch.counts[event_id] = stretch.counts.get(event_id, 0) + n
                else:
                    self.dropped["undeclared"] += n
            stretch.unsure = {}

    # --- batches

    def sends(self, token: str) -> Stretch:
        """A batch is sent, the one that is under way or the next; return what it must carry."""
        if self.under_way is None:
            sure = [e for e, one in self.pending.items() if one.counts or one.invalid]
            assert sure, "a batch is sent though nothing is pending"
            edges = min(sure)
            self.under_way = token, self.pending[edges].taken(self.group.intervals)
            if not self.pending[edges].unsure:
                del self.pending[edges]
        assert self.under_way[0] == token, "a batch is sent though one is under way"
        return self.under_way[1]

    def confirm(self, applied: Applied) -> None:
        token, _ = self.under_way
        self.under_way = None
        self.confirmed[token] = applied.events
        for name in ("late", "ahead", "other"):
            self.sums[name] += getattr(applied, name)

    def left(self) -> int:
        under_way = self.under_way[1].events() if self.under_way else 0
        return under_way + sum(stretch.events() for stretch in self.pending.values())

    def in_store(self, world: World) -> int:
        """How many of the events that the store has confirmed it has still."""
        return sum(n for token, n in self.confirmed.items() if token in world.applied)

    def learn_of_losses(self, world: World) -> None:
        kept = {token: n for token, n in self.confirmed.items() if token in world.applied}
        self.dropped["server_forgot"] += sum(self.confirmed.values()) - sum(kept.values())
        self.confirmed = kept
