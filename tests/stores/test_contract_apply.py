"""The contract, first part: each batch counts once, in the buckets of its start."""

from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.stores.protocols import MAX_BATCH_IDS, Batch, Reply, Store
from tests.stores.programs import BOTH, FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program, cells


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(REQUESTS)


def test_a_group_that_nobody_defined_is_undefined(store):
    reply = store.apply(Program(store, group="unheard-of").batch({"req1": 1}))

    assert reply == Reply("undefined")
    assert store.sources("unheard-of") == []
    assert store.groups() == ["requests"]


def test_undefined_is_said_before_the_number_is_looked_at(store):
    batch = Program(store, group="unheard-of").batch({"req1": 1}, number=7)

    assert store.apply(batch).status == "undefined"


def test_an_applied_batch_is_told_with_its_number_total_and_version(store):
    reply = store.apply(Program(store).batch({"req1": 2, "req2": 3}))

    version = store.definition("requests").version
    assert reply == Reply("applied", version=version, number=1, total=5)


def test_a_batch_counts_in_every_interval_that_it_names(store):
    Program(store).send({"req1": 2, "req2": 3})

    assert cells(store, FIVE_SECONDS) == {"req1": 2, "req2": 3}
    assert cells(store, FIVE_MINUTES) == {"req1": 2, "req2": 3}


def test_a_batch_does_not_count_in_intervals_that_it_does_not_name(store):
    Program(store).send({"req1": 2}, intervals=(FIVE_MINUTES,))

    assert cells(store, FIVE_SECONDS) == {}
    assert cells(store, FIVE_MINUTES) == {"req1": 2}


def test_a_batch_counts_in_an_interval_of_an_older_definition(store):
    store.define(dataclasses.replace(REQUESTS, intervals=(FIVE_MINUTES,)), replace=True)

    Program(store).send({"req1": 2}, intervals=BOTH)

    assert cells(store, FIVE_SECONDS) == {"req1": 2}


def test_batches_add_up(store):
    program = Program(store)
    program.send({"req1": 2})
    program.send({"req1": 3, "req2": 1})

    assert cells(store) == {"req1": 5, "req2": 1}


def test_counts_go_to_the_bucket_of_their_start_in_each_interval(store, clock):
    clock.now = NOW + 12
    Program(store).send({"req1": 1}, start=NOW + 5)

    assert cells(store, FIVE_SECONDS, age=0) == {}
    assert cells(store, FIVE_SECONDS, age=1) == {"req1": 1}
    assert cells(store, FIVE_MINUTES, age=0) == {"req1": 1}


def test_the_last_second_of_a_bucket_belongs_to_it(store, clock):
    clock.now = NOW + 5
    Program(store).send({"req1": 1}, start=NOW + 4)

    assert cells(store, FIVE_SECONDS, age=1) == {"req1": 1}
    assert cells(store, FIVE_SECONDS, age=0) == {}


def test_a_batch_sent_again_counts_once(store):
    batch = Program(store).batch({"req1": 2})
    store.apply(batch)
    store.apply(batch)

    assert cells(store) == {"req1": 2}


def test_a_duplicate_is_answered_with_the_first_reply(store, clock):
    batch = Program(store).batch({"req1": 2}, start=NOW - 60 * 300)
    first = store.apply(batch)
    clock.now += 3600

    again = store.apply(batch)

    assert first.late == 2
    assert again == dataclasses.replace(first, status="duplicate")


def test_a_reply_and_its_repetition_carry_the_token_of_the_batch_that_was_applied(store):
    """So a copied program can tell that what was counted under its number was not its own."""
    program = Program(store)
    mine = dataclasses.replace(program.batch({"req1": 2}), token="aaaa")
    copied = dataclasses.replace(mine, token="bbbb")

    assert store.apply(mine).token == "aaaa"
    assert store.apply(mine).token == "aaaa"
    assert store.apply(copied).token == "aaaa"
    assert store.sources("requests")[0].reply.token == "aaaa"


def test_a_duplicate_carries_the_newest_version(store):
    batch = Program(store).batch({"req1": 2})
    store.apply(batch)
    changed = store.define(dataclasses.replace(REQUESTS, history=9))

    assert store.apply(batch).version == changed.version


def test_a_number_below_the_last_is_a_duplicate_with_the_reply_of_the_last(store):
    program = Program(store)
    first = program.batch({"req1": 2})
    store.apply(first)
    program.number, program.total = 1, 2
    program.send({"req1": 40})

    reply = store.apply(first)

    assert (reply.status, reply.number, reply.total) == ("duplicate", 2, 42)
    assert cells(store) == {"req1": 42}


def test_a_batch_that_jumps_ahead_is_a_gap_and_writes_nothing(store):
    program = Program(store)
    program.send({"req1": 2})

    reply = store.apply(program.batch({"req1": 40}, number=3))

    version = store.definition("requests").version
    assert reply == Reply("gap", version=version, number=1, total=2)
    assert cells(store) == {"req1": 2}
    assert [source.number for source in store.sources("requests")] == [1]


@pytest.mark.parametrize("number", [0, 2, 1000])
def test_a_new_source_begins_with_one(store, number):
    reply = store.apply(Program(store).batch({"req1": 1}, number=number))

    assert (reply.status, reply.number, reply.total) == ("gap", 0, 0)
    assert cells(store) == {}
    assert store.sources("requests") == []


def test_after_a_gap_the_next_number_is_applied_still(store):
    program = Program(store)
    program.send({"req1": 2})
    store.apply(program.batch({"req1": 40}, number=3))

    program.send({"req1": 3})

    assert cells(store) == {"req1": 5}


def test_a_store_that_has_forgotten_all_says_undefined_and_then_gap(store, kind):
    program = Program(store)
    program.send({"req1": 2})
    kind.empty()
    batch = program.batch({"req1": 3})

    assert store.apply(batch).status == "undefined"
    store.define(REQUESTS)
    assert store.apply(batch).status == "gap"
    assert cells(store) == {}


def test_sources_do_not_meet(store):
    first, second = Program(store, "a"), Program(store, "b")
    first.send({"req1": 1})
    second.send({"req1": 10})
    first.send({"req1": 100})

    assert cells(store) == {"req1": 111}
    known = {source.source: (source.number, source.total) for source in store.sources("requests")}
    assert known == {"a": (2, 101), "b": (1, 10)}


def test_a_source_is_one_in_each_group(store):
    store.define(dataclasses.replace(REQUESTS, group="jobs"))
    Program(store, "a", "requests").send({"req1": 1})
    Program(store, "a", "jobs").send({"req1": 10})

    assert cells(store, group="requests") == {"req1": 1}
    assert cells(store, group="jobs") == {"req1": 10}


def test_two_programs_count_in_one_store(open_store):
    Program(open_store(), "a").send({"req1": 1})
    Program(open_store(), "b").send({"req1": 10})

    assert cells(open_store()) == {"req1": 11}


def test_a_batch_of_the_most_ids_is_applied_whole(store):
    counts = {f"id{n}": n + 1 for n in range(MAX_BATCH_IDS)}
    Program(store).send(counts)

    assert cells(store) == counts


@pytest.mark.parametrize(
    "event_id", ["a:b", "{x}", "*", "?", "%s", "'; --", "ein Ding", "日本", "🎉", "x" * 200, "0"]
)
def test_any_printable_text_is_an_event_id(store, event_id):
    Program(store).send({event_id: 2})
    Program(store, "b").send({event_id: 3})

    assert cells(store) == {event_id: 5}


def test_event_ids_that_differ_in_case_only_are_two(store):
    Program(store).send({"Req": 1, "req": 2, "ä": 3, "Ä": 4, "a\u0308": 5})

    assert cells(store) == {"Req": 1, "req": 2, "ä": 3, "Ä": 4, "a\u0308": 5}


def test_notes_of_invalid_values_are_kept_but_are_no_events(store):
    reply = store.apply(Program(store).batch({"req1": 2, "@invalid": 7}))

    assert cells(store) == {"req1": 2, "@invalid": 7}
    assert (reply.total, reply.dropped) == (2, 0)


def test_a_batch_of_notes_only_is_applied(store):
    reply = store.apply(Program(store).batch({"@invalid": 7}))

    assert (reply.status, reply.total) == ("applied", 0)
    assert cells(store) == {"@invalid": 7}


def test_a_batch_that_names_no_interval_is_dropped_and_told(store):
    batch = Program(store).batch({"req1": 2}, intervals=())
    reply = store.apply(batch)

    assert (reply.status, reply.dropped) == ("applied", 2)


def test_applying_changes_neither_batch_nor_counts(store):
    counts = {"req1": 2, "@invalid": 1}
    batch = Program(store).batch(counts)
    store.apply(batch)

    assert batch == Batch("requests", "a", 1, 2, 1, NOW, BOTH, {"req1": 2, "@invalid": 1})
    assert counts == {"req1": 2, "@invalid": 1}
