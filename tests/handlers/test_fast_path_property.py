"""A property: the fast path counts of any records what the careful way counts of them."""

from __future__ import annotations

import enum
import logging
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecl_logging import kinds
from ecl_logging.fast_path import flushing_threads
from ecl_logging.fields import NamedByFilter
from ecl_logging.filters import EventFilter
from ecl_logging.handlers import CountingHandler
from tests.conftest import wait_until
from tests.handlers.at_random import at_random, mostly_long
from tests.handlers.trees import BY_LEVEL, GROUPS

RULES: dict[str, Any] = {
    "by level": BY_LEVEL,
    "none": None,
    "by event": [{"event": "{event}", "group": "g"}, {"event": "{event}", "group": "h"}],
    "by logger": [
        {"logger": "a", "level": "WARNING", "event": "{name}", "group": "g", "stop": True},
        {"event": "{levelno} {event}", "group": "h", "level": "ERROR"},
        {"event": "{levelname}", "group": "g"},
    ],
    "measured": [
        {"event": "{levelname}", "group": "g"},
        {"logger": "a", "event": "{event}", "measure": {"latency": "d"}, "group": "g"},
        {"has": "d", "event": "has", "measure": {"size": "d"}, "group": "h"},
    ],
    "by an extra of some": [
        {"logger": "a", "event": "{n}", "group": "g"},
        {"logger": "b", "event": "all", "group": "h"},
    ],
}


class Text(str):
    """What it says of itself is not what it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"

    def __format__(self, spec: str) -> str:
        return "another"

    def __len__(self) -> int:
        return 1


class Raises:
    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Kind(str, enum.Enum):  # noqa: UP042 - as programs have it that run on older Pythons, too
    E = "e"


NOW, DAY, NOTHING = "now", 86400, "nothing"
HOSTILE = (None, Kind.E, Raises(), NamedByFilter.after("e", "h"), NamedByFilter.after("", "e"))
VALUES = (
    *(NOTHING, 0.5, 2.0, 1, 0, -0.25, 1e300, 5e-324) * 4,
    *("0.5", "x", None, True, float("nan"), float("inf"), 10**400, Raises(), Text("1")),
)
Attributes = dict[str, Any]


def records() -> st.SearchStrategy[Attributes]:
    """Attributes of records; most are plain, so that there are many of a kind."""

    def mostly(plain: Any, *others: Any) -> st.SearchStrategy[Any]:
        return st.sampled_from([plain] * 30 + list(others))

    return st.fixed_dictionaries(
        {
            "name": mostly("a", "a.b", "b", *["ecl_logging.x"] * 10, Text("a"), None, 5),
            "level": st.sampled_from([(20, "INFO"), (40, "ERROR"), (40, "INFO"), (20, "info")]),
            "msg": mostly("m", {"event_group": "h"}, {"event": "e"}, {"n": "7"}, Text("m"), None),
            "created": mostly(NOW, -DAY, -1.5, 1.5, None, "x", float("nan"), Raises(), True),
            "event": mostly(
                "e", *[NOTHING] * 10, "known", "", "@e", "x" * 201, 5, Text("e"), *HOSTILE
            ),
            "event_count": mostly(NOTHING, 1, 3, "4", -1, None, Raises()),
            "event_group": mostly(NOTHING, *["h"] * 5, "g", "nowhere", None, 5),
            "n": mostly(NOTHING, "1", "2", 3, Raises()),
            "d": st.sampled_from(VALUES),
        }
    )


FIRST: Attributes = {"name": "a", "level": (40, "ERROR"), "msg": "m", "created": NOW, "event": "e"}


def built(attributes: Attributes, at: float) -> logging.LogRecord:
    made = {name: value for name, value in attributes.items() if value is not NOTHING}
    made["levelno"], made["levelname"] = made.pop("level")
    created = made["created"]
    if created is NOW:
        made["created"] = at
    elif type(created) in {int, float}:
        made["created"] = at + created
    return logging.makeLogRecord(made)


def count(handler: CountingHandler, records: list[Attributes], at: float) -> dict[str, Any]:
    # The first event of all is sent at once, and the path is not open while that is done.
    handler.handle(built(FIRST, at))
    assert handler.ecl.flush()
    wait_until(lambda: not flushing_threads)
    for attributes in records:
        handler.handle(built(attributes, at))
    ecl = handler.ecl
    assert ecl.flush()  # for what is undeclared is dropped then
    dropped: Any = ecl.telemetry()["dropped"]
    return {
        "dropped": dropped,
        **{name: [ecl[name].get_counts("1d", current=now) for now in (0, 1)] for name in GROUPS},
        "measures": [
            ecl[name].get_distribution(measure, "1d", current=now)
            for name, measure in (("g", "latency"), ("h", "size"))
            for now in (False, True)
        ],
    }


def handler_of(**arguments: Any) -> CountingHandler:
    named = arguments.pop("named")
    handler = CountingHandler(store="memory://", groups=GROUPS, **arguments)
    if named:
        rules = [{"event": "named", "group": "h"}]
        handler.addFilter(EventFilter(handler.ecl, rules=rules))
    return handler


def counted_fast(handler: CountingHandler) -> int:
    return sum(tally.n for tally in handler._counter._tallies._tallies.values())


def compare(records: list[Attributes], arguments: dict[str, Any]) -> int:
    """Assert that both ways count the same; return how many have come by the fast path."""
    fast, careful = handler_of(**arguments), handler_of(**arguments)
    try:
        vars(careful._counter._tallies.path)["open_at"] = lambda second: None
        at = time.time()
        records = [one for one in records for _ in range(3)]
        assert count(fast, records, at) == count(careful, records, at)
        assert counted_fast(careful) == 0
        return counted_fast(fast)
    finally:
        fast.close()
        careful.close()


def try_at_random(
    examples: int, chance: random.Random, check: Callable[..., object] = compare, **options: Any
) -> None:
    arguments = st.fixed_dictionaries(
        {
            "rules": st.sampled_from(list(RULES.values())),
            "unmatched": st.sampled_from([None, "none"]),
            "named": st.sampled_from([False, False, False, True]),
            "sync_limit": st.sampled_from([None, None, None, 3]),
        }
    )

    @at_random(chance, examples, **options)
    @given(mostly_long(records()), arguments)
    def holds(records: list[Attributes], arguments: dict[str, Any]) -> None:
        check(records, arguments)

    holds()


def test_any_records_count_the_same_by_the_fast_path(request, chance):
    fast = []
    try_at_random(
        100 * request.config.getoption("--depth"),
        chance,
        lambda records, arguments: fast.append(compare(records, arguments)),
    )
    assert sum(fast) > 500


def learn_of_what_names_its_group(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kinds, "ROUTING", frozenset())


def take_our_own_for_the_programs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(kinds, "is_own", lambda name: False)


def take_every_rule_for_steady(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("ecl_logging.rules.Rules.is_steady", lambda *_: True)


PLAIN: Attributes = {"name": "a", "level": (20, "INFO"), "msg": "m", "created": NOW}
NOTICED: list[tuple[Callable[[pytest.MonkeyPatch], None], Any, list[Attributes]]] = [
    (
        learn_of_what_names_its_group,
        None,
        [PLAIN | {"event": "e", "event_count": 3}, PLAIN | {"event": "e"}],
    ),
    (
        take_our_own_for_the_programs,
        [{"event": "{levelname}", "group": "g"}],
        [PLAIN | {"name": "ecl_logging.x"}, PLAIN | {"name": "ecl_logging.x", "event": "e"}],
    ),
    (
        take_every_rule_for_steady,
        [{"logger": "a", "event": "{n}", "group": "g"}],
        [PLAIN | {"n": "1"}, PLAIN | {"n": "2"}],
    ),
    (
        take_every_rule_for_steady,
        [{"logger": "a", "event": "{n}", "measure": {"latency": "d"}, "group": "g"}],
        [PLAIN | {"d": 0.5, "n": "1"}, PLAIN | {"d": 0.5, "n": "2"}],
    ),
]


def compare_often(records: list[Attributes], arguments: dict[str, Any]) -> int:
    """Where a second ends as it begins, all of one goes the careful way."""
    return max(compare(records, dict(arguments)) for _ in range(20))


@pytest.mark.once
@pytest.mark.parametrize(("switch_off", "rules", "records"), NOTICED)
def test_a_look_that_is_missing_is_noticed(monkeypatch, switch_off, rules, records):
    arguments = {"rules": rules, "unmatched": None, "named": False, "sync_limit": None}
    many = records * 1000  # longer than the first flush takes
    compare(many, arguments)

    switch_off(monkeypatch)
    with pytest.raises(AssertionError):
        compare_often(many, arguments)


def test_a_logger_is_found_by_what_its_name_is_not_by_what_that_says_of_itself():
    arguments = {"rules": RULES["measured"], "unmatched": None, "named": False, "sync_limit": None}
    values = [PLAIN | {"level": (level, "INFO"), "event": "e", "d": 0.5} for level in (20, 40)]
    records = [PLAIN | {"name": Text("a"), "event": "e"}] * 20 + values

    assert compare_often(records, arguments) > 0
    handler = handler_of(**arguments)
    assert count(handler, records, time.time())["g"][1]["e"] == 2
    handler.close()
