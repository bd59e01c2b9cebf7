"""Looking at a tree ends, and in time, whatever is in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ecl_logging.exporters.stats_collector import StatsCollector
from ecl_logging.stats import looks, queries
from ecl_logging.web import paths
from tests.stats.showing import html_of, json_of, page_of

MOST = 300


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks.Look.__init__, "__defaults__", (MOST, looks._SECONDS))
    monkeypatch.setattr(queries, "MOST_LOOKED_AT", MOST)
    monkeypatch.setattr(paths, "MOST_LOOKED_AT", MOST)


class Endless(Mapping[str, int]):
    """Has no end, and would fill the memory."""

    def __init__(self) -> None:
        self.given = 0

    def __getitem__(self, name: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        for self.given in itertools.count(1):
            assert self.given < 1_000_000
            yield f"n{self.given}"

    def __len__(self) -> int:
        return 1


def twice_at_each_level() -> dict[str, Any]:
    """Has 2^40 paths in 41 dictionaries."""
    branch: dict[str, Any] = {"n": 1}
    for _ in range(40):
        branch = {"a": branch, "b": branch}
    return branch


def all_in_all() -> dict[str, Any]:
    """Is in itself by many ways, none of which comes to the same twice for long."""
    branches: list[dict[str, Any]] = [{} for _ in range(15)]
    for branch in branches:
        branch.update((f"b{number}", below) for number, below in enumerate(branches))
    return branches[0]


@pytest.mark.parametrize("tree", [twice_at_each_level, all_in_all, Endless])
def test_a_tree_that_is_too_large_is_shown_in_part(tree: Callable[[], Any]) -> None:
    assert html_of(stat_dict=tree()).count(f"&lt;more than {MOST} values&gt;") >= 1
    assert f"<more than {MOST} values>" in str(json_of(tree()))


@pytest.mark.parametrize("tree", [twice_at_each_level, all_in_all, Endless])
def test_what_is_looked_for_in_a_tree_that_is_too_large_may_not_be_found(
    tree: Callable[[], Any],
) -> None:
    assert queries.run_query(tree(), "nothing") == {}
    with pytest.raises(LookupError):
        paths.found_at({"a": tree(), "a/a": tree()}, "a/a/" + "a/" * 50)


def test_lists_are_shown_in_part_too() -> None:
    values: list[Any] = [1]
    for _ in range(40):
        values = [values, values]

    assert len(str(json_of({"values": values}))) < 100 * MOST
    assert json_of({"values": list(range(400))})["values"] == [*range(MOST - 1), "..."]


def test_as_many_as_there_may_be_are_all_shown() -> None:
    tree = {"a": {str(number): number for number in range(MOST - 2)}, "b": 1}

    assert json_of(tree) == tree
    assert len(page_of(stat_dict=tree).of_class("number")) == MOST - 1


def test_metrics_of_a_mapping_without_an_end_end() -> None:
    endless = Endless()
    numbers, _ = StatsCollector(lambda: {"endless": endless}, most=10).collect()

    assert len(numbers.samples) == 10
    assert endless.given < 1000


def test_where_gauges_take_too_long_the_others_are_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(looks.time, "monotonic", lambda: now)

    def slow() -> float:
        nonlocal now
        now += 4
        return now

    tree = {"a": slow, "b": {"c": slow, "d": slow, "e": slow, "f": 1}}

    late = "<not asked: the others took too long>"
    assert json_of(tree) == {"a": 4.0, "b": {"c": 8.0, "d": 12.0, "e": late, "f": 1}}
