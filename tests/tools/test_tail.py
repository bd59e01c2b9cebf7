"""ecl-tail: the newest messages, and those that come."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from ecl_logging import stores
from ecl_logging.stores import open_store
from ecl_logging.tools.recent import merged
from ecl_logging.tools.tail import main as ecl_tail
from tests.saying import Program, messages_in
from tests.stores.saying import line
from tests.tools.conftest import NOON

pytestmark = pytest.mark.once  # neither Python's version nor redis-py's changes it

ROOT = Path(__file__).parents[2]

# --- the newest lines


def test_the_newest_lines_come_oldest_first_whoever_said_them(program, ran):
    program.say("shop.web", "error", "third", at=NOON + 3)
    program.say("shop.db", "info", "first", at=NOON + 1)
    program.say("shop.web", "info", "second", at=NOON + 2.5)

    assert ran(ecl_tail) == (
        0,
        (
            "2026-11-22T12:00:01.000Z shop.db info first\n"
            "2026-11-22T12:00:02.500Z shop.web info second\n"
            "2026-11-22T12:00:03.000Z shop.web error third\n"
        ),
        "",
    )


@pytest.mark.parametrize(("arguments", "count"), [([], 10), (["-n", "3"], 3), (["-n", "99"], 24)])
def test_so_many_lines_are_printed_as_are_asked_for(program, ran, arguments, count):
    for n in range(12):
        program.say("a", "info", f"a{n:02}", at=NOON + 2 * n)
        program.say("b", "info", f"b{n:02}", at=NOON + 2 * n + 1)

    status, out, err = ran(ecl_tail, *arguments)

    said = [f"{name}{n:02}" for n in range(12) for name in "ab"]
    assert (status, messages_in(out), err) == (0, said[-count:], "")


def test_no_line_can_be_asked_for(program, ran):
    program.say("a", "info", "hello", at=NOON)

    assert ran(ecl_tail, "-n", "0") == (0, "", "")


@pytest.mark.parametrize(
    ("logger", "shown"),
    [
        ("shop", ["shop", "shop.web", "shop.web.views"]),
        ("shop.web", ["shop.web", "shop.web.views"]),
        ("*.web", ["shop.web"]),
        ("sho?*", ["shop", "shop.web", "shop.web.views", "shopping"]),
        ("root", ["root"]),
        ("SHOP", []),
    ],
)
def test_a_logger_is_meant_with_those_below_it(program, ran, logger, shown):
    for name in ("root", "shop", "shop.web", "shop.web.views", "shopping"):
        program.say(name, "info", name, at=NOON)

    status, out, err = ran(ecl_tail, logger)

    assert (status, messages_in(out)) == (0, shown)
    assert (err == "") is (shown != [])


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", 5),
        ("NOTSET", 5),
        ("0", 5),
        ("10", 5),
        ("11", 5),
        ("info", 4),
        ("Warn", 3),
        ("WARNING", 3),
        ("39", 3),
        ("40", 2),
        ("eRRor", 2),
        ("fatal", 1),
        ("critical", 1),
        ("50", 1),
        ("99999999999999999999999", 1),
    ],
)
def test_a_level_is_meant_with_those_above_it(program, ran, level, shown):
    severities = ["debug", "info", "warning", "error", "critical"]
    for at, severity in enumerate(severities):
        program.say("a", severity, severity, at=NOON + at)

    status, out, _ = ran(ecl_tail, "--level", level)

    assert (status, messages_in(out)) == (0, severities[-shown:])


@pytest.mark.parametrize("level", ["loud", "", "-5", "3.5"])
def test_a_level_that_is_none_is_wrong_usage(commanded, ran, level):
    status, out, err = ran(ecl_tail, f"--level={level}")

    assert (status, out) == (2, "")
    assert "write one of debug, info, warning, error, critical, or a number" in err


def test_severities_of_other_programs_have_no_level_unless_they_are_numbers(program, ran):
    program.put_lines("a", "notice", line("what is this", NOON))
    program.put_lines("a", "25", line("above info", NOON))

    assert messages_in(ran(ecl_tail)[1]) == ["above info", "what is this"]
    assert messages_in(ran(ecl_tail, "--level", "info")[1]) == ["above info"]


@pytest.mark.parametrize("arguments", [["-n", "-1"], ["-n", "x"], ["a", "b"], ["--json"]])
def test_what_cannot_be_is_wrong_usage(commanded, ran, arguments):
    assert ran(ecl_tail, *arguments)[:2] == (2, "")


def test_who_only_other_programs_speak_for_is_found_by_name(empty_server, ran):
    """They write the list, and nothing of who there is."""
    with empty_server.client() as client:
        client.lpush("recent:old.app:info", "Sun Nov 22 12:00:00 2026 hello")
    store = ("--store", empty_server.url)

    assert ran(ecl_tail, *store)[1] == ""
    assert ran(ecl_tail, "old.app", *store)[1:] == (
        "- old.app info Sun Nov 22 12:00:00 2026 hello\n",
        "",
    )
    assert ran(ecl_tail, "old.app", "--level", "error", *store)[1] == ""


@pytest.mark.parametrize("store", ["memory://", "sqlite:///counts.db"])
def test_a_logger_that_no_store_can_have_has_said_nothing(ran, store):
    """As an argument of bytes that are no UTF-8."""
    opened = open_store("sqlite:///counts.db")
    Program(opened).say("a", "info", "hello", at=NOON)
    opened.close()

    status, out, err = ran(ecl_tail, "a\udcff", "--store", store)

    assert (status, out, err.count("\n")) == (0, "", 1)


# --- lines of any form


def test_lines_of_another_form_are_shown_as_they_are_at_their_place(program, ran):
    program.say("ours", "info", "before", at=NOON)
    program.say("ours", "info", "after", at=NOON + 2)
    program.put_lines("theirs", "info", "Sun Nov 22 12:00:01 2026 in between")

    assert ran(ecl_tail)[1] == (
        "2026-11-22T12:00:00.000Z ours info before\n"
        "- theirs info Sun Nov 22 12:00:01 2026 in between\n"
        "2026-11-22T12:00:02.000Z ours info after\n"
    )


@pytest.mark.parametrize(
    "theirs",
    [
        "2026-11-22T12:00:01.500Z",  # no message, not even an empty one
        "2026-11-22T12:00:01 x",
        "2026-11-22 12:00:01,500 x",
        "2026-11-22T13:00:01.5+01:00 x",
        "Sun Nov 22 12:00:01 2026 x",
    ],
)
def test_the_time_of_a_line_of_another_form_is_guessed(theirs):
    ours = [line("b", NOON + 2), line("a", NOON + 1)]

    found = merged({("z", "info"): ours, ("a", "info"): [theirs]})

    assert [message.text for message in found] == ["a", theirs, "b"]


def test_a_line_without_any_time_stays_beside_its_neighbour():
    ours = {("a", "info"): [line(str(n), NOON + n) for n in (5, 3, 1)]}
    theirs = {("b", "info"): ["last", line("4", NOON + 4), "2nd", line("2", NOON + 2), "first"]}

    found = [message.text for message in merged(ours | theirs)]

    assert found == ["1", "first", "2", "2nd", "3", "4", "last", "5"]


def test_lines_without_any_time_come_first():
    found = merged(
        {("a", "info"): [line("a", NOON)], ("b", "info"): ["2", "0001-01-01T00:00+23:00"]}
    )

    assert [message.text for message in found] == ["0001-01-01T00:00+23:00", "2", "a"]


def test_what_is_in_a_message_drives_no_terminal_and_stays_one_line(program, ran):
    hostile = (
        "\x1b]0;owned\x07\x1b[2J\u202efdp\r\n2026-11-22T12:00:00.000Z root info forged\u2028\x9b1m"
    )
    program.say("a\x1b[1m", "in\nfo", hostile, at=NOON)

    status, out, err = ran(ecl_tail)

    assert (status, err) == (0, "")
    assert out == (
        "2026-11-22T12:00:00.000Z a\\x1b[1m in\\nfo "
        "\\x1b]0;owned\\x07\\x1b[2J\\u202efdp\\r\\n2026-11-22T12:00:00.000Z root info forged"
        "\\u2028\\x9b1m\n"
    )


def test_a_long_message_is_printed_whole(program, ran):
    program.say("a", "info", "x" * 16384, at=NOON)

    assert messages_in(ran(ecl_tail)[1]) == ["x" * 16384]


def test_the_page_shows_what_is_printed(commanded, program, ran):
    page = (ROOT / "docs/messages-at-hand.md").read_text("utf-8")
    block = re.search(r"\$ ecl-tail -n 6\n(.*?)```", page, re.DOTALL)[1]
    for text in block.splitlines():
        moment, name, severity, message = text.split(" ", 3)
        at = commanded.clock.now = datetime.fromisoformat(moment).timestamp()
        program.say(name, severity, message.replace("\\n", "\n"), at=at)

    assert ran(ecl_tail, "-n", "6")[1] == block


# --- a store with nothing


def test_an_empty_store_names_itself(commanded, ran):
    assert ran(ecl_tail) == (
        0,
        "",
        "ecl-tail: nothing said in memory://commands; choose with --store or ECL_STORE\n",
    )


def test_a_choice_that_nobody_meets_names_those_there_are(program, ran):
    for name in "abcdefg":
        program.say(name, "info", "hello", at=NOON)

    status, out, err = ran(ecl_tail, "x\x1b", "--level", "error")

    assert (status, out) == (0, "")
    assert err == (
        "ecl-tail: no logger that matches 'x\\x1b' has said anything with level error or above in "
        "memory://commands; it has a, b, c, d, e and 2 more\n"
    )


def test_a_store_that_keeps_no_messages_is_an_error(commanded, ran, monkeypatch):
    counts_only = SimpleNamespace(shown="memory://commands", close=lambda: None)
    monkeypatch.setitem(stores._shared_memory, "commands", counts_only)

    assert ran(ecl_tail) == (
        1,
        "",
        "ecl-tail: error: memory://commands keeps no messages\n",
    )
