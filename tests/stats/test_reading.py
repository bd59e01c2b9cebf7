"""Reading the tree: gauges are called, whatever they do; a branch is of one moment."""

from __future__ import annotations

import gc
from collections import OrderedDict

import pytest

from ecl_logging import stats
from ecl_logging.stats.reading import Failed, is_collapsed, items_of, lookup, value_of
from ecl_logging.stats.values import StatValues
from tests.stats.families import Alone


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError


class Numbers(StatValues):
    def snapshot(self):
        return {"count": 2, "mean": 0.5}


class Disguised:
    @property
    def __class__(self):
        raise RuntimeError("seen through")


def test_a_value_is_what_it_is_and_a_gauge_what_it_returns():
    branch = {}
    assert value_of(5) == 5
    assert value_of(lambda: 5) == 5
    assert value_of(branch) is branch


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("by 0"), "<ZeroDivisionError: by 0>"),
        (SilentError(), "<SilentError>"),
        (RecursionError(), "<RecursionError: >"),
    ],
)
def test_a_gauge_that_raises_is_shown_as_failed(error, text):
    def fail():
        raise error

    value = value_of(fail)
    assert type(value) is Failed
    assert value == text


def test_a_value_in_disguise_disturbs_nobody():
    value = Disguised()
    shown = value_of(value)
    assert type(shown) is Failed
    assert shown == "<RuntimeError: seen through>"


def test_the_values_of_a_stat_are_read_like_a_branch():
    numbers = Numbers()
    assert items_of(numbers) == [("count", 2), ("mean", 0.5)]
    assert (numbers["count"], len(numbers), list(numbers)) == (2, 2, ["count", "mean"])
    assert repr(numbers) == "Numbers({'count': 2, 'mean': 0.5})"


def test_a_branch_is_read_in_its_order():
    assert items_of({"b": 1, "a": 2}) == [("b", 1), ("a", 2)]
    assert items_of(OrderedDict([("b", 1), ("a", 2)])) == [("b", 1), ("a", 2)]


def test_a_branch_is_read_though_the_garbage_collector_comes_in():
    """Which takes out a dead object in the middle of it."""
    kept = [Alone(f"/all/{number}") for number in range(500)]
    before = gc.get_threshold()
    gc.set_threshold(100)
    try:
        for number in range(200):
            dying = Alone(f"/all/dying-{number}")
            dying.me = dying
            del dying
            assert len(items_of(stats.get_stats()["all"])) >= len(kept)
    finally:
        gc.set_threshold(*before)


def test_a_path_leads_to_a_value():
    held = Alone("/a/b")
    held.text = lambda: {"inner": {404: "by number", "500": "by text"}}

    root = stats.get_stats()
    assert lookup(root, []) is root
    assert lookup(root, ["a", "b", "text", "inner", "404"]) == "by number"
    assert lookup(root, ["a", "b", "text", "inner", "500"]) == "by text"
    for parts in (["b"], ["a", "c"], ["a", "b", "text", "inner", "404", "below"]):
        with pytest.raises(LookupError):
            lookup(root, parts)


def test_a_text_comes_before_what_reads_like_it():
    class Odd:
        def __str__(self):
            raise RuntimeError

    assert lookup({Odd(): 0, 1: "number", "1": "text"}, ["1"]) == "text"


def test_only_containers_are_collapsed():
    stats.set_collapsed("/a")
    held = Alone("/a")

    assert is_collapsed(stats.get_stats()["a"])
    assert not is_collapsed(stats.get_stats())
    assert not is_collapsed({})
    assert held.number == 0
