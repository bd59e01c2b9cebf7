"""The contract of recent and common messages: each is taken in once, in the hour of its own."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.stores.keeping import Common, Hour, KeepsMessages, Receipt, question_of_messages
from tests.stores.programs import NOW
from tests.stores.saying import (
    CART,
    MessageProgram,
    RecordProgram,
    as_duplicate,
    hours,
    line,
    said,
    seen,
)

WEEK = 7 * 86400
HOUR = 3600

_names = (f"logger{n}" for n in itertools.count())
_sources = itertools.count(1)


@pytest.fixture
def messages(store) -> KeepsMessages:
    return store.messages


@pytest.fixture
def program(messages) -> MessageProgram:
    return MessageProgram(messages)


def recent(messages, limit: int = 1000, speaker=CART) -> list[str]:
    (lines,) = messages.recent([speaker], limit)
    return lines


# --- each batch once


def test_what_was_said_can_be_read(messages, program):
    lines = [line("Grüße"), line("日本 🎉", NOW + 0.123)]
    receipt = program.say(said({NOW: {"Grüße": 2, 'a "b" \n c': 1}}, lines))

    assert receipt == Receipt("applied", number=1, total=3)
    assert recent(messages) == lines[::-1]
    assert messages.common([CART]) == [Common(Hour(NOW, {"Grüße": 2, 'a "b" \n c': 1}))]
    assert messages.speakers() == [CART]


def test_a_batch_that_is_sent_again_is_taken_in_once(messages, program):
    batch = program.batch(said({NOW: {"a": 2}}, [line("a")]), token="ab12")
    first = messages.say(batch)

    assert first == Receipt("applied", number=1, total=2, token="ab12")
    assert messages.say(batch) == as_duplicate(first)
    assert hours(messages) == ((NOW, {"a": 2}), None)
    assert recent(messages) == [line("a")]


def test_a_copied_source_hears_the_token_of_the_batch_that_was_taken_in(messages, program):
    mine = program.batch(said({NOW: {"a": 1}}), token="aaaa")
    messages.say(mine)

    assert messages.say(dataclasses.replace(mine, token="bbbb")).token == "aaaa"


def test_a_duplicate_gets_the_receipt_that_was_given_first(messages, program, clock):
    program.say(said({NOW: {"a": 1}, NOW - HOUR: {"a": 1}}))
    batch = program.batch(
        said({NOW - 2 * HOUR: {"a": 3}, NOW + 9 * HOUR: {"a": 4}, NOW: {"b": 5}}), max_messages=1
    )
    first = messages.say(batch)
    clock.now += 5 * HOUR
    MessageProgram(messages, "b" * 32).say(said({NOW + 5 * HOUR: {"a": 1}}))

    assert (first.late, first.ahead, first.other) == (3, 4, 5)
    assert messages.say(batch) == as_duplicate(first)


def test_an_older_batch_is_a_duplicate_of_the_last(messages, program):
    old = program.batch(said({NOW: {"a": 1}}))
    program.say(said({NOW: {"a": 1}}))
    program.say(said({NOW: {"a": 4}}))

    receipt = messages.say(old)
    assert (receipt.status, receipt.number, receipt.total) == ("duplicate", 2, 5)
    assert hours(messages) == ((NOW, {"a": 5}), None)


def test_a_batch_that_jumps_ahead_is_a_gap_and_writes_nothing(messages, program):
    program.say(said({NOW: {"a": 2}}))
    receipt = messages.say(program.batch(said({NOW: {"b": 1}}, [line("b")]), number=3))

    assert (receipt.status, receipt.number, receipt.total) == ("gap", 1, 2)
    assert hours(messages) == ((NOW, {"a": 2}), None)
    assert recent(messages) == []


def test_a_source_that_the_store_has_forgotten_meets_a_gap(messages, program, kind):
    program.say(said({NOW: {"a": 2}}))
    kind.empty()

    receipt = messages.say(program.batch(said({NOW: {"b": 1}})))
    assert (receipt.status, receipt.number, receipt.total) == ("gap", 0, 0)
    assert messages.speakers() == []


def test_a_question_tells_what_is_known_of_a_source_and_writes_nothing(messages, program):
    unknown = messages.say(question_of_messages("b" * 32))
    assert (unknown.status, unknown.number, unknown.total) == ("gap", 0, 0)
    program.say(said({NOW: {"a": 5}}))

    for _ in range(2):
        known = messages.say(question_of_messages(program.source))
        assert (known.status, known.number, known.total) == ("gap", 1, 5)
    assert messages.say(question_of_messages("b" * 32)) == unknown


def test_a_batch_in_which_nothing_was_said_is_taken_in(messages, program):
    program.say()
    program.say(said({}), said({NOW: {}}, speaker=("quiet", "info")))

    assert messages.speakers() == []
    program.say(said({NOW: {"a": 1}}))
    assert messages.speakers() == [CART]


def test_sources_of_messages_and_of_records_do_not_meet(store, program):
    program.say(said({NOW: {"a": 5}}))
    records = RecordProgram(store.records, program.source)
    records.put(seen(1))
    program.say(said({NOW: {"a": 5}}))

    assert (records.number, program.number) == (1, 2)


def test_a_source_that_was_silent_for_a_week_is_forgotten(messages, program, clock):
    program.say(said({NOW: {"a": 1}}))
    loud = MessageProgram(messages, "b" * 32)
    clock.now += WEEK + 1
    loud.say(said({NOW: {"a": 1}}))
    clock.now += 3601
    loud.say(said({NOW: {"a": 1}}))

    assert messages.say(question_of_messages(program.source)).number == 0
    assert messages.say(question_of_messages(loud.source)).number == 2


# --- speakers


def test_speakers_are_told_sorted_by_name_and_severity(messages, program):
    speakers = [("b", "info"), ("a.b", "error"), ("b", "debug"), ("ä:x y", "info")]
    program.say(*(said({NOW: {"a": 1}}, speaker=speaker) for speaker in speakers))
    program.say(said({}, [line("b")], ("only.lines", "critical")))

    assert messages.speakers() == sorted([*speakers, ("only.lines", "critical")])


def test_each_speaker_has_messages_of_its_own(messages, program):
    speakers = [("b", "info"), ("b", "error"), ("b:info", "info"), ("", "info")]
    program.say(
        *(
            said({NOW: {f"m{n}": n + 1}}, [line(f"m{n}")], speaker)
            for n, speaker in enumerate(speakers)
        )
    )

    asked = [*speakers, ("unheard-of", "info"), speakers[0]]
    lines, common = messages.recent(asked, 9), messages.common(asked)
    assert lines == [[line("m0")], [line("m1")], [line("m2")], [line("m3")], [], [line("m0")]]
    assert [one.current and one.current.counts for one in common] == [
        {"m0": 1},
        {"m1": 2},
        {"m2": 3},
        {"m3": 4},
        None,
        {"m0": 1},
    ]
    assert messages.recent([], 9) == messages.common([]) == []


def test_very_many_speakers_can_be_read_at_once(messages, program):
    speakers = [(f"logger{n}", "info") for n in range(250)]
    program.say(*(said({NOW: {"a": 1}}, [line("a")], speaker) for speaker in speakers))

    assert messages.recent(speakers, 1) == [[line("a")]] * 250
    assert messages.common(speakers) == [Common(Hour(NOW, {"a": 1}))] * 250


# --- recent messages


def test_the_newest_lines_are_first_and_the_oldest_go(messages, program):
    for first in range(0, 30, 10):
        numbers = range(first, first + 10)
        program.say(said({}, [line(f"m{n}", NOW - 60 + n) for n in numbers]), recent=25)

    assert recent(messages) == [line(f"m{n}", NOW - 60 + n) for n in reversed(range(5, 30))]
    assert recent(messages, 2) == [line("m29", NOW - 31), line("m28", NOW - 32)]
    assert recent(messages, 0) == []


def test_lines_of_several_programs_are_kept_by_their_time(messages, program):
    other = MessageProgram(messages, "b" * 32)
    program.say(said({}, [line("a", NOW - 50), line("c", NOW - 30), line("e", NOW - 10)]))
    other.say(said({}, [line("b", NOW - 40), line("d", NOW - 20), line("f", NOW)]))
    program.say(said({}, [line("before all", NOW - 60)]))

    times = [text.partition(" ")[2] for text in recent(messages)]
    assert times == ["f", "e", "d", "c", "b", "a", "before all"]


def test_a_line_that_is_older_than_all_that_are_kept_does_not_come_in(messages, program):
    program.say(said({}, [line("a", NOW - 3), line("b", NOW - 2)]), recent=2)
    program.say(said({}, [line("old", NOW - 9), line("c", NOW - 2.5)]), recent=2)

    assert recent(messages) == [line("b", NOW - 2), line("c", NOW - 2.5)]


def test_of_one_time_the_line_that_came_last_is_first(messages, program):
    program.say(said({}, [line("a"), line("b")]))
    program.say(said({}, [line("c")]))

    assert recent(messages) == [line("c"), line("b"), line("a")]


def test_a_line_from_the_future_does_not_stay_the_newest(messages, program, clock):
    program.say(said({}, [line("a", NOW - 1), line("forged", NOW + 10 * HOUR)]))
    clock.now += 60
    program.say(said({}, [line("b", NOW + 30)]))

    assert recent(messages) == [line("b", NOW + 30), line("forged"), line("a", NOW - 1)]


@settings(
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a logger
)
@given(
    batches=st.lists(st.lists(st.integers(0, 5000), max_size=8).map(sorted), max_size=6),
    most=st.integers(1, 20),
)
def test_the_newest_lines_are_kept_in_whatever_order_batches_come(store, batches, most):
    speaker, messages = (next(_names), "info"), store.messages
    for batch in batches:
        lines = [line("m", NOW - ms / 1000) for ms in reversed(batch)]
        source = f"{next(_sources):032x}"
        MessageProgram(messages, source).say(said({}, lines, speaker), recent=most)

    newest = sorted(ms for batch in batches for ms in batch)[:most]
    assert recent(messages, 100, speaker) == [line("m", NOW - ms / 1000) for ms in newest]


# --- common messages


def test_counts_of_an_hour_add_up(messages, program):
    program.say(said({NOW: {"a": 2, "b": 1}}))
    MessageProgram(messages, "b" * 32).say(said({NOW: {"a": 3, "": 4}}))

    assert hours(messages) == ((NOW, {"a": 5, "b": 1, "": 4}), None)
    counts = messages.common([CART])[0].current.counts.values()
    assert all(type(count) is int for count in counts)


def test_large_counts_are_exact(messages, program):
    program.say(said({NOW: {"a": 2**52}}))
    program.say(said({NOW: {"a": 2**52 - 1}}))

    assert hours(messages) == ((NOW, {"a": 2**53 - 1}), None)


def test_a_later_hour_turns_the_current_one_into_the_last(messages, program, clock):
    program.say(said({NOW: {"a": 2}}))
    clock.now = NOW + HOUR
    program.say(said({NOW + HOUR: {"b": 3}}))
    assert hours(messages) == ((NOW + HOUR, {"b": 3}), (NOW, {"a": 2}))

    clock.now = NOW + 3 * HOUR
    program.say(said({NOW + 3 * HOUR: {"c": 4}}))
    assert hours(messages) == ((NOW + 3 * HOUR, {"c": 4}), (NOW + HOUR, {"b": 3}))


def test_what_comes_late_goes_to_the_last_hour(messages, program):
    program.say(said({NOW - HOUR: {"a": 2}, NOW: {"a": 3}}))
    receipt = program.say(said({NOW - HOUR: {"a": 10, "b": 1}}))

    assert receipt.late == 0
    assert hours(messages) == ((NOW, {"a": 3}), (NOW - HOUR, {"a": 12, "b": 1}))


def test_an_hour_between_the_two_becomes_the_last(messages, program):
    program.say(said({NOW - 5 * HOUR: {"a": 2}}))
    program.say(said({NOW: {"a": 3}}))
    receipt = program.say(said({NOW - 2 * HOUR: {"b": 1}}))

    assert receipt.late == 0
    assert hours(messages) == ((NOW, {"a": 3}), (NOW - 2 * HOUR, {"b": 1}))


def test_an_hour_before_the_first_becomes_the_last(messages, program):
    program.say(said({NOW: {"a": 3}}))
    program.say(said({NOW - 2 * HOUR: {"b": 1}}))

    assert hours(messages) == ((NOW, {"a": 3}), (NOW - 2 * HOUR, {"b": 1}))


def test_what_is_older_than_both_hours_is_told_as_late(messages, program):
    program.say(said({NOW - HOUR: {"a": 2}, NOW: {"a": 3}}))
    receipt = program.say(said({NOW - 2 * HOUR: {"a": 10, "b": 1}, NOW: {"b": 1}}))

    assert receipt == Receipt("applied", number=2, total=17, late=11)
    assert hours(messages) == ((NOW, {"a": 3, "b": 1}), (NOW - HOUR, {"a": 2}))


def test_what_is_ahead_of_the_clock_is_counted_in_its_hour(messages, program, clock):
    clock.now = NOW + 1800
    receipt = program.say(
        said({NOW + HOUR: {"a": 2}, NOW + 10**8 // HOUR * HOUR: {"a": 3}, NOW: {"b": 1}})
    )

    assert receipt == Receipt("applied", number=1, total=6, ahead=5)
    assert hours(messages) == ((NOW, {"a": 5, "b": 1}), None)
    clock.now = NOW + HOUR
    program.say(said({NOW + HOUR: {"c": 1}}))
    assert hours(messages) == ((NOW + HOUR, {"c": 1}), (NOW, {"a": 5, "b": 1}))


@pytest.mark.parametrize(("before", "ahead"), [(5, 0), (6, 2)])
def test_a_clock_that_is_some_seconds_fast_is_not_ahead(messages, program, clock, before, ahead):
    clock.now = NOW - before
    receipt = program.say(said({NOW: {"a": 2}}))

    assert receipt.ahead == ahead
    assert hours(messages) == ((NOW - HOUR if ahead else NOW, {"a": 2}), None)


def test_a_clock_that_was_set_back_does_not_freeze_the_hour(messages, program, clock):
    clock.now = NOW + WEEK
    start = (NOW + WEEK) // HOUR * HOUR
    program.say(said({start: {"a": 2}}))
    clock.now = NOW
    receipt = program.say(said({NOW: {"a": 3}}))
    assert receipt.late == 0
    assert hours(messages)[0] == (NOW, {"a": 5})

    clock.now = NOW + HOUR
    program.say(said({NOW + HOUR: {"b": 1}}))
    assert hours(messages) == ((NOW + HOUR, {"b": 1}), (NOW, {"a": 5}))


def test_messages_beyond_so_many_in_an_hour_are_counted_together(messages, program):
    receipt = program.say(said({NOW: {"a": 1, "b": 2, "c": 3, "d": 4}}), max_messages=2)
    assert receipt.other == 7
    receipt = program.say(said({NOW: {"e": 5, "a": 6, "@other": 8}}), max_messages=2)
    assert receipt.other == 13
    assert hours(messages) == ((NOW, {"a": 7, "b": 2, "@other": 20}), None)

    receipt = program.say(
        said({NOW - HOUR: {"a": 1, "b": 1, "c": 1}, NOW: {"f": 1}}), max_messages=3
    )
    assert receipt.other == 0
    assert hours(messages) == (
        (NOW, {"a": 7, "b": 2, "@other": 20, "f": 1}),
        (NOW - HOUR, {"a": 1, "b": 1, "c": 1}),
    )


FOUR_HOURS = [
    {NOW - 3 * HOUR: {"a": 1}, NOW - 2 * HOUR: {"b": 10}},
    {NOW - HOUR: {"a": 2, "c": 20}},
    {NOW: {"a": 4}},
    {NOW - 2 * HOUR: {"a": 100}},
    {NOW: {"a": 8, "d": 40}, NOW - HOUR: {"c": 200}},
    {NOW - 3 * HOUR: {"d": 400}},
]


@settings(
    deadline=None,
    max_examples=30,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a logger
)
@given(order=st.permutations(FOUR_HOURS), programs=st.lists(st.integers(0, 2), min_size=6))
def test_hours_end_up_the_same_in_whatever_order_batches_come(store, order, programs):
    speaker, messages = (next(_names), "info"), store.messages
    sending = [MessageProgram(messages, f"{next(_sources):032x}") for _ in range(3)]
    for batch, program in zip(order, programs, strict=False):
        sending[program].say(said(batch, speaker=speaker))

    assert hours(messages, speaker) == (
        (NOW, {"a": 12, "d": 40}),
        (NOW - HOUR, {"a": 2, "c": 220}),
    )


@pytest.mark.once
def test_twenty_programs_turn_the_hour_once(open_store, clock):
    """Half of what each says is of the hour before, and comes when others have turned it."""
    clock.now = NOW + HOUR - 1

    def say(n: int) -> int:
        program = MessageProgram(open_store().messages, f"{n:032x}")
        late = 0
        for second in range(-5, 5):
            start = NOW if second < 0 else NOW + HOUR
            if (n, second) == (7, 0):
                clock.now = NOW + HOUR + 1
            text = line(f"{n}", NOW + HOUR + second)
            late += program.say(said({start: {f"m{n % 3}": 1}}, [text])).late
        return late

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(say, range(20))) == 0

    expected = Counter(f"m{n % 3}" for n in range(20) for _ in range(5))
    messages = open_store().messages
    assert hours(messages) == ((NOW + HOUR, expected), (NOW, expected))
    lines = recent(messages)
    assert len(lines) == 100
    assert lines == sorted(lines, key=lambda text: text[:24], reverse=True)


# --- the clock


def test_the_stores_clock_is_told(messages, clock):
    clock.now = NOW + 0.25

    assert messages.now() == NOW + 0.25
