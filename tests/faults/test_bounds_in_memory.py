"""What is pending takes bounded memory: merged where it has to be, and told with its amount."""

from __future__ import annotations

import logging
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator

import pytest

from ecl_logging import batches, counter, event_ids
from ecl_logging.batching import Batching
from ecl_logging.handlers import CountingHandler
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.faulty_stores import FlakyStore
from tests.pending_counts import T, add, assert_accounted, pending_of
from tests.programs import Program

MIB = 2**20
KINDS = [f"kind{n}" for n in range(50)]
INTERVALS = ["5s", "1m", "1h"]
SECONDS = {"5s": 5, "1m": 60, "1h": 3600}


@pytest.fixture
def traced() -> Iterator[None]:
    """What Python allocates is noted."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def most_while_counting(records: int) -> int:
    """Count so many records of half an hour, as a thread and its flusher do; the most it took."""
    before = tracemalloc.get_traced_memory()[0]
    pending = pending_of(*map(Interval.parse, INTERVALS), declared=KINDS)
    for n in range(records):
        add(pending, KINDS[n % 50], T + n * 1800 / records)
        if n % Batching.drain_at == 0:
            pending.drain()
    assert_accounted(pending, records)
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.reset_peak()
    return most


@pytest.mark.fault("F1")
@pytest.mark.usefixtures("traced")
def test_half_an_hour_of_fifty_kinds_is_kept_in_little() -> None:
    few, many = most_while_counting(36_000), most_while_counting(90_000)

    assert many < 10 * MIB
    assert many < few * 1.5  # it grows with kinds and intervals, not with records


class HalfAnHour:
    """A program that has counted for half an hour while its store was away; then all is sent."""

    def __init__(self, clock: Clock) -> None:
        store = FlakyStore(MemoryStore(clock=clock))
        self.program = Program(store, clock, intervals=INTERVALS, events=KINDS, history=600)
        self.program.define()
        assert self.program.flush()
        store.is_away = True
        self.expected: Counter[tuple[str, int, str]] = Counter()
        self.most_cells = 0
        began = clock.now
        for n in range(18_000):
            clock.now = began + n / 10
            self._log(KINDS[n % 50], n // 50 % 3 + 1, clock.now)
            if n % 500 == 0:
                assert not self.program.flush()
                self.most_cells = max(self.most_cells, self.program.pending._stretches._cells)
        store.is_away = False
        assert self.program.flush()
        self.stored = self._stored(store)

    def _log(self, kind: str, n: int, at: float) -> None:
        self.program.log(kind, n)
        for text, seconds in SECONDS.items():
            self.expected[text, int(at) // seconds * seconds, kind] += n

    def _stored(self, store: FlakyStore) -> Counter[tuple[str, int, str]]:
        found: Counter[tuple[str, int, str]] = Counter()
        for text in INTERVALS:
            for bucket in store.read("g", Interval.parse(text), range(400)):
                found.update({(text, bucket.start, cell): n for cell, n in bucket.cells.items()})
        return found

    def misplaced(self, text: str) -> int:
        """How many events are in another bucket of this interval than they should be."""
        missing = self.expected - self.stored
        return sum(n for (interval, _, _), n in missing.items() if interval == text)

    def assert_totals_are_exact(self) -> None:
        for text in INTERVALS:
            assert totals_of(self.stored, text) == totals_of(self.expected, text)
        ledger = self.program.ledger
        assert ledger.applied == sum(totals_of(self.expected, "1h").values())
        assert not any(ledger.dropped.values())


def totals_of(buckets: Counter[tuple[str, int, str]], text: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (interval, _, kind), n in buckets.items():
        if interval == text:
            sums[kind] += n
    return sums


def amount_told(warnings: list[str]) -> int:
    """The amount of all warnings that counts went to a later interval."""
    told = (re.search(r"memory .* is full: (\d+) counts went to a later", w) for w in warnings)
    return sum(int(match[1]) for match in told if match)


@pytest.mark.fault("F1")
def test_an_outage_that_fits_into_memory_moves_no_count(
    clock: Clock, warnings_told: list[str]
) -> None:
    half_an_hour = HalfAnHour(clock)

    assert half_an_hour.stored == half_an_hour.expected
    half_an_hour.assert_totals_are_exact()
    assert amount_told(warnings_told) == 0


@pytest.mark.fault("F1")
def test_an_outage_that_does_not_is_blurred_by_as_much_as_is_told(
    clock: Clock, warnings_told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Totals are exact, and so are the buckets of the longest interval."""
    monkeypatch.setattr(batches, "MAX_CELLS", 2000)
    half_an_hour = HalfAnHour(clock)

    half_an_hour.assert_totals_are_exact()
    assert half_an_hour.most_cells <= 2000
    assert half_an_hour.misplaced("1h") == 0
    assert 0 < half_an_hour.misplaced("1m") <= half_an_hour.misplaced("5s")
    assert half_an_hour.misplaced("5s") <= amount_told(warnings_told)
    assert amount_told(warnings_told) < sum(totals_of(half_an_hour.expected, "1h").values())


@pytest.mark.fault("F1", control=True)
def test_without_the_cap_there_would_be_more_to_keep(clock: Clock) -> None:
    half_an_hour = HalfAnHour(clock)

    assert half_an_hour.most_cells > 2000


# --- IDs of ten megabytes

HUGE = "x" * (10 * MIB)
ANY_ID = {"events": ["known"], "intervals": ["1h"], "auto_declare_events": True}


@pytest.fixture
def handler() -> Iterator[CountingHandler]:
    """Counts what a record's `event` is, whatever that is."""
    handler = CountingHandler(store="memory://", groups={"g": ANY_ID}, sync_interval=60)
    yield handler
    handler.close()


def log_huge_ids(handler: CountingHandler, how_many: int) -> tuple[int, float]:
    """Log so many different ones, two ways each; what memory they left, and what CPU time it took."""
    ecl, spent = handler.ecl, 0.0
    assert ecl is not None
    ecl["g"].log("known")
    ecl.flush()
    before = tracemalloc.get_traced_memory()[0]
    for n in range(how_many):
        event_id = HUGE + str(n)
        record = logging.makeLogRecord({"msg": "hello", "event": event_id})
        began = time.thread_time()
        handler.handle(record)
        ecl["g"].log(event_id)
        spent += time.thread_time() - began
        del event_id, record
    ecl.telemetry()
    return tracemalloc.get_traced_memory()[0] - before, spent


def seconds_to_hash_huge_ids(how_many: int) -> float:
    """The CPU time that it takes, by a sample."""
    samples = [HUGE + str(n) for n in range(20)]
    began = time.thread_time()
    for sample in samples:
        hash(sample)
    return (time.thread_time() - began) * how_many / len(samples)


@pytest.mark.once
@pytest.mark.fault("F3")
@pytest.mark.usefixtures("traced")
def test_ids_of_ten_megabytes_are_neither_kept_nor_looked_through(
    handler: CountingHandler, warnings_told: list[str]
) -> None:
    kept, spent = log_huge_ids(handler, 1000)

    assert kept < MIB
    # They are looked up, once, for which Python hashes them; a regular expression takes much longer.
    assert spent < 2.0 + 3 * seconds_to_hash_huge_ids(1000)
    ecl = handler.ecl
    assert ecl is not None
    assert ecl.flush()
    telemetry = ecl.telemetry()
    assert telemetry["dropped"]["invalid"] == 2000
    assert (telemetry["counted"], telemetry["applied"]) == (2001, 1)
    (bucket,) = ecl.store.read("g", Interval.parse("1h"), [0])
    assert bucket.cells["@invalid"] == 2000
    assert warnings_told == [
        "group g: an event is longer than 200 characters; it is counted as @invalid"
    ]


@pytest.mark.once
@pytest.mark.fault("F3", control=True)
@pytest.mark.usefixtures("traced")
def test_without_the_limit_of_their_length_they_would_be_kept(
    handler: CountingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (counter, event_ids):
        monkeypatch.setattr(module, "MAX_LENGTH", 10**9)
    kept, _ = log_huge_ids(handler, 10)

    assert kept > 50 * MIB
