"""Which numbers of a tree go to Graphite, and under which names."""

from __future__ import annotations

import enum
import math
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from ecl_logging import EventCountLogger
from ecl_logging.exporters.graphite.told_once import Once
from ecl_logging.exporters.graphite.tree_points import TreePoints, safe_path
from ecl_logging.exporters.graphite.tree_rules import TreeRules
from ecl_logging.stats.mounted import _gauges_of
from ecl_logging.stats.tree import Tree

pytestmark = pytest.mark.once


class Finding:
    """Rules, what is said, and the points that come out."""

    def __init__(self) -> None:
        self.told: list[str] = []
        tell = Once(self.told.append)
        self.rules = TreeRules(tell)
        self.points = TreePoints(self.rules, tell)

    def of(self, tree: Mapping[Any, Any], path: str = "") -> dict[str, str]:
        points = self.points.of(tree, path).points
        assert len(dict(points)) == len(points)
        return dict(points)


@pytest.fixture
def finding() -> Finding:
    return Finding()


@pytest.fixture
def everything(finding: Finding) -> Finding:
    finding.rules.add("*", is_allowed=True)
    return finding


TREE = {"web": {"hits": 3, "latency": {"mean": 0.5, "99percentile": 2.0}}, "up": 1}


class Level(enum.IntEnum):
    HIGH = 7


# --- values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-3, "-3"),
        (0.000123, "0.000123"),
        (1e-300, "1e-300"),
        (0.1 + 0.2, "0.30000000000000004"),
        (2**70, "1180591620717411303424"),
        (Level.HIGH, "7"),
        (np.float64(0.25), "0.25"),
        (lambda: 4, "4"),
    ],
)
def test_a_number_goes_out_in_full(everything: Finding, value: object, text: str) -> None:
    assert everything.of({"n": value}) == {"n": text}


@pytest.mark.parametrize(
    "value",
    [True, False, None, "3", b"3", [3], math.nan, math.inf, -math.inf, 10**400, lambda: "x", 3j],
)
def test_anything_else_does_not(everything: Finding, value: object) -> None:
    assert everything.of({"n": value, "after": 1}) == {"after": "1"}
    assert everything.told == []


def test_a_gauge_may_return_a_branch(everything: Finding) -> None:
    tree = {"queue": lambda: {"length": 2, "oldest": lambda: 0.5}}

    assert everything.of(tree) == {"queue.length": "2", "queue.oldest": "0.5"}


class Broken(UserDict[str, Any]):  # of a dictionary's own methods nothing is asked
    def items(self) -> Any:
        raise RuntimeError("no items")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Hostile:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")


@pytest.mark.parametrize("value", [lambda: 1 / 0, Broken(a=1), Broken, {Unprintable(): 1}, Hostile])
def test_what_raises_stops_nothing_and_is_told_once(everything: Finding, value: object) -> None:
    for _ in range(3):
        assert everything.of({"before": 1, "bad": value, "after": 2}) == {
            "before": "1",
            "after": "2",
        }

    assert len(everything.told) == 1
    assert "'bad' cannot be read: " in everything.told[0]


def test_groups_that_are_mounted_do_not_go_out(everything: Finding) -> None:
    """Each program would push the counts of all as its own; a number beside them does."""
    groups = {"requests": {"events": ["req1"], "intervals": ["1h"]}}
    with EventCountLogger(groups, store="memory://") as ecl:
        tree = Tree()
        tree.mount(("fleet",), _gauges_of(ecl["requests"]))
        tree.root["hits"] = 3
        assert everything.of(tree.root) == {"hits": "3"}


def test_a_gauge_that_finds_itself_again_comes_to_an_end(everything: Finding) -> None:
    def again() -> dict[str, Any]:
        return {"n": 1, "again": again}

    found = everything.of({"again": again})

    assert len(found) == 50
    assert everything.told[0].endswith("is too deep, and left out")


def test_so_does_one_that_finds_itself_twice(
    everything: Finding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecl_logging.exporters.graphite.tree_points._MOST_VALUES", 500)

    def again() -> dict[str, Any]:
        return {"n": 1, "one": again, "other": again}

    assert 100 < len(everything.of({"again": again})) < 500
    assert any("500 values are pushed at most" in text for text in everything.told)


# --- names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("99.9percentile", "99-9percentile"),
        (" GET /a b", "GET-_a-b"),
        ("a/b", "a_b"),
        ("a\nb 1 2\n", "a_b-1-2"),
        ("é;*{}", "_____"),
        ("", "_"),
        (404, "404"),
        (None, "None"),
    ],
)
def test_names_are_made_safe(everything: Finding, name: object, shown: str) -> None:
    assert everything.of({"web": {name: 1}}) == {f"web.{shown}": "1"}


def test_names_that_would_be_the_same_are_told_apart(everything: Finding) -> None:
    found = everything.of({"by": {"a.b": 1, "a b": 2, "a-b": 3, 1: 4, "1": 5}})

    assert found["by.a-b"] == "3"  # which was that already
    assert found["by.1"] == "4"
    assert sorted(found.values()) == ["1", "2", "3", "4", "5"]
    assert found == everything.of({"by": {"a b": 2, "a.b": 1, "a-b": 3, 1: 4, "1": 5}})
    assert any("'by/a.b' is by.a-b_" in text for text in everything.told)


def test_branches_that_would_be_the_same_are_told_apart(everything: Finding) -> None:
    found = everything.of({"/a": {"n": 1}, "_a": {"n": 2}})

    assert len(found) == 2
    assert found["_a.n"] == "2"


def test_long_names_are_cut_and_told_apart(everything: Finding) -> None:
    found = everything.of({"x" * 600: 1, "x" * 601: 2})

    assert sorted(found.values()) == ["1", "2"]
    assert {len(name) for name in found} == {200}


def test_a_path_that_is_too_long_is_left_out_and_told(everything: Finding) -> None:
    tree: dict[str, Any] = {"n": 1}
    for _ in range(12):
        tree = {"y" * 199: tree}

    assert everything.of({"deep": tree, "n": 2}) == {"n": "2"}
    assert everything.told[0].endswith("is too long, and left out")


@pytest.mark.parametrize(
    ("prefix", "shown"),
    [("my.server.", "my.server"), ("a b..c/d\n", "a-b.c_d"), (".", ""), ("h:1", "h_1")],
)
def test_a_prefix_is_made_safe_name_by_name(prefix: str, shown: str) -> None:
    assert safe_path(prefix) == shown


# --- rules


def test_nothing_goes_out_until_something_is_allowed(finding: Finding) -> None:
    found = finding.points.of(TREE)

    assert found.points == []
    assert found.held_back == "web/hits"


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ("*", {"up", "web.hits", "web.latency.mean", "web.latency.99percentile"}),
        ("web/latency/*", {"web.latency.mean", "web.latency.99percentile"}),
        ("/web/hits", {"web.hits"}),
        ("web.latency.*", {"web.latency.mean", "web.latency.99percentile"}),
        ("web/*/mean", {"web.latency.mean"}),
        ("w?b/hit[s]", {"web.hits"}),
        ("hits", set()),
        ("WEB/*", set()),
        (lambda path, value: value == 3, {"web.hits"}),
        (lambda path, value: path == "web/latency/mean", {"web.latency.mean"}),
    ],
)
def test_a_rule_is_a_glob_or_a_function(finding: Finding, rule: Any, paths: set[str]) -> None:
    finding.rules.add(rule, is_allowed=True)

    assert finding.of(TREE).keys() == paths


def test_a_glob_also_goes_by_the_path_that_graphite_shows(finding: Finding) -> None:
    finding.rules.add("by.a-b", is_allowed=True)

    assert finding.of({"by": {"a b": 1, "c": 2}}) == {"by.a-b": "1"}


def test_of_allow_and_forbid_the_newest_rule_wins(finding: Finding) -> None:
    rules = finding.rules
    rules.add("*", is_allowed=True)
    rules.add("web/*", is_allowed=False)
    rules.add(lambda path, value: path.endswith("mean"), is_allowed=True)
    assert finding.of(TREE).keys() == {"up", "web.latency.mean"}

    rules.add("*", is_allowed=False)
    assert finding.of(TREE) == {}


def test_what_is_pruned_is_not_even_called(everything: Finding) -> None:
    called = []
    tree = {"slow": lambda: called.append(1) or {"n": 1}, "fast": {"n": 2, "m": 3}}
    everything.rules.prune("slow")
    everything.rules.prune(lambda path: path == "fast/m")
    everything.rules.add("slow/*", is_allowed=True)

    assert everything.of(tree) == {"fast.n": "2"}
    assert called == []


def test_rules_go_by_the_path_that_a_mapping_is_said_to_have(finding: Finding) -> None:
    finding.rules.add("jobs/*", is_allowed=True)

    assert finding.of({"n": 1}) == {}
    assert finding.of({"n": 1}, "/jobs/") == {"n": "1"}


def unanswerable(path: str, value: float = 0) -> bool:
    raise RuntimeError(f"no answer to {path}")


def test_what_a_rule_raises_at_does_not_go_out_and_is_told_once(everything: Finding) -> None:
    everything.rules.add(lambda path, value: path == "up" and unanswerable(path), is_allowed=False)
    for _ in range(3):
        assert everything.of({"up": 1, "n": 2}) == {"n": "2"}

    assert everything.told == ["a rule raised at 'up': RuntimeError: no answer to up"]


def test_what_a_prune_rule_raises_at_is_passed_over_and_told_once(everything: Finding) -> None:
    everything.rules.prune(unanswerable)
    for _ in range(3):
        assert everything.of(TREE) == {}

    assert everything.told == ["a prune rule raised at 'web': RuntimeError: no answer to web"]


@pytest.fixture(params=["allow", "forbid", "prune"])
def adding(request: pytest.FixtureRequest, finding: Finding) -> Iterator[Callable[[Any], None]]:
    if request.param == "prune":
        yield finding.rules.prune
    else:
        yield lambda rule: finding.rules.add(rule, is_allowed=request.param == "allow")


@pytest.mark.parametrize("rule", [None, 3, b"*", ["*"]])
def test_what_is_neither_is_no_rule(adding: Callable[[Any], None], rule: object) -> None:
    with pytest.raises(TypeError, match="a rule is a glob"):
        adding(rule)
