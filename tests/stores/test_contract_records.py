"""The contract of deduplicated records: each is taken in once, and handed out until acknowledged."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.stores.keeping import (
    AT_ONCE,
    Keeper,
    KeepsRecords,
    Receipt,
    Waiting,
    question_of_records,
)
from tests.stores.programs import NOW
from tests.stores.saying import RecordProgram, as_duplicate, seen, told

WEEK = 7 * 86400

_sources = itertools.count(1)


@pytest.fixture
def records(store) -> KeepsRecords:
    return store.records


@pytest.fixture
def program(records) -> RecordProgram:
    return RecordProgram(records)


def test_a_store_keeps_what_was_said(store):
    assert isinstance(store, Keeper)
    assert isinstance(store.records, KeepsRecords)


# --- each batch once


def test_what_was_put_is_handed_out_as_it_was(records, program):
    record = '{"msg": "Grüße\\n\\u0000", "args": [1, "日本 🎉"]}'
    receipt = program.put(seen(7, NOW + 0.123456, last=NOW + 0.9, repeats=3, record=record))

    assert receipt == Receipt("applied", number=1, total=3)
    (entry,) = records.claim(10)
    assert (entry.kind, entry.second) == (f"{7:032x}", NOW)
    assert (entry.first, entry.last) == (NOW + 0.123456, NOW + 0.9)
    assert (entry.repeats, entry.record) == (3, record)
    assert entry.id


def test_a_batch_that_is_sent_again_is_taken_in_once(records, program):
    batch = dataclasses.replace(program.batch(seen(1, repeats=2)), token="ab12")
    first = records.put(batch)

    assert first == Receipt("applied", number=1, total=2, token="ab12")
    assert records.put(batch) == as_duplicate(first)
    assert [entry.repeats for entry in records.claim(10)] == [2]


def test_a_copied_source_hears_the_token_of_the_batch_that_was_taken_in(records, program):
    mine = dataclasses.replace(program.batch(seen(1)), token="aaaa")
    records.put(mine)

    assert records.put(dataclasses.replace(mine, token="bbbb")).token == "aaaa"


def test_a_duplicate_after_later_changes_gets_the_receipt_that_was_given_first(
    records, program, clock
):
    program.put(*(seen(kind, NOW + kind) for kind in range(4)))
    batch = program.batch(seen(9, NOW + 9), max_kinds=3)
    first = records.put(batch)
    clock.now += 3600
    RecordProgram(records, "b" * 32).put(seen(5, NOW + 50), max_kinds=1)

    assert first.pushed_out == 2
    assert records.put(batch) == as_duplicate(first)


def test_an_older_batch_is_a_duplicate_of_the_last(records, program):
    old = program.batch(seen(1))
    program.put(seen(1))
    program.put(seen(2, repeats=4))

    receipt = records.put(old)
    assert (receipt.status, receipt.number, receipt.total) == ("duplicate", 2, 5)
    assert records.waiting().entries == 2


def test_a_batch_that_jumps_ahead_is_a_gap_and_writes_nothing(records, program):
    program.put(seen(1, repeats=2))
    receipt = records.put(program.batch(seen(2), number=3))

    assert (receipt.status, receipt.number, receipt.total) == ("gap", 1, 2)
    assert records.waiting().entries == 1
    program.put(seen(2))
    assert records.waiting().entries == 2


def test_a_source_that_the_store_has_forgotten_meets_a_gap(records, program, kind):
    program.put(seen(1))
    kind.empty()

    receipt = records.put(program.batch(seen(2)))
    assert (receipt.status, receipt.number, receipt.total) == ("gap", 0, 0)
    assert records.waiting() == Waiting()


def test_a_question_tells_what_is_known_of_a_source_and_writes_nothing(records, program):
    unknown = records.put(question_of_records("b" * 32))
    assert (unknown.status, unknown.number, unknown.total) == ("gap", 0, 0)
    program.put(seen(1, repeats=5))

    for _ in range(2):
        known = records.put(question_of_records(program.source))
        assert (known.status, known.number, known.total) == ("gap", 1, 5)
    assert records.put(question_of_records("b" * 32)) == unknown


def test_a_batch_without_entries_is_taken_in(records, program):
    program.put()
    program.put(seen(1))

    assert records.waiting().entries == 1


def test_sources_do_not_meet(records, program):
    RecordProgram(records, "b" * 32).put(seen(1))
    program.put(seen(1))
    program.put(seen(1))

    assert [entry.repeats for entry in records.claim(10)] == [3]


def test_a_source_that_was_silent_for_a_week_is_forgotten(records, program, clock):
    program.put(seen(1))
    loud = RecordProgram(records, "b" * 32)
    clock.now += WEEK + 1
    loud.put(seen(2))
    clock.now += 3601
    loud.put(seen(2))

    assert records.put(question_of_records(program.source)).number == 0
    assert records.put(question_of_records(loud.source)).number == 2


# --- repeats


def test_repeats_of_several_programs_become_one_entry(records, program):
    program.put(seen(1, NOW + 0.5, last=NOW + 0.6, repeats=2, record='"second"'))
    RecordProgram(records, "b" * 32).put(
        seen(1, NOW + 0.25, last=NOW + 0.3, repeats=3, record='"first, and longer"')
    )
    program.put(seen(1, NOW + 0.4, last=NOW + 0.9, record='"third"'))

    expected = (1, NOW + 0.25, NOW + 0.9, 6, '"first, and longer"')
    assert records.waiting().size == len('"first, and longer"')
    assert told(records.claim(10)) == [expected]


def test_of_two_that_came_first_at_the_same_time_the_one_that_is_there_stays(records, program):
    program.put(seen(1, NOW, record='"a"'))
    program.put(seen(1, NOW, record='"b"'))

    assert told(records.claim(10)) == [(1, NOW, NOW, 2, '"a"')]


def test_another_second_or_another_kind_is_another_entry(records, program):
    program.put(seen(1, NOW), seen(1, NOW + 1), seen(2, NOW))

    assert sorted(told(records.claim(10))) == [
        (1, NOW, NOW, 1, "{}"),
        (1, NOW + 1, NOW + 1, 1, "{}"),
        (2, NOW, NOW, 1, "{}"),
    ]


def test_a_repeat_that_began_earlier_moves_the_entry_to_its_time(records, program):
    program.put(seen(1, NOW + 0.5), seen(2, NOW + 0.3))
    program.put(seen(1, NOW + 0.1, record='"early"'))

    assert [int(entry.kind, 16) for entry in records.claim(10)] == [1, 2]


@settings(
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example acks all
)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(1, 3), st.integers(0, 1999), st.integers(1, 9)),
            max_size=5,
            unique_by=lambda one: (one[0], one[1] // 1000),
        ),
        max_size=6,
    )
)
def test_entries_are_what_was_put_in_whatever_order(store, batches):
    records = store.records
    expected: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for batch in batches:
        entries = [
            seen(kind, NOW + ms / 1000, repeats=n, record=f'"{ms}"') for kind, ms, n in batch
        ]
        RecordProgram(records, f"{next(_sources):032x}").put(*entries)
        for kind, ms, n in batch:
            expected.setdefault((kind, ms // 1000), []).append((ms, n))

    entries = records.claim(AT_ONCE)
    assert [entry.first for entry in entries] == sorted(entry.first for entry in entries)
    assert {
        (int(e.kind, 16), e.second - NOW): (e.first, e.last, e.repeats, e.record) for e in entries
    } == {
        key: (
            NOW + min(ms for ms, _ in parts) / 1000,
            NOW + max(ms for ms, _ in parts) / 1000,
            sum(n for _, n in parts),
            f'"{min(ms for ms, _ in parts)}"',
        )
        for key, parts in expected.items()
    }
    assert records.ack([entry.id for entry in entries]) == len(entries)
    assert records.waiting().entries == records.waiting().size == 0


# --- claims


def test_the_oldest_are_handed_out_first_whoever_sent_them(records, program):
    program.put(seen(1, NOW + 30), seen(2, NOW + 10.5))
    RecordProgram(records, "b" * 32).put(seen(3, NOW + 20), seen(4, NOW + 10.25))

    first, second = records.claim(3), records.claim(3)
    assert [int(entry.kind, 16) for entry in first] == [4, 2, 3]
    assert [int(entry.kind, 16) for entry in second] == [1]
    assert records.claim(3) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_who_wants_nothing_gets_nothing(records, program, limit):
    program.put(seen(1))

    assert records.claim(limit) == []
    assert records.waiting() == Waiting(entries=1, size=2)


def test_there_is_nothing_to_claim_in_an_empty_store(records):
    assert records.claim(10) == []
    assert records.waiting() == Waiting()


def test_no_more_than_so_many_are_handed_out_at_once(records, program):
    program.put(*(seen(kind, NOW + kind) for kind in range(AT_ONCE)))
    program.put(*(seen(kind, NOW + kind) for kind in range(AT_ONCE, AT_ONCE + 10)))

    assert len(records.claim(10 * AT_ONCE)) == AT_ONCE
    assert len(records.claim(10 * AT_ONCE)) == 10


def test_what_is_claimed_comes_back_unchanged_when_the_claim_has_run_out(records, program, clock):
    program.put(seen(1, NOW, repeats=3), seen(2, NOW + 1))
    claimed = records.claim(10, seconds=60)
    clock.now += 59
    assert records.claim(10) == []
    clock.now += 2

    assert records.claim(10) == claimed
    assert records.claim(10) == []


def test_what_comes_back_is_handed_out_in_its_place(records, program, clock):
    program.put(seen(1, NOW), seen(3, NOW + 3))
    records.claim(2, seconds=5)
    program.put(seen(2, NOW + 2), seen(4, NOW + 4), seen(0, NOW - 1))
    clock.now += 6

    assert [int(entry.kind, 16) for entry in records.claim(2)] == [0, 1]
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [2, 3, 4]


def test_a_claim_that_has_run_out_can_be_acknowledged_still(records, program, clock):
    program.put(seen(1))
    (entry,) = records.claim(1, seconds=5)
    clock.now += 6
    assert records.ack([entry.id]) == 1

    assert records.claim(1) == []
    assert records.waiting() == Waiting()


def test_the_first_of_two_claimers_acknowledges_what_the_second_has(records, program, clock):
    program.put(seen(1))
    (first,) = records.claim(1, seconds=5)
    clock.now += 6
    (second,) = records.claim(1, seconds=5)

    assert first == second
    assert records.ack([first.id]) == 1
    assert records.ack([second.id]) == 0
    clock.now += 6
    assert records.claim(1) == []


def test_what_is_acknowledged_is_gone_once(records, program, clock):
    program.put(seen(1), seen(2, NOW + 1), seen(3, NOW + 2))
    one, two = records.claim(2)

    assert records.ack([]) == 0
    assert records.ack([one.id]) == 1
    assert records.ack([one.id, two.id, "unheard-of"]) == 1
    assert records.ack([one.id, two.id]) == 0
    assert records.waiting() == Waiting(entries=1, size=2)
    clock.now += 3600
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [3]


def test_an_id_that_is_named_twice_is_one_entry(records, program):
    program.put(seen(1), seen(2))
    one, _ = records.claim(2)

    assert records.ack([one.id, one.id]) == 1
    assert records.waiting() == Waiting(entries=1, claimed=1, size=2)


def test_a_repeat_after_the_claim_is_a_new_entry(records, program, clock):
    program.put(seen(1, NOW, repeats=2, record='"a"'))
    (old,) = records.claim(1, seconds=5)
    program.put(seen(1, NOW - 0.5, second=NOW, repeats=3, record='"b"'))
    program.put(seen(1, NOW + 0.7, repeats=4, record='"c"'))
    (new,) = records.claim(9, seconds=3600)

    assert new.id != old.id
    assert told([new]) == [(1, NOW - 0.5, NOW + 0.7, 7, '"b"')]
    clock.now += 6
    assert records.claim(9) == [old]


def test_a_repeat_after_the_claim_has_run_out_is_a_new_entry_too(records, program, clock):
    program.put(seen(1, NOW, repeats=2))
    (old,) = records.claim(1, seconds=5)
    clock.now += 6
    program.put(seen(1, NOW, repeats=3))
    program.put(seen(1, NOW, repeats=3))

    assert sorted(entry.repeats for entry in records.claim(9, seconds=5)) == [2, 6]
    clock.now += 6
    program.put(seen(1, NOW))
    entries = records.claim(9)
    assert sorted(entry.repeats for entry in entries) == [1, 2, 6]
    assert old in entries


def test_a_repeat_after_the_acknowledgement_is_a_new_entry(records, program):
    program.put(seen(1))
    (old,) = records.claim(1)
    records.ack([old.id])
    program.put(seen(1, repeats=5))

    (new,) = records.claim(1)
    assert new.repeats == 5
    assert new.id != old.id


def test_an_id_is_not_used_again_after_the_store_was_emptied(records, kind):
    ids = []
    for source in "abc":
        RecordProgram(records, source * 32).put(seen(1), seen(2))
        ids += [entry.id for entry in records.claim(9)]
        kind.empty()

    assert len(set(ids)) == 6


def test_an_id_is_not_used_again_after_the_store_was_set_back(store, records, program, kind):
    """A gatherer has stored what it got under the first one: the second would be taken for it."""
    program.put(seen(1))
    store.close()  # so that a file has all that there is
    copy = kind.copied()
    program.put(seen(2, NOW + 1))
    before = {entry.id for entry in records.claim(9)}
    store.close()
    kind.set_back(copy)
    RecordProgram(records, "b" * 32).put(seen(3, NOW + 2))

    (_, new) = records.claim(9)
    assert int(new.kind, 16) == 3
    assert new.id not in before


# --- how much there may be


def test_it_is_told_how_much_there_is(records, program, clock):
    program.put(seen(1, record='"äöü"'), seen(2, NOW + 1, record='"b"'), seen(3, NOW + 2))
    assert records.waiting() == Waiting(entries=3, size=8 + 3 + 2)
    (entry,) = records.claim(1, seconds=5)
    records.claim(1, seconds=50)
    assert records.waiting() == Waiting(entries=3, claimed=2, size=13)

    clock.now += 6
    assert records.waiting() == Waiting(entries=3, claimed=1, size=13)
    records.ack([entry.id])
    assert records.waiting() == Waiting(entries=2, claimed=1, size=5)


def test_beyond_so_many_entries_the_oldest_go_and_the_receipt_says_how_many_records(
    records, program
):
    program.put(*(seen(kind, NOW + kind, repeats=kind + 1) for kind in (3, 1, 2, 4)))
    receipt = program.put(seen(5, NOW + 5), seen(6, NOW + 6), max_kinds=4)

    assert receipt.pushed_out == 2 + 3
    assert records.waiting() == Waiting(entries=4, size=8, pushed_out=5)
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [3, 4, 5, 6]


def test_beyond_so_many_bytes_the_oldest_go(records, program):
    program.put(*(seen(kind, NOW + kind, record=f'"{"x" * 98}"') for kind in range(5)))
    receipt = program.put(seen(9, NOW + 9, record=f'"{"ä" * 49}"', repeats=2), max_bytes=300)

    assert receipt.pushed_out == 3
    assert records.waiting() == Waiting(entries=3, size=300, pushed_out=3)
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [3, 4, 9]


def test_the_oldest_goes_also_where_it_is_the_newest_to_come(records, program):
    program.put(seen(1, NOW + 1), seen(2, NOW + 2))
    receipt = program.put(seen(3, NOW, repeats=7), max_kinds=2)

    assert receipt.pushed_out == 7
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [1, 2]


def test_repeats_need_no_room(records, program):
    program.put(seen(1, NOW), seen(2, NOW + 1), max_kinds=2)
    receipt = program.put(seen(1, NOW, repeats=5), max_kinds=2)

    assert receipt.pushed_out == 0
    assert [entry.repeats for entry in records.claim(9)] == [6, 1]


def test_what_is_claimed_stays_when_room_is_needed(records, program):
    program.put(*(seen(kind, NOW + kind) for kind in range(4)))
    claimed = records.claim(2)
    receipt = program.put(seen(9, NOW + 9), max_kinds=3)

    assert receipt.pushed_out == 2
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [9]
    assert records.ack([entry.id for entry in claimed]) == 2


def test_what_nobody_has_acknowledged_in_time_makes_room_again(records, program, clock):
    program.put(*(seen(kind, NOW + kind) for kind in range(4)))
    records.claim(2, seconds=5)
    clock.now += 6
    receipt = program.put(seen(9, NOW + 9), max_kinds=3)

    assert receipt.pushed_out == 2
    assert records.waiting() == Waiting(entries=3, size=6, pushed_out=2)
    assert [int(entry.kind, 16) for entry in records.claim(9)] == [2, 3, 9]


def test_what_had_to_go_gets_no_more_repeats(records, program):
    program.put(seen(1, NOW, repeats=2), seen(2, NOW + 1), max_kinds=1)
    program.put(seen(1, NOW, repeats=3), max_kinds=2)

    assert [entry.repeats for entry in records.claim(9)] == [3, 1]
    assert records.waiting().pushed_out == 2


# --- several at once


def test_programs_that_put_at_once_lose_nothing(open_store):
    def put(n: int) -> None:
        program = RecordProgram(open_store().records, f"{n:032x}")
        for second in range(10):
            program.put(*(seen(kind, NOW + second + n / 100, repeats=2) for kind in range(5)))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(put, range(6)))

    entries = open_store().records.claim(AT_ONCE)
    assert Counter(entry.repeats for entry in entries) == {12: 50}
    assert all(entry.first % 1 == 0 for entry in entries)


def test_gatherers_that_claim_at_once_never_get_the_same_entry(open_store):
    program = RecordProgram(open_store().records)
    program.put(*(seen(kind, NOW + kind / 10) for kind in range(400)))

    def gather(_: int) -> list[str]:
        records, got = open_store().records, []
        while entries := records.claim(7):
            got += [entry.id for entry in entries]
            records.ack([entry.id for entry in entries[:5]])
        return got

    with ThreadPoolExecutor(4) as threads:
        got = [id_ for some in threads.map(gather, range(4)) for id_ in some]

    assert len(got) == len(set(got)) == 400
    left = open_store().records.waiting()
    assert left.entries == left.claimed
    assert 0 < left.entries < 200
