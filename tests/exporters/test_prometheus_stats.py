"""StatsCollector: what a registry of prometheus_client gets from the statistics tree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from ecl_logging import ConfigError, EventCountLogger, stats
from ecl_logging.exporters.prometheus import StatsCollector
from tests.exporters.exporting import named, parse_openmetrics, parse_text, samples_of
from tests.faulty_stores import FlakyStore

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("empty_tree")]


def scrape(collector: StatsCollector) -> dict[str, float]:
    """Numbers by path, as Prometheus reads them; the same in both formats."""
    registry = CollectorRegistry()
    registry.register(collector)
    samples = samples_of(parse_text(generate_latest(registry).decode()))
    openmetrics = samples_of(parse_openmetrics(generate_openmetrics(registry).decode()))
    assert openmetrics.keys() == samples.keys()
    found = named("ecl_stat", samples)
    return found | {"left out": named("ecl_stats_left_out", samples)[""]}


def of(tree: Mapping[Any, Any], **options: Any) -> dict[str, float]:
    return scrape(StatsCollector(lambda: tree, **options))


def test_every_number_of_the_tree_is_there_by_its_path():
    web = stats.collection("/web", stats.IntStat("hits"), stats.IntDictStat("codes"))
    root = stats.collection("/", stats.Stat("load", lambda: 0.25), stats.Stat("version", "1.0"))
    web.hits += 3
    web.codes[200] += 2

    assert scrape(StatsCollector()) == {
        "/web/hits": 3,
        "/web/codes/200": 2,
        "/load": 0.25,
        "left out": 0,
    }
    assert root.version == "1.0"


def test_numbers_of_all_kinds_are_taken_and_nothing_else():
    values = {"a": True, "b": Decimal("0.5"), "c": 2**53, "d": math.inf, "e": "5", "f": None}

    assert of(values) == {"/a": 1, "/b": 0.5, "/c": 2**53, "/d": math.inf, "left out": 0}
    assert math.isnan(of({"n": math.nan})["/n"])
    assert of({"huge": 10**400, "one": 1}) == {"/one": 1, "left out": 1}


def test_gauges_are_called_also_those_of_branches_and_one_that_raises_is_left_out():
    tree = {"ok": lambda: {"x": 1, "deep": lambda: {"y": 2}}, "bad": lambda: 1 / 0, "n": 3}

    assert of(tree) == {"/ok/x": 1, "/ok/deep/y": 2, "/n": 3, "left out": 0}


def test_registering_calls_nothing():
    def never() -> Mapping[str, Any]:
        raise AssertionError

    CollectorRegistry().register(StatsCollector(never))
    assert scrape(StatsCollector(never)) == {"left out": 0}


def test_a_mounted_group_is_left_out_and_its_store_not_asked():
    store = FlakyStore()
    asked: list[str] = []
    store.definition = store.read = lambda *_, **__: asked.append("")  # type: ignore[assignment]
    with EventCountLogger({"g": {"events": ["a"], "intervals": ["1m"]}}, store=store) as ecl:
        stats.mount("/events/g", ecl["g"])
        hits = stats.collection("/events", stats.IntStat("hits", 1))

        assert scrape(StatsCollector()) == {"/events/hits": 1, "left out": 0}
    assert (asked, hits.hits) == ([], 1)


@pytest.mark.parametrize(
    "name", ['"} 1\necl_up 5', "<script>", "a\\nb", "a\\\nb", "ü", "", " ", "\x00", "a\r"]
)
def test_hostile_names_are_labels_and_nothing_else(name):
    assert of({name: {"n": 1}}) == {f"/{name}/n": 1, "left out": 0}


def test_what_is_no_unicode_text_is_escaped():
    assert of({"\udc80": 1}) == {"/\\udc80": 1, "left out": 0}


def test_of_two_numbers_at_one_path_the_first_is_there():
    assert of({1: 5, "1": 6, "a/b": 7, "a": {"b": 8}}) == {"/1": 5, "/a/b": 7, "left out": 2}


def test_no_more_than_so_many_are_there():
    tree = {"t": "text", **{f"n{number}": number for number in range(5)}}

    assert of(tree, most=3) == {"/n0": 0, "/n1": 1, "/n2": 2, "left out": 2}
    assert of(tree, most=0) == {"left out": 5}


def test_a_branch_that_has_itself_in_it_comes_to_an_end():
    tree: dict[str, Any] = {"n": 1}
    tree["a"] = tree["b"] = tree

    found = of(tree, most=100)

    assert found["/n"] == 1
    assert len(found) <= 101


class Hostile(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class NoText:
    def __str__(self) -> str:
        raise RuntimeError


def test_objects_of_the_program_that_raise_spoil_nothing_else():
    assert of({"bad": Hostile(), NoText(): 1, "n": 2}) == {"/n": 2, "left out": 0}
    assert of(Hostile()) == {"left out": 0}


@pytest.mark.parametrize("arguments", [{"stats": {}}, {"most": -1}, {"most": "5"}, {"most": True}])
def test_what_means_nothing_is_refused(arguments):
    with pytest.raises(ConfigError):
        StatsCollector(**arguments)
