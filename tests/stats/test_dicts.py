"""Stats with a value for each of several keys."""

from __future__ import annotations

import pytest

from ecl_logging import stats
from tests.stats.families import Parent, shown


@pytest.fixture
def held():
    return stats.collection(
        "/a", stats.IntDictStat("i"), stats.IntDictStat("auto", True), stats.StringDictStat("s")
    )


def test_keys_that_are_not_there_have_nothing(held):
    assert (held.i["a"], held.s["a"]) == (0, "")
    assert shown() == {"a": {"i": {}, "auto": {}, "s": {}}}


def test_keys_come_as_they_are_counted(held):
    held.i["a"] += 1
    held.i.add("a", 2)
    held.s["a"] = "text"

    assert shown() == {"a": {"i": {"a": 3}, "auto": {}, "s": {"a": "text"}}}


def test_keys_with_nought_go_where_that_is_wanted(held):
    for numbers in (held.i, held.auto):
        numbers["a"] += 1
        numbers["a"] -= 1
        numbers.add("b")
        numbers.add("b", -1)

    assert held.i == {"a": 0, "b": 0}
    assert held.auto == {}


def test_what_is_assigned_replaces_what_is_there(held):
    before = held.i
    held.i = {"a": 1, "b": 2}
    held.i = {"b": 3}
    held.i |= {"c": 4}

    assert held.i == {"b": 3, "c": 4}
    assert held.i is before


CHANGES = {
    "set": (lambda d: d.__setitem__("a", 5), {"a": 5, "b": 2}),
    "delete": (lambda d: d.__delitem__("a"), {"b": 2}),
    "pop": (lambda d: d.pop("a"), {"b": 2}),
    "popitem": (lambda d: (d.popitem(), d.popitem()), {}),
    "clear": (lambda d: d.clear(), {}),
    "setdefault": (
        lambda d: (d.setdefault("c", 7), d.setdefault("a", 9)),
        {"a": 1, "b": 2, "c": 7},
    ),
    "update": (lambda d: d.update({"b": 4}, c=1), {"a": 1, "b": 4, "c": 1}),
    "or": (lambda d: d.__ior__({"b": 4}), {"a": 1, "b": 4}),
    "replace": (lambda d: d.replace({"z": 1}), {"z": 1}),
    "add": (lambda d: d.add("a"), {"a": 2, "b": 2}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("siblings", [0, 1])
def test_each_change_is_summed_up(change, siblings):
    parent = Parent()
    children = [parent.child(n) for n in range(1 + siblings)]
    for child in children:
        child.by_key = {"a": 1, "b": 2}
    do, expected = CHANGES[change]
    do(children[0].by_key)

    assert children[0].by_key == expected
    sums = {key: n for key, n in parent.by_key.items() if n}
    others = {"a": siblings, "b": 2 * siblings}
    totals = {key: expected.get(key, 0) + others.get(key, 0) for key in {*expected, *others}}
    assert sums == {key: n for key, n in totals.items() if n}


def test_what_is_not_there_cannot_be_taken_out(held):
    assert held.i.pop("a", 5) == 5
    with pytest.raises(KeyError):
        held.i.pop("a")
    with pytest.raises(KeyError):
        del held.i["a"]
    with pytest.raises(KeyError):
        held.i.popitem()
    assert held.i == {}
