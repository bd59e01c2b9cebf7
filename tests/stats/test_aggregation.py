"""The stats of many sources as those of one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.stats.aggregation import (
    Aggregation,
    Aggregator,
    Average,
    DataFormat,
    DataFormats,
    FileInclusionTest,
    Highlight,
    InverseMap,
    Sorted,
    Sum,
)

pytestmark = pytest.mark.once

TIMER = {"type": "timer", "rate": {"count": 4}, "duration": {"median": 2, "mean": 3}}


def of_all(aggregator: Aggregator, *data: Any) -> Any:
    """What an aggregator makes of the data of `s1`, `s2` and so on."""
    aggregation = Aggregation({"x": [aggregator]})
    for number, each in enumerate(data, 1):
        aggregation.add_source(f"s{number}", {"x": each})
    return aggregation.result().get("x", {}).get(aggregator.name)


# --- the walk


def test_nothing_comes_to_nothing():
    assert Aggregation({"a": {"*": [Sum()]}}).result() == {}


def test_empty_branches_come_to_nothing():
    aggregation = Aggregation({"a": {"*": [Sum()]}, "b": {"c": {"d": [Sum()]}}})
    aggregation.add_source("s", {"a": {}, "b": {"c": {}}})
    assert aggregation.result() == {}


def test_keys_are_names_regular_expressions_and_stars():
    aggregation = Aggregation(
        {
            "by_status": {
                ("ok", re.compile("[1-3]..")): [Sum()],
                ("failed", re.compile("[45]..")): [Sum()],
                "404": [Sum()],
            },
            "by_path": {"*": [Sum(), Average()]},
        }
    )
    by_status = {"200": 10, "302": 10, "404": 1, "500": 3}
    aggregation.add_source("s1", {"by_status": by_status, "by_path": {"/": 5}})
    aggregation.add_source("s2", {"by_status": {"200": 1}, "by_path": {"/": 7, "/x": 1}})
    assert aggregation.result() == {
        "by_status": {"ok": {"sum": 21}, "failed": {"sum": 4}, "404": {"sum": 1}},
        "by_path": {
            "/": {"sum": 12, "average": {"count": 2, "total": 12, "average": 6}},
            "/x": {"sum": 1, "average": {"count": 1, "total": 1, "average": 1}},
        },
    }


def test_keys_that_are_no_texts_are_those_of_their_texts():
    aggregation = Aggregation(
        {
            "a": {("ok", re.compile("2..")): [Sum()], 404: [Sum()], "500": [Sum()]},
            "b": {"*": [Sum()]},
        }
    )
    aggregation.add_source("process", {"a": {200: 1, 404: 2, 500: 3}, "b": {7: 1, None: 1}})
    aggregation.add_source("dump", {"a": {"200": 10, "404": 20, "500": 30}, "b": {"7": 10}})
    assert aggregation.result() == {
        "a": {"ok": {"sum": 11}, 404: {"sum": 22}, "500": {"sum": 33}},
        "b": {"7": {"sum": 11}, "None": {"sum": 1}},
    }


def test_the_name_of_a_branch_may_be_that_of_an_aggregator():
    aggregation = Aggregation({"*": [Sum()], "x": {"sum": [Sum()]}})
    aggregation.add_source("s1", {"x": 1})
    aggregation.add_source("s2", {"x": {"sum": 2}})
    assert aggregation.result() == {"x": {"sum": 1}}


@pytest.mark.parametrize("data", [None, 5, "text", [], {}, {"x": None}, {"x": {"y": 1}}])
def test_a_source_that_lacks_what_is_asked_for_is_passed_over(data: Any):
    aggregation = Aggregation({"x": {"y": {"z": [Sum(), Average(), Sorted(), InverseMap()]}}})
    aggregation.add_source("s", data)
    assert aggregation.result() == {}


def test_a_result_can_be_had_again_and_added_to():
    aggregation = Aggregation({"x": [Sum(), Sorted(), InverseMap()]})
    aggregation.add_source("s1", {"x": 1})
    first = aggregation.result()
    first["x"]["sorted"].clear()
    first["x"]["inverse"][1].clear()
    assert aggregation.result() == {"x": {"sum": 1, "sorted": [("s1", 1)], "inverse": {1: ["s1"]}}}
    aggregation.add_source("s2", {"x": 2})
    assert aggregation.result()["x"]["sum"] == 3


def test_aggregators_given_are_patterns_and_stay_empty():
    pattern = Sum()
    for aggregation in (Aggregation({"x": [pattern]}), Aggregation({"x": [pattern]})):
        aggregation.add_source("s", {"x": 1})
        assert aggregation.result() == {"x": {"sum": 1}}
    assert pattern.result() == 0


def test_gauges_of_a_live_tree_are_called():
    aggregation = Aggregation({"x": [Sum()]})
    aggregation.add_source("here", {"x": lambda: 4})
    assert aggregation.result() == {"x": {"sum": 4}}


@pytest.mark.parametrize(
    ("aggregators", "problem"),
    [
        ({"x": Sum()}, "/x: must be a list of aggregators"),
        ({"x": {"y": [1]}}, "/x/y: must be a list of aggregators"),
        ({("x", "y"): [Sum()]}, "/: a key is a name or"),
        (
            {"x": [Sum(), Sum(data_format=DataFormats.DIRECT)]},
            "/x: two aggregators are called 'sum'",
        ),
    ],
)
def test_aggregators_of_a_wrong_form_are_refused(aggregators: Any, problem: str):
    with pytest.raises(ConfigError, match=re.escape(problem)):
        Aggregation(aggregators)


# --- aggregators


def test_an_average_is_weighed_by_counts():
    result = of_all(Average(), {"count": 1, "average": 10}, {"count": 3, "mean": 2}, None, "x")
    assert result == {"count": 4, "total": 16, "average": 4}


def test_averages_can_be_averaged_again():
    once = of_all(Average(), 1, 2, 6)
    assert of_all(Average(), once, once) == {"count": 6, "total": 18, "average": 3}


def test_an_average_of_no_samples_is_nought():
    assert of_all(Average(), {"count": 0, "mean": 5})["average"] == 0


@pytest.mark.parametrize("bad", [{}, {"count": 1}, {"mean": 2}, "7", True, float("nan"), 10**999])
def test_data_without_a_number_to_add_changes_nothing(bad: Any):
    assert of_all(Average(), 1, bad)["count"] == 1
    assert of_all(Average(), bad) is None


def test_a_sum_of_numbers_and_of_what_formats_say():
    assert of_all(Sum(), 1, 2.5, None, {}) == 3.5
    assert of_all(Sum(data_format=DataFormats.TIMER), TIMER, {"type": "meter"}, 5, TIMER) == 4


def test_an_inverse_map_has_sources_by_value_in_order():
    values = ["1.0", "1.1", *["1.0"] * 9]
    inverse = of_all(InverseMap(data_format=DataFormats.DIRECT), *values, ["a list"])
    assert inverse == {
        "1.0": ["s1", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"],
        "1.1": ["s2"],
        "['a list']": ["s12"],
    }


def test_sorted_goes_by_sources_or_key_or_cmp():
    data = [3, 1, 2]
    assert of_all(Sorted(), *data, *data, *data, 0)[-2:] == [("s9", 2), ("s10", 0)]
    by_value = [("s2", 1), ("s3", 2), ("s1", 3)]
    assert of_all(Sorted(key=lambda pair: pair[1]), *data) == by_value
    assert of_all(Sorted(lambda a, b: a[1] - b[1]), *data) == by_value
    assert of_all(Sorted(lambda a, b: b - a, lambda pair: pair[1]), *data) == by_value[::-1]
    assert of_all(Sorted(key=lambda pair: pair[1], reverse=True), *data) == by_value[::-1]


def test_highlight_picks_one():
    pick = Highlight("slowest", lambda a, b: b["max"] > a["max"])
    assert of_all(pick, {"max": 1}, {"max": 9}, {"max": 3}) == {"source": "s2", "value": {"max": 9}}


def test_highlight_goes_by_its_format():
    pick = Highlight("slowest", lambda a, b: b > a, DataFormats.TIMER_MEAN)
    assert of_all(pick, TIMER, {}, {**TIMER, "duration": {"mean": 7}}) == {
        "source": "s3",
        "value": 7,
    }


def test_highlight_passes_over_a_distribution_of_nothing():
    pick = Highlight("slowest", lambda a, b: b > a, DataFormat(["max"]))
    assert of_all(pick, {"count": 0}, {"count": 1, "max": 3}, {"count": 0}) == {
        "source": "s2",
        "value": 3,
    }


def test_highlight_picks_among_values_that_count_as_false():
    pick = Highlight("least", lambda a, b: b < a)
    assert of_all(pick, 1, 0, 2) == {"source": "s2", "value": 0}


def test_a_name_of_ones_own_stays_with_clones():
    for aggregator in (Sum("n"), Average("n"), InverseMap("n"), Sorted(name="n")):
        aggregation = Aggregation({"x": [aggregator]})
        aggregation.add_source("s", {"x": 1})
        assert list(aggregation.result()["x"]) == ["n"]
        assert aggregator.clone().data_format is aggregator.data_format


@pytest.mark.parametrize(
    ("data_format", "data", "count", "value"),
    [
        (DataFormats.DEFAULT, {"count": 2, "average": 5}, 2, 5),
        (DataFormats.DEFAULT, 5, 1, 5),
        (DataFormats.DIRECT, {"a": 1}, 1, {"a": 1}),
        (DataFormats.TIMER, TIMER, 4, 2),
        (DataFormats.TIMER_MEAN, TIMER, 4, 3),
        (DataFormats.COUNTER, {"type": "counter", "count": 7}, 7, 7),
        (DataFormats.METER, {"type": "meter", "count": 7, "mean": 0.5}, 7, 0.5),
        (DataFormats.GAUGE, {"type": "gauge", "value": 3}, 1, 3),
    ],
)
def test_formats_say_where_value_and_count_are(
    data_format: DataFormat, data: Any, count: int, value: Any
):
    assert data_format.get_count(data) == count
    assert data_format.get_value(data) == value


# --- directories

DUMPER = """
import sys
from ecl_logging import stats

number = int(sys.argv[1])
web = stats.collection("/web", stats.IntStat("hits"), stats.IntDictStat("by_status"),
                       stats.Stat("version"))
web.hits = number * 10
web.by_status[200] += number
web.by_status[503] += 1
web.version = "1.0" if number < 3 else "1.1"
stats.set_collapsed("/web")
stats.dump_stats_to(sys.argv[2])
"""


def test_dumps_of_several_processes(tmp_path: Path):
    root = Path(__file__).parents[2]
    for number in (1, 2, 3):
        subprocess.run(
            [sys.executable, "-c", DUMPER, str(number), str(tmp_path / f"p{number}.json")],
            check=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
    aggregation = Aggregation(
        {
            "web": {
                "hits": [Sum(), Highlight("busiest", lambda a, b: b > a)],
                "by_status": {("failed", re.compile("5..")): [Sum()], "*": [Sum()]},
                "version": [InverseMap()],
            },
        }
    )
    aggregation.add_json_directory(tmp_path, FileInclusionTest(max_age=timedelta(hours=1)))
    assert aggregation.skipped == {}
    assert aggregation.result() == {
        "web": {
            "hits": {"sum": 60, "busiest": {"source": "p3", "value": 30}},
            "by_status": {"failed": {"sum": 3}, "200": {"sum": 6}, "503": {"sum": 3}},
            "version": {"inverse": {"1.0": ["p1", "p2"], "1.1": ["p3"]}},
        }
    }


def test_files_that_cannot_be_taken_in_are_named(tmp_path: Path):
    (tmp_path / "good.json").write_text('{"x": 1}')
    (tmp_path / "half.json").write_text('{"x": 1')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / ".good.json.1.new").write_text('{"x": 100}')
    (tmp_path / "gone.json").symlink_to(tmp_path / "absent")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    aggregation = Aggregation({"x": [Sum()]})
    aggregation.add_json_directory(tmp_path)
    assert aggregation.result() == {"x": {"sum": 1}}
    bad = {"half.json", "list.json", "binary", "deep.json", "folder", "gone.json"}
    assert set(aggregation.skipped) - {"pipe"} == bad
    assert all(aggregation.skipped.values())


def test_a_file_that_is_good_the_next_time_is_named_no_longer(tmp_path: Path):
    (tmp_path / "a.json").write_text("{")
    aggregation = Aggregation({"x": [Sum()]})
    aggregation.add_json_directory(tmp_path)
    assert list(aggregation.skipped) == ["a.json"]
    (tmp_path / "a.json").write_text(json.dumps({"x": 2}))
    aggregation.add_json_directory(tmp_path)
    assert (aggregation.skipped, aggregation.result()) == ({}, {"x": {"sum": 2}})


def test_a_test_says_which_files_are_taken_in(tmp_path: Path):
    for name, age in (("new.json", 0), ("old.json", 7200), ("new.tmp", 0)):
        (tmp_path / name).write_text('{"x": 1}')
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    test = FileInclusionTest(lambda path: path.endswith(".tmp"), timedelta(hours=1))
    aggregation = Aggregation({"x": [Sorted()]})
    aggregation.add_json_directory(tmp_path, test)
    assert aggregation.result() == {"x": {"sorted": [("new", 1)]}}
    assert aggregation.skipped == {}
    assert not test("gone.json", str(tmp_path / "gone.json"))


def test_a_directory_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        Aggregation({}).add_json_directory(tmp_path / "absent")
