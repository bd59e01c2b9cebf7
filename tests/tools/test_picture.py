"""The live table's layout, for terminals of any size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from ecl_logging.intervals import Interval
from ecl_logging.tools.lines import DIM, Frame, Size, width_of
from ecl_logging.tools.picture import picture
from ecl_logging.tools.printable import Ruler, columns_of
from ecl_logging.tools.reports import Reading, Report, Selection
from ecl_logging.views import View

pytestmark = pytest.mark.once

FRAME = Frame(store="redis://***@cache:6379/0", time="12:01:05Z")

WHOLE = """\
redis://***@cache:6379/0                              12:01:05Z  Ctrl-C ends

requests    5s       5s    5m       5m
event     last  current  last  current
error        0        0     1        0
req1         3        1  1754      212

sales        1h
event   current
apple         2
日本茶        1

requests 5m last: also @late 3"""


def block(group: str, interval: str, bucket: str, **counts: int) -> tuple[Report, ...]:
    view = View(0, dict(sorted(counts.items())), {})
    return (Report(group, Interval.parse(interval), bucket, view),)


READING = Reading(
    (
        block("requests", "5m", "last", req1=1754, error=1),
        block("requests", "5m", "current", req1=212, error=0),
        block("requests", "5s", "last", req1=3, error=0),
        block("requests", "5s", "current", req1=1, error=0),
        block("sales", "1h", "current", apple=2, 日本茶=1),
    ),
    ("requests 5m last: also @late 3",),
)


def drawn(reading: Reading, columns: int, rows: int, frame: Frame = FRAME, **chosen) -> list[str]:
    lines = picture(reading, Selection(**chosen), frame, Size(columns, rows), Ruler())
    return ["".join(span.text for span in line).rstrip() for line in lines]


def of_one(columns: int, rows: int = 24, **counts: int) -> list[str]:
    """One group's table, without what is around it."""
    intervals = ("5s", "5m", "1h", "1d")
    blocks = [block("g", i, w, **counts) for i in intervals for w in ("last", "current")]
    return drawn(Reading(tuple(blocks), ()), columns, rows)[2:]


def test_each_group_is_a_table_with_its_intervals_from_the_shortest():
    assert "\n".join(drawn(READING, 76, 24)) == WHOLE


def test_zeros_are_dim():
    lines = picture(READING, Selection(), FRAME, Size(80, 24), Ruler())
    [error] = [line for line in lines if line and line[0].text.startswith("error")]

    assert [span.style == DIM for span in error] == [False, True, True, False, True]


def test_all_columns_are_used_where_they_fit():
    assert of_one(66, event=1)[0].split() == [
        "g",
        *["5s"] * 2,
        *["5m"] * 2,
        *["1h"] * 2,
        *["1d"] * 2,
    ]


def test_the_longest_intervals_go_first_where_it_is_narrow():
    assert of_one(64, event=1) == [
        "g        5s       5s    5m       5m    1h       1h",
        "event  last  current  last  current  last  current",
        "event     1        1     1        1     1        1",
        "(no room for 1d)",
    ]
    assert of_one(34, event=1)[-1] == "(no room for 5m, 1h, 1d)"


def test_intervals_go_before_ids_are_shortened_to_nothing():
    assert of_one(31, **{"a rather long name": 1}) == [
        "g                   5s       5s",
        "event             last  current",
        "a rather long n…     1        1",
        "(no room for 5m, 1h, 1d)",
    ]


def test_then_the_last_buckets_go():
    assert of_one(20, **{"a rather long name": 1}) == [
        "g                 5s",
        "event        current",
        "a rather l…        1",
        "(no room for 5m, 1h…",
    ]


def test_what_is_cut_in_the_narrowest_terminal_ends_with_an_ellipsis():
    assert of_one(8, x=1234567890)[:3] == ["g      …", "…     c…", "x  1234…"]


def test_rows_beyond_the_height_are_counted():
    assert of_one(80, 8, **{f"e{n:02}": n for n in range(30)})[2:] == [
        "e00       0        0     0        0     0        0     0        0",
        "e01       1        1     1        1     1        1     1        1",
        "e02       2        2     2        2     2        2     2        2",
        "... and 27 more",
    ]


def test_a_full_screen_needs_no_line_for_more():
    lines = of_one(80, 8, **{f"e{n:02}": n for n in range(4)})

    assert lines[-1].startswith("e03")


def test_groups_share_the_height():
    blocks = [
        block("many", "1m", "current", **{f"e{n:03}": n for n in range(100)}),
        block("few", "1m", "current", a=1, b=1),
        block("more", "1m", "current", **{f"f{n:03}": n for n in range(50)}),
    ]

    lines = drawn(Reading(tuple(blocks), ()), 80, 24)

    assert len(lines) == 24
    assert [line for line in lines if line.startswith("...")] == [
        "... and 95 more",
        "... and 45 more",
    ]
    assert {"a            1", "b            1"} < set(lines)


def test_groups_that_have_no_room_are_counted():
    blocks = [block(f"g{n}", "1m", "current", a=1, b=1) for n in range(9)]

    lines = drawn(Reading(tuple(blocks), ()), 80, 12)

    assert lines[-1] == "... and 7 more groups"
    assert [line.split()[0] for line in lines if line.startswith("g")] == ["g0", "g1"]


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ({}, ["a", "b", "c", "d"]),
        ({"top": 2}, ["c", "a"]),
        ({"nonzero": True}, ["a", "b", "c"]),
        ({"patterns": ("[ad]",)}, ["a", "d"]),
    ],
)
def test_rows_are_chosen_as_in_any_format(chosen, ids):
    """By the sums of all columns: an ID that is missing in the first one has its place, too."""
    blocks = (
        block("g", "5s", "current", a=1, b=1, d=0),
        block("g", "5m", "current", a=5, b=4, c=9, d=0),
    )

    lines = drawn(Reading(blocks, ()), 80, 24, **chosen)

    assert [line.split()[0] for line in lines[4:]] == ids


def test_trouble_stands_above_the_counts():
    frame = Frame(store="sqlite:///x.db", time="12:01:05Z", trouble="as of 12:01:03Z: gone\x1b")

    assert drawn(READING, 80, 24, frame)[1] == "as of 12:01:03Z: gone\\x1b"


def test_a_long_name_of_a_store_is_shortened():
    frame = Frame(store="sqlite:////" + "x" * 100, time="12:01:05Z")

    assert (
        drawn(READING, 60, 24, frame)[0]
        == "sqlite:////xxxxxxxxxxxxxxxxxxxxxxxx…  12:01:05Z  Ctrl-C ends"
    )


def test_where_nothing_is_counted_the_notes_say_so():
    assert drawn(Reading((), ("nothing counted in memory://",)), 80, 24)[1:] == [
        "",
        "nothing counted in memory://",
    ]


IDS = st.text(st.characters(codec="utf-8"), max_size=40)
BLOCKS = st.lists(
    st.builds(
        lambda group, interval, bucket, counts: (
            Report(group, Interval.parse(interval), bucket, View(0, counts, {})),
        ),
        st.sampled_from(["g", "日本"]),
        st.sampled_from(["1s", "5m", "366d"]),
        st.sampled_from(["last", "current"]),
        st.dictionaries(IDS, st.integers(-(2**63), 2**63 - 1), max_size=30),
    ),
    max_size=8,
    unique_by=lambda block: (block[0].group, block[0].interval, block[0].bucket),
)


@settings(deadline=None)
@given(BLOCKS, st.lists(IDS, max_size=3), st.integers(1, 100), st.integers(1, 40), st.booleans())
def test_no_picture_is_larger_than_the_terminal(blocks, notes, columns, rows, with_rich):
    blocks.sort(key=lambda block: block[0].group)
    ruler = Ruler(measure=cell_len if with_rich else columns_of)
    reading = Reading(tuple(blocks), tuple(notes))

    lines = picture(reading, Selection(), FRAME, Size(columns, rows), ruler)

    assert len(lines) <= rows
    assert max(width_of(line, ruler) for line in lines) <= columns
    assert all(span.text.isprintable() for line in lines for span in line)
