"""on_rotation: functions are told of each finished bucket, once, in order, when it has settled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.rotations import Rotations
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.ticker import Ticker
from tests.clocks import count_by
from tests.conftest import Clock, wait_until
from tests.faults.programs import Programs, assert_silent
from tests.faulty_stores import FlakyStore

START = 1_799_999_940  # of the minute before the clock's
SETTLED = 2.0  # seconds after a bucket's end: a flush, and a second

Told = tuple[str, str, int, dict[str, int]]


class Rotating:
    """Groups on a store whose clock stands still, and what was told of their buckets."""

    def __init__(self, clock: Clock, **intervals: list[str]) -> None:
        self.clock = clock
        self.store = FlakyStore(MemoryStore(clock=clock))
        groups = {
            name: {"events": ["a", "b"], "intervals": texts, "history": 10}
            for name, texts in intervals.items()
        }
        self.ecl = EventCountLogger(groups, store=self.store)
        self.rotations = Rotations(self.ecl.groups, clock)
        self.told: list[Told] = []

    def add(self, function: Any = None) -> None:
        self.rotations.add(function or (lambda *told: self.told.append(told)))

    def tick(self, seconds: float = 0.0) -> list[Told]:
        """Let time pass; return what is told then."""
        self.clock.now += seconds
        self.told.clear()
        self.pause = self.rotations.tick()
        return self.told[:]


@pytest.fixture(autouse=True)
def no_thread(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks come from the test, for tests that have a clock."""
    if "clock" in request.fixturenames:
        start = Ticker.start
        monkeypatch.setattr(
            Ticker, "start", lambda self: self._name != "ecl-rotations" and start(self)
        )


@pytest.fixture
def rotating(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rotating]:
    """One group `g` with minutes, at the start of one."""
    count_by(clock, monkeypatch)
    clock.now = START + 60.0
    rotating = Rotating(clock, g=["1m"])
    rotating.add()
    yield rotating
    rotating.ecl.close()


def test_a_bucket_is_told_when_it_has_settled(rotating: Rotating):
    rotating.ecl["g"].log("a", 3)

    assert rotating.tick() == []
    assert rotating.tick(60) == []  # over, and others may be sending what they have
    assert rotating.tick(SETTLED) == [("g", "1m", START + 60, {"a": 3, "b": 0})]
    assert rotating.tick(1) == []


def test_buckets_shorter_than_the_time_they_settle_in_are_told_one_by_one(clock: Clock):
    rotating = Rotating(clock, g=["1s"])
    rotating.add()
    first = int(clock.now)

    told = [rotating.tick(1) for _ in range(9)]

    assert [[start - first for _, _, start, _ in bucket] for bucket in told] == [
        [], [], [0], [1], [2], [3], [4], [5], [6],
    ]  # fmt: skip
    rotating.ecl.close()


def test_a_bucket_in_which_nothing_was_counted_is_told_with_zeros(rotating: Rotating):
    rotating.tick()

    assert rotating.tick(60 + SETTLED) == [("g", "1m", START + 60, {"a": 0, "b": 0})]


def test_what_was_over_before_is_not_told(rotating: Rotating):
    """Also where that bucket has not settled yet."""
    rotating.ecl["g"].log("a")
    rotating.clock.now += 61
    late = Rotations(rotating.ecl.groups, rotating.clock)
    told: list[Told] = []
    late.add(lambda *bucket: told.append(bucket))

    for _ in range(4):
        rotating.clock.now += 1
        late.tick()

    assert told == []


def test_buckets_that_nobody_looked_at_are_told_together_oldest_first(rotating: Rotating):
    for n in (1, 2, 3):
        rotating.ecl["g"].log("a", n)
        rotating.clock.now += 60

    told = rotating.tick(SETTLED)

    assert [(start, counts["a"]) for _, _, start, counts in told] == [
        (START + 60, 1),
        (START + 120, 2),
        (START + 180, 3),
    ]


def test_no_more_is_told_than_the_store_keeps(rotating: Rotating):
    rotating.tick()

    told = rotating.tick(100 * 60 + SETTLED)

    assert [start for _, _, start, _ in told] == [START + 60 + 60 * n for n in range(88, 100)]


def test_every_interval_of_every_group_is_told(clock: Clock):
    clock.now = START + 60.0
    rotating = Rotating(clock, g=["20s", "1m"], h=["30s"])
    rotating.add()
    rotating.tick()

    told = rotating.tick(60 + SETTLED)

    assert [(group, interval, start - START - 60) for group, interval, start, _ in told] == [
        ("g", "20s", 0),
        ("g", "20s", 20),
        ("g", "20s", 40),
        ("g", "1m", 0),
        ("h", "30s", 0),
        ("h", "30s", 30),
    ]
    rotating.ecl.close()


def test_the_pause_ends_when_the_next_bucket_has_settled(rotating: Rotating):
    rotating.tick(10)

    assert rotating.pause == 50 + SETTLED
    rotating.tick(50 + SETTLED)
    assert rotating.pause == 60


def test_the_interval_that_another_program_adds_is_told_from_then_on(rotating: Rotating):
    rotating.ecl["g"].log("a")
    other = {"g": {"events": ["c"], "intervals": ["30s"]}}
    with EventCountLogger(other, store=rotating.store) as ecl:
        ecl["g"].log("c")

    told = rotating.tick(60 + SETTLED)

    assert {interval for _, interval, _, _ in told} == {"1m", "30s"}
    assert ("g", "1m", START + 60, {"a": 1, "b": 0, "c": 1}) in told


def test_a_groups_own_sync_interval_is_waited_for(clock: Clock, rotating: Rotating):
    groups = {"g": {"intervals": ["1m"], "events": ["a"], "sync_interval": 20}}
    with EventCountLogger(groups, store=rotating.store) as ecl:
        told: list[Told] = []
        rotations = Rotations(ecl.groups, clock)
        rotations.add(lambda *bucket: told.append(bucket))
        clock.now += 60 + 20.9
        rotations.tick()
        assert told == []
        clock.now += 0.2
        rotations.tick()
        assert len(told) == 1


# --- what can go wrong


def test_while_the_store_is_away_buckets_wait(rotating: Rotating):
    rotating.tick()
    rotating.ecl["g"].log("a")
    rotating.store.is_away = True

    assert rotating.tick(60 + SETTLED) == []
    assert rotating.pause == 1.0
    rotating.store.is_away = False
    assert rotating.tick(60) == [
        ("g", "1m", START + 60, {"a": 1, "b": 0}),
        ("g", "1m", START + 120, {"a": 0, "b": 0}),
    ]


def test_where_the_stores_clock_is_behind_a_bucket_is_told_when_it_is_over_there(clock: Clock):
    behind = Clock(START + 60.0 - 30)
    rotating = Rotating(behind, g=["1m"])
    rotating.rotations = Rotations(rotating.ecl.groups, clock)
    clock.now = START + 60.0
    rotating.clock = clock
    clock.on_change = lambda seconds: setattr(behind, "now", behind.now + seconds)
    rotating.add()

    assert rotating.tick(60 + SETTLED)[1:] == []
    assert rotating.pause == 1.0
    told = rotating.tick(30)
    assert [start for _, _, start, _ in told] == [START + 60]
    rotating.ecl.close()


def test_a_function_that_raises_is_told_once_and_keeps_nobody_from_theirs(
    rotating: Rotating, warnings_told: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ecl_logging.rotations.warn", warnings_told.append)
    calls: list[int] = []

    def fail(group: str, interval: str, start: int, counts: dict[str, int]) -> None:
        calls.append(start)
        counts.clear()
        if len(calls) > 1:
            raise SystemExit(f"bucket {start}")  # told already that it fails
        raise ValueError("no such table")

    rotating.rotations._functions.insert(0, fail)

    assert rotating.tick(60 + SETTLED) == [("g", "1m", START + 60, {"a": 0, "b": 0})]
    assert len(rotating.tick(60)) == 1
    assert calls == [START + 60, START + 120]
    [warning] = warnings_told
    assert "fail raised ValueError: no such table; it is called again" in warning


def test_a_history_that_is_shorter_than_the_time_to_settle_is_told_all_the_same(clock: Clock):
    clock.now = START + 60.0
    groups = {"g": {"intervals": ["1s"], "events": ["a"], "history": 1}}
    with EventCountLogger(groups, store=MemoryStore(clock=clock)) as ecl:
        told: list[Told] = []
        rotations = Rotations(ecl.groups, clock)
        rotations.add(lambda *bucket: told.append(bucket))
        for _ in range(6):
            clock.now += 1
            rotations.tick()

    assert [start - START - 60 for _, _, start, _ in told] == [0, 1, 2, 3]


def test_when_the_clock_is_set_back_buckets_are_told_on(rotating: Rotating):
    rotating.tick(60 + SETTLED)
    rotating.tick(-3600)

    assert [start for _, _, start, _ in rotating.tick(60 + SETTLED)] == [START - 3480]


def test_after_close_nothing_is_called(rotating: Rotating):
    """Also where it is closed amid several buckets, by a function that is called."""
    rotating.tick()
    rotating.add(lambda *bucket: rotating.rotations.stop())

    assert len(rotating.tick(300 + SETTLED)) == 1


def test_what_cannot_be_called_is_refused():
    with (
        EventCountLogger({"g": {"intervals": ["1m"]}}, store="memory://") as ecl,
        pytest.raises(TypeError, match="on_rotation takes a function"),
    ):
        ecl.on_rotation("not a function")  # type: ignore[type-var]


# --- with its thread


def test_a_function_is_called_in_a_thread_of_its_own_and_can_count():
    with EventCountLogger(
        {
            "g": {"events": ["a"], "intervals": ["1s"]},
            "told": {"events": ["buckets"], "intervals": ["1d"]},
        },
        store="memory://",
    ) as ecl:
        told: list[tuple[int, dict[str, int], str]] = []

        @ecl.on_rotation
        def note(group: str, interval: str, start: int, counts: dict[str, int]) -> None:
            if group == "g":
                told.append((start, counts, threading.current_thread().name))
                ecl["told"].log("buckets")

        ecl["g"].log("a", 5)
        wait_until(lambda: sum(counts["a"] for _, counts, _ in told) == 5)
        starts = [start for start, _, _ in told]
        assert starts == list(range(starts[0], starts[0] + len(starts)))
        assert {name for _, _, name in told} == {"ecl-rotations"}
        assert callable(note)
    ended = len(told)
    assert not any(t.name == "ecl-rotations" and t.is_alive() for t in threading.enumerate())
    assert ecl["told"].get_current_count("buckets", "1d") in {ended, ended - 1}


def test_a_forked_child_has_no_functions_and_the_parent_keeps_its_own(programs: Programs):
    ended = programs.run(
        """
        import os, sys, time
        from ecl_logging import EventCountLogger

        ecl = EventCountLogger({"g": {"events": ["a"], "intervals": ["1s"]}}, store="memory://")
        ecl.on_rotation(lambda group, interval, start, counts: os.write(1, b"%d\\n" % os.getpid()))
        child = os.fork()
        ecl["g"].log("a")
        time.sleep(6.5)
        if child:
            os.waitpid(child, 0)
            print("parent", os.getpid(), flush=True)
        """
    )

    assert_silent(ended)
    *called, parent = ended.out.split("\n")[:-1]
    assert len(called) >= 2
    assert {f"parent {pid}" for pid in called} == {parent}


def test_the_end_of_the_program_waits_for_no_bucket(programs: Programs):
    ended = programs.run(
        """
        from ecl_logging import EventCountLogger

        ecl = EventCountLogger({"g": {"events": ["a"], "intervals": ["1h"]}})
        ecl.on_rotation(print)
        ecl["g"].log("a")
        """
    )

    assert_silent(ended)
    assert ended.out == ""
