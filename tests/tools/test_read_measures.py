"""ecl-read --measures: what it prints; and the measures in JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging.distributions import Distribution
from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, split_cell, sum_cells
from ecl_logging.tools.lines import Frame, Size, width_of
from ecl_logging.tools.measure_tables import picture, short
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.reports import Reading, Report, Selection
from ecl_logging.views import View
from tests.tools.test_read_foreign import IDS, printed, stored

pytestmark = pytest.mark.once

BOTH = """\
# requests 5m last 2026-11-22T11:55:00Z
measure  count  mean  p50  p90  p95  p99  max
latency      0     -    -    -    -    -    -

# requests 5m current 2026-11-22T12:00:00Z
measure  count  mean      p50      p90      p95      p99     max
latency      3     2   0.9892    3.363     3.66    3.897   3.957
size         2   6e8  6.048e8  1.089e9  1.149e9  1.197e9  1.21e9
"""

CURRENT = ("--measures", "-g", "requests", "-i", "5m", "--current")


def cells(name: str, *values: float) -> dict[str, int]:
    return counted(name, values) | sum_cells(name, values)


@pytest.fixture
def measured(commanded):
    """Two measures in the current bucket of `requests`, one of them declared."""
    definition = commanded.store.definition("requests")
    commanded.store.define(dataclasses.replace(definition, measures=frozenset({"latency"})))
    commanded.count(
        "requests", req1=7, **cells("latency", 1.0, 1.0, 4.0), **cells("size", 1.2e9, 1e-4)
    )
    return commanded


def names(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines() if line]


# --- numbers


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.000123, "0.000123"),
        (0.00012345, "0.0001234"),
        (0.0000123, "1.23e-5"),
        (5e-324, "4.941e-324"),
        (0.12, "0.12"),
        (1.0, "1"),
        (9.9999, "10"),
        (123.456, "123.5"),
        (-123.456, "-123.5"),
        (12345.678, "12346"),
        (999_999.0, "999999"),
        (100.0, "100"),
        (1_000_000.0, "1e6"),
        (1.2e9, "1.2e9"),
        (-1.7976931348623157e308, "-1.798e308"),
        (math.nan, "-"),
        (math.inf, "inf"),
        (12_345_678_901, "12345678901"),
    ],
)
def test_numbers_are_short(number, text):
    assert short(number) == text


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_short_number_has_four_digits(number):
    assert len(short(number)) <= len("-1.798e-308")
    assert abs(Fraction(short(number)) - Fraction(number)) <= abs(
        Fraction(number)
    ) / 1000 + Fraction(1, 10**320)


# --- text


def test_a_groups_measures_are_a_table(measured, ran):
    assert ran(ecl_read, *CURRENT) == (0, BOTH.partition("12:00:00Z\n")[2], "")


def test_without_a_group_every_table_has_its_head(measured, ran):
    """And groups without measures have none."""
    assert ran(ecl_read, "--measures", "-i", "5m") == (0, BOTH, "")
    assert names(ran(ecl_read, "--measures")[1]).count("#") == 4


def test_both_buckets_have_titles(measured, ran):
    _, out, _ = ran(ecl_read, *CURRENT[:-1], "--both")

    assert names(out) == ["Last:", "measure", "latency", "Current:", "measure", "latency", "size"]


def test_several_intervals_and_no_choice_are_an_error(measured, ran):
    status, out, err = ran(ecl_read, "-g", "requests", "--measures")

    assert (status, out) == (1, "")
    assert err.endswith("choose one with -i\n")


def test_a_history_has_a_row_for_each_bucket_of_each_measure(measured, ran):
    measured.clock.now += 300
    measured.count("requests", **cells("size", 0.5, 0.5))
    measured.clock.now += 300

    assert ran(ecl_read, "--measures", "-i", "5m", "--history", "2") == (
        0,
        """\
# requests 5m history
measure  start                 count  mean      p50      p90      p95      p99     max
latency  2026-11-22T12:00:00Z      3     2   0.9892    3.363     3.66    3.897   3.957
latency  2026-11-22T12:05:00Z      0     -        -        -        -        -       -
size     2026-11-22T12:00:00Z      2   6e8  6.048e8  1.089e9  1.149e9  1.197e9  1.21e9
size     2026-11-22T12:05:00Z      2   0.5   0.4946   0.4946   0.4946   0.4946  0.4946
""",
        "",
    )
    _, of_one, _ = ran(ecl_read, *CURRENT[:-1], "--history", "2", "--nonzero")
    assert names(of_one) == ["measure", "latency", "size", "size"]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ([], ["latency", "size"]),
        (["s*"], ["size"]),
        (["--top", "1"], ["latency"]),
        (["--top", "9", "*"], ["latency", "size"]),
        (["--nonzero", "--last"], []),
        (["--last"], ["latency"]),
    ],
)
def test_measures_are_chosen_by_pattern_and_by_size(measured, ran, options, chosen):
    bucket = [] if "--last" in options else ["--current"]
    status, out, _ = ran(ecl_read, *CURRENT[:-1], *bucket, *options)

    assert (status, names(out)[1:]) == (0, chosen)


def test_a_pattern_without_any_match_is_told(measured, ran):
    assert ran(ecl_read, *CURRENT, "req*", "size")[2].startswith(
        "ecl-read: no measure matches 'req*' (capitals"
    )


def test_where_nothing_is_measured_that_is_told(commanded, ran):
    for words in (CURRENT, ("--measures",), ("--measures", "--history")):
        status, out, err = ran(ecl_read, *words)

        assert (status, out) == (0, "")
        assert err.startswith("ecl-read: nothing is measured there; `measure` in a rule")


def test_measures_alone_change_no_other_output(measured, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--current") == (0, "req1:7\nreq2:0\n", "")


def test_a_measure_that_is_named_to_harm_drives_no_terminal(commanded, ran, monkeypatch):
    commanded.count("errors", **cells("\x1b[2J\n", 1.0))
    command = ("--measures", "-g", "errors", "--current")

    assert names(ran(ecl_read, *command)[1]) == ["measure", "\\x1b[2J\\n"]
    assert '"\x1b[2J\n",1,1.0' in ran(ecl_read, *command, "--csv")[1]
    monkeypatch.setattr("ecl_logging.tools.read.sys.stdout.isatty", lambda: True, raising=False)
    assert '"\\x1b[2J\\n",1,1.0' in ran(ecl_read, *command, "--csv")[1]


# --- JSON


def test_json_has_all_that_is_known_of_each_measure(measured, ran):
    _, out, _ = ran(ecl_read, "--json", "-g", "requests", "-i", "5m", "--both", "req1")
    last, current = json.loads(out)
    distribution = Distribution({(1, -1): 2, (1, 63): 1}, {0: 6})

    assert list(last["measures"]) == ["latency"]
    assert last["measures"]["latency"] == {
        "count": 0,
        "sum": 0.0,
        **dict.fromkeys(["mean", "stddev", "min", "max", "p50", "p90", "p95", "p99"]),
    }
    assert list(current["measures"]) == ["latency", "size"]
    assert current["counts"] == {"req1": 7}
    assert current["measures"]["latency"] == {
        "count": 3,
        "sum": 6.0,
        "mean": 2.0,
        "stddev": distribution.stddev,
        "min": distribution.min,
        "max": distribution.max,
        **{f"p{percent}": distribution.percentile(percent) for percent in (50, 90, 95, 99)},
    }


def test_json_of_measures_has_all_counts_and_the_measures_that_are_wanted(measured, ran):
    [current] = json.loads(ran(ecl_read, *CURRENT, "--json", "s*")[1])

    assert list(current["measures"]) == ["size"]
    assert current["counts"] == {"req1": 7, "req2": 0}


def test_json_has_no_number_that_json_has_not(commanded, ran):
    commanded.count("errors", **cells("x", 1.5e308, 1.5e308))

    _, out, _ = ran(ecl_read, "--json", "-g", "errors", "--current")

    assert json.loads(out, parse_constant=pytest.fail)[0]["measures"]["x"]["sum"] is None
    assert '"mean": 1.5e+308' in out


# --- CSV


def test_csv_has_a_row_for_each_measure_with_all_digits(measured, ran):
    _, out, _ = ran(ecl_read, "--measures", "--csv", "-i", "5m")
    head, *rows = out.splitlines()
    place = '"requests","5m","current","2026-11-22T12:00:00Z"'

    assert head == "group,interval,bucket,start,measure,count,mean,p50,p90,p95,p99,max"
    assert rows[0].endswith('"2026-11-22T11:55:00Z","latency",0,"","","","","",""')
    assert rows[1].startswith(f'{place},"latency",3,2.0,0.989')
    assert rows[2].startswith(f'{place},"size",2,600000000.00005,')
    assert len(rows) == 3


# --- watching


def test_tables_come_one_after_the_other(measured, ran, waits):
    waits.append(lambda: measured.count("requests", **cells("size", 1.0)))

    _, out, err = ran(ecl_read, "--watch", *CURRENT[:3], "--current", "-i", "5m", "size")

    assert [line.split()[:2] for line in out.splitlines()] == [
        *(["#", "requests"], ["measure", "count"], ["size", "2"]),
        [],
        *(["#", "requests"], ["measure", "count"], ["size", "3"]),
    ]
    assert err == ""


FRAME = Frame(store="redis://***@cache:6379/0", time="12:01:05Z")


def reading(*measures: str, notes: tuple[str, ...] = ()) -> Reading:
    measured = {name: Distribution({(1, 320): 3}, {0: 3072}) for name in measures}
    blocks = tuple(
        (Report("web", Interval.parse("5m"), bucket, View(0, {}, {}, found)),)
        for bucket, found in (("last", measured | {"none": Distribution()}), ("current", measured))
    )
    return Reading(blocks, notes)


def drawn(read: Reading, columns: int, rows: int, **chosen) -> list[str]:
    selection = Selection(of_measures=True, **chosen)
    lines = picture(read, selection, FRAME, Size(columns, rows), Ruler())
    assert len(lines) <= rows
    assert all(width_of(line, Ruler()) <= columns for line in lines)
    return ["".join(span.text for span in line).rstrip() for line in lines]


def test_the_live_table_has_a_table_for_each_bucket():
    assert drawn(reading("latency", notes=("a note",)), 76, 24) == [
        "redis://***@cache:6379/0                              12:01:05Z  Ctrl-C ends",
        "",
        "web 5m last",
        "measure  count  mean   p50   p90   p95   p99   max",
        "latency      3  1024  1035  1035  1035  1035  1035",
        "none         0     -     -     -     -     -     -",
        "",
        "web 5m current",
        "measure  count  mean   p50   p90   p95   p99   max",
        "latency      3  1024  1035  1035  1035  1035  1035",
        "",
        "a note",
    ]


def test_in_a_narrow_terminal_some_percentiles_are_left_out_before_names_are_cut():
    long = "how long a request has taken"

    assert drawn(reading(long), 40, 24)[2:6] == [
        "web 5m last",
        "measure                count   p50   p99",
        "how long a request h…      3  1035  1035",
        "none                       0     -     -",
    ]


def test_in_a_low_terminal_hidden_measures_and_tables_are_told():
    many = [f"m{n}" for n in range(9)]

    assert drawn(reading(*many), 80, 12)[-2:] == [
        "m0           3  1024  1035  1035  1035  1035  1035",
        "... and 8 more",
    ]
    assert drawn(reading(*many), 80, 7)[-2:] == ["... and 9 more", "... and 1 more table"]


def test_buckets_without_measures_have_no_table():
    assert drawn(reading("x"), 80, 24, patterns=("y",)) == [drawn(reading(), 80, 24)[0]]


@pytest.mark.parametrize("columns", [1, 8, 20, 33, 50, 200])
@pytest.mark.parametrize("rows", [1, 3, 6, 9, 40])
def test_a_picture_fits_into_any_terminal(columns, rows):
    drawn(reading("日本茶\x1b", "b" * 50, "c"), columns, rows)


# --- whatever is stored

CELLS = st.dictionaries(
    st.one_of(
        st.builds(lambda mark, at, name: f"@{mark}{at}:{name}", st.sampled_from("+-="), st.integers(-40, 40), IDS),
        st.builds(lambda name: f"@0:{name}", IDS),
        st.from_regex(r"@[-+=]-?[0-9]{1,20}:x", fullmatch=True),
        IDS,
    ),
    st.integers(-(2**63), 2**63 - 1),
    max_size=8,
)  # fmt: skip


@settings(deadline=None)
@given(CELLS, st.sampled_from([(), ("--nonzero",), ("--top", "2"), ("--history", "2")]))
def test_measures_are_read_and_drive_nothing_whatever_is_stored(cells, options):
    store = stored({"g": (["5s"], {"a"}, cells)})
    named = sorted({split[0] for cell in cells if (split := split_cell(cell)) and split[1] != "="})

    assert printed(store, "--measures", *options).replace("\n", "").isprintable()
    assert printed(store, "-g", "g", "--measures", "--both").replace("\n", "").isprintable()
    rows = csv.reader(io.StringIO(printed(store, "--measures", "--csv", "--current"), newline=""))
    assert [row[4] for row in rows][1:] == named
    [one] = json.loads(printed(store, "--json", "--current"), parse_constant=pytest.fail)
    assert list(one["measures"]) == named
    assert not any(split_cell(cell) for cell in one["own"])
