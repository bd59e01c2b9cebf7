"""The contract, fourth part: reading by age, what is kept for how long, and rotation."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from ecl_logging.stores.protocols import Bucket, Finished, Store
from tests.stores.programs import (
    BOTH,
    FIVE_MINUTES,
    FIVE_SECONDS,
    HOUR,
    NOW,
    REQUESTS,
    Program,
    cells,
)

WEEK = 7 * 86400


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(REQUESTS)


# --- reading


def test_buckets_are_read_by_age_in_the_order_asked_for(store, clock):
    Program(store).send({"req1": 2})
    clock.now = NOW + 7

    buckets = store.read("requests", FIVE_SECONDS, [2, 0, 1])

    assert list(buckets) == [Bucket(NOW - 5), Bucket(NOW + 5), Bucket(NOW, {"req1": 2})]


def test_ages_may_be_any_iterable(store):
    assert len(store.read("requests", FIVE_SECONDS, (age for age in range(3)))) == 3
    assert list(store.read("requests", FIVE_SECONDS, [])) == []


def test_a_bucket_in_which_nothing_was_counted_has_no_cells(store):
    assert list(store.read("requests", HOUR, [0])) == [Bucket(NOW, {})]
    assert list(store.read("unheard-of", HOUR, [0])) == [Bucket(NOW, {})]


def test_the_clock_decides_which_bucket_is_the_current_one(store, clock):
    Program(store).send({"req1": 2})

    clock.now = NOW + 4.999
    assert cells(store, FIVE_SECONDS, age=0) == {"req1": 2}
    clock.now = NOW + 5
    assert cells(store, FIVE_SECONDS, age=0) == {}
    assert cells(store, FIVE_SECONDS, age=1) == {"req1": 2}


def test_what_was_read_is_a_copy(store):
    Program(store).send({"req1": 2})
    store.read("requests", FIVE_MINUTES, [0])[0].cells["req1"] = 99

    assert cells(store) == {"req1": 2}


def test_reading_does_not_make_a_group_known(store):
    store.read("unheard-of", FIVE_MINUTES, [0, 1])
    store.sources("unheard-of")
    store.definition("unheard-of")

    assert store.groups() == ["requests"]


# --- how long buckets are kept


def keeps_counting(store: Store, clock, seconds: int) -> None:
    """Another program counts at the time given, which makes the store tidy up."""
    clock.now = NOW + seconds
    program = Program(store, f"at {seconds}")
    program.send({"req2": 1}, start=NOW + seconds, intervals=(FIVE_SECONDS,))


def test_a_bucket_is_kept_until_history_and_two_intervals_after_its_end(store, clock):
    Program(store).send({"req1": 2}, intervals=(FIVE_SECONDS,))

    keeps_counting(store, clock, 5 * (3 + 2))  # the last bucket in which it must be there
    assert cells(store, FIVE_SECONDS, age=5) == {"req1": 2}
    keeps_counting(store, clock, 5 * (3 + 3))
    assert cells(store, FIVE_SECONDS, age=6) == {}


def test_what_is_dropped_in_one_interval_stays_in_the_longer_one(store, clock):
    Program(store).send({"req1": 2})
    keeps_counting(store, clock, 5 * (3 + 3))

    assert cells(store, FIVE_SECONDS, age=6) == {}
    assert cells(store, FIVE_MINUTES) == {"req1": 2}


def test_buckets_of_an_interval_that_is_defined_no_more_go_within_the_hour(store, clock):
    program = Program(store)
    program.send({"req1": 2})
    store.define(dataclasses.replace(REQUESTS, intervals=(HOUR,)), replace=True)

    clock.now = NOW + 5 * 6 + 3600
    program.send({"req1": 2}, start=NOW + 3600, intervals=(HOUR,))
    clock.now = NOW

    assert cells(store, FIVE_SECONDS) == {}
    assert cells(store, FIVE_MINUTES) == {}


# --- sources


def test_a_source_is_known_with_its_last_reply_and_time(store, clock):
    program = Program(store)
    program.send({"req1": 2})
    clock.now = NOW + 1.5
    reply = program.send({"req1": 3}, start=0)

    (source,) = store.sources("requests")

    assert (source.source, source.number, source.total, source.at) == ("a", 2, 5, NOW + 1.5)
    assert source.reply == reply


def test_duplicates_and_gaps_do_not_count_as_a_sign_of_life(store, clock):
    program = Program(store)
    program.send({"req1": 2})
    clock.now = NOW + 60
    store.apply(program.batch({"req1": 2}, number=1))
    store.apply(program.batch({"req1": 2}, number=9))

    assert [source.at for source in store.sources("requests")] == [NOW]


def test_a_source_is_remembered_for_a_week(store, clock):
    batch = Program(store, "silent").batch({"req1": 2})
    store.apply(batch)
    clock.now = NOW + WEEK
    Program(store, "loud").send({"req1": 1}, start=NOW + WEEK)

    assert {source.source for source in store.sources("requests")} == {"silent", "loud"}
    assert store.apply(batch).status == "duplicate"


def test_a_source_that_was_silent_for_more_than_a_week_is_forgotten(store, clock):
    program = Program(store, "silent")
    program.send({"req1": 2})
    clock.now = NOW + WEEK + 1
    Program(store, "loud").send({"req1": 1}, start=NOW + WEEK)

    assert [source.source for source in store.sources("requests")] == ["loud"]
    assert store.apply(program.batch({"req1": 2})).status == "gap"


def test_a_source_of_more_than_a_week_ago_is_not_listed_though_nobody_counts(store, clock):
    Program(store).send({"req1": 2})
    clock.now = NOW + WEEK + 3600

    assert store.sources("requests") == []


def test_silent_sources_are_looked_for_once_an_hour(store, clock):
    program = Program(store, "silent")
    program.send({"req1": 2})
    clock.now = NOW + WEEK - 60
    loud = Program(store, "loud")
    loud.send({"req1": 1}, start=NOW + WEEK)
    clock.now = NOW + WEEK + 60
    loud.send({"req1": 1}, start=NOW + WEEK)
    late = program.batch({"req1": 2}, number=1)

    assert store.apply(late).status == "duplicate"
    clock.now = NOW + WEEK - 60 + 3600
    store.rotate("requests")
    assert store.apply(program.batch({"req1": 2})).status == "gap"


# --- rotation


def finished(store: Store, interval=FIVE_SECONDS) -> list[int]:
    return [one.start for one in store.rotate("requests") if one.interval == interval]


def test_a_group_that_nobody_defined_has_nothing_finished(store):
    assert store.rotate("unheard-of") == []
    assert store.groups() == ["requests"]


def test_the_first_rotation_finishes_the_last_bucket_of_each_interval(store):
    assert store.rotate("requests") == [
        Finished(FIVE_MINUTES, NOW - 300),
        Finished(FIVE_SECONDS, NOW - 5),
    ]


def test_a_bucket_is_finished_once(store, clock):
    store.rotate("requests")

    assert store.rotate("requests") == []
    clock.now = NOW + 4.999
    assert store.rotate("requests") == []
    clock.now = NOW + 5
    assert store.rotate("requests") == [Finished(FIVE_SECONDS, NOW)]
    assert store.rotate("requests") == []


def test_after_a_pause_the_buckets_come_oldest_first(store, clock):
    store.rotate("requests")
    clock.now = NOW + 11

    assert finished(store) == [NOW, NOW + 5]


@pytest.mark.fault("C5")
def test_after_a_long_pause_there_are_at_most_history_buckets(store, clock):
    store.rotate("requests")
    clock.now = NOW + 3600

    assert finished(store) == [NOW + 3585, NOW + 3590, NOW + 3595]


def test_buckets_of_several_intervals_come_in_the_order_of_their_ends(store, clock):
    clock.now = NOW + 290
    store.rotate("requests")
    clock.now = NOW + 305

    assert store.rotate("requests") == [
        Finished(FIVE_SECONDS, NOW + 290),
        Finished(FIVE_MINUTES, NOW),
        Finished(FIVE_SECONDS, NOW + 295),
        Finished(FIVE_SECONDS, NOW + 300),
    ]


@pytest.mark.fault("C7")
def test_a_clock_that_steps_back_finishes_nothing_twice(store, clock):
    clock.now = NOW + 10
    assert finished(store) == [NOW + 5]

    clock.now = NOW + 2
    assert finished(store) == []
    clock.now = NOW + 16
    assert finished(store) == [NOW + 10]


def test_rotating_needs_nothing_counted_and_changes_no_counts(store, clock):
    Program(store).send({"req1": 2})
    clock.now = NOW + 5
    store.rotate("requests")

    assert cells(store, FIVE_SECONDS, age=1) == {"req1": 2}


def test_counting_does_not_rotate(store, clock):
    store.rotate("requests")
    clock.now = NOW + 5
    Program(store).send({"req1": 2}, start=NOW + 5)

    assert finished(store) == [NOW]


def test_groups_rotate_each_for_itself(store):
    store.define(dataclasses.replace(REQUESTS, group="jobs"))
    store.rotate("requests")

    assert len(store.rotate("jobs")) == len(BOTH)


def test_an_interval_that_came_later_begins_with_its_last_bucket(store):
    store.rotate("requests")
    store.define(dataclasses.replace(REQUESTS, intervals=(HOUR,)))

    assert store.rotate("requests") == [Finished(HOUR, NOW - 3600)]


def test_an_interval_that_was_away_finishes_no_bucket_twice(store):
    store.rotate("requests")
    store.define(dataclasses.replace(REQUESTS, intervals=(FIVE_MINUTES,)), replace=True)
    store.define(REQUESTS)

    assert store.rotate("requests") == []


@pytest.mark.fault("C1")
def test_of_many_callers_one_gets_each_bucket(open_store, clock):
    stores = [open_store() for _ in range(8)]
    stores[0].rotate("requests")
    clock.now = NOW + 12
    got: list[Finished] = []
    callers = [
        threading.Thread(target=lambda store=store: got.extend(store.rotate("requests")))
        for store in stores
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(one.start for one in got) == [NOW, NOW + 5]
