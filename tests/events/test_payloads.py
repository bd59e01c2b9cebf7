"""Payloads: known types are checked, others open; values come out as JSON has them."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import msgspec
import pytest

from ecl_logging.events import EventError, new_event
from tests.events.written_elsewhere import LOG, METRICS


def payload_of(**values: object) -> dict[str, object]:
    payload = new_event({"cls_type": "x", **values}, "a")["payload"]
    del payload["cls_type"]
    return payload


def problem_of(payload: object) -> str:
    with pytest.raises(EventError) as raised:
        new_event(payload, "a")
    return str(raised.value)


@pytest.mark.parametrize(
    "payload",
    [
        METRICS,
        LOG,
        METRICS | {"more": [None, True]},
        METRICS | {"values": []},
        METRICS | {"values": [{"name": "", "value": -1e300, "unit": "s"}]},
        LOG | {"fields": {"a": {"b": [1]}}, "problem": 5},
        {"cls_type": "x"},
        {"cls_type": "LOG", "message": 5},
        {"cls_type": "ü" * 200, "values": "anything"},
    ],
)
def test_a_payload_is_taken_as_it_is(payload):
    assert new_event(payload, "a")["payload"] == payload


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (None, "payload: expected an object"),
        ("text", "payload: expected an object"),
        ([METRICS], "payload: expected an object"),
        ({}, "payload.cls_type: is missing, expected a text of 1 to 200 characters"),
        ({"cls_type": None}, "payload.cls_type: expected a text of 1 to 200 characters"),
        ({"cls_type": "metrics"}, "payload.values: is missing, expected a list of objects with name and value"),
        (METRICS | {"values": {}}, "payload.values: expected a list of objects with name and value"),
        (METRICS | {"values": [5]}, "payload.values[0]: expected an object with name and value"),
        (METRICS | {"values": [{"name": "a", "value": 1}, {"name": "b", "value": "1"}]}, "payload.values[1].value: expected a number"),
        (METRICS | {"values": [{"name": "a", "value": True}]}, "payload.values[0].value: expected a number"),
        (METRICS | {"values": [{"name": "a", "value": None}]}, "payload.values[0].value: expected a number"),
        (METRICS | {"values": [{"name": 5, "value": 1}]}, "payload.values[0].name: expected a text"),
        (METRICS | {"values": [{"value": 1}]}, "payload.values[0].name: is missing, expected a text"),
        ({"cls_type": "log", "severity": "info"}, "payload.message: is missing, expected a text"),
        (LOG | {"message": 5}, "payload.message: expected a text"),
        (LOG | {"severity": "loud"}, "payload.severity: expected debug, info, warning, error or critical"),
        (LOG | {"severity": 20}, "payload.severity: expected debug, info, warning, error or critical"),
        (LOG | {"exc_text": ["a"]}, "payload.exc_text: expected a text"),
        (LOG | {"fields": []}, "payload.fields: expected an object"),
    ],
)  # fmt: skip
def test_a_payload_that_is_not_what_its_type_says_is_told(payload, problem):
    assert problem_of(payload) == problem


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


@dataclasses.dataclass(frozen=True)
class Order:
    number: int
    at: datetime


class Shop(msgspec.Struct, rename="camel", tag=True):
    open_at: date
    owner: str | msgspec.UnsetType = msgspec.UNSET


class Text(str):
    __slots__ = ()


Point = namedtuple("Point", "x y")  # noqa: PYI024 - as programs have them
MOMENT = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (MOMENT, "2026-11-28T12:00:00Z"),
        (date(2026, 11, 28), "2026-11-28"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        (Size.LARGE, 3),
        (Order(5, MOMENT), {"number": 5, "at": "2026-11-28T12:00:00Z"}),
        (Shop(date(2026, 1, 1)), {"type": "Shop", "openAt": "2026-01-01"}),
        (Text("x"), "x"),
        (Point(1, (2,)), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": [1]}), {"a": [1]}),
        ({5: "five", Text("k"): 1, Colour.RED: 2}, {"5": "five", "k": 1, "red": 2}),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        ("\udc80", "\\udc80"),
    ],
)
def test_values_that_have_a_way_to_write_them_are_written(value, as_json):
    written = payload_of(value=value)["value"]
    assert written == as_json
    assert type(written) is type(as_json)


def cycle() -> list[object]:
    made: list[object] = []
    made.append({"again": made})
    return made


def bomb() -> object:
    """A small thing that is endless to whoever writes all of it."""
    value: object = "x"
    for _ in range(90):
        value = [value, value]
    return value


class Raises(dict):
    def __iter__(self):
        raise RuntimeError("a secret")

    items = keys = __iter__


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "JSON has no nan"),
        (float("-inf"), "JSON has no -inf"),
        (b"x", "JSON has no bytes"),
        ({1}, "JSON has no set"),
        (object(), "JSON has no object"),
        (Order, "JSON has no type"),
        (1j, "JSON has no complex"),
        ((n for n in "ab"), "JSON has no generator"),
        (2**64, "expected a number of at most 64 bits"),
        (-(1 << 10_000_000), "expected a number of at most 64 bits"),
        (cycle(), "more than 100 levels deep, or in a cycle"),
        (bomb(), "the event is too large"),
        (["x" * 100_000] * 100, "the event is too large"),
        ([0] * 2_000_000, "the event is too large"),
        ({(1, 2): 3}, "keys are texts"),
        ({None: 3}, "keys are texts"),
    ],
    ids=lambda value: repr(type(value)),
)
def test_values_that_json_does_not_have_are_told(value, reason):
    problem = problem_of({"cls_type": "x", "a": [1, {"b": value}]})
    assert problem.startswith("payload.a[1].b")
    assert problem.endswith(f": {reason}")
    assert len(problem) < 200


def test_a_subclass_of_dict_is_read_as_dict_reads_it():
    assert payload_of(value=Raises(a=1)) == {"value": {"a": 1}}


def test_what_raises_when_it_is_looked_at_is_told():
    @dataclasses.dataclass
    class Lazy:
        name: str

        @property
        def name(self) -> str:
            raise RuntimeError("a secret")

        @name.setter
        def name(self, value: str) -> None: ...

    assert (
        problem_of({"cls_type": "x", "a": Lazy("x")})
        == "payload.a: raised RuntimeError when looked at"
    )


def test_a_place_of_strange_keys_is_shown_as_ascii_and_cut():
    problem = problem_of({"cls_type": "x", "a\nb" * 100: {"ü": b""}})
    assert problem == "payload['a\\nba\\nba\\nba\\nba\\nba\\nba\\nba]['\\xfc']: JSON has no bytes"
    assert problem.isprintable()
