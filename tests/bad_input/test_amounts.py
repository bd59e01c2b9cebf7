"""Counts that are none: each adds one to `@invalid`, is told once, and reaches nobody who logs."""

from __future__ import annotations

import enum
import math
from decimal import Decimal

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.event_ids import MAX_COUNT
from ecl_logging.tools.log import main as ecl_log
from tests.bad_input.conftest import GROUP, assert_balanced, cells, dropped, record

NO_COUNT = "has a count that is no whole number from 0 to 2^53"
IS_BOOL = "has a count that is a bool"


class LyingNumber(int):
    """Compares as small and converts to what no cell can hold."""

    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True  # type: ignore[assignment]
    __int__ = __index__ = __trunc__ = lambda self: 10**30
    __add__ = __radd__ = lambda self, other: 1 / 0  # type: ignore[assignment]


class LyingText(str):
    __slots__ = ()

    isascii = isdecimal = lambda self: True  # type: ignore[assignment]
    __len__ = lambda self: 1  # noqa: E731
    __int__ = lambda self: 10**30  # noqa: E731


class LyingFloat(float):
    is_integer = lambda self: True  # type: ignore[assignment]  # noqa: E731
    __floor__ = __int__ = lambda self: 3
    __eq__ = lambda self, other: True  # type: ignore[assignment]  # noqa: E731
    __hash__ = float.__hash__


class SaysInt:
    """Says that it is an int, as proxies do."""

    __class__ = property(lambda self: int)  # type: ignore[assignment]
    __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __int__ = __index__ = lambda self: 10**30


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("in a count")

    __repr__ = __hash__ = __eq__ = __int__ = __index__ = __float__ = __str__  # type: ignore[assignment]


class Code(enum.IntEnum):
    OK = 200


GOOD = [
    pytest.param(1, 1, id="41-one"),
    pytest.param(MAX_COUNT, MAX_COUNT, id="41-largest"),
    pytest.param("5", 5, id="41-decimal-text"),
    pytest.param("007", 7, id="41-leading-zeros"),
    pytest.param(3.0, 3, id="41-whole-float"),
    pytest.param(Code.OK, 200, id="41-int-enum"),
    pytest.param(LyingNumber(7), 7, id="41-lying-int"),
    pytest.param(LyingText("7"), 7, id="41-lying-text"),
    pytest.param(LyingFloat(7.0), 7, id="41-lying-float"),
]
NOTHING = [
    pytest.param(0, id="41-zero"),
    pytest.param("0", id="41-zero-text"),
    pytest.param(-0.0, id="41-negative-zero"),
]
BAD = [
    pytest.param(-1, NO_COUNT, id="41-negative"),
    pytest.param(1.5, NO_COUNT, id="41-fraction"),
    pytest.param(math.nan, NO_COUNT, id="41-nan"),
    pytest.param(math.inf, NO_COUNT, id="41-infinity"),
    pytest.param(True, IS_BOOL, id="41-true"),
    pytest.param(False, IS_BOOL, id="41-false"),
    pytest.param(MAX_COUNT + 1, NO_COUNT, id="41-beyond-the-largest"),
    pytest.param(2**63, NO_COUNT, id="41-two-to-the-63"),
    pytest.param(10**30, NO_COUNT, id="41-ten-to-the-30"),
    pytest.param(10**5000, NO_COUNT, id="41-thousands-of-digits"),
    pytest.param("9" * 10_000_000, NO_COUNT, id="41-ten-megabytes-of-digits"),
    pytest.param("1_000", NO_COUNT, id="41-underscore"),
    pytest.param("+1", NO_COUNT, id="41-sign"),
    pytest.param("1e3", NO_COUNT, id="41-exponent"),
    pytest.param("٣", NO_COUNT, id="41-other-digits"),
    pytest.param("", NO_COUNT, id="41-empty"),
    pytest.param(None, NO_COUNT, id="41-none"),
    pytest.param(b"5", NO_COUNT, id="41-bytes"),
    pytest.param([1], NO_COUNT, id="41-list"),
    pytest.param(Decimal(5), NO_COUNT, id="41-decimal"),
    pytest.param(LyingNumber(-7), NO_COUNT, id="41-lying-negative"),
    pytest.param(LyingText("much"), NO_COUNT, id="41-lying-word"),
    pytest.param(LyingFloat(2.5), NO_COUNT, id="41-lying-fraction"),
    pytest.param(SaysInt(), NO_COUNT, id="41-says-int"),
    pytest.param(Raising(), NO_COUNT, id="41-raising"),
]


@pytest.mark.parametrize(("count", "amount"), GOOD)
def test_a_count_that_means_a_whole_number_is_counted(make, warnings_told, count, amount):
    ecl = make().ecl
    ecl["g"].log("x", count)

    assert cells(ecl) == {"x": amount}
    assert_balanced(ecl, amount)
    assert warnings_told == []


@pytest.mark.parametrize("count", NOTHING)
def test_nothing_is_not_counted(make, warnings_told, count):
    handler = make()
    handler.handle(record(event="x", event_count=count))

    assert_balanced(handler.ecl, 0)
    assert warnings_told == []


@pytest.mark.parametrize(("count", "reason"), BAD)
@pytest.mark.parametrize("rules", [None, [{"event": "x", "count": "event_count"}]])
def test_a_record_with_no_count_adds_one_to_invalid(make, warnings_told, count, reason, rules):
    handler = make(rules=rules)
    for _ in range(2):
        handler.handle(record(event="x", event_count=count))

    assert {cell: n for cell, n in cells(handler.ecl).items() if n} == {"@invalid": 2}
    assert dropped(handler.ecl) == {"invalid": 2}
    assert_balanced(handler.ecl, 2)
    assert warnings_told == [f"group g: an event {reason}; it is counted as @invalid"]


@pytest.mark.parametrize(("count", "reason"), BAD)
def test_counting_by_hand_no_count_adds_one_to_invalid(warnings_told, count, reason):
    with EventCountLogger({"g": GROUP}, store="memory://") as ecl:
        ecl["g"].log("x", count)
        ecl["g"].log("x")

        assert cells(ecl) == {"x": 1, "@invalid": 1}
        assert_balanced(ecl, 2)
    assert warnings_told == [f"group g: an event {reason}; it is counted as @invalid"]


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("-1", id="41-command-negative"),
        pytest.param("1.5", id="41-command-fraction"),
        pytest.param("1_000", id="41-command-underscore"),
        pytest.param("9007199254740993", id="41-command-beyond-the-largest"),
        pytest.param("much", id="41-command-word"),
    ],
)
def test_the_command_refuses_what_is_no_count(ran, word):
    status, out, err = ran(ecl_log, "--store", "memory://", "--", "levels", "INFO", word)

    assert (status, out) == (2, "")
    assert err == f"ecl-log: error: event 'INFO' {NO_COUNT}\n"
