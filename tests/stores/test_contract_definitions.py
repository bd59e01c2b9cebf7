"""The contract, third part: what programs agree on, and what the store tells of it."""

from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Definition
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

ONE_MINUTE, SIXTY_SECONDS = Interval.parse("1m"), Interval.parse("60s")


def test_a_group_that_was_never_defined_has_no_definition(store):
    assert store.definition("requests") is None
    assert store.groups() == []


def test_a_new_definition_is_kept_as_it_is_wanted(store):
    wanted = Definition(
        "jobs",
        BOTH,
        events=frozenset({"done", "fehlgeschlagen: Müll"}),
        history=288,
        max_events=7,
        measures=frozenset({"latency"}),
        cur_last_keys=False,
    )
    defined = store.define(wanted)

    assert defined == dataclasses.replace(wanted, version=defined.version)
    assert defined.version > 0
    assert store.definition("jobs") == defined


def test_defining_again_changes_nothing(store):
    first = store.define(REQUESTS)

    assert store.define(REQUESTS) == first
    assert store.define(first) == first
    assert store.definition("requests") == first


def test_a_definition_that_the_store_has_already_makes_no_version(store, clock):
    first = store.define(dataclasses.replace(REQUESTS, events=frozenset({"req1", "req2"})))
    clock.now += 60

    assert store.define(dataclasses.replace(REQUESTS, history=1, max_events=1)) == first


def test_events_and_measures_are_united(store):
    store.define(dataclasses.replace(REQUESTS, measures=frozenset({"latency"})))
    united = store.define(
        dataclasses.replace(REQUESTS, events=frozenset({"req2"}), measures=frozenset({"size"}))
    )

    assert united.events == {"req1", "req2"}
    assert united.measures == {"latency", "size"}


@pytest.mark.fault("C9")
def test_intervals_are_united_in_the_order_in_which_they_came(store):
    store.define(dataclasses.replace(REQUESTS, intervals=(FIVE_MINUTES, FIVE_SECONDS)))
    united = store.define(dataclasses.replace(REQUESTS, intervals=(HOUR, FIVE_SECONDS)))

    assert united.intervals == (FIVE_MINUTES, FIVE_SECONDS, HOUR)


def test_of_intervals_of_one_length_the_first_text_stays(store):
    first = store.define(dataclasses.replace(REQUESTS, intervals=(ONE_MINUTE,)))
    united = store.define(dataclasses.replace(REQUESTS, intervals=(SIXTY_SECONDS,)))

    assert united == first


def test_the_larger_history_and_cap_win_each_for_itself(store):
    store.define(dataclasses.replace(REQUESTS, history=10, max_events=500))
    united = store.define(dataclasses.replace(REQUESTS, history=20, max_events=100))

    assert (united.history, united.max_events) == (20, 500)


def test_a_larger_history_holds_for_the_next_batch(store):
    program = Program(store)
    store.define(REQUESTS)
    assert program.send({"req1": 1}, start=NOW - 20, intervals=(FIVE_SECONDS,)).late == 1

    store.define(dataclasses.replace(REQUESTS, history=4))
    assert program.send({"req1": 1}, start=NOW - 20, intervals=(FIVE_SECONDS,)).late == 0


def test_replacing_makes_the_definition_the_wanted_one(store):
    store.define(dataclasses.replace(REQUESTS, measures=frozenset({"latency"})))
    wanted = Definition("requests", (HOUR,), events=frozenset({"req9"}), history=1, max_events=2)
    defined = store.define(wanted, replace=True)

    assert defined == dataclasses.replace(wanted, version=defined.version)
    assert store.definition("requests") == defined


def test_replacing_keeps_the_text_of_an_interval_and_what_was_counted_under_it(store):
    """Under another text nobody would find the counts, nor the batch that is under way."""
    first = store.define(dataclasses.replace(REQUESTS, intervals=(ONE_MINUTE,)))
    Program(store).send({"req1": 2}, intervals=(ONE_MINUTE,))
    replaced = store.define(dataclasses.replace(REQUESTS, intervals=(SIXTY_SECONDS,)), replace=True)

    assert replaced == first
    assert cells(store, replaced.intervals[0]) == {"req1": 2}


def test_the_first_seeds_keys_are_kept_if_anybody_wants_them(store):
    without = dataclasses.replace(REQUESTS, cur_last_keys=False)
    assert not store.define(without).cur_last_keys
    assert store.define(dataclasses.replace(REQUESTS, cur_last_keys=True)).cur_last_keys
    assert store.define(without).cur_last_keys
    assert not store.define(without, replace=True).cur_last_keys


def test_replacing_by_the_same_makes_no_version(store):
    first = store.define(REQUESTS)

    assert store.define(REQUESTS, replace=True) == first


def test_the_version_grows_with_every_change(store):
    changes = [
        REQUESTS,
        dataclasses.replace(REQUESTS, events=frozenset({"req2"})),
        dataclasses.replace(REQUESTS, intervals=(HOUR,)),
        dataclasses.replace(REQUESTS, history=99),
        dataclasses.replace(REQUESTS, max_events=99_999),
        dataclasses.replace(REQUESTS, measures=frozenset({"latency"})),
    ]
    versions = [store.define(wanted).version for wanted in changes]

    assert versions == sorted(set(versions))


def test_the_version_grows_although_the_clock_stepped_back(store, clock):
    first = store.define(REQUESTS)
    clock.now -= 86400

    assert store.define(dataclasses.replace(REQUESTS, history=99)).version > first.version


def test_after_the_store_was_emptied_the_version_is_larger_than_any_before(store, kind, clock):
    for history in range(3, 9):
        before = store.define(dataclasses.replace(REQUESTS, history=history))
    kind.empty()
    clock.now += 1

    assert store.define(REQUESTS).version > before.version


def test_the_version_that_a_program_wants_is_of_no_account(store):
    first = store.define(dataclasses.replace(REQUESTS, version=2**60))

    assert first.version < 2**60
    assert store.define(dataclasses.replace(REQUESTS, version=1)) == first


def test_replies_carry_the_newest_version(store):
    program = Program(store)
    first = store.define(REQUESTS)
    assert program.send({"req1": 1}).version == first.version

    second = store.define(dataclasses.replace(REQUESTS, history=99))
    assert program.send({"req1": 1}).version == second.version


def test_groups_are_listed_sorted(store):
    for name in ("web.access", "Jobs", "requests", "a-b"):
        store.define(dataclasses.replace(REQUESTS, group=name))

    assert store.groups() == ["Jobs", "a-b", "requests", "web.access"]


def test_a_group_is_listed_once_however_often_it_is_defined(store):
    for history in (5, 6, 7):
        store.define(dataclasses.replace(REQUESTS, history=history))

    assert store.groups() == ["requests"]


def test_groups_have_definitions_of_their_own(store):
    requests = store.define(REQUESTS)
    store.define(dataclasses.replace(REQUESTS, group="jobs", history=99, events=frozenset({"x"})))

    assert store.definition("requests") == requests


def test_every_program_sees_what_one_has_defined(open_store):
    defined = open_store().define(REQUESTS)

    assert open_store().definition("requests") == defined
