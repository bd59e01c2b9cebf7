"""ecl-rotate: each finished bucket once, whoever rotates."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecl_logging.tools import rotate
from ecl_logging.tools.read import main as ecl_read
from ecl_logging.tools.rotate import main as ecl_rotate

START = 1_795_348_800  # 2026-11-22T12:00:00Z


def test_once_says_nothing_unless_it_is_asked(commanded, ran):
    assert ran(ecl_rotate, "--once") == (0, "", "")


def test_verbose_names_each_finished_bucket(commanded, ran):
    ran(ecl_rotate, "--once")
    commanded.clock.now += 10

    assert ran(ecl_rotate, "--once", "-v") == (
        0,
        f"rotated requests 5s {START + 60}\nrotated requests 5s {START + 65}\n",
        "",
    )


def test_two_never_print_the_same_line(commanded, ran):
    printed = []
    for _ in range(5):
        commanded.clock.now += 300
        for _ in range(2):
            printed += ran(ecl_rotate, "--once", "-v")[1].splitlines()

    assert len(printed) == len(set(printed))
    assert f"rotated requests 5m {START + 1200}" in printed


def test_rotating_does_not_change_what_is_read(commanded, ran):
    commanded.count("requests", req1=1)
    commanded.clock.now += 5
    [interval, _] = commanded.store.definition("requests").intervals
    before = commanded.store.read("requests", interval, [1, 0])
    for _ in range(3):
        ran(ecl_rotate, "--once")

    assert commanded.store.read("requests", interval, [1, 0]) == before


def test_an_empty_store_is_no_error(ran):
    assert ran(ecl_rotate, "--once", "-v", "--store", "memory://") == (0, "", "")


def test_a_group_of_the_file_is_defined_where_it_is_new(commanded, ran):
    Path("some.yaml").write_text("groups: {new: {intervals: [1m]}, errors: {intervals: [1m]}}")

    assert ran(ecl_rotate, "some.yaml", "--once") == (0, "", "")
    assert [i.text for i in commanded.store.definition("new").intervals] == ["1m"]
    assert [i.text for i in commanded.store.definition("errors").intervals] == ["1h"]


def test_define_makes_the_file_the_definition(commanded, ran):
    version = commanded.store.definition("errors").version
    Path("some.yaml").write_text("groups: {errors: {intervals: [1m], events: [new], history: 3}}")

    assert ran(ecl_rotate, "some.yaml", "--once", "--define") == (0, "", "")
    definition = commanded.store.definition("errors")
    assert [interval.text for interval in definition.intervals] == ["1m"]
    assert (definition.events, definition.history) == ({"new"}, 3)
    assert definition.version > version


def test_define_needs_a_file(commanded, ran):
    status, out, err = ran(ecl_rotate, "--once", "--define")

    assert (status, out) == (1, "")
    assert err.startswith("ecl-rotate: error: --define: there is no configuration file")


@pytest.mark.parametrize("arguments", [["--unknown"], ["a.yaml", "b.yaml"]])
def test_wrong_usage_is_status_2(ran, arguments):
    assert ran(ecl_rotate, *arguments)[0] == 2


def test_an_interval_that_is_spelt_anew_stays_as_it_is_stored(commanded, ran):
    """Counts are kept under its text: under another one nobody would find them."""
    commanded.count("errors", error=2)
    Path("some.yaml").write_text("groups: {errors: {intervals: [60m], history: 3}}")

    assert ran(ecl_rotate, "some.yaml", "--define", "--once") == (
        0,
        "",
        "ecl-rotate: group errors: 60m stays 1h, as it is stored\n",
    )
    assert commanded.store.definition("errors").history == 3
    assert ran(ecl_read, "-g", "errors", "--current")[1] == "error:2\n"


@pytest.mark.parametrize(
    ("lengths", "now", "pause"),
    [
        (set(), START + 3, 1.0),
        ({300}, START + 100, 60.0),
        ({5, 300}, START + 3, 2.02),
        ({5, 300}, START + 4.5, 0.52),
        ({300}, START + 299, 1.02),
        ({300}, START + 0.02, 1.0),
        ({300}, START + 1.02, 60.0),
    ],
)
def test_rotators_wake_after_each_edge_and_once_more(lengths, now, pause):
    """Once more, because the store's clock may be behind this machine's."""
    assert rotate._until_next_edge(lengths, now) == pytest.approx(pause, abs=1e-6)
