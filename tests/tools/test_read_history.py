"""ecl-read --history: one row for each finished bucket."""

from __future__ import annotations

import json

import pytest

from ecl_logging.config import GroupConfig
from ecl_logging.definitions import wanted_definition
from ecl_logging.intervals import Interval
from ecl_logging.tools.read import main as ecl_read

TWO_ROWS = """\
start                 req1  req2
2026-11-22T11:55:00Z     0     0
2026-11-22T12:00:00Z    12     0
"""

ALL_TABLES = """\
# errors 1h history
start                 error
2026-11-22T11:00:00Z      0

# requests 5s history
start                 req1  req2
2026-11-22T12:05:00Z     0     0

# requests 5m history
start                 req1  req2
2026-11-22T12:00:00Z    12     0
"""


@pytest.fixture
def counted(commanded):
    """The current bucket is of 12:05:00 in both intervals of `requests`."""
    commanded.count("requests", req1=12)
    commanded.clock.now += 245
    return commanded


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_finished_buckets_are_rows_oldest_first(counted, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--history", "2") == (0, TWO_ROWS, "")


def test_without_a_group_every_table_has_its_head(counted, ran):
    assert ran(ecl_read, "--history", "1") == (0, ALL_TABLES, "")


def test_a_group_with_several_intervals_has_heads_too(counted, ran):
    _, out, _ = ran(ecl_read, "-g", "requests", "--history=1")

    assert [line for line in out.splitlines() if line.startswith("#")] == [
        "# requests 5s history",
        "# requests 5m history",
    ]


@pytest.mark.parametrize("words", [["--history"], ["--history", "61"], ["--history", "9" * 5000]])
def test_there_is_no_more_than_the_groups_history(counted, ran, words):
    status, out, err = ran(ecl_read, "-g", "requests", "-i", "5m", *words)

    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 1 + 60
    assert out.splitlines()[-1] == TWO_ROWS.splitlines()[-1]


def test_a_word_behind_history_that_is_no_number_is_a_pattern(counted, ran):
    _, out, _ = ran(ecl_read, "-g", "requests", "-i", "5m", "--history", "req1")

    assert rows(out)[0] == ["start", "req1"]
    assert len(rows(out)) == 1 + 60


def test_numbers_are_aligned_below_their_id(commanded, ran):
    commanded.count("errors", **{"日本": 5, "a very long name": 1_000_000_000, "x": 10**18})
    commanded.clock.now += 3600

    assert ran(ecl_read, "-g", "errors", "--history", "1")[1] == (
        "start                 a very long name  error                    x  日本\n"
        "2026-11-22T12:00:00Z        1000000000      0  1000000000000000000     5\n"
    )


def test_beyond_twenty_ids_the_rest_is_one_column(commanded, ran):
    commanded.count("errors", **{f"e{n:02}": n for n in range(1, 25)})
    commanded.clock.now += 3600
    commanded.count("errors", e01=1, e24=1)
    commanded.clock.now += 3600

    _, out, _ = ran(ecl_read, "-g", "errors", "--history", "2")

    largest = [f"e{n:02}" for n in range(24, 4, -1)]
    assert rows(out) == [
        ["start", *largest, "(rest)"],
        ["2026-11-22T12:00:00Z", *map(str, range(24, 4, -1)), "10"],
        ["2026-11-22T13:00:00Z", "1", *["0"] * 19, "1"],
    ]


def test_twenty_ids_need_no_rest(commanded, ran):
    commanded.count("errors", **{f"e{n:02}": n for n in range(1, 20)})
    commanded.clock.now += 3600

    _, out, _ = ran(ecl_read, "-g", "errors", "--history", "1")

    assert rows(out)[0] == ["start", *[f"e{n:02}" for n in range(1, 20)], "error"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--top", "2"], ["b", "a"]),
        (["--nonzero"], ["a", "b", "c"]),
        (["--top", "9"], ["b", "a", "c", "error"]),
        (["[bc]*"], ["b", "c"]),
    ],
)
def test_columns_are_chosen_by_their_sums(commanded, ran, options, ids):
    commanded.count("errors", b=5, a=2, c=1)
    commanded.clock.now += 3600
    commanded.count("errors", a=2, c=2)
    commanded.clock.now += 3600

    _, out, _ = ran(ecl_read, "-g", "errors", "--history", "2", *options)

    assert rows(out)[0] == ["start", *ids]


def test_json_says_which_bucket_is_the_last(counted, ran):
    _, out, _ = ran(ecl_read, "-g", "requests", "-i", "5m", "--history", "3", "--json")

    assert [(one["bucket"], one["start"], one["counts"]) for one in json.loads(out)] == [
        ("past", "2026-11-22T11:50:00Z", {"req1": 0, "req2": 0}),
        ("past", "2026-11-22T11:55:00Z", {"req1": 0, "req2": 0}),
        ("last", "2026-11-22T12:00:00Z", {"req1": 12, "req2": 0}),
    ]


def test_csv_of_a_history(counted, ran):
    _, out, _ = ran(ecl_read, "-g", "requests", "-i", "5m", "--history", "2", "--csv", "--nonzero")

    assert out.splitlines()[1:] == ['"requests","5m","last","2026-11-22T12:00:00Z","req1",12']


def test_one_note_sums_up_the_cells_of_our_own(commanded, ran):
    for _ in range(2):
        commanded.count("errors", **{"@invalid": 2})
        commanded.clock.now += 3600

    assert ran(ecl_read, "-g", "errors", "--history", "9")[2] == (
        "ecl-read: errors 1h history: also @invalid 4\n"
    )


def test_a_group_without_ids_has_rows_of_times_only(commanded, ran):
    commanded.store.define(wanted_definition(GroupConfig("new", (Interval("1h", 3600),))))

    assert ran(ecl_read, "-g", "new", "--history", "1")[1] == "start\n2026-11-22T11:00:00Z\n"
