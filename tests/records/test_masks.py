"""Masks: what varies is replaced by marks; what is said stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging.records.masks import CHARACTERS, MARKS, mask

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

# Whatever a rule begins, ends or looks at, next to each other in any order.
PARTS = [
    *"ab1-_/\\'\"`()[]{}<>=:.,@ \t\n?%+!#~é²٣…$",
    *("  ", ", ", ": ", "::", "a1", "12", "e5", "ms", "GiB", "s", "th", "T12", "Z "),
    *("user", "user ", "name=", "for ", "from ", "host=", "not ", "unknown", "localhost"),
    *("deadbeef", "0x1f", "10.0.0.1", ":80", "fe80::1", ".com", "x@y.de", "http://", "https://h/p"),
    *("May ", "Mon, ", "2024-01-02", "12:34:56", "C:\\", "~/", "./", "b'", 'f"', "…"),
    *("123e4567-e89b-12d3-a456-426614174000", "<cut>", *(f"<{name}>" for name in MARKS)),
]


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("retrying in 250ms, 3/5 done, 12.5 GiB left", "retrying in <num>, <num>/<num> done, <num> left"),
        ("took    5 ms", "took <num>"),
        ("took 1h30m", "took <num>"),
        ("-5 degrees, 5-3, +1e-7, 1_000, 1,234.56", "<num> degrees, <num>-<num>, <num>, <num>, <num>"),
        ("<Order object at 0x7f3a2b01>", "<Order object at <hex>>"),
        ("commit 1f3870be27 by deadbeef", "commit <hex> by deadbeef"),
        ("job 123e4567-e89b-12d3-a456-426614174000", "job <uuid>"),
        ("part_-160899968 of session a8Xk29dk3fL", "part_-<num> of session <id>"),
        ("utf8, sha256sum, x86_64", "utf<num>, sha<num>sum, x<num>"),
        ("10.1.2.3, 10.1.2.3:80, /10.1.2.3:80, 10.0.0.0/8", "<addr>, <addr>, <addr>, <addr>"),
        ("fe80::1%eth0 [2001:db8::1]:443 00:1a:2b:3c:4d:5e", "<addr> <addr> <addr>"),
        ("std::string::npos", "std::string::npos"),
        ("db.example.com, db.example.com:5432, mia@example.org", "<addr>, <addr>, <addr>"),
        ("shop.basket.checkout failed", "shop.basket.checkout failed"),
        ("GET https://api.example.com/v1/u/17?x=3 failed", "GET https://<url> failed"),
        ("GET /u/17/orders?x=1 200", "GET <path> <num>"),
        ("GET / 200", "GET <path> <num>"),
        (r"C:\Users\mia\a.txt ~/b ./c src/app/main.py", "<path> <path> <path> <path>"),
        ("read/write and/or", "read/write and/or"),
        ("no 'apples' in \"the bag\"", "no <quoted> in <quoted>"),
        ("it's the users' bag, isn't it", "it's the users' bag, isn't it"),
        (repr(b"it's \"x\""), "<quoted>"),
        (f"ids {[1, 2, 3]} of {['a', 'b']}", "ids [<num>] of [<quoted>]"),
        (f"{ {'a': 1, 'b': 2} }", "{<quoted>: <num>}"),
        ("2024-01-02T03:04:05.678Z 2024-01-02 03:04:05,678 12:01:02", "<time> <time> <time>"),
        ("May  5 06:07:08 and 5 Jun 2024", "<time> and <time>"),
        ("user mia logged in; user=mia name=Mia", "user mia logged in; user=<value> name=<value>"),
        ("user not found; user unknown", "user not found; user unknown"),
        ("state=open, took=3ms (a = b)", "state=<value>, took=<value> (a = b)"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_varies_is_replaced_by_marks(said: str, masked: str) -> None:
    assert mask(said) == masked


def test_messages_of_one_f_string_are_alike() -> None:
    def said(n: int, who: str, place: str) -> str:
        return f"{who!r} took {n / 7:.3f}s and {n} B from {place} ({[n] * n}, {object()})"

    assert len({mask(said(n, "x" * n, f"/a/{n}")) for n in range(1, 30)}) == 1


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join) | st.text(max_size=60))
def test_masking_again_changes_nothing(text: str) -> None:
    masked = mask(text)

    assert mask(masked) == masked
    assert not any(character.isdecimal() for character in masked)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join))
def test_neither_does_it_where_marks_are_longer_than_there_is_room(text: str) -> None:
    masked = mask(text * CHARACTERS)

    assert len(masked) <= CHARACTERS
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "part", ["1 ", "a1", "1.", "'", "'\\", "a.b@", "a.", "a/", ":", "f:", " ", "user "]
)
def test_the_time_grows_with_the_length_and_no_faster(part: str) -> None:
    """Four times the text in less than twelve times the time; the square would be sixteen."""

    def seconds(length: int) -> float:
        text = (part * length)[:length]
        taken = []
        for _ in range(5):
            began = time.thread_time()
            mask(text)
            taken.append(time.thread_time() - began)
        return min(taken)

    assert seconds(CHARACTERS) < 12 * seconds(CHARACTERS // 4) + 0.001


def test_of_ten_megabytes_only_the_start_is_looked_at() -> None:
    assert mask("a 1 " * 2_500_000) == mask(("a 1 " * 2000)[:CHARACTERS])
