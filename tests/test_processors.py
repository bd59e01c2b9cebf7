"""CountingProcessor: event dicts in, counts out; whatever renders them afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.processors import CountingProcessor
from ecl_logging.stores.memory import MemoryStore
from tests.conftest import wait_until
from tests.faults.programs import assert_silent
from tests.faulty_stores import FlakyStore
from tests.making import making

DAY = {"intervals": ["1d"], "sync_interval": 3600}
ANY = DAY | {"auto_declare_events": True}

Make = Callable[..., CountingProcessor]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make processors, each with a memory of its own unless it is told otherwise."""
    yield from making(CountingProcessor, store="memory://", groups={"g": ANY})


def counts(processor: CountingProcessor, group: str = "g") -> dict[str, int]:
    return processor.ecl[group].get_counts("1d", current=True)


def pass_on(
    processor: CountingProcessor, *, called: str = "info", logger: Any = None, **event_dict: Any
) -> None:
    """Have the processor see an event; it is the same afterwards."""
    before = event_dict.copy()

    passed = processor(logger, called, event_dict)

    assert passed is event_dict
    assert list(passed.items()) == list(before.items())


# --- what is counted


def test_the_id_is_structlogs_own_event(make):
    processor = make()

    pass_on(processor, event="paid", order=7)

    assert counts(processor) == {"paid": 1}


def test_a_sentence_that_no_group_declares_is_not_counted(make, warnings_told):
    processor = make(groups={"g": DAY | {"events": ["paid"]}, "h": DAY})

    pass_on(processor, event="thank you for your order")
    pass_on(processor, event="paid")

    assert counts(processor) == {"paid": 1}
    assert sum(processor.ecl.telemetry()["dropped"].values()) == 0
    assert warnings_told == []


def test_neither_is_one_that_a_rule_leads_to_its_group(make, warnings_told):
    """`{event}` is what the program says to people, unless the group knows it as an ID."""
    processor = make(
        groups={"g": DAY | {"events": ["paid"]}, "h": ANY},
        rules=[{"group": "g", "stop": True}, {"group": "h"}],
        unmatched="rest",
    )

    pass_on(processor, event="paid")
    pass_on(processor, event="thank you")

    assert counts(processor, "g") == {"paid": 1, "rest": 0}
    assert counts(processor, "h") == {"thank you": 1}
    assert sum(processor.ecl.telemetry()["dropped"].values()) == 0
    assert warnings_told == []


def test_a_sentence_without_any_rule_for_it_is_unmatched(make):
    processor = make(
        groups={"g": DAY | {"events": ["paid"]}}, rules=[{"group": "g"}], unmatched="rest"
    )

    pass_on(processor, event="paid")
    pass_on(processor, event="thank you")

    assert counts(processor) == {"paid": 1, "rest": 1}


def test_group_and_count_can_come_with_the_event(make):
    processor = make(groups={"g": ANY, "h": DAY | {"events": ["bytes"]}})

    pass_on(processor, event="bytes", event_group="h", event_count=512)

    assert (counts(processor, "g"), counts(processor, "h")) == ({}, {"bytes": 512})


def test_keys_are_what_rules_see_as_attributes(make):
    processor = make(
        rules=[
            {"has": "status", "event": "{method}-{status}", "stop": True},
            {"pattern": r"^took (?P<n>\d+) ms$", "event": "time", "count": "n"},
        ]
    )

    pass_on(processor, event="answered", method="GET", status=200)
    pass_on(processor, event="took 42 ms")

    assert counts(processor) == {"GET-200": 1, "time": 42}


def test_with_nothing_configured_levels_loggers_and_events_are_counted(make):
    processor = make(groups=None)

    pass_on(processor, event="paid", called="error", logger=SimpleNamespace(name="shop"))
    pass_on(processor, event="paid")

    def of(group: str) -> dict[str, int]:
        return {k: n for k, n in processor.ecl[group].get_counts("1h", current=True).items() if n}

    assert (of("levels"), of("loggers"), of("events")) == (
        {"ERROR": 1, "INFO": 1},
        {"shop": 1},
        {"paid": 2},
    )
    assert sum(processor.ecl.telemetry()["dropped"].values()) == 0


# --- level and logger


@pytest.mark.parametrize(
    ("method", "level", "known"),
    [
        ("info", None, "INFO"),
        ("warn", None, "WARNING"),
        ("exception", None, "ERROR"),
        ("fatal", None, "CRITICAL"),
        ("critical", None, "CRITICAL"),
        ("info", "warning", "WARNING"),
        ("debug", "ERROR", "ERROR"),
        ("info", 3, "INFO"),  # the program's own, such as the level of a game
        ("debug", "third floor", "DEBUG"),
        ("msg", None, "NOTSET"),
    ],
)
def test_the_level_is_its_key_else_the_methods_name(make, method, level, known):
    processor = make(rules=[{"event": "{levelname}"}])

    pass_on(processor, event="x", called=method, **({} if level is None else {"level": level}))

    assert counts(processor) == {known: 1}


def test_rules_go_by_the_level(make):
    processor = make(rules=[{"level": "WARNING", "event": "bad"}])

    for method in ("debug", "info", "warning", "error"):
        pass_on(processor, event="x", called=method)

    assert counts(processor) == {"bad": 2}


def test_what_is_below_the_processors_level_is_not_counted(make):
    processor = make(level="WARNING")

    pass_on(processor, event="a", called="info")
    pass_on(processor, event="b", called="warning")

    assert counts(processor) == {"b": 1}


def test_the_logger_is_its_key_else_the_loggers_name(make):
    processor = make(rules=[{"logger": "shop", "event": "{name}"}])

    pass_on(processor, event="x", logger=SimpleNamespace(name="shop.web"))
    processor(SimpleNamespace(name="other"), "info", {"event": "x", "logger": "shop.db"})

    assert counts(processor) == {"shop.db": 1, "shop.web": 1}


def test_a_logger_without_a_name_is_no_logger_of_a_rule(make):
    processor = make(rules=[{"logger": "*", "event": "some"}, {"event": "{name}"}])

    pass_on(processor, event="x")

    assert counts(processor) == {"some": 1}


def test_the_librarys_own_events_are_not_counted(make):
    processor = make(unmatched="rest")

    pass_on(processor, event="x", logger=SimpleNamespace(name="ecl_logging"))

    assert counts(processor) == {"rest": 0}


# --- what can go wrong


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_a_value_that_raises_counts_as_invalid(make, warnings_told):
    processor = make(rules=[{"event": "{key}-x"}])

    pass_on(processor, event="x", key=Hostile())

    assert counts(processor) == {}
    assert processor.ecl.telemetry()["dropped"]["invalid"] == 1
    wait_until(lambda: warnings_told)
    assert warnings_told == [
        "group g: an event raises when it is looked at; it is counted as @invalid"
    ]


@pytest.mark.parametrize("rendered", ['{"event": "paid"}', (("paid",), {}), b"paid", None])
def test_behind_a_renderer_it_says_where_it_belongs(make, warnings_told, rendered):
    processor = make()

    assert processor(None, "info", rendered) is rendered

    assert counts(processor) == {}
    assert processor.ecl.telemetry()["dropped"]["invalid"] == 1
    wait_until(lambda: warnings_told)
    [warning] = warnings_told
    assert "comes rendered: CountingProcessor has to stand before the renderer;" in warning


def test_while_the_store_is_away_events_wait(make):
    store = FlakyStore(MemoryStore())
    processor = make(store=store)
    store.is_away = True

    pass_on(processor, event="paid")
    processor.flush()
    assert processor.ecl.telemetry()["pending"] == 1

    store.is_away = False
    assert counts(processor) == {"paid": 1}


def test_what_comes_after_close_is_dropped_as_closed(make):
    processor = make()
    processor.close()

    pass_on(processor, event="late")

    assert processor.ecl.telemetry()["dropped"]["closed"] == 1


def test_a_logger_that_was_handed_in_stays_open(make):
    with EventCountLogger({"g": ANY}, store="memory://") as ecl:
        processor = make(ecl)
        pass_on(processor, event="a")
        processor.close()
        pass_on(processor, event="b")

        assert counts(processor) == {"a": 1, "b": 1}


def test_wrong_arguments_are_refused_aloud(capsys):
    names = ", ".join(sorted(logging.getLevelNamesMapping()))
    known = f"{names} (a level of your own is written as its number)"
    with pytest.raises(ConfigError) as refused:
        CountingProcessor(grups={}, level="LOUD", store="memory://")

    assert list(refused.value.problems) == [
        "ecl: unknown argument 'grups'; did you mean 'groups'?",
        f"ecl: level: unknown level 'LOUD'; known are {known}",
    ]
    assert capsys.readouterr().err == f"ecl_logging: {refused.value}\n"


def test_importing_it_does_not_import_structlog(programs):
    ended = programs.run(
        "import sys, ecl_logging.processors\nprint({'structlog', 'yaml'} & set(sys.modules))"
    )

    assert_silent(ended)
    assert ended.out == "set()\n"
