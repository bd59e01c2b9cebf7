"""Pending counts: by stretch, and frozen oldest first."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import INVALID, MAX_BATCH_IDS
from tests.pending_counts import (
    HOUR,
    MINUTE,
    T,
    add,
    assert_accounted,
    counts_by_start,
    dropped_by,
    frozen,
    pending_of,
    stopped_after,
    total,
)

# --- stretches


def test_counts_are_kept_by_the_stretch_that_created_lies_in():
    pending = pending_of(Interval("2s", 2), Interval("3s", 3))
    for created in (T, T + 1.999, T + 2, T + 2.5, T + 3, T + 4, T + 5.999):
        add(pending, "x", created)

    assert counts_by_start(pending) == {
        T: {"x": 2},
        T + 2: {"x": 2},
        T + 3: {"x": 1},
        T + 4: {"x": 2},
    }


def test_records_may_come_in_any_order():
    times = [T + n * 7.5 for n in range(200)]
    in_order, shuffled = pending_of(), pending_of()
    for created in times:
        add(in_order, "x", created)
    for created in random.Random(1).sample(times, len(times)):
        add(shuffled, "x", created)

    assert counts_by_start(in_order) == counts_by_start(shuffled)


def test_nothing_is_lost_between_threads():
    pending = pending_of()

    def log() -> None:
        for n in range(2000):
            add(pending, "x", T + n)
            if n % 100 == 0:
                pending.try_drain(1000)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = Counter[str]()
    while any(thread.is_alive() for thread in threads):
        seen += total(pending)
    seen += total(pending)

    assert seen == {"x": 8000}
    assert_accounted(pending, 8000)


class HostileTime:
    def __ge__(self, other: object) -> bool:
        raise RuntimeError("no time of day")

    __le__ = __lt__ = __gt__ = __floor__ = __ge__


@pytest.mark.parametrize("created", [None, "now", float("nan"), -5.0, -float("inf"), [], {}])
def test_what_is_no_time_belongs_to_the_epoch(created):
    pending = pending_of()
    add(pending, "x", T)
    add(pending, "x", created)

    assert counts_by_start(pending) == {0: {"x": 1}, T: {"x": 1}}


def test_a_time_that_raises_belongs_to_the_epoch():
    pending = pending_of()
    add(pending, "x", T)
    add(pending, "x", HostileTime())

    assert counts_by_start(pending) == {0: {"x": 1}, T: {"x": 1}}
    assert_accounted(pending, 2)


def test_following_new_intervals_cuts_what_comes_by_them():
    pending = pending_of(HOUR)
    add(pending, "x", T + 60)
    pending.follow((MINUTE, HOUR), ())
    add(pending, "x", T + 60)
    taken = frozen(pending)

    assert [(one.start, one.end) for one in taken] == [(T, T + 3600), (T + 60, T + 120)]
    assert taken[0].intervals_among((MINUTE, HOUR)) == (HOUR,)
    assert taken[1].intervals_among((MINUTE, HOUR)) == (MINUTE, HOUR)


def test_a_stretch_that_no_interval_of_today_holds_counts_in_those_that_cut_it():
    pending = pending_of(HOUR)
    add(pending, "x")
    [one] = frozen(pending)

    assert one.intervals_among((MINUTE,)) == (HOUR,)


# --- freezing


def test_the_oldest_stretch_is_frozen_first():
    pending = pending_of()
    for created in (T + 120, T, T + 60):
        add(pending, "x", created)

    assert [one.start for one in frozen(pending)] == [T, T + 60, T + 120]


def test_a_batch_has_a_bounded_number_of_ids():
    pending = pending_of()
    for n in range(2 * MAX_BATCH_IDS + 1):
        add(pending, f"id{n}")

    assert [len(one.counts) for one in frozen(pending)] == [MAX_BATCH_IDS, MAX_BATCH_IDS, 1]


def test_what_comes_while_a_batch_is_under_way_waits_for_the_next():
    pending = pending_of()
    add(pending, "x")
    pending.drain()
    first = pending.freeze()
    add(pending, "x")

    assert first is not None
    assert first.counts == {"x": 1}
    assert_accounted(pending, 2)
    assert counts_by_start(pending) == {T: {"x": 1}}


def test_there_is_nothing_to_freeze_where_nothing_came():
    pending = pending_of()

    assert not pending.drain()
    assert pending.freeze() is None


# --- IDs


def test_unknown_ids_wait_until_somebody_knows_them():
    pending = pending_of(declared=["a"], any_id=False)
    for event_id in ("a", "b", "c"):
        add(pending, event_id)
    pending.drain()

    assert pending.has_unsure()
    pending.follow((MINUTE, HOUR), ["a", "b"])
    assert pending.settle_unsure() == ["c"]
    assert total(pending) == {"a": 1, "b": 1}
    assert dropped_by(pending) == {"undeclared": 1}


def test_freezing_passes_over_a_stretch_of_unknown_ids_only():
    pending = pending_of(declared=["a"], any_id=False)
    add(pending, "b", T)
    add(pending, "a", T + 60)
    pending.drain()

    with stopped_after(20):
        taken = pending.freeze()
    assert taken is not None
    assert taken.counts == {"a": 1}
    assert pending.has_unsure()


@pytest.mark.parametrize("event_id", [None, "", "@late", "x" * 201, "two\nlines"])
def test_what_is_no_event_id_is_noted_and_dropped(event_id):
    pending = pending_of()
    add(pending, event_id)

    assert total(pending) == {INVALID: 1}
    assert dropped_by(pending) == {"invalid": 1}
    assert_accounted(pending, 1)


def test_each_reason_is_news_once():
    pending = pending_of()
    for event_id in ("", "", "@x"):
        add(pending, event_id)
    pending.drain()

    assert pending.take_news() == (["is empty", "starts with '@'"], 0)
    add(pending, "")
    pending.drain()
    assert pending.take_news() == ([], 0)
