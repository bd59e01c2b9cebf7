"""Sums and histograms of what objects below have."""

from __future__ import annotations

import enum
import math
from decimal import Decimal

import pytest

from ecl_logging import stats
from tests.stats.families import Child, Parent, shown


class State(enum.Enum):
    IDLE = 1


class Arraylike:
    """Compares to something that is neither true nor false."""

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise ValueError("ambiguous")

    def __hash__(self):
        return 1


class Unhashable:
    def __hash__(self):
        raise RuntimeError


def test_a_parent_sums_up_its_children_and_what_dead_ones_counted():
    parent = Parent()
    one, other = parent.child("one"), parent.child("other")
    for child in (one, other, other):
        child.number += 2
        child.by_key["a"] += 1
    del other, child

    assert (parent.number, parent.by_key) == (6, {"a": 3})
    one.number -= 1
    assert parent.number == 5


def test_sums_begin_with_nought():
    assert Parent().number == 0


def test_a_histogram_counts_living_objects():
    parent = Parent()
    one, other = parent.child("one"), parent.child("other")
    one.state = other.state = "idle"
    assert parent.state == {"idle": 2}
    one.state = "busy"
    assert parent.state == {"idle": 1, "busy": 1}
    one.state = None
    assert parent.state == {"idle": 1}
    del other
    assert parent.state == {}


def test_a_histogram_keeps_values_that_nobody_has_unless_they_are_to_go():
    class Keeping(Parent):
        state = stats.HistogramAggregationStat("state")

    parent = Keeping()
    child = parent.child("c")
    child.state = "idle"
    child.state = "busy"
    assert parent.state == {"idle": 0, "busy": 1}
    del child
    assert parent.state == {"idle": 0, "busy": 0}


@pytest.mark.parametrize("state", [State.IDLE, 0, False, (1, 2), 1.5])
def test_a_histogram_counts_what_is_hashable(state):
    parent = Parent()
    child = parent.child("c")
    child.state = state
    child.state = state

    assert parent.state == {state: 1}


@pytest.mark.parametrize("state", ["", None, [1], {}, Unhashable(), Arraylike()])
def test_what_cannot_be_counted_disturbs_nothing(state):
    parent = Parent()
    child, other = parent.child("c"), parent.child("other")
    other.state = "idle"
    child.state = state
    assert child.state is state
    child.state = "busy"
    child.state = state
    child.number = 1

    assert {key: n for key, n in parent.state.items() if isinstance(key, str)} == {"idle": 1}
    del child
    assert parent.state == {"idle": 1}


@pytest.mark.parametrize("value", ["text", None, math.nan, math.inf, [1], 10**400, 1j, object()])
def test_what_is_no_number_adds_nothing_to_a_sum(value):
    parent = Parent()
    child, other = parent.child("c"), parent.child("other")
    other.number = 2.5
    child.number = 1
    child.number = value
    child.by_key["a"] = value

    assert child.number is value
    assert (parent.number, parent.by_key) == (2.5, {"a": 0})
    child.number = 4
    assert parent.number == 6.5


def test_numbers_of_all_kinds_are_summed_up():
    parent = Parent()
    children = [parent.child(n) for n in range(4)]
    for child, number in zip(children, [1, True, 0.5, Decimal("0.25")], strict=True):
        child.number = number

    assert parent.number == 2.75


def test_each_stat_counts_in_the_nearest_that_sums_it_up_and_that_in_the_next():
    class Grandparent(Parent):
        def parent(self):
            return Between()

    class Between(Parent):
        state = by_key = None

        def __init__(self):
            stats.init_child(self, "between")

    grandparent = Grandparent()
    between = grandparent.parent()
    child = between.child("c")
    child.use()

    assert between.number == grandparent.number == 1
    assert (grandparent.state, grandparent.by_key) == ({"busy": 1}, {"a": 2})
    del between
    stats.add(child, "number")
    assert grandparent.number == 2


def test_dictionaries_and_values_are_not_mixed_up():
    class Mixing(Parent):
        number = stats.IntDictSumAggregationStat("number")
        by_key = stats.SumAggregationStat("byKey")

    parent = Mixing()
    child = parent.child("c")
    child.use()

    assert shown() == {
        "parent": {"c": {"number": 1, "state": "busy", "byKey": {"a": 2}}} | {"state": {"busy": 1}}
    }


def test_a_child_of_a_dead_parent_is_still_summed_up():
    def family() -> Child:
        return Parent().child("c")

    child = family()
    child.use()

    assert shown()["parent"]["number"] == 1
    del child
    assert shown() == {}


def test_sums_begin_anew_after_reset():
    parent = Parent()
    child = parent.child("c")
    child.use()
    stats.reset()
    child.use()

    assert (parent.number, parent.state, parent.by_key) == (1, {"busy": 1}, {"a": 2})
    child.use()
    assert (parent.number, parent.state, parent.by_key) == (2, {"busy": 1}, {"a": 4})
