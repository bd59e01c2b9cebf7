"""What a CountingHandler is built from, and what it says of wrong arguments."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from ecl_logging import ConfigError, EventCountLogger, open_store
from ecl_logging.handlers import CountingHandler

DAY = {"intervals": ["1d"], "auto_declare_events": True}
GROUPS = {"g": DAY}


def groups_of(handler: CountingHandler) -> list[str]:
    """The names of the handler's groups; the handler is closed."""
    handler.close()
    assert handler.ecl is not None
    return list(handler.ecl.groups)


def record(event: str, **attributes: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "web", "event": event} | attributes)


# --- config


def test_a_mapping_is_the_section():
    assert groups_of(CountingHandler(config={"groups": GROUPS, "store": "memory://"})) == ["g"]


def test_a_path_is_the_file_of_the_section():
    Path("app.yaml").write_text("ecl: {store: 'memory://', groups: {g: {intervals: [1m]}}}")

    assert groups_of(CountingHandler(config="app.yaml")) == ["g"]
    assert groups_of(CountingHandler(config=Path("app.yaml"))) == ["g"]


def test_arguments_go_before_the_configuration():
    config = {"groups": GROUPS, "rules": [{"event": "a"}], "store": "memory://one"}
    handler = CountingHandler(
        config=config, groups={"h": DAY}, rules=[{"event": "b"}], store="memory://two"
    )
    handler.handle(record("x"))
    handler.close()

    assert handler.ecl is not None
    assert handler.ecl.store is open_store("memory://two")
    assert handler.ecl["h"].get_counts("1d", current=True) == {"b": 1}


def test_building_touches_neither_network_nor_disk(home):
    handler = CountingHandler()
    handler.close()

    assert list(home.rglob("*")) == []


def test_building_without_a_home_works(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "nowhere")

    handler = CountingHandler()
    handler.close()

    assert sorted(handler.ecl.groups) == ["events", "levels", "loggers"]


# --- errors


def test_what_is_wrong_is_raised_and_written_to_stderr(capsys):
    with pytest.raises(ConfigError) as caught:
        CountingHandler(config={"groups": {"g": {"intervals": ["5 minutes"], "history": 0}}})

    assert len(caught.value.problems) == 2
    assert capsys.readouterr().err == f"ecl_logging: {caught.value}\n"


def test_a_password_is_not_written_to_stderr(capsys):
    with pytest.raises(ConfigError):
        CountingHandler(store="redis://me:CANARY@cache:port")

    assert "CANARY" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        {"redis": {}, "store": "memory://"},
        {"redis": {"hots": "cache"}},
        {"store": "nowhere"},
        {"store": 5},
        {"store": ["memory://"]},
        {"config": "missing.yaml"},
        {"rules": [{"event": "x"}]},
        {"groups": {"g": {}}},
        {"sync_interval": "5s"},
        {"sync_interval": -1},
        {"sync_limit": "many"},
        {"sync_interval": 10**400},
        {"level": "INF"},
        {"level": 1.5},
        {"sync_intervall": 1},
    ],
    ids=repr,
)
def test_wrong_arguments_are_a_configuration_error(arguments: dict[str, Any], capsys):
    with pytest.raises(ConfigError):
        CountingHandler(**arguments).close()


def test_the_problems_of_all_arguments_are_told_together(capsys):
    with pytest.raises(ConfigError) as caught:
        CountingHandler(
            config={"groups": {"a": {"intervals": ["1x"]}}, "grops": {}},
            unmatched="@x",
            sync_limit=0,
            store="nope",
            level="INF",
            sync_intervall=1,
        )

    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "ecl: unknown key 'grops'",
        "ecl: groups.a.intervals[0]: '1x' is not an interval",
        "store: not a store URL",
        "ecl: unknown argument 'sync_intervall'",
        "ecl: level: unknown level 'INF'",
        "ecl: sync_limit: 0 is not a whole number from 1 to 9007199254740992",
        "ecl: unmatched: '@x' starts with '@'",
    ]
    assert len(capsys.readouterr().err.splitlines()) == 7


def test_an_unknown_argument_is_told_with_the_nearest_known(capsys):
    with pytest.raises(ConfigError, match="did you mean 'sync_interval'"):
        CountingHandler(sync_intervall=1)

    assert "unknown argument 'sync_intervall'" in capsys.readouterr().err


def test_a_loggers_store_and_groups_are_told_together():
    with pytest.raises(ConfigError) as caught:
        EventCountLogger({"g": {"intervals": ["1x"]}, "h": {}}, store="nope")

    assert len(caught.value.problems) == 3


# --- an EventCountLogger that is handed in


@pytest.fixture
def ecl():
    with EventCountLogger(GROUPS | {"h": DAY}, store="memory://") as ecl:
        yield ecl


def test_a_handler_counts_with_the_logger_that_it_is_given(ecl):
    handler = CountingHandler(ecl)
    handler.handle(record("x"))
    handler.handle(record("y", event_group="h"))
    handler.flush()

    assert handler.ecl is ecl
    assert ecl["g"].get_counts("1d", current=True) == {"x": 1}
    assert ecl["h"].get_counts("1d", current=True) == {"y": 1}


def test_rules_count_in_the_groups_of_the_logger(ecl):
    handler = CountingHandler(ecl, rules=[{"group": "h", "event": "{event}!"}])
    handler.handle(record("x"))
    handler.flush()

    assert ecl["h"].get_counts("1d", current=True) == {"x!": 1}


def test_rules_for_a_group_that_the_logger_lacks_are_an_error(ecl, capsys):
    with pytest.raises(ConfigError, match="unknown group 'hh'; did you mean 'h'"):
        CountingHandler(ecl, rules=[{"group": "hh", "event": "x"}])


def test_what_a_rule_names_literally_is_declared_in_the_logger():
    with EventCountLogger({"g": {"intervals": ["1d"]}}, store="memory://") as ecl:
        handler = CountingHandler(ecl, rules=[{"level": "ERROR", "event": "error"}])
        handler.handle(record("x"))
        assert ecl["g"].get_counts("1d", current=True) == {"error": 0}
        handler.handle(record("x", levelno=40))
        assert ecl["g"].get_counts("1d", current=True) == {"error": 1}


@pytest.mark.parametrize(
    "arguments", [{"config": {}}, {"store": "memory://"}, {"groups": GROUPS}, {"redis": {}}]
)
def test_a_logger_takes_the_place_of_all_that_it_is_made_of(ecl, arguments, capsys):
    with pytest.raises(ConfigError, match="takes the place of config, store, groups and redis"):
        CountingHandler(ecl, **arguments)


def test_closing_the_handler_flushes_the_logger_and_leaves_it_open(ecl):
    handler = CountingHandler(ecl, sync_interval=3600)
    handler.handle(record("x"))
    handler.close()
    assert ecl.telemetry()["applied"] == 1

    ecl["g"].log("x")
    assert ecl.telemetry()["applied"] == 2


def test_a_section_without_its_cfg_is_told_how_to_write_it(capsys):
    with pytest.raises(ConfigError, match="there is no file ecl; write cfg://ecl"):
        CountingHandler(config="ecl")
