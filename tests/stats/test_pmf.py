"""Distributions: what they show at any moment, and how they are added to."""

from __future__ import annotations

import gc
import json
import logging
import math
import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats import NamedPmfDictStat, PmfStat
from ecl_logging.stats.pmf import PmfValues
from ecl_logging.stats.reading import lookup
from ecl_logging.stats.samples import UniformSample
from tests.conftest import Clock

pytestmark = pytest.mark.once

NAMES = ["count", "min", "max", "mean", "stddev"]
PERCENTILES = ["median", "75percentile", "95percentile", "98percentile", "99percentile"]
ALL = [*NAMES, *PERCENTILES, "999percentile"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(1000.0)
    both = SimpleNamespace(perf_counter=clock, monotonic=clock)
    monkeypatch.setattr("ecl_logging.stats.pmf.time", both)
    return clock


@pytest.fixture
def web() -> Any:
    return stats.collection("/web", PmfStat("latency"), NamedPmfDictStat("by_path"))


def shown() -> Any:
    return lookup(stats.get_stats(), ["web"])


# --- what is shown


def test_all_numbers_are_right_at_the_moment_when_they_are_read(web):
    assert shown()["latency"].snapshot() == {"count": 0}
    for number in range(1, 100):
        web.latency = number
        snapshot = shown()["latency"].snapshot()
        assert list(snapshot) == ALL
        assert (snapshot["count"], snapshot["min"], snapshot["max"]) == (number, 1, number)
        assert snapshot["median"] == (number + 1) / 2

    assert snapshot == pytest.approx(
        dict(zip(NAMES, [99, 1, 99, 50, statistics.stdev(range(1, 100))], strict=True))
        | dict(zip(PERCENTILES, [50, 75, 95, 98, 99], strict=True))
        | {"999percentile": 99}
    )


def test_one_value_has_no_spread_and_nothing_shown_is_no_number(web):
    web.latency = 0.25

    assert json.loads(json.dumps(web.latency.snapshot(), allow_nan=False)) == {
        name: {"count": 1, "stddev": 0}.get(name, 0.25) for name in ALL
    }


def test_before_the_first_value_there_is_a_count_only_and_all_else_is_zero(web):
    assert dict(web.latency) == {"count": 0}
    assert "median" not in web.latency
    assert web.latency["median"] == 0.0
    with pytest.raises(KeyError):
        web.latency["mode"]


def test_a_value_is_read_by_its_name(web):
    web.latency = 3
    web.latency.add_value(1)

    assert (web.latency["count"], web.latency["mean"], web.latency["max"]) == (2, 2.0, 3)
    assert lookup(stats.get_stats(), ["web", "latency", "min"]) == 1
    assert dict(web.latency.items()) == dict(web.latency) == web.latency.snapshot()
    assert list(web.latency.values()) == [*web.latency.snapshot().values()]


def test_a_logger_of_the_stat_is_told():
    told: list[str] = []
    some = stats.collection("/some", PmfStat("size").logger(told.append))

    some.size = 3

    assert told == ['Updated stat "size" with value: 3']
    assert some.size["count"] == 1


@pytest.mark.parametrize(
    ("value", "error"), [(math.nan, ValueError), (-math.inf, ValueError), ("1", TypeError)]
)
def test_what_is_no_number_is_refused_where_it_is_added(web, value, error):
    with pytest.raises(error):
        web.latency = value
    with pytest.raises(error):
        web.by_path["/"] = value

    assert web.latency["count"] == 0
    assert not shown()["by_path"]


def test_values_leave_the_tree_with_their_object():
    class Handler:
        latency = PmfStat("latency")
        by_path = NamedPmfDictStat("by_path")

        def __init__(self) -> None:
            stats.init(self, "/handler")

    handler = Handler()
    handler.latency = 1
    handler.by_path["/"] = 2
    kept = handler.latency, handler.by_path
    assert set(stats.get_stats()["handler"]) == {"latency", "by_path"}

    del handler
    gc.collect()

    assert not stats.get_stats()
    assert kept[0]["count"] == 1


# --- times of sections


def test_a_section_adds_its_seconds(web, clock):
    with web.latency.time():
        clock.now += 3
    timer = web.latency.time()
    for seconds in (1, 2):
        with timer:
            clock.now += seconds

    snapshot = web.latency.snapshot()
    assert [snapshot[name] for name in ("count", "min", "median", "max")] == [3, 1, 2, 3]


def test_a_section_that_is_left_by_an_exception_counts_and_the_exception_goes_on(web, clock):
    def leave() -> None:
        with web.latency.time():
            clock.now += 3
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        leave()

    assert web.latency["max"] == 3


def test_a_section_that_is_discarded_does_not_count_but_the_next_one(web, clock, caplog):
    timer = web.latency.time()
    with timer:
        timer.warn99(logging.getLogger("slow"), "never")
        timer.discard()
    with timer:
        clock.now += 1

    assert (web.latency["count"], web.latency["min"]) == (1, 1)
    assert not caplog.records


def section(web: Any, clock: Clock, seconds: float) -> None:
    with web.latency.time() as timer:
        timer.warn99(logging.getLogger("slow"), "%s took long", "sale")
        clock.now += seconds


def test_what_takes_long_is_warned_of(web, clock, caplog):
    for _ in range(200):
        section(web, clock, 1.0 + 0.001 * (web.latency["count"] % 7))
    caplog.clear()

    section(web, clock, 1.0)
    assert not caplog.records
    section(web, clock, 2.0)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("slow", "WARNING")
    assert record.getMessage() == "sale took long"
    assert (record.filename, record.funcName) == (Path(__file__).name, "section")


def test_the_first_section_is_compared_with_nothing_and_the_next_one_with_it(web, clock, caplog):
    section(web, clock, 1.0)
    assert not caplog.records

    section(web, clock, 1.5)
    assert len(caplog.records) == 1
    section(web, clock, 0.5)
    assert len(caplog.records) == 1


def test_the_percentile_is_worked_out_once_in_a_second_when_there_are_many_values(clock):
    class Counted(UniformSample):
        copied = 0

        def samples(self) -> list[float]:
            self.copied += 1
            return super().samples()

    sample = Counted()
    values = PmfValues(sample)
    for number in range(1000):
        values.add_value(number)
    for _ in range(90):  # within the second, and less than a tenth more
        with values.time() as timer:
            timer.warn99(logging.getLogger("slow"), "never")

    assert sample.copied == 1
    clock.now += 1.1
    assert values.recent_percentile99() == pytest.approx(989, abs=10)
    assert sample.copied == 2


def test_warnings_go_to_what_only_has_the_method(web, clock):
    class Teller:
        told: tuple[object, ...] = ()

        def warning(self, *args: object) -> None:
            self.told = args

    teller = Teller()
    web.latency = 1
    with web.latency.time() as timer:
        timer.warn99(teller, "%s", 3)
        clock.now += 2

    assert teller.told == ("%s", 3)


def test_an_adapters_record_names_the_section_as_well(web, clock, caplog):
    web.latency = 1
    with web.latency.time() as timer:
        timer.warn99(logging.LoggerAdapter(logging.getLogger("slow"), {}), "long")
        clock.now += 2

    assert [record.funcName for record in caplog.records] == [
        "test_an_adapters_record_names_the_section_as_well"
    ]


def test_what_the_logger_raises_does_not_change_how_the_section_ends(web, clock):
    class Broken:
        called = 0

        def warning(self, *args: object) -> None:
            self.called += 1
            raise ValueError(args)

    broken = Broken()

    def run(error: Exception | None) -> None:
        with web.latency.time() as timer:
            timer.warn99(broken, "long")
            clock.now += 2
            if error is not None:
                raise error

    web.latency = 1
    run(None)
    with pytest.raises(RuntimeError, match="mine"):
        run(RuntimeError("mine"))

    assert (broken.called, web.latency["count"]) == (2, 3)


def test_what_cannot_warn_is_told_at_once(web):
    with web.latency.time() as timer, pytest.raises(AttributeError, match="warning"):
        timer.warn99("slow", "long")

    assert web.latency["count"] == 1


# --- names


def test_names_appear_when_they_are_written_to(web, clock):
    read = web.by_path["/a"]
    assert (read["count"], read["median"], dict(read)) == (0, 0.0, {"count": 0})
    assert "median" not in read
    assert not shown()["by_path"]

    web.by_path["/a"] = 3
    read.add_value(1)
    with web.by_path["/b"].time():
        clock.now += 5
        assert list(shown()["by_path"]) == ["/a"]

    assert {name: of["mean"] for name, of in shown()["by_path"].items()} == {"/a": 2, "/b": 5}
    assert (read["count"], "median" in read, read.snapshot()["max"]) == (2, True, 3)


def test_a_section_of_a_new_name_warns_as_any(web, clock, caplog):
    timer = web.by_path["/a"].time()
    for seconds in (1, 2):
        with timer:
            timer.warn99(logging.getLogger("slow"), "took %s", seconds)
            clock.now += seconds

    assert caplog.messages == ["took 2"]


def test_a_dictionary_that_is_assigned_is_added_name_by_name(web):
    web.by_path = {"/a": 1, "/b": 2}
    web.by_path = {"/a": 3}
    web.by_path |= {"/b": 4}
    web.by_path.update({"/c": 5})

    assert {name: of["max"] for name, of in shown()["by_path"].items()} == {
        "/a": 3,
        "/b": 4,
        "/c": 5,
    }
    assert web.by_path["/a"]["count"] == 2


def test_a_name_can_be_taken_out(web):
    web.by_path["/a"] = 1
    del web.by_path["/a"]

    assert not shown()["by_path"]
    web.by_path["/a"] = 2
    assert web.by_path["/a"]["count"] == 1
