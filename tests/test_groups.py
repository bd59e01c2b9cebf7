"""Counting by hand: EventCountLogger and its groups."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from ecl_logging import ConfigError, DummyEventGroup, EventCountLogger, EventGroup, open_store
from ecl_logging.stores.memory import MemoryStore
from tests.clocks import count_by
from tests.faulty_stores import FlakyStore

REQUESTS: dict[str, Any] = {"requests": {"events": ["req1", "req2"], "intervals": ["5s", "5m"]}}
ANY = {"any": {"intervals": ["1d"], "auto_declare_events": True}}


@pytest.fixture
def store(clock, monkeypatch) -> FlakyStore:
    """A store by the test's clock, which also is the time of what is logged."""
    count_by(clock, monkeypatch)
    return FlakyStore(MemoryStore(clock=clock))


@pytest.fixture
def ecl(store):
    with EventCountLogger(REQUESTS | ANY, store=store) as ecl:
        yield ecl


def counts(ecl: EventCountLogger, group: str = "any", interval: str = "1d") -> dict[str, int]:
    return ecl[group].get_counts(interval, current=True)


# --- groups


def test_a_group_is_found_by_its_name(ecl):
    assert isinstance(ecl.get_group("requests"), EventGroup)
    assert ecl["requests"] is ecl.get_group("requests")


def test_an_unknown_group_is_none_after_one_warning(ecl, warnings_told):
    assert ecl.get_group("reqests") is None
    assert ecl.get_group("reqests") is None

    assert warnings_told == ["group 'reqests' is not configured; its events are not counted"]


def test_an_unknown_group_can_be_a_dummy(ecl, warnings_told):
    assert isinstance(ecl.get_group("reqests", dummy=True), DummyEventGroup)
    assert isinstance(ecl["reqests"], DummyEventGroup)

    assert len(warnings_told) == 1


def test_an_unknown_group_can_be_asked_for_in_silence(ecl, warnings_told):
    assert ecl.get_group("reqests", warn=False) is None

    assert warnings_told == []


def test_a_dummy_group_has_every_public_method_of_a_group():
    def methods(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}

    assert methods(EventGroup) - methods(DummyEventGroup) == set()


def test_a_dummy_group_takes_the_same_arguments():
    for name, method in inspect.getmembers(DummyEventGroup, inspect.isfunction):
        own, theirs = inspect.signature(method), inspect.signature(getattr(EventGroup, name))
        assert list(own.parameters) == list(theirs.parameters), name


def test_a_dummy_group_does_nothing_and_has_nothing():
    dummy = DummyEventGroup()
    dummy.log("x")
    dummy.declare_event_id("x")
    dummy.declare_event_ids(["x"])

    assert dummy.sync()
    assert dummy.get_counts("1m") == {}
    assert dummy.get_last_count("x", "1m") == dummy.get_current_count("x", "1m") == 0
    assert dummy.get_current_counts("x") == {}
    assert dummy.get_history("1m", 12) == []


# --- where groups and store come from


def test_wrong_groups_are_told_all_at_once():
    with pytest.raises(ConfigError) as caught:
        EventCountLogger({"a": {"intervals": []}, "b": {}}, store="memory://")

    assert [p.split(": ")[1] for p in caught.value.problems] == [
        "groups.a.intervals",
        "groups.b.intervals",
    ]


def test_redis_and_store_exclude_each_other():
    with pytest.raises(ConfigError, match="redis is the older word for store"):
        EventCountLogger(REQUESTS, {"host": "localhost"}, store="memory://")


@pytest.mark.parametrize("settings", [{}, {"host": "localhost", "password": "CANARY"}])
def test_redis_settings_may_stand_in_second_place(settings):
    ecl = EventCountLogger(REQUESTS, settings)

    assert ecl.store.shown == "redis://localhost:6379/0"
    assert "CANARY" not in ecl.dump_config()


def test_without_groups_they_are_those_that_the_store_remembers(clock):
    with EventCountLogger(REQUESTS, store="sqlite:///counts.db") as ecl:
        ecl["requests"].log("req1")
    with EventCountLogger(store="sqlite:///counts.db") as remembering:
        assert list(remembering.groups) == ["requests"]
        assert counts(remembering, "requests", "5m") == {"req1": 1, "req2": 0}


def test_a_store_that_remembers_nothing_has_no_groups():
    with EventCountLogger(store="sqlite:///counts.db") as ecl:
        assert dict(ecl.groups) == {}
    assert not Path("counts.db").exists()


def test_a_file_gives_groups_and_store():
    Path("logging.yaml").write_text(
        "ecl: {store: 'sqlite:///a.db', groups: {g: {intervals: [1m], events: [x]}}}"
    )
    with EventCountLogger.from_file("logging.yaml") as ecl:
        assert list(ecl.groups) == ["g"]
        assert ecl.store.shown == f"sqlite:///{Path('a.db').absolute()}"
    with EventCountLogger.from_file(Path("logging.yaml"), store="memory://") as ecl:
        assert ecl.store.shown == "memory://"


def test_the_environment_goes_before_the_file_and_the_argument_before_both(monkeypatch):
    Path("logging.yaml").write_text("ecl: {store: 'memory://file'}")
    monkeypatch.setenv("ECL_STORE", "memory://environment")
    with EventCountLogger.from_file("logging.yaml") as ecl:
        assert ecl.store is open_store("memory://environment")
    with EventCountLogger.from_file("logging.yaml", store="memory://argument") as ecl:
        assert ecl.store is open_store("memory://argument")


def test_the_configuration_can_be_dumped(ecl):
    text = ecl.dump_config()

    assert text.startswith("store: memory://\ngroup requests: ")
    assert "req1" in text


# --- when it is written


def test_a_direct_group_writes_each_event_at_once(ecl, store):
    ecl["requests"].log("req1")
    ecl["requests"].log("req1")

    assert [batch.counts for batch in store.applied] == [{"req1": 1}, {"req1": 1}]


def test_what_a_direct_group_could_not_write_stays_pending(ecl, store, warnings_told):
    store.is_away = True
    ecl["requests"].log("req1")
    assert ecl.telemetry()["pending"] == 1
    store.is_away = False

    assert ecl["requests"].sync()
    assert ecl.telemetry()["pending"] == 0
    assert counts(ecl, "requests", "5m")["req1"] == 1


def test_a_group_with_a_sync_interval_writes_later(store):
    keys = ANY["any"] | {"sync_interval": 3600}
    with EventCountLogger({"any": keys}, store=store) as ecl:
        for _ in range(100):
            ecl["any"].log("x")
        attempts = store.attempts
        assert attempts <= 2  # the thread may have begun with what was there

        assert ecl["any"].sync()
        assert counts(ecl) == {"x": 100}


def test_sync_says_whether_nothing_is_pending(ecl, store, warnings_told):
    store.is_away = True
    ecl["requests"].log("req1")

    assert not ecl["requests"].sync()
    store.is_away = False
    assert ecl["requests"].sync()


# --- declaring


def test_a_declared_id_counts_in_every_program(store):
    with EventCountLogger(REQUESTS, store=store) as here:
        with EventCountLogger(REQUESTS, store=store) as there:
            there["requests"].declare_event_id("req9")
        here["requests"].log("req9")

        assert counts(here, "requests", "5m") == {"req1": 0, "req2": 0, "req9": 1}


def test_declaring_what_is_no_event_id_is_an_error(ecl):
    with pytest.raises(ConfigError) as caught:
        ecl["requests"].declare_event_ids(["req9", "", "@x"])

    assert caught.value.problems == (
        "group requests: event_ids[1]: '' is empty",
        "group requests: event_ids[2]: '@x' starts with '@'",
    )


def test_declaring_an_object_is_an_error(ecl):
    with pytest.raises(ConfigError):
        ecl["requests"].declare_event_id(object())


def test_declaring_while_the_store_is_away_does_not_raise(ecl, store, warnings_told):
    store.is_away = True
    ecl["requests"].declare_event_id("req9")
    store.is_away = False
    ecl["requests"].log("req9")

    assert counts(ecl, "requests", "5m")["req9"] == 1
