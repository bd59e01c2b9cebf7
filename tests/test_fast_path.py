"""The fast path by itself: what takes it, and what goes the careful way."""

from __future__ import annotations

import dis
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging.fast_path import (
    ABSENT,
    FastPath,
    flushing_threads,
    shut_fast_paths,
)
from ecl_logging.fields import MISSING, NamedByFilter
from ecl_logging.rules import Asked
from ecl_logging.shares import Tally

NOW = 1_800_000_000.0
BY_EVENT = Asked(logger=False, level=False, levelname=False, event=True)
ROUTED = Asked(logger=False, level=False, levelname=False, event=True, is_routed=True)
BY_ALL = Asked(logger=True, level=True, levelname=True, event=True)
ROUTED_BY_LOGGER = Asked(logger=True, level=False, levelname=False, event=True, is_routed=True)
BY_LOGGER = Asked(logger=True, level=False, levelname=False, event=False)
EVERY_WAY = [BY_EVENT, ROUTED, BY_ALL, ROUTED_BY_LOGGER, BY_LOGGER]


class Life:
    is_ending = False


class Handled:
    """A handler's `handle`, whose path is open for the second `NOW`, and what went carefully."""

    def __init__(self, asked: Asked) -> None:
        self.path = FastPath(Life())
        self.path.open_at(NOW)
        self.tally, self.careful = Tally(()), list[Any]()
        self.filters: list[Any] = []
        self.kinds = table(asked, self.tally)
        self.handle = self.path.handle_by(asked, self.kinds, self.filters, self._carefully)

    def _carefully(self, record: Any) -> bool:
        self.careful.append(record)
        return False

    def __call__(self, **attributes: Any) -> str:
        record = logging.makeLogRecord(
            {"name": "web", "levelno": 20, "levelname": "INFO", "msg": "", "created": NOW + 0.5}
            | {"event": "e"}
            | attributes
        )
        return self.pass_on(record)

    def pass_on(self, record: Any) -> str:
        before = self.tally.n, len(self.careful)
        is_fast = self.handle(record)
        gone = self.tally.n - before[0], len(self.careful) - before[1]
        assert gone == ((1, 0) if is_fast else (0, 1)), "one way or the other"
        return "fast" if is_fast else "carefully"


def table(asked: Asked, tally: Tally) -> Any:
    found: Any = dict.fromkeys(["e", ABSENT], tally) if asked.event else tally
    for is_asked, key in ((asked.levelname, "INFO"), (asked.level, 20), (asked.logger, "web")):
        if is_asked:
            found = {key: found}
    return found


@pytest.fixture(params=EVERY_WAY, ids=["event", "routed", "all", "routed by logger", "logger"])
def handled(request: pytest.FixtureRequest) -> Handled:
    return Handled(request.param)


# --- which time


def test_a_record_of_a_known_kind_adds_one_to_its_tally(handled):
    assert [handled() for _ in range(3)] == ["fast"] * 3
    assert handled.tally.n == 3


@pytest.mark.parametrize("created", [NOW, NOW + 0.999999])
def test_the_path_is_open_from_the_start_of_its_second_to_the_end(handled, created):
    assert handled(created=created) == "fast"


@pytest.mark.parametrize(
    "created", [NOW - 1e-6, NOW + 1, NOW - 3600, float("nan"), float("inf"), "today", None]
)
def test_a_record_of_another_time_goes_carefully(handled, created):
    assert handled(created=created) == "carefully"


@pytest.mark.parametrize("created", [int(NOW), True + int(NOW) - 1])
def test_a_time_in_whole_seconds_is_one(handled, created):
    assert handled(created=created) == "fast"


def test_a_path_that_was_shut_lets_nothing_pass_until_it_is_opened(handled):
    handled.path.shut()
    assert handled() == "carefully"
    assert not handled.path.is_open_at(NOW)

    handled.path.open_at(NOW)
    assert handled() == "fast"
    assert handled.path.is_open_at(NOW)


def test_all_paths_of_the_process_are_shut_together():
    paths = [FastPath(Life()) for _ in range(3)]
    for path in paths:
        path.open_at(NOW)

    shut_fast_paths()

    assert not any(path.is_open_at(NOW) for path in paths)


def test_the_path_stays_shut_at_the_end():
    life = Life()
    path = FastPath(life)
    life.is_ending = True
    path.open_at(NOW)
    assert not path.is_open_at(NOW)


def test_the_path_stays_shut_while_anybody_flushes():
    path = FastPath(Life())
    flushing_threads.add(threading.get_ident())
    try:
        path.open_at(NOW)
        assert not path.is_open_at(NOW)
    finally:
        flushing_threads.clear()


def test_the_path_stays_shut_where_threads_run_at_the_same_time(monkeypatch):
    monkeypatch.setattr("ecl_logging.fast_path._IS_LOCKED", False)
    path = FastPath(Life())
    path.open_at(NOW)
    assert not path.is_open_at(NOW)


# --- which record


def test_a_filter_that_is_added_later_is_asked(handled):
    handled.filters.append(lambda record: False)
    assert handled() == "carefully"


@pytest.mark.parametrize(
    ("asked", "attributes"),
    [
        (BY_EVENT, {"event": "new"}),
        (BY_ALL, {"name": "other"}),
        (BY_ALL, {"levelno": 30}),
        (BY_ALL, {"levelname": "other"}),
        (BY_ALL, {"event": "new"}),
        (BY_LOGGER, {"name": "other"}),
    ],
)
def test_a_kind_that_is_new_goes_carefully(asked, attributes):
    assert Handled(asked)(**attributes) == "carefully"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("asked", [BY_EVENT, ROUTED, BY_ALL, ROUTED_BY_LOGGER])
@pytest.mark.parametrize(
    "event", [Text("e"), NamedByFilter.after(MISSING, "e"), None, "", 7, ["e"], {}]
)
def test_an_event_that_is_no_plain_text_goes_carefully(asked, event):
    assert Handled(asked)(event=event) == "carefully"


@pytest.mark.parametrize("asked", [BY_EVENT, ROUTED, BY_ALL, ROUTED_BY_LOGGER])
def test_a_message_that_may_have_an_event_goes_carefully(asked):
    """Such as structlog's, which is a mapping."""
    handled = Handled(asked)
    record = logging.makeLogRecord(
        {"name": "web", "levelno": 20, "levelname": "INFO", "created": NOW}
    )
    assert handled.pass_on(record) == "fast"

    record.msg = {"event": "e"}
    assert handled.pass_on(record) == "carefully"


@pytest.mark.parametrize("asked", [ROUTED, ROUTED_BY_LOGGER])
@pytest.mark.parametrize("extra", [{"event_count": 1}, {"event_group": "g"}])
def test_a_record_that_names_its_group_or_count_goes_carefully(asked, extra):
    assert Handled(asked)(**extra) == "carefully"


class Raising:
    """A record without anything."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)


def test_a_record_whose_attributes_raise_goes_carefully(handled):
    assert handled.pass_on(Raising()) == "carefully"


# --- by hand


def logging_by_hand() -> tuple[FastPath, Tally, list[Any], Callable[..., None]]:
    path, tally, careful = FastPath(Life()), Tally(()), list[Any]()
    path.open_at(float(int(time.time())))
    log = path.log_by_event({"e": tally, 1: tally}, lambda *event: careful.append(event))
    return path, tally, careful, log


def test_an_event_of_a_known_id_adds_one_to_its_tally(monkeypatch):
    monkeypatch.setattr("ecl_logging.fast_path.time", lambda: NOW)
    path, tally, careful, log = logging_by_hand()
    path.open_at(NOW)

    log("e")
    log("e", 1)
    assert (tally.n, careful) == (2, [])

    path.shut()
    log("e")
    assert (tally.n, careful) == (2, [("e", 1)])


@pytest.mark.parametrize(
    "event", [("new", 1), ("e", 2), ("e", True), ("e", 1.0), (Text("e"), 1), (["e"], 1)]
)
def test_an_event_that_is_no_plain_one_goes_carefully(monkeypatch, event):
    monkeypatch.setattr("ecl_logging.fast_path.time", lambda: NOW)
    path, tally, careful, log = logging_by_hand()
    path.open_at(NOW)

    log(*event)

    assert (tally.n, careful) == (0, [event])


# --- nobody comes between


def breaks_before_the_addition(function: Any) -> set[str]:
    """What can let others run, from the comparison of the time to the addition's end."""
    found, in_between = set[str](), False
    for one in dis.get_instructions(function):
        if one.opname == "LOAD_DEREF" and one.argval == "start":
            in_between = True
        if in_between and one.opname.startswith(
            ("CALL", "PRECALL", "JUMP_BACKWARD", "SEND", "YIELD", "FOR_ITER", "RESUME", "IMPORT")
        ):
            found.add(one.opname)
        if one.opname == "STORE_ATTR" and one.argval == "n":
            assert in_between
            return found
    raise AssertionError("it adds nothing")


def every_fast_way() -> list[Any]:
    path = FastPath(Life())
    ways = [path.handle_by(asked, {}, [], lambda record: True) for asked in EVERY_WAY]
    seen: Any = type(
        "Seen",
        (),
        {
            "logger": logging.getLogger("x"),
            "level": 20,
            "level_name": "INFO",
            "above": [],
            "as_is": [],
            "as_was": [],
            "forget": None,
            "methods": (None, None),
        },
    )
    unbuilt = path.count_unbuilt(seen, None, {}, None, BY_ALL, lambda *_: None)
    return [*ways, path.log_by_event({}, lambda *_: None), unbuilt]


def test_nothing_is_called_from_the_comparison_of_the_time_to_the_addition():
    for way in every_fast_way():
        assert breaks_before_the_addition(way) == set()


def test_a_call_between_the_comparison_and_the_addition_would_be_seen():
    start = NOW

    def handle(record: Any, tally: Tally) -> None:
        if start <= record.created and type(record) is object:
            tally.n += 1

    def without_addition() -> None:
        return None

    assert breaks_before_the_addition(handle)
    with pytest.raises(AssertionError, match="adds nothing"):
        breaks_before_the_addition(without_addition)
