"""ecl-top --watch: rates, and what a picture looks like."""

from __future__ import annotations

import json

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.keeping import OTHER_MESSAGES
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.tools.common import CommonMessages, Reading, Row
from ecl_logging.tools.lines import Frame, Size, width_of
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.speakers import Audience
from ecl_logging.tools.top import main as ecl_top
from ecl_logging.tools.top_table import picture
from tests.saying import Program
from tests.tools.conftest import NOON

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

ELEVEN = NOON - 3600


def watched(ran, *arguments: str) -> list[dict[str, float | None]]:
    """The rate of each message, each time."""
    status, out, err = ran(ecl_top, "--json", "--watch", *arguments)
    assert (status, err) == (130, "")
    readings = [json.loads(line) for line in out.splitlines()]
    return [{row["message"]: row["rate"] for row in reading["rows"]} for reading in readings]


def test_rates_are_of_what_came_since_the_last_look(commanded, program, ran, waits):
    def later(seconds: float, **messages: int):
        def say() -> None:
            commanded.clock.now += seconds
            for message, times in messages.items():
                program.say("a", "info", message, at=commanded.clock.now, times=times)

        return say

    program.say("a", "info", "x", at=NOON, times=100)
    waits += [later(2, x=5, new=4), later(4, x=2), later(1), later(0)]

    assert watched(ran) == [
        {"x": None},
        {"x": 2.5, "new": 2.0},
        {"x": 0.5, "new": 0.0},
        {"x": 0.0, "new": 0.0},
        {"x": None, "new": None},  # no time has passed
    ]


def test_rates_are_right_when_the_hour_turns(commanded, program, ran, waits):
    """What came before the turn and after the last look is in an hour that is not shown any more."""

    def turn() -> None:
        program.say("a", "info", "x", at=NOON + 3599, times=30)
        program.say("a", "info", "old", at=NOON + 3599, times=7)
        program.say("a", "info", "x", at=NOON + 3601, times=10)
        commanded.clock.now = NOON + 3602

    program.say("a", "info", "x", at=NOON, times=1000)
    commanded.clock.now = NOON + 3598
    waits.append(turn)

    assert watched(ran) == [{"x": None}, {"x": 10.0}]


def test_who_is_silent_after_the_turn_has_no_rate_from_before(commanded, program, ran, waits):
    program.say("a", "info", "x", at=NOON, times=1000)
    commanded.clock.now = NOON + 3598

    def turn() -> None:
        commanded.clock.now = NOON + 3602
        program.say("b", "info", "y", at=NOON + 3601, times=2)

    waits.append(turn)

    assert watched(ran) == [{"x": None}, {"y": 0.5}]


def test_after_a_whole_hour_unseen_the_rate_is_that_of_the_hour(commanded, program, ran, waits):
    program.say("a", "info", "x", at=NOON, times=1000)

    def sleep() -> None:
        commanded.clock.now = NOON + 7200 + 100
        program.say("a", "info", "x", at=NOON + 7200, times=50)

    waits.append(sleep)

    assert watched(ran) == [{"x": None}, {"x": 0.5}]


def test_what_was_forgotten_has_no_negative_rate(clock):
    """As when somebody deletes the keys while messages go on."""
    clock.now = NOON + 60
    first, second = (MemoryStore("memory://x", clock) for _ in range(2))
    Program(first).say("a", "info", "x", at=NOON, times=1000)
    Program(second).say("a", "info", "x", at=NOON, times=3)
    common = CommonMessages(Audience(first.messages, "memory://x"), limit=10)
    common.read()
    clock.now += 2
    common.audience = Audience(second.messages, "memory://x")

    assert [row.rate for row in common.read().rows] == [1.5]


def test_equal_counts_keep_their_places(program, ran, waits):
    program.say("a", "info", "x", at=NOON, times=3)
    program.say("a", "info", "b", at=NOON, times=2)
    program.say("a", "info", "z", at=NOON, times=4)
    waits += [
        lambda: program.say("a", "info", "x", "b", "b", at=NOON),  # all are 4
        lambda: program.say("a", "info", "b", at=NOON),
    ]

    assert [list(rates) for rates in watched(ran)] == [
        ["z", "x", "b"],
        ["z", "x", "b"],
        ["b", "z", "x"],
    ]


def test_tables_come_one_after_the_other_with_rates(commanded, program, ran, waits):
    def say() -> None:
        commanded.clock.now += 60
        program.say("a", "info", "x", at=NOON, times=6)

    program.say("a", "info", "x", at=NOON, times=6)
    waits.append(say)

    assert ran(ecl_top, "--watch", "a") == (
        130,
        (
            "# 2026-11-22T12:00:00Z this hour, 6 messages of 1 kind\n"
            "count   share  /s  /min  severity  logger  message\n"
            "    6  100.0%   -   6.0  info      a       x\n"
            "\n"
            "# 2026-11-22T12:00:00Z this hour, 12 messages of 1 kind\n"
            "count   share   /s  /min  severity  logger  message\n"
            "   12  100.0%  0.1   6.0  info      a       x\n"
        ),
        "",
    )


def test_the_hour_before_has_no_rate_but_its_mean(program, ran, waits):
    program.say("a", "info", "x", at=ELEVEN, times=120)

    assert ran(ecl_top, "--watch", "--last")[1] == (
        "# 2026-11-22T11:00:00Z the hour kept before, 120 messages of 1 kind\n"
        "count   share  /min  severity  logger  message\n"
        "  120  100.0%   2.0  info      a       x\n"
    )


def test_a_store_that_goes_away_is_waited_for(commanded, program, ran, waits, monkeypatch):
    messages = type(commanded.store.messages)
    common = messages.common

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("memory://commands: gone")

    program.say("a", "info", "x", at=NOON)
    waits += [
        lambda: monkeypatch.setattr(messages, "common", fail),
        lambda: None,
        lambda: monkeypatch.setattr(messages, "common", common),
    ]

    status, out, err = ran(ecl_top, "--json", "--watch")

    assert (status, len(out.splitlines())) == (130, 2)
    assert err == (
        "ecl-top: memory://commands: gone; trying on\n"
        "ecl-top: the store is back after 0 s; watching on\n"
    )


# --- pictures


READING = Reading(
    start=int(NOON),
    is_finished=False,
    seconds=60.0,
    total=1_000_012,
    kinds=12,
    has_other=True,
    rows=(
        Row("a.rather.long.name.of.a.logger", "critical", "日本茶" * 30, 1_000_000, 0.99, 123456.7),
        *(Row("b", "info", f"message {n}", 1, 0.01, None) for n in range(11)),
        Row("b", "info", OTHER_MESSAGES, 1, 0.01, 0.0),
    ),
    notes=("something to be said beside it, which is longer than most terminals are wide",),
)


@pytest.mark.parametrize("trouble", [None, "as of 12:00:00Z; trying on: the store is away"])
def test_a_picture_fits_into_any_terminal(trouble):
    frame, ruler = Frame("sqlite:////somewhere/counts.db", "12:00:00Z", trouble), Ruler()
    for columns in range(1, 130, 3):
        for rows in (1, 2, 3, 5, 8, 24):
            lines = picture(READING, frame, Size(columns, rows), ruler)
            assert len(lines) <= rows
            assert max(width_of(line, ruler) for line in lines) <= columns


def test_what_a_low_terminal_hides_is_counted():
    size = Size(100, 10)
    lines = picture(READING, Frame("memory://", "12:00:00Z"), size, Ruler())
    texts = ["".join(span.text for span in line) for line in lines]

    shown = sum("b  " in text or "日" in text for text in texts)
    [more] = [text for text in texts if text.startswith("... and ")]
    assert more == f"... and {len(READING.rows) - shown} more"
