"""Properties: random programs that log count, and show, the same with and without `count_only`."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from ecl_logging import unbuilt
from ecl_logging.filters import EventFilter
from tests.handlers.at_random import Noticed, at_random, mostly_long, told_of
from tests.handlers.trees import (
    BY_LEVEL,
    Listener,
    Tree,
    attempt,
    built_by,
    tree_of,
)

LOGGERS = ("", "a", "a.b", "a.b.c", "ecl_logging.x")
LEVELS = (10, 20, 25, 30, 40, 50)
METHODS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
HANDLERS = ("counting", "one", "two", "null")
RULES: dict[str, Any] = {
    "by level": BY_LEVEL,
    "none": None,
    "by event": [{"event": "{event}", "group": "g"}, {"event": "n", "has": ["n"], "group": "h"}],
    "by logger": [
        {"logger": "a", "level": "WARNING", "event": "{name}", "group": "g", "stop": True},
        {"event": "{event}", "group": "h", "count": "n"},
    ],
    "asks for more": [{"pattern": "(?P<who>o\\w+)", "event": "{who}", "group": "g"}],
}
MESSAGES = ("once", {"event": "sentence"}, {"event": "known", "event_count": 2}, 5)
EXTRAS = (
    None,
    {},
    {"event": "e"},
    {"event": "known", "n": 3},
    {"event": "e", "event_count": 2},
    {"event": "e", "event_group": "h"},
    {"event": 7},
    {"name": "reserved"},
)
KEYWORDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"exc_info": True},
    {"stack_info": True},
    {"stacklevel": 2},
    {"wrong": 1},
)

Step = tuple[Any, ...]


def drop_half(record: logging.LogRecord) -> bool:
    return record.levelno % 20 == 0


class Sub(logging.Logger):
    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        record.levelname = "SUB"
        super().callHandlers(record)


def steps() -> st.SearchStrategy[Step]:
    logger, level = st.sampled_from(LOGGERS), st.sampled_from(LEVELS)
    handler, yes = st.sampled_from(HANDLERS), st.booleans()
    place = st.sampled_from(LOGGERS + HANDLERS[:3])
    log = st.tuples(
        st.just("log"),
        logger,
        level,
        st.sampled_from(["method", "log", "adapter"]),
        st.sampled_from([0, 0, 0, 1, 2, 3]),
        st.sampled_from(EXTRAS),
        st.sampled_from(KEYWORDS),
    )
    return st.one_of(
        log,
        log,
        log,
        st.tuples(st.just("attach"), logger, handler, yes),
        st.tuples(st.just("detach"), logger, handler),
        st.tuples(st.just("replace"), logger, st.lists(handler, max_size=2)),
        st.tuples(st.just("level"), place, st.sampled_from((0, *LEVELS))),
        st.tuples(st.just("filter"), place, st.sampled_from(["drop", "name"]), yes),
        st.tuples(st.just("unfilter"), place),
        st.tuples(st.just("propagate"), logger, yes),
        st.tuples(st.just("disabled"), logger, yes),
        st.tuples(st.just("disable"), st.sampled_from((0, 20, 50))),
        st.tuples(st.just("factory"), yes),
        st.tuples(st.just("level name"), st.sampled_from(["INFO", "NOTE"])),
        st.tuples(st.just("class"), st.sampled_from(LOGGERS[1:]), yes),
        st.tuples(st.just("makeRecord"), logger, yes),
        st.tuples(st.just("name"), logger, st.sampled_from(["a", "renamed"])),
        st.tuples(st.just("close another")),
    )


class Run:
    """One pass of a program of steps on a tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.listeners = {"one": Listener(), "two": Listener(logging.CRITICAL)}
        tree.root.addHandler(self.listeners["two"])
        self.handlers = {"counting": tree.counting, "null": logging.NullHandler()} | self.listeners
        self.raised: list[str | None] = []
        self.own_filter = EventFilter(tree.counting.ecl, rules=[{"event": "named", "group": "h"}])

    def do(self, step: Step) -> None:
        name, *arguments = step
        getattr(self, "do_" + name.replace(" ", "_"))(*arguments)

    def log_everywhere(self) -> None:
        """So that there are shortcuts before each step, and what it changes matters after it.

        Not by `a.b`, which a step may put between the others.
        """
        for name in ("", "a", "a.b.c"):
            self.do_log(name, 20, "method", 0, None, {})
            self.do_log(name, 40, "log", 0, {"event": "e"}, {})

    def place(self, name: str) -> Any:
        return self.handlers[name] if name in self.handlers else self.tree.get(name)

    def do_log(  # noqa: PLR0917 - as many as a step has
        self, name: str, level: int, via: str, message: int, extra: Any, keywords: Any
    ) -> None:
        logger, text = self.tree.get(name), MESSAGES[message]
        arguments = keywords if extra is None else keywords | {"extra": extra}
        if via == "method" and level in METHODS:
            method = getattr(logger, METHODS[level])
            self.raised.append(attempt(lambda: method(text, **arguments)))
        elif via == "adapter":
            adapter = logging.LoggerAdapter(logger, {"event": "adapted"})
            self.raised.append(attempt(lambda: adapter.log(level, text, **arguments)))
        else:
            self.raised.append(attempt(lambda: logger.log(level, text, **arguments)))

    def do_attach(self, name: str, handler: str, append: bool) -> None:
        logger = self.tree.get(name)
        if append:
            logger.handlers.append(self.handlers[handler])
        else:
            logger.addHandler(self.handlers[handler])

    def do_detach(self, name: str, handler: str) -> None:
        self.tree.get(name).removeHandler(self.handlers[handler])

    def do_replace(self, name: str, handlers: list[str]) -> None:
        self.tree.get(name).handlers = [self.handlers[handler] for handler in handlers]

    def do_level(self, place: str, level: int) -> None:
        self.place(place).setLevel(level)

    def do_filter(self, place: str, which: str, append: bool) -> None:
        which_filter: Any = drop_half if which == "drop" else self.own_filter
        if append:
            self.place(place).filters.append(which_filter)
        else:
            self.place(place).addFilter(which_filter)

    def do_unfilter(self, place: str) -> None:
        self.place(place).filters = []

    def do_propagate(self, name: str, yes: bool) -> None:
        self.tree.get(name).propagate = yes

    def do_disabled(self, name: str, yes: bool) -> None:
        self.tree.get(name).disabled = yes

    def do_disable(self, level: int) -> None:
        self.tree.disable(level)

    def do_factory(self, own: bool) -> None:
        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = logging.LogRecord(*args, **kwargs)
            record.__dict__["event"] = "made"
            return record

        logging.setLogRecordFactory(factory if own else logging.LogRecord)

    def do_level_name(self, name: str) -> None:
        logging.addLevelName(20, name)

    def do_class(self, name: str, own: bool) -> None:
        self.tree.get(name).__class__ = Sub if own else logging.Logger

    def do_makeRecord(self, name: str, own: bool) -> None:  # noqa: N802 - as the method
        logger = self.tree.get(name)

        def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
            self.raised.append("made a record")
            return type(logger).makeRecord(logger, *args, **kwargs)

        if own:
            logger.makeRecord = make  # type: ignore[method-assign]
        else:
            vars(logger).pop("makeRecord", None)

    def do_name(self, name: str, new: str) -> None:
        self.tree.get(name).name = new

    def do_close_another(self) -> None:
        with tree_of(count_only=True) as other:
            other.logger.info("a")


def came_of(program: list[Step], **arguments: Any) -> dict[str, Any]:
    try:
        with tree_of(**arguments) as tree:
            run = Run(tree)
            run.log_everywhere()
            tree.counting.flush()  # the first event of all is sent at once; then there is time
            for step in program:
                run.do(step)
                run.log_everywhere()
            heard = {name: listener.heard for name, listener in run.listeners.items()}
            return tree.counts() | {"heard": heard, "raised": run.raised}
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
        logging.addLevelName(20, "INFO")
        logging.addLevelName(25, "Level 25")
        del logging._levelToName[25]  # type: ignore[attr-defined]
        del logging._nameToLevel["Level 25"]  # type: ignore[attr-defined]


def check(program: list[Step], arguments: dict[str, Any]) -> None:
    built = came_of(program, count_only=False, **arguments)
    unbuilt = came_of(program, count_only=True, **arguments)
    assert unbuilt == built


def try_at_random(
    programs: int, chance: random.Random, check: Callable[..., None] = check, **options: Any
) -> None:
    arguments = st.fixed_dictionaries(
        {
            "rules": st.sampled_from(list(RULES.values())),
            "unmatched": st.sampled_from([None, "none"]),
        }
    )

    @at_random(chance, programs, **options)
    @given(mostly_long(steps()), arguments)
    def holds(program: list[Step], arguments: dict[str, Any]) -> None:
        check(program, arguments)

    holds()


def test_a_program_counts_and_shows_the_same_without_records(request, chance):
    try_at_random(100 * request.config.getoption("--depth"), chance)


def test_programs_at_random_take_shortcuts(chance):
    built = {True: 0, False: 0}

    def compare(program: list[Step], arguments: dict[str, Any]) -> None:
        for count_only in built:
            built[count_only] += built_by(
                lambda: came_of(program, count_only=count_only, **arguments)  # noqa: B023
            )

    try_at_random(30, chance, compare)
    assert built[True] < 0.9 * built[False]


# --- a look that is missing is noticed


def notice_nothing_set(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(unbuilt, "forget_shortcuts", lambda: None)


def compare_no_lists(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(unbuilt.Seen, "look_into", lambda seen, things: list(things))


def take_all_loggers_for_ordinary(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(unbuilt, "_is_ordinary", unbuilt._tells_of_changes)


def take_no_name_for_reserved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("ecl_logging.fast_path.is_free", lambda extra: True)


def let_others_levels_be(patch: pytest.MonkeyPatch) -> None:
    class Forgetful(list):  # type: ignore[type-arg]
        def append(self, item: object) -> None:
            pass

    ordinary = unbuilt.Seen.__init__

    def initialize(seen: unbuilt.Seen, *args: Any) -> None:
        ordinary(seen, *args)
        seen.above = Forgetful()

    patch.setattr(unbuilt.Seen, "__init__", initialize)


MISSING = (
    notice_nothing_set,
    compare_no_lists,
    take_all_loggers_for_ordinary,
    take_no_name_for_reserved,
    let_others_levels_be,
)


@pytest.mark.once
@pytest.mark.parametrize("switch_off", MISSING)
def test_a_look_that_is_missing_is_noticed(switch_off):
    with pytest.MonkeyPatch.context() as patch:
        switch_off(patch)
        with pytest.raises(Noticed, match="AssertionError"):
            try_at_random(1500, random.Random(2), told_of(check), phases=[Phase.generate])
    unbuilt.forget_shortcuts()
