from __future__ import annotations

import enum
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging.event_ids import MAX_COUNT, InvalidEvent, amount_of, check_text, text_of


class Colour(enum.Enum):
    RED = "red"
    NUMBER = 5
    NAMELESS = ""


class Level(enum.StrEnum):
    HIGH = "high"


class Code(enum.IntEnum):
    OK = 200


class Shouting(str):
    __slots__ = ()

    def __str__(self):
        return self.upper()

    __repr__ = __format__ = __str__


class Counting(int):
    __str__ = __repr__ = lambda self: "much"


class Proxy:
    """Says that it is a str, as proxies of web frameworks do."""

    __class__ = property(lambda self: str)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return "req1"[index]

    def __str__(self):
        return "req1"

    def isprintable(self):
        return True


# --- IDs


@pytest.mark.parametrize(
    "text", ["req1", "a:b", "a b", "x@y", "%s", "{x}", "ä", "日本", "🎉", "0", "x" * 200]
)
def test_printable_text_is_an_event_id(text):
    assert text_of(text) is text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (200, "200"),
        (0, "0"),
        (-1, "-1"),
        (10**199, "1" + "0" * 199),
        (Colour.RED, "red"),
        (Level.HIGH, "high"),
        (Code.OK, "200"),
        (Shouting("req1"), "req1"),
        (Counting(7), "7"),
    ],
)
def test_whole_numbers_and_enums_of_text_become_plain_text(value, text):
    assert text_of(value) == text
    assert type(text_of(value)) is str


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        (Colour.NAMELESS, "is empty"),
        ("x" * 201, "is longer than 200 characters"),
        (10**200, "is longer than 200 characters"),
        (-(10**199), "is longer than 200 characters"),
        pytest.param(10**5000, "is longer than 200 characters", id="huge"),
        ("@late", "starts with '@'"),
        ("a\nb", "has characters that cannot be printed"),
        ("a\0", "has characters that cannot be printed"),
        ("\x1b[31m", "has characters that cannot be printed"),
        ("\ud800", "has characters that cannot be printed"),
        ("\u202e", "has characters that cannot be printed"),
        (None, "is None"),
        (True, "is a bool"),
        (1.0, "is neither text nor a whole number"),
        (b"req1", "is neither text nor a whole number"),
        (["req1"], "is neither text nor a whole number"),
        (object(), "is neither text nor a whole number"),
        (Colour.NUMBER, "is an Enum whose value is no text"),
    ],
)
def test_what_is_no_event_id_is_refused_with_the_reason(value, reason):
    with pytest.raises(InvalidEvent) as caught:
        text_of(value)

    assert caught.value.args == (reason,)


def test_a_proxy_of_text_is_text_or_refused_but_never_an_id_itself():
    try:
        text = text_of(Proxy())
    except InvalidEvent:
        return
    assert type(text) is str


@pytest.mark.once
@given(st.text(max_size=220))
def test_an_id_that_was_taken_is_taken_again(text):
    try:
        taken = text_of(text)
    except InvalidEvent as refused:
        with pytest.raises(InvalidEvent, match="^" + str(refused).replace("'", ".")):
            check_text(text)
    else:
        assert taken == text
        check_text(taken)


# --- counts


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, 0),
        (1, 1),
        (MAX_COUNT, MAX_COUNT),
        ("0", 0),
        ("007", 7),
        (str(MAX_COUNT), MAX_COUNT),
        (3.0, 3),
        (-0.0, 0),
        (2.0**53, MAX_COUNT),
        (Counting(7), 7),
        (Code.OK, 200),
    ],
)
def test_a_count_is_a_whole_number_its_text_or_a_float_that_equals_one(value, amount):
    assert amount_of(value) == amount
    assert type(amount_of(value)) is int


@pytest.mark.parametrize(
    "value",
    [
        *(0.5, math.nan, math.inf, -math.inf, None, b"1", [1], 1j, Decimal(1), object()),
        *("", " 1", "1 ", "1.0", "+1", "-1", "1_000", "٣", "²", "1e3", "0" * 17, "x"),
    ],
)
def test_anything_else_is_no_count(value):
    with pytest.raises(
        InvalidEvent, match=r"^has a count that is no whole number from 0 to 2\^53$"
    ):
        amount_of(value)


@pytest.mark.parametrize(
    "value", [-1, -1.0, MAX_COUNT + 1, math.nextafter(2.0**53, math.inf), 1e300, str(MAX_COUNT + 1)]
)
def test_a_count_out_of_range_is_refused(value):
    with pytest.raises(
        InvalidEvent, match=r"^has a count that is no whole number from 0 to 2\^53$"
    ):
        amount_of(value)


@pytest.mark.parametrize("value", [True, False])
def test_a_bool_is_no_count(value):
    with pytest.raises(InvalidEvent, match=r"^has a count that is a bool$"):
        amount_of(value)


@given(st.integers(0, MAX_COUNT))
def test_a_number_its_text_and_its_float_count_alike(n):
    assert amount_of(n) == amount_of(str(n)) == amount_of(float(n)) == n
