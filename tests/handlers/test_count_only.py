"""CountingHandler with `count_only`: nothing is other than with an ordinary one, but the records."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import logging.config
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from ecl_logging import unbuilt
from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.fields import NamedByFilter
from ecl_logging.filters import EventFilter
from ecl_logging.handlers import CountingHandler
from tests.conftest import wait_until
from tests.handlers.trees import (
    BY_LEVEL,
    GROUPS,
    Listener,
    Tree,
    attempt,
    built_by,
    outcome,
    same_both_ways,
    tree_of,
    warm,
)

METHODS = ("debug", "info", "warning", "error", "critical", "log", "__setattr__")


@pytest.fixture(autouse=True)
def logging_without_a_trace() -> Iterator[None]:
    """Each test leaves the class of loggers as it was, with everything in its order."""
    gc.collect()
    for left in unbuilt._counting.alive():  # of a test that failed, or dropped it
        left.close()  # type: ignore[attr-defined]
    before = list(vars(logging.Logger).items())
    yield
    assert list(vars(logging.Logger).items()) == before


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
        before = unbuilt._shortcuts
        for _ in range(3):
            silent.info("b")
            tree.logger.info("a")
        assert unbuilt._shortcuts is before
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
        before = unbuilt._shortcuts
        for _ in range(3):
            tree.logger.log(25, "a")
        assert unbuilt._shortcuts is before

    assert same_both_ways(scenario)["counts"]["g"] == {"Level 25": 5}


def test_shortcuts_end_after_some_seconds(monkeypatch):
    monkeypatch.setattr(unbuilt, "_LASTS", 0.0)
    with tree_of(count_only=True) as tree:
        for _ in range(3):
            tree.logger.info("a", extra={"event": 5})  # nothing is known of these
        assert not unbuilt._shortcuts


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


# --- calls


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


EXTRAS: list[object] = [
    None,
    {},
    {"event": "e"},
    {"event": "known"},
    {"event": 5},
    {"event": None},
    {"event": ""},
    {"event": "@reserved"},
    {"event": "x" * 201},
    {"event": Text("text")},
    {"event": Hostile()},
    {"event": NamedByFilter.after("before", "after")},
    {"event": "e", "event_count": 3},
    {"event": "e", "event_count": "many"},
    {"event": "e", "event_group": "h"},
    {"event": "e", "event_group": "nowhere"},
    {"event_group": "h"},
    {"user": "u", "n": 4},
    {5: "five"},
    {"message": "m"},
    {"asctime": "m"},
    {"name": "m"},
    {"levelname": "m"},
    {"taskName": "t"},
    {"args": ()},
    MappingProxyType({"event": "e"}),
    ["event"],
    5,
    "",
]
MESSAGES: list[object] = [
    "plain",
    "with %s",
    5,
    None,
    Text("text"),
    {"event": "sentence"},
    {"event": "known", "event_count": 2, "event_group": "h"},
    Hostile(),
]
RULES = {
    "levels": BY_LEVEL,
    "none": None,
    "events": [
        {"event": "{event}", "group": "g", "count": "n"},
        {"event": "{event}", "group": "h"},
    ],
    "loggers": [{"logger": "a", "event": "{name} {user}", "group": "g"}],
}


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("unmatched", [None, "none"])
def test_every_message_and_every_extra_counts_the_same(rules, unmatched):
    def scenario(tree: Tree) -> list[str | None]:
        raised = []
        for _ in range(2):
            for extra in EXTRAS:
                for message in MESSAGES:
                    some: Any = extra
                    raised += [
                        attempt(lambda: tree.logger.info(message, extra=some)),  # noqa: B023
                        attempt(lambda: tree.logger.log(20, message, extra=some)),  # noqa: B023
                    ]
        return raised

    found = same_both_ways(scenario, rules=RULES[rules], unmatched=unmatched)
    assert any(text and text.startswith("KeyError") for text in found["returned"])


def calls(tree: Tree) -> Mapping[str, Callable[[], object]]:
    """One of each shape, of the right ones and the wrong ones."""
    logger: Any = tree.logger
    adapter = logging.LoggerAdapter(logger, {"event": "adapted"})

    def amid_an_error() -> None:
        try:
            int("wrong")
        except ValueError:
            logger.exception("error")
            logger.error("error", exc_info=True)
            logger.info("error", exc_info=ValueError("other"))

    return {
        "arguments": lambda: logger.info("%s %d", "a", 5),
        "mapping": lambda: logger.info("%(a)s", {"a": 5}),
        "fitting badly": lambda: logger.info("none", 1, 2),  # noqa: PLE1205
        "msg": lambda: logger.info(msg="by name"),
        "level and msg": lambda: logger.log(level=30, msg="by name"),
        "an error": amid_an_error,
        "no error": lambda: logger.error("error", exc_info=True),  # noqa: LOG014
        "a stack": lambda: logger.info("stack", stack_info=True),
        "stacklevel": lambda: logger.info("level", stacklevel=2),
        "stacklevel of log": lambda: logger.log(20, "level", stacklevel=2),
        "no stacklevel": lambda: logger.info("level", stacklevel="x"),
        "unknown": lambda: logger.info("a", other=1),
        "unknown of log": lambda: logger.log(20, "a", other=1),
        "nothing": logger.info,
        "no message": lambda: logger.log(20),
        "level by name": lambda: logger.log("INFO", "a"),
        "level true": lambda: logger.log(True, "a"),
        "level 25": lambda: logger.log(25, "a"),
        "level 0": lambda: logger.log(0, "a"),
        "fatal": lambda: logger.fatal("a"),
        "adapter": lambda: adapter.info("a"),
        "adapter and extra": lambda: adapter.warning("a", extra={"event": "own"}),
        "bound": functools.partial(logger.debug, "a", extra={"event": "own"}),
    }


@pytest.mark.parametrize("hears", ["nobody", "errors", "all"])
@pytest.mark.parametrize("rules", RULES)
def test_every_call_does_the_same(hears, rules):
    def scenario(tree: Tree) -> dict[str, str | None]:
        raised = {}
        for turn in range(3):
            for name, call in calls(tree).items():
                raised[name] = attempt(call)
            if turn == 0 and hears != "nobody":
                tree.listener.formatter = logging.Formatter()
                tree.listener.setLevel("ERROR" if hears == "errors" else "NOTSET")
                tree.logger.addHandler(tree.listener)
        return raised

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Listener, "emit", emit_whatever_it_says)
        found = same_both_ways(scenario, rules=RULES[rules])
    assert found["returned"]["unknown"].startswith("TypeError")
    assert found["returned"]["nothing"].startswith("TypeError")
    assert bool(found["heard"]) == (hears != "nobody")


_emit = Listener.emit


def emit_whatever_it_says(listener: Listener, record: logging.LogRecord) -> None:
    with contextlib.suppress(TypeError):  # arguments that do not fit
        record.getMessage()
        _emit(listener, record)
        return
    listener.heard.append({"does not fit": record.msg, "line": record.lineno})


def test_others_see_the_callers_file_line_and_function():
    def here(tree: Tree) -> None:
        tree.logger.info("a")

    def scenario(tree: Tree) -> None:
        warm(tree)
        tree.root.addHandler(tree.listener)
        here(tree)

    (heard,) = same_both_ways(scenario)["heard"]
    line = here.__code__.co_firstlineno + 1
    assert (heard["filename"], heard["funcName"], heard["lineno"]) == (
        "test_count_only.py",
        "here",
        line,
    )


def test_methods_look_as_they_did():
    before = {name: getattr(logging.Logger, name) for name in METHODS[:-1]}
    with tree_of(count_only=True):
        for name, method in before.items():
            ours = getattr(logging.Logger, name)
            assert ours is not method
            assert ours.__wrapped__ is method
            for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
                assert getattr(ours, attribute) == getattr(method, attribute)


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


# --- taken out


def test_nothing_is_put_in_without_count_only():
    before = dict(vars(logging.Logger))
    with tree_of(count_only=False) as tree:
        tree.logger.info("a")
        assert dict(vars(logging.Logger)) == before


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_to_close_leaves_no_trace(order):
    before = list(vars(logging.Logger).items())
    trees = [Tree(count_only=True) for _ in range(2)]
    own = [set(vars(tree.logger)) for tree in trees]
    for tree in trees:
        warm(tree)
    first, last = trees[::order]
    first.close()
    first.close()
    assert list(vars(logging.Logger).items()) != before
    warm(last)
    last.close()

    assert list(vars(logging.Logger).items()) == before
    assert [set(vars(tree.logger)) for tree in trees] == own
    assert not unbuilt._shortcuts


def test_a_handler_with_a_logger_that_was_handed_in_counts_after_its_end():
    def scenario(tree: Tree) -> int:
        handler = CountingHandler(tree.counting.ecl, rules=BY_LEVEL, count_only=tree.count_only)
        tree.root.handlers[:] = [handler]
        warm(tree)
        handler.close()
        return built_by(lambda: tree.logger.info("after"))

    assert same_both_ways(scenario)["returned"] == 1


@pytest.mark.parametrize("name", METHODS)
def test_what_somebody_puts_around_a_method_stays(name):
    ordinary = vars(logging.Logger).get(name)

    def scenario(tree: Tree) -> list[str]:
        wrapped, called = getattr(logging.Logger, name), []

        def method(self: logging.Logger, *args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return wrapped(self, *args, **kwargs)

        setattr(logging.Logger, name, method)
        try:
            for _ in range(3):
                tree.logger.info("a")
                tree.logger.critical("a")
            tree.logger.addHandler(tree.listener)
            tree.logger.info("heard")
            tree.logger.handlers = []
            tree.close()
            assert vars(logging.Logger)[name] is method
            tree.logger.addHandler(tree.listener)
            tree.logger.info("a")
            tree.logger.log(20, "a")
        finally:
            if ordinary is None:
                del logging.Logger.__setattr__
            else:
                setattr(logging.Logger, name, ordinary)
        return called

    same_both_ways(scenario)


def test_ours_that_somebody_puts_back_is_not_built_upon():
    ordinary = logging.Logger.info
    with tree_of(count_only=True):
        ours = logging.Logger.info
    logging.Logger.info = ours  # type: ignore[method-assign]
    with tree_of(count_only=True) as tree:
        warm(tree)
        assert logging.Logger.info.__wrapped__ is ordinary  # type: ignore[attr-defined]
    assert logging.Logger.info is ordinary


class SaysItIs:
    """A wrapper that passes for what it wraps."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __get__(self, logger: object, kind: object = None) -> Any:
        return self if logger is None else functools.partial(self._wrapped, logger)


@pytest.mark.parametrize("name", ["info", "makeRecord"])
def test_nothing_is_put_in_where_methods_are_not_the_standard_librarys(name):
    def scenario(tree: Tree) -> int:
        return built_by(lambda: [tree.logger.info("a") for _ in range(3)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, name, SaysItIs(getattr(logging.Logger, name)))
        assert same_both_ways(scenario)["returned"] == 3


def test_one_that_is_dropped_and_never_closed_is_gone():
    before = list(vars(logging.Logger).items())
    tree = Tree(count_only=True)
    warm(tree)
    gone, logger, ecl = weakref.ref(tree.counting), tree.logger, tree.counting.ecl
    tree.root.removeHandler(tree.counting)
    tree.root.addHandler(tree.listener)
    root, listener = tree.root, tree.listener
    del tree
    for level in (10, 20, 30, 40, 50):
        logger.log(level, "heard")
    for method in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
        method("heard")
    gc.collect()
    assert gone() is None
    unbuilt.forget_shortcuts()
    logger.info("heard")

    assert len(listener.heard) == 11
    assert list(vars(logging.Logger).items()) == before
    assert root.handlers == [listener]
    ecl.close()


def test_a_reconfiguration_replaces_one_with_another(logging_as_it_was):
    def configure(count_only: bool) -> CountingHandler:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "counting": {
                        "class": "ecl_logging.handlers.CountingHandler",
                        "store": "memory://again",
                        "groups": GROUPS,
                        "rules": BY_LEVEL,
                        "count_only": count_only,
                    }
                },
                "loggers": {
                    "tests.again": {"handlers": ["counting"], "level": "INFO", "propagate": False}
                },
            }
        )
        (handler,) = logging.getLogger("tests.again").handlers
        assert isinstance(handler, CountingHandler)
        return handler

    logger = logging.getLogger("tests.again")
    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    for count_only, builds in ((True, 0), (True, 0), (False, 1), (True, 0)):
        handler = configure(count_only)
        logger.info("a")
        assert built_by(lambda: logger.info("a")) == builds
    # What the handlers before had is sent by their threads.
    wait_until(lambda: handler.ecl["g"].get_counts("1d", current=True) == {"INFO": 8})
    logger.handlers.clear()
    handler.close()
    logging.getLogger().handlers[:] = root
    logging.getLogger().setLevel(level)


# --- threads and processes


def test_threads_lose_nothing_and_hide_nothing():
    with tree_of(count_only=True) as tree:
        began = threading.Barrier(9)

        def log(name: str) -> None:
            logger = tree.get(name)
            began.wait()
            for _ in range(2000):
                logger.info("a")

        threads = [threading.Thread(target=log, args=(f"t.{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        began.wait()
        logger, heard = tree.get("t.0"), 0
        while any(thread.is_alive() for thread in threads):
            listener = Listener()
            logger.addHandler(listener)
            logger.error("must be heard")
            logger.removeHandler(listener)
            logger.error("must not")
            messages = [one["levelno"] for one in listener.heard]
            assert messages.count(40) == 1
            heard += 1
        for thread in threads:
            thread.join()

        assert tree.counts()["counts"]["g"] == {"INFO": 16000, "ERROR": 2 * heard}


def test_a_forked_child_counts_its_own():
    def scenario(tree: Tree) -> bytes:
        warm(tree)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                before = tree.counts()["counts"]["g"].get("INFO", 0)
                for _ in range(3):
                    tree.logger.info("child's")
                built = built_by(lambda: tree.logger.info("child's"))
                assert built == (not tree.count_only)
                counted = tree.counts()["counts"]["g"]
                os.write(writing, b"%d" % (counted["INFO"] - before))
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(pid, 0)
        tree.logger.info("parent's")
        said = os.read(reading, 100)
        os.close(reading)
        return said

    found = same_both_ways(scenario)
    assert found["returned"] == b"4"
    assert found["counts"]["g"]["INFO"] == 7


def test_two_passes_that_differ_are_noticed():
    """Of `same_both_ways` itself."""

    def scenario(tree: Tree) -> None:
        tree.logger.log(20 if tree.count_only else 30, "a")

    with pytest.raises(AssertionError):
        same_both_ways(scenario)
    assert outcome(scenario, count_only=True)["counts"]["g"] == {"INFO": 1}
