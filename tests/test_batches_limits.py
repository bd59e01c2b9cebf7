"""Pending counts: bounded memory, limits, the end, and every event accounted for."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ecl_logging import batches
from ecl_logging.batches import Interrupted
from ecl_logging.confirmed import Confirmed
from ecl_logging.stores.protocols import APPLIED, OTHER, Reply
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

# --- memory


def test_the_oldest_stretches_merge_within_one_bucket_of_the_longest_interval(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 10)
    pending = pending_of()
    for minute in range(15):
        add(pending, "x", T - 600 + minute * 60)
    by_start = counts_by_start(pending)

    assert sum(counts["x"] for counts in by_start.values()) == 15
    assert sum(counts["x"] for start, counts in by_start.items() if start < T) == 10
    assert len(by_start) <= 10


def test_merged_stretches_count_in_every_interval(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 2)
    pending = pending_of()
    for minute in range(6):
        add(pending, "x", T + minute * 60)
    merged = [one for one in frozen(pending) if one.merged]

    assert merged
    assert all(one.intervals_among((MINUTE, HOUR)) == (MINUTE, HOUR) for one in merged)


def test_merging_is_news_with_its_amount(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 2)
    pending = pending_of()
    for minute in range(3):
        add(pending, "x", T + minute * 60, n=5)
    pending.drain()

    assert pending.take_news() == ([], 5)


def test_what_merges_again_and_again_is_news_once(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 10)
    pending = pending_of()
    for minute in range(200):
        add(pending, "x", T + minute * 60)
    pending.drain()
    _, blurred = pending.take_news()

    assert 180 <= blurred <= 199


def test_ids_declared_beforehand_stay_within_bounds_after_a_flood_of_others(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 1000)
    declared = [f"declared{n}" for n in range(10)]
    pending = pending_of(declared=declared)
    for n in range(2000):
        add(pending, f"id{n}")
    for minute in range(500):
        for event_id in declared:
            add(pending, event_id, T + minute * 60)
    pending.drain()

    assert pending._stretches._cells <= 1100
    assert len(pending._stretches._by_edges) <= 11
    assert_accounted(pending, 7000)


@pytest.mark.alone
@pytest.mark.once
def test_merging_a_large_stretch_over_and_over_takes_no_time():
    """It was copied with every new stretch: 12 ms a record, on the thread that logs."""
    pending = pending_of()
    for n in range(batches.MAX_CELLS):
        add(pending, f"id{n}")
    pending.drain()
    with stopped_after(60):
        for minute in range(5000):
            add(pending, "x", T + minute * 60)
        pending.drain()

    assert_accounted(pending, batches.MAX_CELLS + 5000)


def test_one_huge_stretch_keeps_its_total_as_other(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3)
    pending = pending_of()
    for n in range(10):
        add(pending, f"id{n}", n=2)
    taken = total(pending)

    assert taken[OTHER] == 14
    assert sum(taken.values()) == 20
    assert_accounted(pending, 20)


def test_declared_ids_always_have_room(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3)
    pending = pending_of(declared=["known"])
    for event_id in ("a", "b", "c", "d", "known"):
        add(pending, event_id)

    assert total(pending) == {"a": 1, "b": 1, "c": 1, OTHER: 1, "known": 1}


def test_unknown_ids_without_room_are_dropped(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3)
    pending = pending_of(declared=["known"], any_id=False)
    for n in range(5):
        add(pending, f"id{n}")
    pending.drain()

    assert dropped_by(pending) == {"memory": 2}
    assert_accounted(pending, 5)


def test_a_huge_stretch_is_cut_once_and_goes_in_the_order_in_which_it_came():
    pending = pending_of()
    for n in range(50_000):
        add(pending, f"id{n}")
    pending.drain()
    first = pending.freeze()
    parts = [stretch.parts[:] for stretch in pending._stretches._by_edges.values()]
    pending.acknowledge(Reply(APPLIED))
    add(pending, "id0")
    add(pending, "new")
    others = frozen(pending)

    assert [len(part) for part in parts[0]] == [2000] * 24
    assert list(first.counts) == [f"id{n}" for n in range(2000)]
    firsts = [next(iter(one.counts)) for one in others]
    assert firsts == [*(f"id{n}" for n in range(2000, 50_000, 2000)), "id0"]
    assert others[-1].counts == {"id0": 1, "new": 1}
    assert_accounted(pending, 50_002)


def test_counts_that_were_cut_merge_with_others_of_their_id(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 5000)
    pending = pending_of()
    for n in range(4500):
        add(pending, f"id{n}")
    pending.drain()
    assert pending.freeze().events == 2000
    for minute in range(1, 3):
        for n in range(4500):
            add(pending, f"id{n}", T + minute * 60)
    pending.drain()

    assert pending._stretches._cells <= 5000
    counts = total(pending)
    assert sum(counts.values()) == 3 * 4500
    assert_accounted(pending, 3 * 4500)


def test_many_ids_are_to_be_sent_before_there_is_no_room(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 10)
    pending = pending_of()
    for n in range(4):
        add(pending, f"id{n}")
    pending.drain()
    assert pending.room_to_limit() is None
    add(pending, "one more")
    pending.drain()
    assert pending.room_to_limit() == 0
    frozen(pending)
    assert pending.room_to_limit() is None


def test_while_the_store_takes_what_is_sent_there_is_room_for_more(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3000)
    pending = pending_of()
    for n in range(3000):
        add(pending, f"id{n}")
    pending.drain()
    pending.freeze()
    pending.acknowledge(Reply(APPLIED))  # and 1,000 are left
    for n in range(3000, 7000):
        add(pending, f"id{n}")
    counts = total(pending)

    assert (len(counts) - 1, counts[OTHER]) == (4000, 1000)
    assert_accounted(pending, 7000)


def test_there_is_room_again_after_freezing(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3)
    pending = pending_of()
    for n in range(5):
        add(pending, f"id{n}")
    frozen(pending)
    add(pending, "new")

    assert total(pending) == {"new": 1}


def test_there_is_room_again_after_all_was_given_up(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 3)
    pending = pending_of()
    for n in range(5):
        add(pending, f"id{n}")
    pending.close(reason_from_now_on=None)
    add(pending, "new")

    assert total(pending) == {"new": 1}


# --- limits, locks, the end


def test_the_room_to_a_limit_shrinks_with_the_largest_count():
    pending = pending_of()
    pending.limit_to(10)
    add(pending, "x", n=7)
    add(pending, "y", n=2)

    pending.drain()
    assert pending.room_to_limit() == 3
    add(pending, "x", n=3)
    pending.drain()
    assert pending.room_to_limit() == 0
    pending.freeze()
    assert pending.room_to_limit() == 10


def test_a_thread_that_logs_drains_a_little():
    pending = pending_of()
    for _ in range(10):
        add(pending, "x")
    pending.try_drain(3)

    assert len(pending.arrivals) == 7
    assert total(pending) == {"x": 10}


def test_a_thread_that_logs_does_not_wait_for_another_at_work():
    pending = pending_of()
    add(pending, "x")
    with pending._lock:
        other = threading.Thread(target=pending.try_drain, args=(3,))
        other.start()
        other.join(10)

        assert not other.is_alive()
        assert len(pending.arrivals) == 1
    pending.try_drain(3)
    assert len(pending.arrivals) == 0


def test_a_signal_handler_that_comes_into_our_work_is_told_so():
    pending = pending_of()
    add(pending, "x")

    with pending._lock:
        assert pending.is_interrupted()
        pending.try_drain(1000)
        assert len(pending.arrivals) == 1
        assert pending.snapshot()[0].counted == 0
        with pytest.raises(Interrupted):
            pending.drain()
    assert not pending.is_interrupted()
    assert total(pending) == {"x": 1}


@pytest.mark.parametrize("event_id", ["declared", None])
def test_forged_times_without_end_take_bounded_memory(monkeypatch, event_id):
    """A record's time can be anything; each of these would have a stretch of its own."""
    monkeypatch.setattr(batches, "MAX_CELLS", 100)
    pending = pending_of(declared=["declared"])
    for second in range(1000):
        pending.arrivals.append((event_id, 1, float(second)))

    pending.drain()

    assert len(pending._stretches._by_edges) <= 101
    assert pending.snapshot()[0].counted == 1000


def test_stretches_of_which_nothing_is_left_are_forgotten():
    """Else a program that logs an undeclared ID had one more with each minute."""
    pending = pending_of(declared=["declared"], any_id=False)
    for minute in range(5):
        add(pending, "unknown", T + 60 * minute)
    add(pending, "declared", T + 60)
    pending.drain()

    assert pending.settle_unsure() == ["unknown"]
    assert counts_by_start(pending) == {T + 60: {"declared": 1}}
    assert not pending._stretches._by_edges
    assert not pending._stretches._edges
    assert_accounted(pending, 6)


def test_a_batch_that_was_frozen_is_not_lost_when_its_sender_is_interrupted():
    pending = pending_of()
    add(pending, "x")
    pending.drain()

    assert pending.freeze() == pending.freeze()


def test_what_comes_after_the_end_is_dropped_for_its_reason():
    pending = pending_of()
    add(pending, "x", n=3)
    pending.drain()

    assert pending.close(reason_from_now_on="closed") == 3
    add(pending, "x", n=2)
    pending.drain()
    assert dropped_by(pending) == {"shutdown": 3, "closed": 2}
    assert_accounted(pending, 5)


class Accounting(RuleBasedStateMachine):
    """Whatever happens in whatever order, every event is in exactly one place."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = pending_of(declared=["a"])
        self.counted = 0

    @initialize(any_id=st.booleans())
    def begin(self, any_id):
        self.pending = pending_of(declared=["a"], any_id=any_id)

    @rule(
        event_id=st.sampled_from(["a", "b", "c", "d", "", None]),
        n=st.integers(1, 5),
        created=st.integers(T - 7200, T + 7200),
    )
    def log(self, event_id, n, created):
        add(self.pending, event_id, created, n)
        self.counted += n

    @rule()
    def drain(self):
        self.pending.drain()

    @rule()
    def hear_of_an_id(self):
        self.pending.follow((MINUTE, HOUR), ["a", "b"])

    @rule()
    def settle(self):
        self.pending.settle_unsure()

    def under_way(self) -> int:
        frozen = self.pending._stretches.frozen
        return frozen.events if frozen is not None else 0

    @precondition(lambda self: not self.under_way())
    @rule()
    def freeze(self):
        self.pending.freeze()

    @rule(dropped=st.integers(0, 2))
    def acknowledge(self, dropped):
        self.pending.acknowledge(Reply(APPLIED, dropped=min(dropped, self.under_way())))

    @rule()
    def give_up_what_is_under_way(self):
        self.pending.drop_under_way("unknown")

    @rule(events=st.integers(0, 5))
    def forget(self, events):
        confirmed = Confirmed("a", 0.0, total=self.pending.ledger.applied)
        self.pending.forget_applied(confirmed, max(0, confirmed.total - events))

    @rule(reason=st.sampled_from([None, "closed"]))
    def close(self, reason):
        self.pending.close(reason_from_now_on=reason)

    @invariant()
    def accounted(self):
        assert_accounted(self.pending, self.counted)


def test_every_event_is_accounted_for_in_every_state(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CELLS", 5)

    with stopped_after(60):
        run_state_machine_as_test(
            Accounting, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
        )
