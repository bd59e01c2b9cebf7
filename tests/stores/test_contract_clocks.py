"""The contract, fifth part: whatever clocks do, a record counts once, in the bucket of its time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging.handlers import CountingHandler
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore, _MemoryTables
from ecl_logging.stores.protocols import AHEAD_SECONDS, Batch, Finished, Reply, Store
from tests.bad_input.conftest import record
from tests.conftest import Clock
from tests.faults.oracle import GROUP, Buckets, OracleHandler, expected_buckets
from tests.faulty_stores import FlakyStore
from tests.programs import Program
from tests.stores.programs import NOW

SECOND = Interval.parse("1s")


class CountsAtArrival(MemoryStore):
    """A store that counts by its own clock when a batch comes, as event_count_logger does."""

    def apply(self, batch: Batch, **options: Any) -> Reply:
        return super().apply(dataclasses.replace(batch, start=int(self._clock())), **options)


class CountsAgain(MemoryStore):
    """A store that looks at no numbers: each batch that comes is the next one."""

    def apply(self, batch: Batch, **options: Any) -> Reply:
        source = f"{len(self.sources(batch.group))}"
        applied = super().apply(dataclasses.replace(batch, source=source, number=1), **options)
        return dataclasses.replace(applied, number=batch.number)


def seconds(buckets: Buckets) -> dict[int, dict[str, int]]:
    """The buckets of a second, by their start after NOW."""
    return {start - NOW: cells for (text, start), cells in buckets.items() if text == "1s"}


def read(store: Store, ages: range) -> dict[int, dict[str, int]]:
    """The same, as a reader sees them."""
    found = store.read("g", SECOND, ages)
    return {bucket.start - NOW: dict(bucket.cells) for bucket in found if bucket.cells}


# --- a flush that crosses a boundary


def counted_across_the_boundary(store: Store, clock: Clock, lost: str) -> dict[int, dict[str, int]]:
    """Log in one bucket, lose the flush, and send it again in the next, after a rotation."""
    line = FlakyStore(store)
    program = Program(line, clock, intervals=["1s", "1m"])
    clock.now = NOW + 0.9
    program.log("a")
    setattr(line, lost, 1)
    assert not program.flush()
    clock.now = NOW + 1.1
    store.rotate("g")
    program.log("b")
    assert program.flush()
    assert program.ledger.applied == 2
    return read(store, range(3))


@pytest.mark.fault("C4", "A1", "A2")
@pytest.mark.parametrize("lost", ["lose_requests", "lose_replies"])
def test_a_flush_that_crosses_a_boundary_counts_in_the_old_bucket_once(store, clock, lost):
    assert counted_across_the_boundary(store, clock, lost) == {0: {"a": 1}, 1: {"b": 1}}


@pytest.mark.fault("C4", control=True)
def test_counted_at_its_arrival_it_would_be_in_the_new_bucket(clock, warnings_told):
    store = CountsAtArrival(clock=clock)

    assert counted_across_the_boundary(store, clock, "lose_requests") == {1: {"a": 1, "b": 1}}


@pytest.mark.fault("C4", "A1", control=True)
def test_without_numbers_it_would_be_counted_twice(clock, warnings_told):
    store = CountsAgain(clock=clock)

    assert counted_across_the_boundary(store, clock, "lose_replies")[0] == {"a": 2}


# --- nobody counts for a while


@pytest.mark.fault("C5")
def test_an_idle_time_is_as_many_empty_buckets_as_it_lasted(store, clock):
    program = Program(store, clock, intervals=["1s"], history=20)
    program.log("a")
    program.flush()
    store.rotate("g")
    clock.now = NOW + 15
    program.log("a")
    program.flush()

    assert read(store, range(20)) == {0: {"a": 1}, 15: {"a": 1}}
    assert [one.start for one in store.rotate("g")] == [NOW + n for n in range(15)]


@pytest.mark.fault("C5", control=True)
def test_counted_in_a_current_bucket_that_somebody_has_to_end_it_would_be_one(empty_server):
    """As with event_count_logger, whose bucket lasts until its master comes."""
    from event_count_logger import EventCountLogger

    groups = {"g": {"events": ["a"], "intervals": ["1s"]}}
    group = EventCountLogger(groups, empty_server.seed_config)["g"]
    for _ in range(2):
        group.log("a")  # however long there is between them: nothing asks for the time

    assert group.get_current_counts("a") == {"1s": 2}


# --- clocks that step

HOUR, TEN_YEARS = 3600, 10 * 366 * 86400


@pytest.mark.fault("C6")
@pytest.mark.parametrize("step", [-HOUR, HOUR, TEN_YEARS, -TEN_YEARS])
def test_a_program_whose_clock_steps_counts_by_what_its_records_say(store, kind, clock, step):
    """Where the store has no bucket for that, as it is too far from now, that is told."""
    program = Program(store, clock, intervals=["1s"], history=2 * HOUR)
    program.log("a")
    apart = Clock(clock.now + step)
    program.clock = apart
    program.log("b", 2)
    apart.now += 1
    program.log("c", 4)
    program.clock = clock
    program.log("a")
    assert program.flush()

    ledger = program.ledger
    if step == -HOUR:
        expected = {0: {"a": 2}, -HOUR: {"b": 2}, 1 - HOUR: {"c": 4}}
        assert (ledger.late, ledger.ahead) == (0, 0)
    elif step < 0:
        expected = {0: {"a": 2, "@late": 6}}
        assert (ledger.late, ledger.ahead) == (6, 0)
    else:
        expected = {0: {"a": 2, "b": 2, "c": 4}}
        assert (ledger.late, ledger.ahead) == (0, 6)
    assert seconds(kind.buckets("g")) == expected
    assert ledger.applied == 8


@pytest.mark.fault("C6", "C7", control=True)
def test_counted_at_their_arrival_records_of_an_hour_ago_would_count_now(clock, warnings_told):
    store = CountsAtArrival(clock=clock)
    program = Program(store, clock, intervals=["1s"], history=2 * HOUR)
    program.clock = Clock(clock.now - HOUR)
    program.log("a")
    program.flush()

    assert read(store, range(1)) == {0: {"a": 1}}
    assert read(store, range(HOUR, HOUR + 1)) == {}


@pytest.mark.fault("C7")
@pytest.mark.parametrize("step", [-HOUR, -7, 7, HOUR])
def test_a_store_whose_clock_steps_counts_all_and_finishes_no_bucket_twice(
    store, kind, clock, step
):
    """As after a failover to a server whose clock is another; the program's goes right."""
    right = Clock(clock.now)
    program = Program(store, right, intervals=["1s"], history=2 * HOUR)
    told: list[int] = []
    steps_of_clock = {4: step, 8: -step}
    for second in range(12):
        clock.now += 1 + steps_of_clock.get(second, 0)
        right.now += 1
        program.log("a")
        assert program.flush()
        told += [one.start for one in store.rotate("g")]

    assert told == sorted(set(told))
    skewed, usual = range(5, 9), range(1, 13)
    expected = dict.fromkeys((n for n in usual if n not in skewed), 1)
    for n in skewed:
        # Ahead of a clock that is behind, a record counts in the bucket that this one is in.
        at = n if step > -AHEAD_SECONDS else n + step
        expected[at] = expected.get(at, 0) + 1
    found = seconds(kind.buckets("g"))
    assert {at: cells["a"] for at, cells in found.items()} == expected
    assert program.ledger.ahead == (4 if step < 0 else 0)


# --- records at a boundary


def around(edge: float) -> Iterator[float]:
    yield edge
    yield math.nextafter(edge, 0)
    yield math.nextafter(edge, math.inf)
    for nanoseconds in (-1, -100, -119, -120, -238, 1, 100):
        # As Python makes `created`: what is less than half a step before the edge is rounded to it.
        yield (int(edge) * 10**9 + nanoseconds) / 10**9


def at_boundaries() -> list[float]:
    edges = [NOW + seconds for seconds in (-300, -60, -5, 0)]
    return [created for edge in edges for created in around(edge)]


def stored_and_expected(handler: Any, oracle: OracleHandler, path: Any) -> tuple[Any, Any]:
    """Count records at boundaries; return what a reader shows, and what the oracle says."""
    for created in at_boundaries():
        one = record(event="x", created=created)
        handler.handle(one)
        oracle.handle(one)
    assert handler.ecl.flush()
    group = handler.ecl[GROUP]
    stored = {}
    for text, ages in (("1s", 400), ("5m", 20)):
        current = group.get_counts(text, current=True)
        now = NOW // Interval.parse(text).seconds * Interval.parse(text).seconds
        for start, counts in [*group.get_history(text, ages), (now, current)]:
            if counts.get("x"):
                stored[text, int(start)] = counts
    handler.close()
    return stored, expected_buckets(path, ["1s", "5m"])


def handler_of(store: Store) -> CountingHandler:
    keys = {"intervals": ["1s", "5m"], "history": 400, "events": ["x"]}
    return CountingHandler(store=store, groups={GROUP: keys})


@pytest.mark.fault("C8")
def test_records_at_a_boundary_are_in_one_bucket_for_handler_reader_and_oracle(
    store, clock, tmp_path
):
    clock.now = NOW + 0.5
    oracle = OracleHandler(str(tmp_path / "oracle"))
    stored, expected = stored_and_expected(handler_of(store), oracle, tmp_path / "oracle")

    assert stored == expected
    assert len([start for text, start in stored if text == "1s"]) == 8


@pytest.mark.fault("C8", control=True)
def test_with_rounded_times_they_would_be_in_others(clock, tmp_path, monkeypatch):
    clock.now = NOW + 0.5
    monkeypatch.setattr("ecl_logging.stretches.whole_seconds", round)
    oracle = OracleHandler(str(tmp_path / "oracle"))
    store = MemoryStore(clock=clock)
    stored, expected = stored_and_expected(handler_of(store), oracle, tmp_path / "oracle")

    assert stored != expected
    assert sum(counts["x"] for (text, _), counts in stored.items() if text == "1s") == len(
        at_boundaries()
    )


# --- rotation that remembers nothing


@pytest.mark.fault("C1", "C3", "C7", control=True)
def test_rotators_that_leave_no_note_would_each_tell_the_bucket(clock, monkeypatch):
    monkeypatch.setattr(_MemoryTables, "save_rotated", lambda *_: None)
    store = MemoryStore(clock=clock)
    Program(store, intervals=["1s"]).define()
    told = [one for _ in range(8) for one in store.rotate("g")]

    assert told == [Finished(SECOND, NOW - 1)] * 8


@pytest.mark.fault("C1", "C3", control=True)
def test_rotators_that_move_counts_would_lose_a_bucket_between_them(empty_server):
    """As two masters of event_count_logger do, one of which comes late."""
    from event_count_logger import EventCountLoggerMaster

    groups = {"g": {"events": ["a"], "intervals": ["1s"]}}
    master = EventCountLoggerMaster(groups, empty_server.seed_config, log_level="ERROR")
    group = master["g"]
    group.log("a", 7)
    master._process("g", "1s")
    assert group.get_counts("1s") == {"a": 7}
    master._process("g", "1s")

    assert group.get_counts("1s") == {"a": 0}
