"""ecl-tail -f: what comes."""

from __future__ import annotations

import os
import signal

from ecl_logging.errors import StoreUnavailable
from ecl_logging.tools.tail import main as ecl_tail
from tests.saying import Program, messages_in
from tests.tools.conftest import NOON


def test_what_comes_is_printed_once_and_equal_lines_as_often_as_they_come(program, ran, waits):
    program.say("a", "info", "one", at=NOON)
    waits += [
        lambda: program.say("a", "info", "two", at=NOON + 1),
        lambda: None,
        lambda: program.say("a", "info", "two", at=NOON + 1, times=2),
        lambda: program.say("a", "info", "late", at=NOON - 1),
    ]

    status, out, err = ran(ecl_tail, "-f")

    assert (status, err) == (130, "")
    assert messages_in(out) == ["one", "two", "two", "two", "late"]


def test_what_is_new_of_several_is_merged_by_time(program, ran, waits):
    program.say("a", "info", "old", at=NOON)

    def say() -> None:
        program.say("b", "info", "second", at=NOON + 2)
        program.say("a", "info", "first", "first", at=NOON + 1)
        program.say("c", "error", "third", at=NOON + 3)

    waits.append(say)

    assert messages_in(ran(ecl_tail, "-f", "-n", "0")[1]) == ["first", "first", "second", "third"]


def test_only_the_newest_of_what_was_there_are_printed_before_following(program, ran, waits):
    program.say("a", "info", *"vwxyz", at=NOON)
    waits.append(lambda: program.say("a", "info", "new", at=NOON + 1))

    assert messages_in(ran(ecl_tail, "-f", "-n", "2")[1])[-1] == "new"
    assert len(messages_in(ran(ecl_tail, "-f", "-n", "2")[1])) == 2


def test_who_speaks_for_the_first_time_is_heard(commanded, program, ran, waits):
    waits.append(lambda: program.say("shop.new", "error", "hello", at=NOON))
    waits.append(lambda: program.say("other", "error", "not asked for", at=NOON))

    status, out, err = ran(ecl_tail, "shop", "-f")

    assert (status, messages_in(out)) == (130, ["hello"])
    assert err == "ecl-tail: nothing said in memory://commands; choose with --store or ECL_STORE\n"


def test_more_messages_than_are_kept_are_told(commanded, ran, waits):
    program = Program(commanded.store, recent=5)
    program.say("a", "info", *"12345", at=NOON)
    program.say("b", "info", "b", at=NOON)
    waits += [
        lambda: program.say("a", "info", *"678", at=NOON + 1),
        lambda: program.say("a", "info", *"abcdefg", at=NOON + 2),
        lambda: program.say("a", "info", *"hijklmn", at=NOON + 3),
    ]

    status, out, err = ran(ecl_tail, "-f", "a")

    assert (status, len(out.splitlines())) == (130, 5 + 3 + 5 + 5)
    assert err == "ecl-tail: ... some messages may have passed by, of a info\n" * 2


def test_a_store_that_goes_away_is_waited_for(commanded, program, ran, waits, monkeypatch):
    messages = type(commanded.store.messages)
    recent = messages.recent

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("memory://commands: gone\x1b")

    def come_back() -> None:
        monkeypatch.setattr(messages, "recent", recent)
        program.say("a", "info", "after", at=NOON + 1)

    program.say("a", "info", "before", at=NOON)
    waits += [lambda: monkeypatch.setattr(messages, "recent", fail), lambda: None, come_back]

    status, out, err = ran(ecl_tail, "-f")

    assert (status, messages_in(out)) == (130, ["before", "after"])
    assert err == (
        "ecl-tail: memory://commands: gone\\x1b; trying on\n"
        "ecl-tail: the store is back after 0 s; watching on\n"
    )


def test_sigterm_ends_it_quietly(program, ran, waits):
    waits.append(lambda: os.kill(os.getpid(), signal.SIGTERM))
    program.say("a", "info", "hello", at=NOON)

    assert ran(ecl_tail, "-f") == (143, "2026-11-22T12:00:00.000Z a info hello\n", "")
