"""Kinds of records: which are told apart, and that what they count is found out anew."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.handlers import CountingHandler
from tests.conftest import wait_until
from tests.making import making

DAY = {"intervals": ["1d"], "auto_declare_events": True, "sync_interval": 3600}
Make = Callable[..., CountingHandler]


@pytest.fixture
def make() -> Iterator[Make]:
    yield from making(CountingHandler, store="memory://", groups={"g": DAY})


def record(**attributes: object) -> logging.LogRecord:
    given: dict[str, object] = {"name": "web", "levelno": 20, "levelname": "INFO", "msg": ""}
    return logging.makeLogRecord(given | attributes)


def handle(handler: CountingHandler, *records: dict[str, object]) -> None:
    """Handle such records twice: when their kinds are new, and when they are known."""
    for _ in range(2):
        for attributes in records:
            handler.handle(record(**attributes))


def counts(handler: CountingHandler, group: str = "g") -> dict[str, int]:
    return {event: n for event, n in handler.ecl[group].get_counts("1d", current=True).items() if n}


def known(handler: CountingHandler) -> Any:
    assert handler._counter.kinds is not None
    return handler._counter.kinds.table


# --- told apart


def test_records_are_told_apart_by_what_the_rules_ask_for(make):
    rules = [
        {"level": "ERROR", "event": "bad"},
        {"logger": "db", "event": "query"},
        {"event": "{event} {levelname}"},
    ]
    handler = make(rules=rules)
    handle(
        handler,
        {"event": "a"},
        {"event": "b"},
        {"event": "a", "levelname": "NOTE"},
        {"event": "a", "levelno": 40, "levelname": "ERROR"},
        {"event": "a", "name": "db"},
        {},
    )

    assert counts(handler) == {
        "a INFO": 4,
        "b INFO": 2,
        "a NOTE": 2,
        "a ERROR": 2,
        "bad": 2,
        "query": 2,
    }


@pytest.mark.parametrize("unmatched", [None, "rest"])
def test_records_that_name_group_or_count_are_not_taken_for_their_kind(make, unmatched):
    groups = {"g": DAY, "h": DAY | {"auto_declare_events": False, "events": ["a"]}}
    handler = make(groups=groups, unmatched=unmatched)
    handle(handler, {"event": "a"}, {"event": "b"}, {})
    handle(handler, {"event": "a", "event_count": 10}, {"event": "b", "event_group": "g"})
    handle(handler, {"msg": {"event_count": 3}, "event": "a"})

    assert counts(handler, "h") == {"a": 2 + 20 + 2}
    rest = {} if unmatched is None else {"rest": 2}
    assert counts(handler) == {"b": 4} | rest


def test_own_records_are_not_taken_for_the_programs(make):
    handler = make(rules=[{"event": "all"}])
    handle(handler, {"name": "ecl_logging"}, {}, {"name": "ecl_logging", "event": "x"})

    assert counts(handler) == {"all": 4}


def test_a_kind_may_count_several_events_and_more_than_one(make):
    handler = make(rules=[{"event": "one"}, {"event": "five", "count": 5}])
    handle(handler, {}, {})

    assert counts(handler) == {"one": 4, "five": 20}


@pytest.mark.parametrize("rule", [{"pattern": "x", "event": "a"}, {"event": "{user}"}])
def test_records_of_rules_that_ask_for_more_are_each_looked_at(make, rule):
    handler = make(rules=[rule])
    assert handler._counter.kinds is None
    handle(handler, {"msg": "x", "user": "a"}, {"msg": "y"})

    assert counts(handler) == {"a": 2}


def test_loggers_for_which_rules_ask_for_more_have_no_kinds(make):
    handler = make(rules=[{"logger": "db", "event": "{user}"}, {"event": "all"}])
    handle(handler, {"name": "db", "user": "a"}, {"name": "db", "user": "b"}, {})

    assert counts(handler) == {"a": 2, "b": 2, "all": 6}
    assert "db" not in known(handler)
    assert "web" in known(handler)


@pytest.mark.parametrize(
    "attributes",
    [
        {"event": "x" * 201},
        {"event": 7},
        {"event": "a", "event_count": 2},
        {"msg": {"event": "a"}},
    ],
)
def test_what_does_not_count_by_its_kind_is_no_known_one(make, attributes):
    handler = make()
    handle(handler, attributes)

    assert known(handler) == {}


@pytest.mark.parametrize("name", ["name", "levelno", "levelname"])
def test_a_record_made_by_hand_may_have_anything_there(make, name):
    handler = make(rules=[{"level": "INFO", "logger": "*", "event": "{levelname}"}])
    handle(handler, {name: ["anything"]}, {})

    assert known(handler) == {"web": {20: {"INFO": known(handler)["web"][20]["INFO"]}}}
    assert counts(handler)["INFO"] >= 2


def test_there_are_so_many_kinds_and_no_more(make, monkeypatch):
    monkeypatch.setattr("ecl_logging.kinds._MAX_KINDS", 2)
    handler = make()
    handle(handler, *({"event": f"e{n}"} for n in range(5)))

    assert len(known(handler)) == 2
    assert counts(handler) == {f"e{n}": 2 for n in range(5)}


# --- found out anew


def test_an_id_that_another_group_declares_meanwhile_counts_there(make):
    groups = {"g": DAY, "h": DAY | {"auto_declare_events": False, "events": ["x"]}}
    handler = make(groups=groups)
    handle(handler, {"event": "a"})
    handler.ecl["h"].declare_event_id("a")
    handle(handler, {"event": "a"})

    assert counts(handler) == {"a": 2}
    assert counts(handler, "h") == {"a": 2}


def test_what_was_found_out_while_an_id_was_declared_elsewhere_is_not_kept(make, monkeypatch):
    groups = {"g": DAY, "h": DAY | {"auto_declare_events": False, "events": ["x"]}}
    handler = make(groups=groups)
    counter = handler._counter
    count = counter.count

    def declared_amid(given: Any) -> Any:
        counted = count(given)
        thread = threading.Thread(target=lambda: handler.ecl["h"].declare_event_id("a"))
        thread.start()
        thread.join()
        return counted

    monkeypatch.setattr(counter, "count", declared_amid)
    handler.handle(record(event="a"))
    monkeypatch.setattr(counter, "count", count)
    handle(handler, {"event": "a"})

    assert counts(handler) == {"a": 1}
    assert counts(handler, "h") == {"a": 2}


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_limit_that_a_later_handler_sets_is_noticed(make, by_hand):
    with EventCountLogger({"g": DAY}, store="memory://") as ecl:
        first = make(ecl)
        log = (lambda: ecl["g"].log("a")) if by_hand else (lambda: first.handle(record(event="a")))
        log()
        assert ecl.flush(10)  # the definition is known, which has kinds found out anew
        for _ in range(3):
            log()
        make(ecl, sync_limit=50)
        log()  # the first one since then is sent at once
        wait_until(lambda: ecl.telemetry()["applied"] == 5)

        for _ in range(60):
            log()

        wait_until(lambda: ecl.telemetry()["applied"] >= 5 + 50)


def test_events_of_a_group_with_a_limit_are_never_counted_by_their_kind(make):
    handler = make(groups={"g": DAY | {"sync_limit": 5}})
    handle(handler, {"event": "a"})

    assert known(handler) == {}
    assert counts(handler) == {"a": 2}


def test_what_a_finalizer_logs_as_a_flush_begins_is_not_the_flushs(make, monkeypatch):
    """It runs on the thread that flushes, and may come before the fast path has been shut."""
    handler = make()
    handle(handler, {"event": "a"})
    within: list[bool] = []

    def amid() -> None:
        for step in (lambda: None, shut_fast_paths):
            step()
            within.append(threading.get_ident() in flushing_threads)
            handler.handle(record(event="a"))

    monkeypatch.setattr("ecl_logging.numbered.shut_fast_paths", amid)
    assert handler.ecl.flush(10)
    monkeypatch.undo()

    assert within
    assert not any(within)
    assert counts(handler) == {"a": 2 + len(within)}
