"""Text for terminals: what drives them is escaped, and columns are measured right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging.tools.printable import Ruler, columns_of, printable

PIECES = st.text(st.sampled_from("ab 日本é\u0301🎉\\\u1100\u1161"), max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("req1", "req1"),
        ("Ünïcode 日本 🎉", "Ünïcode 日本 🎉"),
        ("a\\nb", "a\\nb"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\x1b[2J\x07\x7f\x9b", "\\x1b[2J\\x07\\x7f\\x9b"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("\u2028\u00a0\u200b\ufeff", "\\u2028\\xa0\\u200b\\ufeff"),
        ("\udc80\U000e0001", "\\udc80\\U000e0001"),
        ("", ""),
    ],
)
def test_what_cannot_be_printed_is_escaped(text, expected):
    assert printable(text) == expected


@given(st.text())
def test_all_that_comes_out_can_be_printed(text):
    assert printable(text).isprintable()


@given(st.text().filter(str.isprintable))
def test_printable_text_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("req1", 4), ("日本茶", 6), ("\uff46\uff55", 4), ("é", 1), ("e\u0301", 1), ("한", 2)],
)
def test_columns_are_counted_as_terminals_do(text, columns):
    assert columns_of(text) == columns


def test_a_syllable_of_letters_takes_the_columns_of_its_first():
    assert columns_of("\u1112\u1161\u11ab") == 2


def test_a_long_text_ends_with_an_ellipsis():
    ruler = Ruler()

    assert ruler.shortened("request", 7) == "request"
    assert ruler.shortened("request", 6) == "reque…"
    assert ruler.shortened("日本茶", 5) == "日本…"
    assert ruler.shortened("日本茶", 4) == "日…"
    assert ruler.shortened("request", 1) == "…"
    assert ruler.shortened("request", 0) == ""


def test_what_the_encoding_lacks_is_escaped_before_it_is_measured():
    ruler = Ruler("ascii")

    assert ruler.printed("日é") == "\\u65e5\\xe9"
    assert ruler.shortened("request", 4) == "req~"


@given(PIECES, st.integers(0, 20))
def test_a_shortened_text_never_takes_more_columns(text, width):
    assert columns_of(Ruler().shortened(text, width)) <= width


@given(st.lists(st.tuples(PIECES, PIECES, st.integers()), min_size=1))
def test_every_row_of_a_table_ends_at_the_same_column(rows):
    texts = [[left, right, f"{n}."] for left, right, n in rows]

    lines = Ruler().table(texts, left=1)

    assert len({columns_of(line) for line in lines}) == 1


def test_texts_stand_at_the_left_and_numbers_at_the_right():
    assert Ruler().table([["event", "n"], ["a", "100"], ["日本", "7"]], left=1) == [
        "event    n",
        "a      100",
        "日本     7",
    ]
