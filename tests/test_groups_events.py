"""Any object can arrive as an event ID or as a count; `log` never raises."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from ecl_logging import EventCountLogger
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


def dropped(ecl: EventCountLogger) -> dict[str, int]:
    by_reason: Any = ecl.telemetry()["dropped"]
    return {reason: n for reason, n in by_reason.items() if n}


class Color(str, Enum):  # noqa: UP042 - as programs have them
    RED = "red"


class Kind(Enum):
    BLUE = "blue"


class Shouting(str):
    def __str__(self) -> str:
        return "SHOUT"

    def __hash__(self) -> int:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


@pytest.mark.parametrize(
    ("event_id", "text"),
    [
        ("req1", "req1"),
        (404, "404"),
        (-1, "-1"),
        (Color.RED, "red"),
        (Kind.BLUE, "blue"),
        (Shouting("quiet"), "quiet"),
        ("größe:1", "größe:1"),
        ("x" * 200, "x" * 200),
    ],
)
def test_an_event_id_is_text_or_becomes_text(ecl, event_id, text):
    ecl["any"].log(event_id)

    assert counts(ecl) == {text: 1}


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __hash__ = __eq__ = __len__ = __bool__ = __str__  # type: ignore[assignment]


class PretendsToBeText:
    __class__ = str  # type: ignore[assignment]


class RaisesItsClass:
    @property
    def __class__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "event_id",
    [
        None,
        True,
        1.0,
        b"req1",
        ["req1"],
        "",
        "@late",
        "x" * 201,
        "two\nlines",
        10**5000,
        Enum("Number", {"ONE": 1}).ONE,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_event_id_counts_one_as_invalid(ecl, store, warnings_told, event_id):
    ecl["any"].log(event_id, 5)

    assert ecl["any"].sync()
    assert dropped(ecl) == {"invalid": 1}
    assert [batch.counts for batch in store.applied] == [{"@invalid": 1}]
    assert len(warnings_told) == 1


@pytest.mark.parametrize("kind", [Hostile, PretendsToBeText, RaisesItsClass])
def test_an_object_that_raises_or_lies_counts_one_as_invalid(ecl, store, warnings_told, kind):
    ecl["any"].log(kind())

    assert ecl["any"].sync()
    assert dropped(ecl) == {"invalid": 1}
    assert [batch.counts for batch in store.applied] == [{"@invalid": 1}]


@pytest.mark.parametrize(("count", "n"), [(7, 7), ("7", 7), (7.0, 7), (2**53, 2**53)])
def test_a_count_is_a_whole_number(ecl, count, n):
    ecl["any"].log("x", count)

    assert counts(ecl) == {"x": n}


@pytest.mark.parametrize("count", [0, "0", 0.0])
def test_a_count_of_0_counts_nothing(ecl, count):
    ecl["any"].log("x", count)

    assert counts(ecl) == {}
    assert ecl.telemetry()["counted"] == 0


@pytest.mark.parametrize(
    "count", [-1, 1.5, True, None, "", "1.5", "-1", "x", 2**53 + 1, float("nan"), [1], Hostile()]
)
def test_what_is_no_count_counts_one_as_invalid(ecl, store, warnings_told, count):
    ecl["any"].log("x", count)

    assert ecl["any"].sync()
    assert dropped(ecl) == {"invalid": 1}
    assert [batch.counts for batch in store.applied] == [{"@invalid": 1}]


def test_an_undeclared_id_is_dropped_with_one_warning(ecl, warnings_told):
    for _ in range(2):
        ecl["requests"].log("typo", 3)

    assert counts(ecl, "requests", "5m") == {"req1": 0, "req2": 0}
    assert dropped(ecl) == {"undeclared": 6}
    assert warnings_told == [
        "group requests: event 'typo' is not declared and not counted; name it in events, or set auto_declare_events"
    ]
