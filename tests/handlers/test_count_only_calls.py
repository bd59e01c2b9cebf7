"""`count_only`: every shape of call, message and extra does what it does without."""

from __future__ import annotations

import contextlib
import functools
import logging
import logging.config
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from ecl_logging.fields import NamedByFilter
from tests.handlers.trees import (
    BY_LEVEL,
    Listener,
    Tree,
    attempt,
    same_both_ways,
    tree_of,
    warm,
)

METHODS = ("debug", "info", "warning", "error", "critical", "log")


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
        os.path.basename(__file__),
        "here",
        line,
    )


def test_methods_look_as_they_did():
    before = {name: getattr(logging.Logger, name) for name in METHODS}
    with tree_of(count_only=True):
        for name, method in before.items():
            ours = getattr(logging.Logger, name)
            assert ours is not method
            assert ours.__wrapped__ is method
            for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
                assert getattr(ours, attribute) == getattr(method, attribute)
