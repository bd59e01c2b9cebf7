"""Which paths go out, and how they look to carbon."""

from __future__ import annotations

import math

import pytest

from ecl_logging.distributions import distributions_in
from ecl_logging.exporters.graphite.paths import KnownNames, PathRules, lines_of, points_of
from ecl_logging.measures import counted, sum_cells
from ecl_logging.views import View

ALLOW, FORBID = True, False


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ([], "abc"),
        ([(FORBID, "*.a")], "bc"),
        ([(ALLOW, "*.a")], "a"),
        ([(ALLOW, "*"), (FORBID, "*.a")], "bc"),
        ([(FORBID, "*.a"), (ALLOW, "*")], "abc"),
        ([(ALLOW, "g.*"), (FORBID, "*.[ab]"), (ALLOW, "*.b")], "bc"),
        ([(FORBID, "*.a"), (ALLOW, "*.b")], "b"),
        ([(ALLOW, "*.A")], ""),
        ([(ALLOW, "g.1s")], ""),
    ],
)
def test_the_last_rule_that_matches_wins(rules, allowed):
    paths = PathRules(rules)

    assert "".join(name for name in "abc" if paths.allow(f"g.1s.{name}")) == allowed


def test_lines_are_as_carbon_reads_them():
    points = [("g.1s.a", 3), ("g.1s.m.sum", 0.1)]

    assert lines_of("ecl", points, 60) == b"ecl.g.1s.a 3 60\necl.g.1s.m.sum 0.1 60\n"


def test_a_sum_beyond_all_doubles_is_left_out():
    values = [1.7e308, 1.7e308]
    cells = counted("m", values) | sum_cells("m", values)
    points = dict(points_of(View(0, {}, {}, distributions_in(cells)), {}, {"m": "m"}))

    assert points["m.count"] == 2
    assert "m.sum" not in points
    assert all(math.isfinite(value) for value in points.values())


def test_names_are_kept_in_mind_to_a_bound(monkeypatch):
    monkeypatch.setattr("ecl_logging.exporters.graphite.paths._MOST_NAMES", 10)
    known = KnownNames("IDs", lambda text: None)
    for number in range(100):
        assert f"id{number}" in known.of([f"id{number}"])

    assert len(known.of([])) <= 10
