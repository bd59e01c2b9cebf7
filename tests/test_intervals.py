from __future__ import annotations

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging.intervals import (
    MAX_SECONDS,
    Interval,
    bucket_start,
    stretch_around,
    whole_seconds,
)

SECONDS = st.integers(0, 2**40)
LENGTHS = st.lists(st.integers(1, MAX_SECONDS), min_size=1, max_size=8)
USUAL_LENGTHS = st.lists(st.sampled_from([1, 5, 7, 60, 300, 3600, 86400]), min_size=1, max_size=8)


# --- texts


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("5m", 300),
        ("1h", 3600),
        ("24h", 86400),
        ("1d", 86400),
        ("366d", 366 * 86400),
        ("31622400s", 366 * 86400),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text, seconds):
    assert Interval.parse(text) == Interval(text, seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "m", "0s", "05m", "-5m", "+5m", "1.5h", "5 m", " 5m", "5m ", "5m\n", "5M"),
        *("5min", "1_0s", "\N{ARABIC-INDIC DIGIT FIVE}m", "1w", "5m5s", "9" * 20 + "s", "1e3s"),
    ],
)
def test_any_other_text_is_no_interval(text):
    with pytest.raises(
        ValueError, match=r"is not an interval; write <number><s\|m\|h\|d>, such as 5m"
    ):
        Interval.parse(text)


@pytest.mark.parametrize("value", [None, 300, 5.0, True, b"5m", ["5m"], datetime.timedelta(1)])
def test_what_is_no_text_is_no_interval(value):
    with pytest.raises(ValueError, match="is not an interval"):
        Interval.parse(value)


@pytest.mark.parametrize("text", ["367d", "8785h", "31622401s", "9999999999d"])
def test_an_interval_is_a_leap_year_at_most(text):
    with pytest.raises(ValueError, match="an interval is 1s to 366d"):
        Interval.parse(text)


# --- buckets


@pytest.mark.parametrize(
    ("second", "start"), [(0, 0), (299, 0), (300, 300), (301, 300), (599, 300), (600, 600)]
)
def test_a_bucket_begins_at_a_multiple_of_its_length(second, start):
    assert bucket_start(second, 300) == start
    assert Interval.parse("5m").start_of(second) == start


@pytest.mark.fault("C10")
def test_a_day_is_the_day_of_utc():
    noon = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
    midnight = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)

    assert Interval.parse("1d").start_of(int(noon.timestamp())) == midnight.timestamp()


@given(second=SECONDS, length=st.integers(1, MAX_SECONDS))
def test_a_second_lies_in_its_bucket(second, length):
    start = bucket_start(second, length)

    assert start % length == 0
    assert start <= second < start + length


@pytest.mark.parametrize(
    ("start", "end", "contained"),
    [(300, 600, True), (301, 302, True), (599, 600, True), (299, 301, False), (300, 601, False)],
)
def test_an_interval_contains_what_lies_in_one_bucket(start, end, contained):
    assert Interval.parse("5m").contains(start, end) is contained


# --- times of records


@pytest.mark.parametrize(
    ("created", "second"),
    [
        (300.0, 300),
        (math.nextafter(300.0, 0), 299),
        (math.nextafter(300.0, math.inf), 300),
        (1_800_000_000.0, 1_800_000_000),
        (math.nextafter(1_800_000_000.0, 0), 1_799_999_999),
        (math.nextafter(1_800_000_000.0, math.inf), 1_800_000_000),
        (300, 300),
        (0.999, 0),
        (Decimal("299.9"), 299),
        (Fraction(3001, 10), 300),
    ],
)
def test_a_time_stamp_lies_in_the_second_that_has_begun(created, second):
    assert whole_seconds(created) == second


@pytest.mark.parametrize(
    "created",
    [-0.001, -1, -1e300, -math.inf, -(10**400), math.nan, Decimal("nan"), -Fraction(1, 3)],
)
def test_what_lies_before_the_epoch_or_nowhere_becomes_the_epoch(created):
    assert whole_seconds(created) == 0


@pytest.mark.parametrize("created", [2**40, 2.0**40 + 1, 1e300, math.inf, 10**400, Decimal("inf")])
def test_the_far_future_has_an_end(created):
    assert whole_seconds(created) == 2**40


class Raising:
    def __floor__(self):
        raise RuntimeError("no floor here")


class Odd:
    def __floor__(self):
        return "noon"


@pytest.mark.parametrize(
    "created",
    [
        None,
        "1800000000",
        b"1",
        [],
        {},
        1j,
        datetime.datetime(2026, 1, 1),
        object(),
        Raising(),
        Odd(),
    ],
)
def test_what_is_no_time_becomes_the_epoch(created):
    assert whole_seconds(created) == 0


@given(st.floats())
def test_every_float_has_a_second(created):
    second = whole_seconds(created)

    assert type(second) is int
    assert 0 <= second <= 2**40


# --- stretches


def test_a_stretch_lies_between_neighbouring_edges_of_all_intervals():
    assert stretch_around(7, [5, 60]) == (5, 10)
    assert stretch_around(61, [7, 60]) == (60, 63)
    assert stretch_around(59, [7, 60]) == (56, 60)


def test_of_one_interval_a_stretch_is_the_bucket():
    assert stretch_around(301, [300]) == (300, 600)


@given(second=SECONDS, lengths=LENGTHS | USUAL_LENGTHS)
def test_a_second_lies_in_its_stretch(second, lengths):
    start, end = stretch_around(second, lengths)

    assert start <= second < end


@given(second=SECONDS, lengths=LENGTHS | USUAL_LENGTHS)
def test_the_start_of_a_stretch_decides_the_bucket_in_every_interval(second, lengths):
    start, end = stretch_around(second, lengths)

    for length in lengths:
        assert bucket_start(start, length) == bucket_start(second, length)
        assert bucket_start(end - 1, length) == bucket_start(second, length)


@given(second=SECONDS, lengths=LENGTHS | USUAL_LENGTHS)
def test_a_stretch_is_as_long_as_it_can_be(second, lengths):
    start, end = stretch_around(second, lengths)

    assert any(start % length == 0 for length in lengths)
    assert any(end % length == 0 for length in lengths)


@given(second=SECONDS, lengths=LENGTHS | USUAL_LENGTHS)
def test_every_second_of_a_stretch_has_the_same_stretch(second, lengths):
    stretch = stretch_around(second, lengths)

    assert stretch_around(stretch[0], lengths) == stretch
    assert stretch_around(stretch[1] - 1, lengths) == stretch
