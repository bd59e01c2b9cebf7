"""What the pages of ecl-web show, without a server: a tree of a store's groups."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stats import kept_readings
from ecl_logging.stats.json_values import json_value
from ecl_logging.stats.reading import is_collapsed, lookup, value_of
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Store
from ecl_logging.tools import group_tree
from ecl_logging.tools.command import Context
from ecl_logging.tools.group_tree import GroupTree
from tests.conftest import Clock
from tests.faulty_stores import FlakyStore
from tests.tools.conftest import Commanded

pytestmark = pytest.mark.once


class CountingStore(FlakyStore):
    """Notes the steps that are asked of it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.steps = 0

    def _reach(self) -> None:
        self.steps += 1
        super()._reach()


@pytest.fixture
def store(commanded: Commanded) -> CountingStore:
    return CountingStore(commanded.store)


@pytest.fixture
def context(store: CountingStore) -> Context:
    return Context(cast(Store, store), None, "ecl-web")


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which readings are kept."""
    moments = Clock(100.0)
    monkeypatch.setattr(kept_readings, "time", SimpleNamespace(monotonic=moments))
    return moments


def shown(tree: Mapping[str, Any]) -> Any:
    """What JSON has of it."""
    return json_value(tree, is_shown=lambda value: not is_collapsed(value))


def test_the_tree_has_the_groups_and_intervals_of_the_store(commanded, context, moments):
    commanded.count("requests", req1=3)
    commanded.clock.now += 5
    commanded.count("requests", req2=2)

    assert shown(GroupTree(context)()) == {
        "errors": {"1h": {"last": {"error": 0}, "current": {"error": 0}}},
        "requests": {
            "5s": {"last": {"req1": 3, "req2": 0}, "current": {"req1": 0, "req2": 2}},
            "5m": {"last": {"req1": 0, "req2": 0}, "current": {"req1": 3, "req2": 2}},
        },
    }


def test_groups_come_and_go_and_are_read_again_at_each_request(commanded, context, moments):
    tree = GroupTree(context)
    assert list(tree()) == ["errors", "requests"]
    commanded.define("jobs", "1m")

    assert list(tree()) == ["errors", "requests"]  # within a second
    moments.now += 1.1
    assert list(tree()) == ["errors", "jobs", "requests"]


def test_measures_have_a_branch_of_their_own(commanded, context, moments):
    commanded.count("requests", **counted("latency", [2.0]), **sum_cells("latency", [2.0]))

    branch = lookup(GroupTree(context)(), ["requests", "5s"])

    assert branch["current"] == {"req1": 0, "req2": 0}
    assert branch["measures"]["last"] == {}
    assert branch["measures"]["current"]["latency"]["count"] == 1
    assert branch["measures"]["current"]["latency"]["p99"] == pytest.approx(2.0, rel=0.011)


def test_of_many_groups_none_is_read_before_it_is_opened(commanded, context, store, moments):
    for number in range(10):
        commanded.define(f"more{number}", "1m")
    tree = GroupTree(context)()
    steps = store.steps

    assert all(is_collapsed(group) for group in tree.values())
    assert lookup(tree, ["more1", "1m", "last"]) == {}
    assert store.steps == steps + 1


def test_many_ids_are_behind_a_link(commanded, context, moments):
    commanded.define("many", "1m", events=tuple(f"e{number}" for number in range(101)))
    branch = lookup(GroupTree(context)(), ["many", "1m"])

    assert [is_collapsed(branch[name]) for name in ("last", "current")] == [True, True]
    assert len(branch["last"]) == 101
    assert not is_collapsed(branch)


def test_nothing_is_behind_a_link_where_all_of_it_is_asked_for(commanded, context, moments):
    commanded.define("many", "1m", events=tuple(f"e{number}" for number in range(101)))
    for number in range(10):
        commanded.define(f"more{number}", "1m")
    tree = GroupTree(context, lambda: False)()

    assert not any(is_collapsed(group) for group in tree.values())
    assert not is_collapsed(lookup(tree, ["many", "1m", "last"]))


# --- history


def test_a_history_has_the_finished_buckets_by_their_starts_oldest_first(
    commanded, context, moments
):
    commanded.count("requests", req1=3)
    commanded.clock.now += 15
    history = lookup(GroupTree(context)(), ["requests", "5s", "history"])

    assert is_collapsed(history)
    times = list(history)
    assert len(times) == 60
    assert times == sorted(times)
    assert times[-3:] == [f"2026-11-22T12:01:{second:02}Z" for second in (0, 5, 10)]
    assert [value_of(history[time]) for time in times[-3:]] == [
        {"req1": 3, "req2": 0},
        {"req1": 0, "req2": 0},
        {"req1": 0, "req2": 0},
    ]


def test_a_history_is_read_when_it_is_opened_and_all_of_it_at_once(context, store, moments):
    tree = GroupTree(context)()
    assert value_of(tree["requests"]["5s"])["last"] == {"req1": 0, "req2": 0}
    steps = store.steps

    history = lookup(tree, ["requests", "5s", "history"])
    assert store.steps == steps
    assert len(shown(history)) == 60
    assert store.steps == steps + 2  # what time it is, and all buckets


def test_a_history_is_a_link_also_where_all_is_asked_for(context, moments):
    branch = lookup(GroupTree(context, lambda: False)(), ["requests", "5s"])

    assert is_collapsed(branch["history"])


# --- a store that is away, slow, or spoilt


def test_a_store_that_is_away_is_an_error_for_five_seconds(context, store, moments):
    tree = GroupTree(context)
    store.is_away = True
    with pytest.raises(StoreUnavailable):
        tree()

    store.is_away = False
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        tree()
    moments.now += 5.1
    assert list(tree()) == ["errors", "requests"]


def test_a_store_that_goes_amid_a_page_is_told_in_place_and_asked_once(context, store, moments):
    tree = GroupTree(context)()
    store.is_away = True
    steps = store.steps

    told = "<StoreUnavailable: memory://: Connection refused>"
    assert shown(tree) == {"errors": {"1h": told}, "requests": {"5s": told, "5m": told}}
    assert store.steps == steps + 1


def test_a_page_takes_no_longer_than_it_may(context, store, moments, monkeypatch):
    monkeypatch.setattr(group_tree, "_BEGIN_SECONDS", 0.0)
    told = f"<StoreUnavailable: {store.shown}: takes too long to be read>"

    assert shown(GroupTree(context)()) == {
        "errors": {"1h": told},
        "requests": {"5s": told, "5m": told},
    }


def test_a_group_that_somebody_has_spoilt_is_passed_over_with_a_word(
    context, store, moments, capsys, monkeypatch
):
    definition = store.inner.definition

    def spoilt(group: str, **options: Any) -> Any:
        if group == "errors":
            raise StoreError("the definition of group errors is spoilt")
        return definition(group, **options)

    monkeypatch.setattr(store.inner, "definition", spoilt)

    assert list(GroupTree(context)()) == ["requests"]
    assert "group errors is passed over" in capsys.readouterr().err
    monkeypatch.undo()


def test_a_group_whose_buckets_cannot_be_read_spoils_no_other(context, store, moments, monkeypatch):
    buckets = store.inner.read

    def spoilt(group: str, *arguments: Any) -> Any:
        if group == "errors":
            raise StoreError("something else is in their place")
        return buckets(group, *arguments)

    monkeypatch.setattr(store.inner, "read", spoilt)
    tree = GroupTree(context)()

    assert value_of(tree["errors"]["1h"]) == "<StoreError: something else is in their place>"
    assert value_of(tree["requests"]["5s"])["last"] == {"req1": 0, "req2": 0}
    monkeypatch.undo()
