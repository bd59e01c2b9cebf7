"""Records whose time is none, or far from now: counted once, where it can be, and reported."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from tests.bad_input.conftest import assert_balanced, record

MINUTE, DAY = Interval("1m", 60), Interval("1d", 86400)
GROUPS = {
    "g": {
        "intervals": ["1m", "1d"],
        "history": 60,
        "auto_declare_events": True,
    }
}


class Raising:
    def __floor__(self) -> int:
        raise RuntimeError("in a time")

    __le__ = __ge__ = __lt__ = __gt__ = __eq__ = __hash__ = __float__ = __floor__  # type: ignore[assignment]


class RaisingTwice:
    """Raises what is handled in a way of its own, and then once more."""

    def __floor__(self) -> int:
        raise OverflowError("in a time")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("in a comparison")

    __hash__ = object.__hash__


class Lying(float):
    """Lies in every bucket, says itself, and before and after it."""

    __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True  # type: ignore[assignment]
    __floor__ = lambda self: 10**400  # noqa: E731


@pytest.fixture
def counted(clock) -> Any:
    """Count a record of some time; return the cells of 1m and of 1d, and the telemetry."""

    def count(created: object) -> tuple[dict[str, int], dict[str, int], Any]:
        store = MemoryStore(clock=clock)
        handler = CountingHandler(store=store, groups=GROUPS)
        assert handler.handle(record(event="x", event_count=3, created=created))
        assert handler.ecl.flush()
        assert_balanced(handler.ecl, 3)
        books = handler.ecl.telemetry()
        current = [dict(store.read("g", one, [0])[0].cells) for one in (MINUTE, DAY)]
        handler.close()
        return current[0], current[1], books

    return count


@pytest.mark.parametrize(
    "created",
    [
        pytest.param(math.nan, id="42-nan"),
        pytest.param(-math.inf, id="42-minus-infinity"),
        pytest.param(-1, id="42-negative"),
        pytest.param(0, id="42-zero"),
        pytest.param("yesterday", id="42-text"),
        pytest.param("1800000000", id="42-number-in-a-text"),
        pytest.param(None, id="42-none"),
        pytest.param(True, id="42-bool"),
        pytest.param([1800000000], id="42-list"),
        pytest.param(1j, id="42-complex"),
        pytest.param(Decimal("nan"), id="42-decimal-nan"),
        pytest.param(object(), id="42-object"),
        pytest.param(Raising(), id="42-raising"),
        pytest.param(RaisingTwice(), id="42-raising-twice"),
        pytest.param(Lying(5.0), id="42-lying"),
    ],
)
def test_what_is_no_time_is_as_old_as_can_be_and_counts_as_late(counted, warnings_told, created):
    in_minute, in_day, books = counted(created)

    assert in_minute == in_day == {"@late": 3}
    assert (books["applied"], books["late"], books["ahead"]) == (3, 3, 0)
    assert warnings_told == []


@pytest.mark.parametrize(
    "created",
    [
        pytest.param(math.inf, id="42-infinity"),
        pytest.param(10**18, id="42-ten-to-the-18"),
        pytest.param(1e300, id="42-float-beyond-all"),
        pytest.param(10**5000, id="42-thousands-of-digits"),
    ],
)
def test_a_time_without_end_counts_now_and_is_reported(counted, created):
    in_minute, in_day, books = counted(created)

    assert in_minute == in_day == {"x": 3}
    assert (books["applied"], books["late"], books["ahead"]) == (3, 0, 3)


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    ("seconds", "in_minute", "in_day", "late", "ahead"),
    [
        pytest.param(7200, {"x": 3}, {"x": 3}, 0, 3, id="43-two-hours-ahead"),
        pytest.param(65, {"x": 3}, {"x": 3}, 0, 3, id="43-a-minute-ahead"),
        pytest.param(-7200, {"@late": 3}, {"x": 3}, 3, 0, id="43-two-hours-back"),
        pytest.param(-2 * 366 * 86400, {"@late": 3}, {"@late": 3}, 3, 0, id="43-two-years-back"),
        pytest.param(-120, {}, {"x": 3}, 0, 0, id="43-two-minutes-back"),
    ],
)
def test_a_time_far_from_now_counts_where_there_is_still_a_bucket(  # noqa: PLR0917 - a table
    clock, counted, seconds, in_minute, in_day, late, ahead
):
    clock.now += 3 * 3600  # in the middle of a day
    found = counted(clock.now + seconds)

    assert found[:2] == (in_minute, in_day)
    assert (found[2]["late"], found[2]["ahead"]) == (late, ahead)


@pytest.mark.parametrize("seconds", [pytest.param(4, id="43-four-seconds-ahead")])
def test_a_clock_that_is_a_little_ahead_counts_in_the_bucket_of_its_own(clock, counted, seconds):
    clock.now = clock.now // 60 * 60 + 58
    in_minute, in_day, books = counted(clock.now + seconds)

    assert (in_minute, in_day) == ({}, {"x": 3})
    assert (books["late"], books["ahead"]) == (0, 0)


@pytest.mark.parametrize("what", [pytest.param("created", id="42-missing")])
def test_a_record_without_a_time_counts_as_invalid(make, warnings_told, what):
    handler = make()
    incomplete = record(event="x")
    delattr(incomplete, what)
    assert handler.handle(incomplete)
    handler.flush()

    assert handler.ecl.telemetry()["dropped"]["invalid"] == 1
    assert_balanced(handler.ecl, 1)
    assert len(warnings_told) == 1


@pytest.mark.parametrize("number", [pytest.param(2000, id="42-forged-times-without-end")])
def test_forged_times_are_counted_one_and_all(clock, number):
    """Each asks for a bucket of its own, and all but the last hour's are late."""
    store = MemoryStore(clock=clock)
    handler = CountingHandler(store=store, groups=GROUPS)
    ecl: EventCountLogger = handler.ecl
    for n in range(number):
        handler.handle(record(event="x", created=clock.now - 60 * n))
    assert ecl.flush()

    assert ecl.telemetry()["late"] > 0
    assert_balanced(ecl, number)
    history = sum(counts.get("x", 0) for _, counts in ecl["g"].get_history("1m"))
    current = store.read("g", MINUTE, [0])[0].cells
    assert history + current["x"] + current["@late"] == number
    handler.close()
