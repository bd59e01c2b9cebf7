"""ecl-read: what it prints, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecl_logging.tools.read import main as ecl_read

FIRST_BUCKET = 300.0  # seconds to the next bucket of 5m

ALL_BUCKETS = """\
# errors 1h last 2026-11-22T11:00:00Z
error:0

# errors 1h current 2026-11-22T12:00:00Z
error:0

# requests 5s last 2026-11-22T12:01:00Z
req1:1
req2:0

# requests 5s current 2026-11-22T12:01:05Z
req1:0
req2:0

# requests 5m last 2026-11-22T11:55:00Z
req1:0
req2:0

# requests 5m current 2026-11-22T12:00:00Z
req1:1
req2:0
"""


@pytest.fixture
def counted(commanded):
    """A finished bucket of 5m with req1 and req3, and a current one with req2."""
    commanded.count("requests", req1=54, req3=2)
    commanded.clock.now += FIRST_BUCKET
    commanded.count("requests", req2=7)
    return commanded


def test_a_group_is_printed_as_lines_of_id_and_count(counted, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "5m") == (0, "req1:54\nreq2:0\nreq3:2\n", "")


def test_the_last_bucket_is_the_default(counted, ran):
    by_default = ran(ecl_read, "-g", "requests", "-i", "5m")

    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--last") == by_default


def test_the_current_bucket(counted, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--current") == (0, "req1:0\nreq2:7\n", "")


def test_both_buckets_have_titles(counted, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--both") == (
        0,
        "Last:\nreq1:54\nreq2:0\nreq3:2\nCurrent:\nreq1:0\nreq2:7\n",
        "",
    )


def test_the_only_interval_need_not_be_named(commanded, ran):
    assert ran(ecl_read, "-g", "errors", "--current") == (0, "error:0\n", "")


def test_an_interval_is_found_by_its_length(counted, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "300s", "--current")[:2] == (
        0,
        "req1:0\nreq2:7\n",
    )


def test_without_a_group_every_bucket_has_its_head(commanded, ran):
    commanded.count("requests", req1=1)
    commanded.clock.now += 5

    assert ran(ecl_read) == (0, ALL_BUCKETS, "")


def test_without_a_group_one_interval_can_be_asked_for(commanded, ran):
    assert ran(ecl_read, "-i", "1h", "--last") == (
        0,
        "# errors 1h last 2026-11-22T11:00:00Z\nerror:0\n",
        "",
    )


def test_cells_of_our_own_are_noted_on_stderr(commanded, ran):
    commanded.count("requests", **{"req1": 1, "@invalid": 2, "@other": 3})

    assert ran(ecl_read, "-g", "requests", "-i", "5m", "--current") == (
        0,
        "req1:1\nreq2:0\n",
        "ecl-read: requests 5m current: also @invalid 2, @other 3\n",
    )


# --- errors


def test_several_intervals_and_no_choice_are_an_error(commanded, ran):
    status, out, err = ran(ecl_read, "-g", "requests")

    assert (status, out) == (1, "")
    assert err == (
        "ecl-read: error: group requests has several intervals (5s, 5m); choose one with -i\n"
    )


def test_an_unknown_group_names_those_that_there_are(commanded, ran):
    status, out, err = ran(ecl_read, "-g", "reqests")

    assert (status, out) == (1, "")
    assert err.startswith("ecl-read: error: ")
    assert "'reqests'" in err
    assert "errors, requests" in err


def test_an_unknown_interval_names_those_that_there_are(commanded, ran):
    assert ran(ecl_read, "-g", "requests", "-i", "1d") == (
        1,
        "",
        "ecl-read: error: group requests has no interval '1d'; it has 5s, 5m\n",
    )


def test_an_interval_that_no_group_has_is_an_error(commanded, ran):
    assert ran(ecl_read, "-i", "1d") == (
        1,
        "",
        "ecl-read: error: no group has an interval '1d'\n",
    )


@pytest.mark.parametrize("arguments", [["--last", "--both"], ["--unknown"], ["-g"]])
def test_wrong_usage_is_status_2(commanded, ran, arguments):
    status, out, err = ran(ecl_read, *arguments)

    assert (status, out) == (2, "")
    assert err.startswith("usage: ecl-read")


def test_an_interval_that_only_the_file_has_so_far_reads_zero(commanded, ran):
    Path("some.yaml").write_text("groups: {errors: {intervals: [1h, 1d], events: [fatal]}}")

    assert ran(ecl_read, "some.yaml", "-g", "errors", "-i", "1d") == (0, "error:0\nfatal:0\n", "")
    assert "# errors 1d current " in ran(ecl_read, "some.yaml")[1]


def test_zeros_of_a_store_that_has_counted_nothing_come_with_its_name(ran):
    """As of a store that was mistyped, or is relative to another folder."""
    Path("some.yaml").write_text("groups: {errors: {intervals: [1h], events: [fatal]}}")

    status, out, err = ran(ecl_read, "some.yaml", "-g", "errors", "--store", "sqlite:///typo.db")

    assert (status, out) == (0, "fatal:0\n")
    assert f"nothing counted in sqlite:///{Path('typo.db').absolute()}; choose with" in err
