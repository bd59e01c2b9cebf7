"""CountingHandler with `count_only`: nothing is other than with an ordinary one, but the records."""

from __future__ import annotations

import functools
import logging
import logging.config
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.stdlib import _FixedFindCallerLogger

from ecl_logging import unbuilt
from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.filters import EventFilter
from tests.handlers.trees import (
    BY_LEVEL,
    Tree,
    built_by,
    same_both_ways,
    tree_of,
    warm,
)

# --- no record


def test_no_record_is_built_where_only_the_counter_would_take_it():
    def scenario(tree: Tree) -> None:
        warm(tree)
        warm(tree, tree.get("other"))
        warm(tree, tree.root)

    assert same_both_ways(scenario)["counts"]["g"]["INFO"] == 18


@pytest.mark.parametrize(
    "arguments",
    [
        {"rules": None},
        {"rules": None, "unmatched": "none"},
        {"rules": BY_LEVEL, "unmatched": "none"},
        {"rules": [{"event": "{user}", "group": "g"}]},
        {"rules": [{"logger": "a", "level": "ERROR", "event": "{levelname}", "group": "g"}]},
        {"rules": [{"event": "{event}", "group": "h"}, {"event": "all", "group": "g"}]},
        {"rules": [{"event": "{event}", "group": "g"}], "sync_limit": 2},
    ],
    ids=repr,
)
def test_no_record_is_built_whatever_the_rules_are_that_ask_for_no_more(arguments):
    same_both_ways(warm, **arguments)


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "(?P<who>\\w+)", "event": "{who}"},
        {"event": "{funcName}"},
        {"has": ["exc_info"], "event": "{levelname}"},
        {"event": "{lineno}"},
    ],
    ids=repr,
)
def test_rules_that_ask_for_more_have_the_record(rule):
    def scenario(tree: Tree) -> int:
        for _ in range(3):
            tree.logger.info("hello %s", "you")
        return built_by(lambda: tree.logger.info("hello %s", "you"))

    assert same_both_ways(scenario, rules=[rule | {"group": "g"}])["returned"] == 1


def test_no_record_is_built_of_what_is_below_every_level():
    def scenario(tree: Tree) -> None:
        tree.listener.setLevel("ERROR")
        tree.root.addHandler(tree.listener)
        tree.root.addHandler(logging.NullHandler())
        tree.logger.info("a")
        assert built_by(lambda: tree.logger.info("a")) == (not tree.count_only)
        tree.logger.error("b")

    assert len(same_both_ways(scenario)["heard"]) == 1


def test_two_that_count_only_have_the_record():
    def scenario(tree: Tree) -> dict[str, Any]:
        with tree_of(count_only=tree.count_only) as other:
            tree.root.addHandler(other.counting)
            for _ in range(3):
                tree.logger.info("a")
            assert built_by(lambda: tree.logger.info("a")) == 1
            return other.counts()

    found = same_both_ways(scenario)
    assert found["counts"]["g"] == found["returned"]["counts"]["g"] == {"INFO": 4}


def test_a_disabled_logger_costs_the_others_no_shortcut():
    def scenario(tree: Tree) -> None:
        warm(tree)
        silent = tree.get("silent")
        silent.disabled = True
        tree.logger.info("a")
        silent.info("b")
        before = unbuilt._known.shortcuts
        for _ in range(3):
            silent.info("b")
            tree.logger.info("a")
        assert unbuilt._known.shortcuts is before
        silent.disabled = False
        silent.info("c")

    same_both_ways(scenario)


@pytest.mark.parametrize("with_filter", [True, False])
def test_a_filter_or_a_level_without_a_name_ends_no_shortcuts_time_and_again(with_filter):
    def scenario(tree: Tree) -> None:
        if with_filter:
            tree.counting.addFilter(lambda record: record.levelno > 10)
        tree.logger.log(25, "a")
        tree.logger.log(25, "a")
        before = unbuilt._known.shortcuts
        for _ in range(3):
            tree.logger.log(25, "a")
        assert unbuilt._known.shortcuts is before

    assert same_both_ways(scenario)["counts"]["g"] == {"Level 25": 5}


def test_structlogs_loggers_take_shortcuts_and_find_their_callers():
    """Its `LoggerFactory` makes them the class of all loggers; they look for callers by module."""

    def scenario(tree: Tree) -> None:
        tree.manager.loggerClass = _FixedFindCallerLogger
        tree.manager.loggerDict.clear()
        logger = tree.get("a.b")
        logger.info("first")
        assert built_by(lambda: logger.info("second")) == (not tree.count_only)
        tree.root.addHandler(tree.listener)
        logger.info("heard")
        logger.log(30, "heard")

    heard = same_both_ways(scenario)["heard"]
    assert [one["funcName"] for one in heard] == ["scenario"] * 2


def test_shortcuts_end_after_some_seconds(monkeypatch):
    monkeypatch.setattr(unbuilt, "_LASTS", 0.0)
    with tree_of(count_only=True) as tree:
        for _ in range(3):
            tree.logger.info("a", extra={"event": 5})  # nothing is known of these
        assert not unbuilt._known.shortcuts


# --- changes


class Sub(logging.Logger):
    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802
        record = super().makeRecord(*args, **kwargs)
        record.levelname = "SUB"
        return record


class TellsNothing(logging.Logger):
    """A logger that nobody is told of being changed."""

    __setattr__ = object.__setattr__


class MakesUpItsHandlers(logging.Logger):
    extra_handlers: list[logging.Handler] = []  # noqa: RUF012 - of the one logger there is

    @property  # type: ignore[misc]
    def handlers(self) -> list[logging.Handler]:  # type: ignore[override]
        return [*vars(self)["handlers"], *self.extra_handlers]

    @handlers.setter
    def handlers(self, handlers: list[logging.Handler]) -> None:
        vars(self)["handlers"] = handlers


def drop_info(record: logging.LogRecord) -> bool:
    return record.levelno != 20


def made_by(tree: Tree, name: str) -> Callable[..., Any]:
    """A method of the logger that does what it did, and has the listener hear of it."""
    ordinary = getattr(logging.Logger, name)

    @functools.wraps(ordinary)
    def method(*args: Any, **kwargs: Any) -> Any:
        tree.listener.heard.append({"called": name})
        return ordinary(tree.logger, *args, **kwargs)

    return method


def own_factory(tree: Tree) -> None:
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        record.levelname = record.levelname.lower()
        return record

    logging.setLogRecordFactory(factory)


def insert_a_parent(tree: Tree) -> None:
    tree.get("a").propagate = False
    tree.get("a").addHandler(tree.listener)


def attach_the_counter_twice(tree: Tree) -> None:
    tree.logger.addHandler(tree.counting)


def attach_and_lower(tree: Tree) -> None:
    tree.listener.setLevel(100)
    tree.root.addHandler(tree.listener)
    warm(tree)
    tree.listener.setLevel(logging.DEBUG)


def silence_for_a_time(tree: Tree) -> None:
    tree.logger.disabled = True
    tree.logger.info("silent")
    tree.logger.info("silent")
    tree.logger.disabled = False


def disable_for_a_time(tree: Tree) -> None:
    tree.disable(logging.CRITICAL)
    tree.logger.info("silent")
    tree.logger.info("silent")
    tree.disable(logging.NOTSET)


CHANGES: dict[str, Callable[[Tree], object]] = {
    "handler added": lambda tree: tree.logger.addHandler(tree.listener),
    "handler appended": lambda tree: tree.logger.handlers.append(tree.listener),
    "handlers replaced": lambda tree: setattr(tree.logger, "handlers", [tree.listener]),
    "handler at root": lambda tree: tree.root.addHandler(tree.listener),
    "root's list replaced": lambda tree: setattr(tree.root, "handlers", [tree.listener]),
    "handler of higher level": lambda tree: (
        tree.listener.setLevel("ERROR"),
        tree.root.addHandler(tree.listener),
    ),
    "another's level lowered": attach_and_lower,
    "counter twice": attach_the_counter_twice,
    "counter removed": lambda tree: tree.root.removeHandler(tree.counting),
    "counter's level": lambda tree: tree.counting.setLevel("ERROR"),
    "counter's filter": lambda tree: tree.counting.addFilter(drop_info),
    "counter's filters": lambda tree: setattr(tree.counting, "filters", [drop_info]),
    "logger's filter": lambda tree: tree.logger.addFilter(drop_info),
    "logger's filter appended": lambda tree: tree.logger.filters.append(drop_info),
    "root's filter": lambda tree: tree.root.addFilter(drop_info),
    "EventFilter": lambda tree: tree.logger.addFilter(
        EventFilter(tree.counting.ecl, rules=[{"event": "named", "group": "h"}])
    ),
    "logger's level": lambda tree: tree.logger.setLevel("ERROR"),
    "root's level": lambda tree: tree.root.setLevel("ERROR"),
    "disable": lambda tree: tree.disable(logging.WARNING),
    "disabled and enabled": disable_for_a_time,
    "silenced": lambda tree: setattr(tree.logger, "disabled", True),
    "silenced and not": silence_for_a_time,
    "propagate": lambda tree: setattr(tree.logger, "propagate", False),
    "parent inserted": insert_a_parent,
    "factory": own_factory,
    "makeRecord of the logger": lambda tree: setattr(
        tree.logger, "makeRecord", made_by(tree, "makeRecord")
    ),
    "handle of the logger": lambda tree: setattr(tree.logger, "handle", made_by(tree, "handle")),
    "class of the logger": lambda tree: setattr(tree.logger, "__class__", Sub),
    "name of a level": lambda tree: logging.addLevelName(20, "NOTE"),
    "name of the logger": lambda tree: setattr(tree.logger, "name", "renamed"),
    "emit of the counter": lambda tree: setattr(tree.counting, "emit", tree.listener.emit),
    "handle of the counter": lambda tree: setattr(tree.counting, "handle", tree.listener.emit),
}


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Names of levels and the factory of records, which are the process's, are put back."""
    yield
    logging.addLevelName(20, "INFO")
    logging.setLogRecordFactory(logging.LogRecord)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("arguments", [{}, {"rules": None}, {"unmatched": "none"}], ids=repr)
def test_what_is_changed_later_is_noticed_at_once(as_it_was, change, arguments):
    def scenario(tree: Tree) -> None:
        warm(tree)
        CHANGES[change](tree)
        for _ in range(3):
            tree.logger.info("after", extra={"event": "e"})
            tree.logger.log(40, "after")
            tree.get("a.b.c").info("below")
        logging.addLevelName(20, "INFO")
        logging.setLogRecordFactory(logging.LogRecord)

    same_both_ways(scenario, **arguments)


@pytest.mark.parametrize("name", ["callHandlers", "makeRecord"])
def test_what_observes_all_loggers_sees_each_record(name):
    def scenario(tree: Tree) -> list[str]:
        warm(tree)
        called, ordinary = [], getattr(logging.Logger, name)

        def method(self: logging.Logger, *args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return ordinary(self, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logging.Logger, name, method)
            for _ in range(3):
                tree.logger.info("observed")
        tree.logger.info("not")
        return called

    assert same_both_ways(scenario)["returned"] == [name] * 3


@pytest.mark.parametrize("kind", [Sub, TellsNothing, MakesUpItsHandlers])
@pytest.mark.parametrize("place", ["a", "a.b"])
def test_loggers_of_another_class_are_taken_as_they_are(kind, place):
    def scenario(tree: Tree) -> None:
        tree.manager.loggerClass = kind
        tree.manager.loggerDict.clear()
        other = tree.get(place)
        tree.manager.loggerClass = None
        logger = tree.get("a.b")
        for _ in range(3):
            logger.info("before")
        if kind is TellsNothing:
            other.handlers = [tree.listener]
        else:
            MakesUpItsHandlers.extra_handlers = [tree.listener]
        for _ in range(3):
            logger.info("after")
        MakesUpItsHandlers.extra_handlers = []

    found = same_both_ways(scenario)
    assert len(found["heard"]) == (0 if kind is Sub else 3)


def test_a_logger_that_cannot_be_kept_in_tables_logs():
    class Unhashable(logging.Logger):
        __hash__ = None  # type: ignore[assignment]

    def scenario(tree: Tree) -> None:
        logger = Unhashable("alone")
        logger.addHandler(tree.counting)
        for _ in range(3):
            logger.info("a")
            logger.log(20, "a")

    assert same_both_ways(scenario)["counts"]["g"] == {"INFO": 6}


def test_what_a_group_declares_later_is_routed_there():
    def scenario(tree: Tree) -> None:
        tree.counting.flush()
        for _ in range(20):
            tree.logger.info("a", extra={"event": "late"})
        tree.counting.ecl["declared"].declare_event_id("late")
        for _ in range(20):
            tree.logger.info("a", extra={"event": "late"})

    found = same_both_ways(scenario, rules=None, unmatched="none")
    assert found["counts"] == {"g": {"late": 20}, "h": {}, "declared": {"late": 20}}


# --- our own records


def test_what_is_logged_while_flushing_is_not_counted():
    def scenario(tree: Tree) -> None:
        warm(tree)
        flushing_threads.add(threading.get_ident())
        shut_fast_paths()
        try:
            tree.logger.info("flushing")
        finally:
            flushing_threads.discard(threading.get_ident())
        own = tree.get("ecl_logging.sender")
        for _ in range(3):
            own.warning("of our own")
            own.warning("of the program's", extra={"event": "e"})

    found = same_both_ways(scenario, unmatched="none")
    assert found["counts"]["g"] == {
        "DEBUG": 6,
        "INFO": 6,
        "WARNING": 9,
        "ERROR": 6,
        "CRITICAL": 6,
    }
