"""ecl-top: the most common messages of an hour."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from ecl_logging.tools.top import main as ecl_top
from tests.saying import Program
from tests.tools.conftest import NOON

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

ELEVEN, TEN = NOON - 3600, NOON - 7200


def rows_of(out: str) -> list[list[str]]:
    """The cells of each row."""
    return [line.split(None, 4) for line in out.splitlines()[2:]]


def counts_of(out: str) -> dict[str, int]:
    return {row[4]: int(row[0]) for row in rows_of(out)}


# --- this hour


def test_the_most_common_messages_come_first_with_their_shares(program, ran):
    program.say("shop.web", "error", "cannot reach the cache", at=NOON + 1, times=5)
    program.say("shop", "info", "sold", at=NOON + 2, times=1200)
    program.say("shop", "info", "sold out", at=NOON + 3)

    assert ran(ecl_top) == (
        0,
        (
            "# 2026-11-22T12:00:00Z this hour, 1,206 messages of 3 kinds\n"
            "count  share  severity  logger    message\n"
            " 1200  99.5%  info      shop      sold\n"
            "    5   0.4%  error     shop.web  cannot reach the cache\n"
            "    1   0.1%  info      shop      sold out\n"
        ),
        "",
    )


def test_equal_messages_of_others_are_rows_of_their_own(program, ran):
    program.say("a", "info", "hello", at=NOON, times=3)
    program.say("a", "error", "hello", at=NOON, times=2)
    program.say("b", "info", "hello", at=NOON)

    assert rows_of(ran(ecl_top)[1]) == [
        ["3", "50.0%", "info", "a", "hello"],
        ["2", "33.3%", "error", "a", "hello"],
        ["1", "16.7%", "info", "b", "hello"],
    ]


@pytest.mark.parametrize(("arguments", "count"), [([], 10), (["-n", "3"], 3), (["-n", "99"], 15)])
def test_so_many_rows_are_shown_as_are_asked_for(program, ran, arguments, count):
    for n in range(15):
        program.say("a", "info", f"message {n}", at=NOON, times=n + 1)

    out = ran(ecl_top, *arguments)[1]

    assert out.startswith("# 2026-11-22T12:00:00Z this hour, 120 messages of 15 kinds\n")
    assert list(counts_of(out)) == [f"message {n}" for n in range(14, 14 - count, -1)]
    assert rows_of(out)[0][1] == "12.5%"


def test_shares_are_of_what_is_selected(program, ran):
    program.say("shop.web", "error", "x", at=NOON)
    program.say("shop.web", "info", "y", at=NOON, times=3)
    program.say("other", "error", "z", at=NOON, times=6)

    assert rows_of(ran(ecl_top, "shop")[1]) == [
        ["3", "75.0%", "info", "shop.web", "y"],
        ["1", "25.0%", "error", "shop.web", "x"],
    ]
    assert rows_of(ran(ecl_top, "shop*", "--level", "ERROR")[1]) == [
        ["1", "100.0%", "error", "shop.web", "x"]
    ]


def test_who_has_not_spoken_this_hour_has_nothing_in_it(program, ran):
    program.say("silent", "info", "long ago", at=TEN)
    program.say("a", "info", "now", at=NOON)
    program.say("a", "info", "then", at=ELEVEN)

    assert counts_of(ran(ecl_top)[1]) == {"now": 1}


def test_a_program_whose_clock_is_ahead_does_not_hide_this_hour(commanded, program, ran):
    commanded.clock.now = NOON + 3599
    program.say("a", "info", "now", at=NOON + 3590)
    program.say("a", "info", "ahead", at=NOON + 3601)

    assert counts_of(ran(ecl_top)[1]) == {"now": 1}
    assert ran(ecl_top, "--last")[1] == ""


def test_an_hour_without_messages_says_so(program, ran):
    program.say("a", "info", "then", at=ELEVEN)

    assert ran(ecl_top) == (
        0,
        "# 2026-11-22T12:00:00Z this hour, 0 messages of 0 kinds\n",
        "",
    )


def test_messages_that_are_not_told_apart_are_last_and_have_their_share(commanded, ran):
    program = Program(commanded.store, max_messages=2)
    for message in "abcde":
        program.say("x", "info", message, at=NOON)
    program.say("x", "info", "b", at=NOON)

    out = ran(ecl_top, "-n", "1")[1]

    assert out == (
        "# 2026-11-22T12:00:00Z this hour, 6 messages of 2 kinds and more\n"
        "count  share  severity  logger  message\n"
        "    2  33.3%  info      x       b\n"
        "    3  50.0%  info      x       (other messages)\n"
    )


# --- the hour before


@pytest.mark.parametrize(
    ("said", "start", "shown"),
    [
        ([(NOON, "a"), (ELEVEN, "a"), (TEN, "b")], "2026-11-22T11", {"a": 1}),
        ([(ELEVEN, "a"), (TEN, "a"), (ELEVEN, "b")], "2026-11-22T11", {"a": 1, "b": 1}),
        ([(NOON, "a"), (TEN, "a"), (TEN, "b")], "2026-11-22T10", {"a": 1, "b": 1}),
        ([(NOON - 864000, "a")], "2026-11-12T12", {"a": 1}),
    ],
    ids=["last", "current-is-over", "older", "ten-days-ago"],
)
def test_the_hour_before_is_the_newest_that_is_over(program, ran, said, start, shown):
    for at, name in sorted(said):
        program.say(name, "info", name, at=at)

    status, out, err = ran(ecl_top, "--last")

    assert (status, err) == (0, "")
    messages = "1 message of 1 kind" if len(shown) == 1 else "2 messages of 2 kinds"
    assert out.startswith(f"# {start}:00:00Z the hour kept before, {messages}\n")
    assert counts_of(out) == shown


def test_without_an_hour_before_there_is_a_word(program, ran):
    program.say("a", "info", "now", at=NOON)

    assert ran(ecl_top, "--last") == (
        0,
        "",
        "ecl-top: no finished hour is kept in memory://commands\n",
    )


# --- JSON


def test_json_is_one_document(program, ran):
    program.say("a", "info", "hé\x1b", at=NOON, times=2)
    program.say("b", "error", "x\ny", at=NOON)

    status, out, err = ran(ecl_top, "--json")

    assert (status, err, out.isascii()) == (0, "", True)
    assert json.loads(out) == {
        "start": "2026-11-22T12:00:00Z",
        "finished": False,
        "total": 3,
        "kinds": 2,
        "rows": [
            {"name": "a", "severity": "info", "message": "hé\x1b", "count": 2, "share": 0.666667},
            {"name": "b", "severity": "error", "message": "x\ny", "count": 1, "share": 0.333333},
        ],
    }


def test_json_of_the_hour_before_says_that_it_is_finished(program, ran):
    program.say("a", "info", "then", at=ELEVEN)

    found = json.loads(ran(ecl_top, "--json", "--last")[1])

    assert (found["start"], found["finished"], found["total"]) == ("2026-11-22T11:00:00Z", True, 1)


def test_json_of_nothing_is_a_document_too(commanded, ran):
    nothing = {"total": 0, "kinds": 0, "rows": []}

    assert json.loads(ran(ecl_top, "--json")[1]) == {
        "start": "2026-11-22T12:00:00Z",
        "finished": False,
        **nothing,
    }
    assert json.loads(ran(ecl_top, "--json", "--last")[1]) == {
        "start": None,
        "finished": True,
        **nothing,
    }


# --- what may be in a store


def test_what_is_in_a_message_drives_no_terminal_and_stays_one_line(program, ran):
    program.say("a\x1b", "in\nfo", "\x1b[2J\u202e\r\n  9 99% x", at=NOON)

    assert rows_of(ran(ecl_top)[1]) == [
        ["1", "100.0%", "in\\nfo", "a\\x1b", "\\x1b[2J\\u202e\\r\\n  9 99% x"]
    ]


def test_a_long_message_is_printed_whole(program, ran):
    program.say("a", "info", "x" * 16384, at=NOON)

    assert list(counts_of(ran(ecl_top)[1])) == ["x" * 16384]


def test_an_empty_store_names_itself(commanded, ran):
    assert ran(ecl_top) == (
        0,
        "",
        "ecl-top: nothing said in memory://commands; choose with --store or ECL_STORE\n",
    )


def test_a_choice_that_nobody_meets_names_those_there_are(program, ran):
    program.say("a", "info", "hello", at=NOON)

    assert ran(ecl_top, "--level", "error") == (
        0,
        "",
        (
            "ecl-top: no logger has said anything with level error or above in "
            "memory://commands; it has a\n"
        ),
    )


@pytest.mark.parametrize("arguments", [["-n", "0"], ["a", "b"], ["--level", "x"], ["--watch=0"]])
def test_what_cannot_be_is_wrong_usage(commanded, ran, arguments):
    assert ran(ecl_top, *arguments)[:2] == (2, "")


# --- the page


def test_the_page_shows_what_is_printed(commanded, program, ran):
    """Said again as often as the page has it, the same comes out."""
    page = (Path(__file__).parents[2] / "docs/messages-at-hand.md").read_text("utf-8")
    block = re.search(r"\$ ecl-top\n(.*?)```", page, re.DOTALL)[1]
    commanded.clock.now = hour = datetime.fromisoformat(block.split()[1]).timestamp()
    for count, _, severity, name, message in rows_of(block):
        text = message.replace("\\n", "\n")
        program.say(name, severity, text, at=hour, times=int(count))

    assert ran(ecl_top)[1] == block
