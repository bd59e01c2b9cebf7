"""ecl-read --sources: who counts."""

from __future__ import annotations

import json

import pytest

from ecl_logging.stores.protocols import Batch
from ecl_logging.tools.read import main as ecl_read

A, B = "a" * 32, "0123456789abcdef" * 2

TABLE = """\
group     source    batches  events            last flush  lag
errors    aaaaaaaa        1       1  2026-11-22T12:01:10Z    5
requests  01234567        2      12  2026-11-22T12:01:02Z   13
requests  aaaaaaaa        1       3  2026-11-22T12:01:00Z   15
"""


@pytest.fixture
def counted(commanded):
    def send(group: str, source: str, number: int, total: int, **counts: int) -> None:
        definition = commanded.store.definition(group)
        commanded.store.apply(
            Batch(
                *(group, source, number, total, definition.version, int(commanded.clock.now)),
                *(definition.intervals, counts),
            )
        )

    send("requests", B, 1, 5, req1=5)
    send("requests", A, 1, 3, req1=3)
    commanded.clock.now += 2.6
    send("requests", B, 2, 12, req1=7)
    commanded.clock.now += 7.4
    send("errors", A, 1, 1, error=1)
    commanded.clock.now += 5
    return commanded


def test_each_source_is_a_row_newest_first(counted, ran):
    assert ran(ecl_read, "--sources") == (0, TABLE, "")


def test_sources_of_one_group(counted, ran):
    _, out, _ = ran(ecl_read, "--sources", "-g", "errors")

    assert [line.split()[0] for line in out.splitlines()] == ["group", "errors"]


def test_json_has_the_whole_source(counted, ran):
    status, out, err = ran(ecl_read, "--sources", "--json", "-g", "requests")

    assert (status, err) == (0, "")
    assert json.loads(out) == [
        {
            "group": "requests",
            "source": B,
            "batches": 2,
            "events": 12,
            "last_flush": "2026-11-22T12:01:02Z",
            "lag_seconds": 13,
        },
        {
            "group": "requests",
            "source": A,
            "batches": 1,
            "events": 3,
            "last_flush": "2026-11-22T12:01:00Z",
            "lag_seconds": 15,
        },
    ]


def test_the_lag_is_by_the_stores_clock(counted, ran):
    """Which stands here in the year 2026, whatever this machine's clock says."""
    counted.clock.now += 100

    _, out, _ = ran(ecl_read, "--sources", "-g", "errors")

    assert out.splitlines()[1].split()[-1] == "105"


@pytest.mark.parametrize(("options", "expected"), [([], ""), (["--json"], "[]\n")])
def test_no_sources_are_told(commanded, ran, options, expected):
    assert ran(ecl_read, "--sources", *options) == (
        0,
        expected,
        "ecl-read: nobody has counted in memory://commands within a week\n",
    )


def test_an_unknown_group_is_an_error(counted, ran):
    status, out, err = ran(ecl_read, "--sources", "-g", "x")

    assert (status, out) == (1, "")
    assert "knows no group 'x'" in err
