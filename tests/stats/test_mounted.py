"""Groups in the tree: what is shown of them, and how little looking costs."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from ecl_logging import ConfigError, DummyEventGroup, EventCountLogger, stats
from ecl_logging.intervals import Interval
from ecl_logging.stats import kept_readings
from ecl_logging.stats.reading import Failed, is_collapsed, lookup, value_of
from tests.stats.mounting import GROUPS, shown

pytestmark = pytest.mark.once

# --- what is shown


def test_each_interval_has_its_last_and_its_current_counts(ecl, clock, moments):
    stats.mount("/events/requests", ecl["requests"])
    ecl["requests"].log("req1", 3)
    ecl.flush()
    clock.now += 5
    ecl["requests"].log("req2")
    ecl.flush()

    assert shown("/events") == {
        "requests": {
            "5s": {"last": {"req1": 3, "req2": 0}, "current": {"req1": 0, "req2": 1}},
            "1m": {"last": {"req1": 0, "req2": 0}, "current": {"req1": 3, "req2": 1}},
        }
    }
    assert shown("/events/requests/1m/current/req1") == 3


def test_measures_are_shown_as_ecl_read_shows_them(ecl, clock, moments):
    stats.mount("/requests", ecl["requests"])
    for value in (1.0, 2.0, 4.0):
        ecl["requests"].observe("latency", value)
    ecl.flush()
    clock.now += 5

    measures = shown("/requests/5s/measures")
    assert measures["current"] == {"latency": {"count": 0}}
    latency = measures["last"]["latency"]
    assert list(latency) == ["count", "mean", "p50", "p90", "p95", "p99", "max"]
    assert (latency["count"], latency["mean"]) == (3, 2.33333)
    assert latency["p50"] == pytest.approx(2.0, rel=0.011)
    assert len(str(latency["p50"])) <= 6
    assert "measures" not in shown("/requests/5s/last")


def test_counts_of_other_programs_are_there_and_cells_of_our_own_are_not(
    ecl, store, moments, warnings_told
):
    stats.mount("/requests", ecl["requests"])
    with EventCountLogger(GROUPS, store=store.inner) as other:
        other["requests"].log("req1", 7)
        other["requests"].log("")
    [bucket] = store.inner.read("requests", Interval("5s", 5), [0])

    assert set(bucket.cells) == {"@invalid", "req1"}
    assert shown("/requests/5s/current") == {"req1": 7, "req2": 0}


def test_an_interval_is_found_by_its_length_where_the_store_calls_it_otherwise(store, moments):
    with EventCountLogger({"g": {"events": ["a"], "intervals": ["60s"]}}, store=store) as first:
        first["g"].log("a")
    with EventCountLogger({"g": {"events": ["a"], "intervals": ["1m"]}}, store=store) as ecl:
        stats.mount("/g", ecl["g"])

        assert shown("/g") == {"1m": {"last": {"a": 0}, "current": {"a": 1}}}


def test_a_branch_that_is_collapsed_asks_for_nothing_before_it_is_opened(ecl, store, moments):
    stats.set_collapsed("/requests")
    stats.mount("/requests", ecl["requests"])

    assert is_collapsed(lookup(stats.get_stats(), ["requests"]))
    assert store.steps == []


# --- what it costs, and what is written


def test_a_page_takes_one_step_for_each_interval_and_one_more_once_a_second(ecl, store, moments):
    stats.mount("/requests", ecl["requests"])
    stats.mount("/again/requests", ecl["requests"])

    for _ in range(3):
        shown("/")
    assert len(store.steps) == 3

    moments.now += 1.1
    shown("/")
    assert len(store.steps) == 6


def test_looking_writes_nothing(ecl, store, clock, moments):
    stats.mount("/requests", ecl["requests"])
    ecl["requests"].log("req1")
    ecl.flush()
    [before] = [store.inner.definition("requests")]
    applied = len(store.applied)
    store.inner.apply = store.inner.define = store.inner.totals = None

    assert shown("/requests/5s/current/req1") == 1
    assert len(store.applied) == applied
    assert store.inner.definition("requests") == before
    del store.inner.apply, store.inner.define, store.inner.totals


def test_what_is_pending_is_not_sent_by_who_looks(store, moments, monkeypatch):
    keys = GROUPS["requests"] | {"sync_interval": 3600}
    senders: list[threading.Thread] = []
    apply = store.apply

    def noted(batch: Any, **options: Any) -> Any:
        senders.append(threading.current_thread())
        return apply(batch, **options)

    monkeypatch.setattr(store, "apply", noted)
    with EventCountLogger({"requests": keys}, store=store) as ecl:
        stats.mount("/requests", ecl["requests"])
        ecl["requests"].log("req1")

        shown("/requests/5s/current/req1")

        assert threading.current_thread() not in senders
        assert ecl["requests"].get_counts("5s", current=True) == {"req1": 1, "req2": 0}


# --- a store that is away


def test_a_store_that_is_away_is_told_in_place_and_asked_once(ecl, store, moments):
    stats.collection("/web", stats.IntStat("hits", 5)).hits += 1
    for name, group in ecl.groups.items():
        stats.mount(f"/events/{name}", group)
    store.is_away = True

    page = shown("/")
    told = "<StoreUnavailable: memory://: Connection refused>"
    assert page["events"] == {name: {"5s": told, "1m": told} for name in GROUPS}
    assert isinstance(value_of(lookup(stats.get_stats(), ["events", "jobs"])["5s"]), Failed)
    assert len(store.steps) == 1

    store.is_away = False
    shown("/")
    assert len(store.steps) == 1
    moments.now += 5.1
    assert shown("/events/jobs/5s/last") == {"req1": 0, "req2": 0}


def test_a_group_that_somebody_has_spoilt_spoils_no_other(ecl, store, moments):
    from ecl_logging import StoreError

    for name in ("requests", "jobs"):
        stats.mount(name, ecl[name])
    definition = store.inner.definition

    def spoilt(group: str, **options: Any) -> Any:
        if group == "requests":
            raise StoreError("memory://: the definition of group requests is spoilt")
        return definition(group, **options)

    store.inner.definition = spoilt

    assert shown("/requests/5s") == (
        "<StoreError: memory://: the definition of group requests is spoilt>"
    )
    assert shown("/jobs/5s/last") == {"req1": 0, "req2": 0}
    del store.inner.definition


def test_others_do_not_wait_longer_than_a_step_for_a_reading(ecl, store, monkeypatch, moments):
    stats.mount("/requests", ecl["requests"])
    stats.mount("/jobs", ecl["jobs"])
    monkeypatch.setattr(kept_readings, "STEP_SECONDS", 0.01)
    reached, go_on = threading.Event(), threading.Event()
    definition = store.inner.definition

    def waiting(group: str, **options: Any) -> Any:
        reached.set()
        assert go_on.wait(20)
        return definition(group, **options)

    store.inner.definition = waiting
    reading = threading.Thread(target=shown, args=["/requests"])
    reading.start()
    assert reached.wait(20)

    assert shown("/jobs/1m") == "<StoreUnavailable: the store is just being read>"
    go_on.set()
    reading.join(20)
    assert shown("/jobs/1m/last") == {"req1": 0, "req2": 0}
    del store.inner.definition


# --- what can be mounted, and where


def test_a_dummy_group_shows_nothing():
    stats.mount("/events/none", DummyEventGroup())

    assert shown("/") == {"events": {"none": {}}}


def test_an_object_that_is_like_a_group_is_asked_for_its_counts():
    class Fake:
        intervals = ("1m",)

        def get_counts(self, interval: str, current: bool = False) -> dict[str, int]:
            return {"seen": int(current), "@late": 5}

    stats.mount("fake", Fake())

    assert shown("/") == {"fake": {"1m": {"last": {"seen": 0}, "current": {"seen": 1}}}}


@pytest.mark.parametrize("group", [None, object(), {"5m": 1}])
def test_what_is_no_group_is_refused(group):
    with pytest.raises(ConfigError, match="is no group"):
        stats.mount("/g", group)
    assert shown("/") == {}


@pytest.mark.parametrize("path", ["/", "", None, "/web", "/web/hits", "/web/hits/below", "/events"])
def test_a_path_where_something_is_already_is_refused(ecl, path):
    web = stats.collection("/web", stats.IntStat("hits", 1))
    stats.mount("/events", ecl["requests"])
    before = list(stats.get_stats())

    with pytest.raises(ConfigError):
        stats.mount(path, ecl["jobs"])
    assert list(stats.get_stats()) == before
    assert web.hits == 1


def test_nothing_else_takes_the_place_of_a_group(ecl, moments):
    stats.mount("/events/requests", ecl["requests"])

    for place in (
        lambda: stats.collection("/events", stats.IntStat("requests", 1)),
        lambda: stats.collection("/events/requests", stats.IntStat("5s", 1)),
        lambda: stats.collection("/events/requests/5s/last", stats.IntStat("req1", 1)),
        lambda: setattr(stats.collection("/events", stats.IntStat("requests")), "requests", 1),
    ):
        with pytest.raises(ConfigError):
            place()
    assert shown("/events/requests/5s/last") == {"req1": 0, "req2": 0}


def test_a_place_that_a_dead_object_has_left_is_free(ecl):
    web = stats.collection("/web", stats.IntStat("hits", 1))
    del web
    gc.collect()

    stats.mount("/web/hits", ecl["requests"])

    assert list(shown("/web/hits")) == ["5s", "1m"]
