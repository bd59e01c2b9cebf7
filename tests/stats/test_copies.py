"""Copies of what counts: numbers of one moment, which count nowhere."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from ecl_logging import stats

KINDS = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]


@pytest.fixture
def web() -> Any:
    web = stats.collection(
        "/web",
        stats.PmfStat("latency"),
        stats.NamedPmfDictStat("by_path"),
        stats.MeterStat("hits"),
        stats.MeterDictStat("hits_by_path"),
        stats.StateTimeStat("state"),
        stats.IntDictStat("errors"),
    )
    web.latency = 0.5
    web.by_path["/"] = 0.25
    web.hits = 2
    web.hits_by_path["/"] = 3
    web.state = "up"
    web.errors["404"] = 4
    return web


@pytest.mark.parametrize("kind", KINDS, ids=["copied", "copied deeply", "pickled"])
def test_a_copy_is_a_dictionary_with_the_numbers_of_then(web, kind):
    names = ("latency", "by_path", "hits", "hits_by_path", "state", "errors")
    copies = {name: kind(getattr(web, name)) for name in names}
    web.latency = 9.0
    web.by_path["/"] = 9.0
    web.hits = 9
    web.hits_by_path["/"] = 9

    assert {type(one) for one in copies.values()} == {dict}
    assert copies["latency"]["max"] == 0.5
    assert copies["by_path"]["/"]["max"] == 0.25
    assert copies["hits"]["count"] == 2
    assert copies["hits_by_path"]["/"]["count"] == 3
    assert list(copies["state"]) == ["up"]
    assert copies["errors"] == {"404": 4}
    assert (web.latency["count"], web.hits["count"]) == (2, 11)


def test_the_whole_tree_is_copied_as_it_is_then(web):
    kept = copy.deepcopy(stats.get_stats())
    web.latency = 9.0
    web.hits_by_path["/"] = 9

    assert kept["web"]["latency"]["max"] == 0.5
    assert kept["web"]["hits_by_path"]["/"]["count"] == 3
