"""`ecl-tail -f` and `ecl-top --watch` on a terminal, while records come in."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from ecl_logging.stores import open_store
from tests.canary import assert_no_canary
from tests.redis_servers import running
from tests.saying import Program
from tests.tools.terminals import (
    CLEAR_SCREEN,
    Terminal,
    assert_drawn_without_flicker,
    assert_follows_sizes,
    assert_left_as_it_was,
    screen_of,
    shows,
)

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("amid_an_hour")]

WITHOUT_RICH = "sys.modules['rich'] = None"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202efdp\r\nnext\x9b1m"
SHOWN_HOSTILE = r"\x1b]0;owned\x07\x1b[2J\u202efdp\r\nnext\x9b1m"
STYLE = re.compile(r"\x1b\[[0-9;]*m")

Start = Callable[..., Terminal]


@pytest.fixture
def amid_an_hour() -> None:
    """A turn of the hour would begin the table anew; wait for a minute that has none."""
    while time.time() % 3600 > 3590:
        time.sleep(1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/counts.db"


@pytest.fixture
def program(url: str) -> Iterator[Program]:
    store = open_store(url)
    yield Program(store)
    store.close()


@pytest.fixture
def start(tmp_path: Path, url: str) -> Iterator[Start]:
    """Starts a command on the store."""
    started: list[Terminal] = []

    def start(command: str, *arguments: str, **keys: object) -> Terminal:
        terminal = Terminal(tmp_path, "--store", url, *arguments, command=command, **keys)
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.kill()


@pytest.fixture(params=["rich", "plain"])
def watch(request: pytest.FixtureRequest, start: Start) -> Start:
    """Starts `ecl-top --watch 0.1`, with rich and without it."""
    first = WITHOUT_RICH if request.param == "plain" else ""
    return lambda *arguments, **keys: start(
        "top", "--watch", "0.1", *arguments, first=first, **keys
    )


class Talk:
    """Says messages in a thread, until it is told to stop."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._is_over = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        while not self._is_over.wait(0.01):
            self.count += 1
            self._program.say("shop.web", "error", f"number {self.count}", at=time.time())
            self._program.say("shop", "info", "sold", at=time.time(), times=2)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


# --- ecl-tail -f


def test_what_comes_is_printed_once_in_colour_and_ctrl_c_ends_it(start: Start, program: Program):
    program.say("shop", "info", "at first", at=time.time())
    terminal = start("tail", "-f", columns=120)
    terminal.wait_for(lambda: b"at first" in terminal.written)
    with Talk(program) as talk:
        terminal.wait_for(lambda: talk.count >= 40)
    last = f"number {talk.count}\r\n".encode()
    terminal.wait_for(lambda: last in terminal.written and terminal.is_quiet_for(0.7))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert terminal.err() == ""
    text = terminal.written.decode().replace("^C", "")
    lines = STYLE.sub("", text).splitlines()
    found = [line.split("number ")[1] for line in lines if " shop.web error number " in line]
    assert [int(number) for number in found] == list(range(1, talk.count + 1))
    assert sum(line.endswith(" shop info sold") for line in lines) == 2 * talk.count
    assert "\x1b[31merror\x1b[0m" in text
    assert "\x1b" not in STYLE.sub("", text)
    assert terminal.attributes_at_end == terminal.attributes


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_lines_are_plain(start: Start, program: Program, environment):
    program.say("shop", "critical", HOSTILE, at=time.time())
    terminal = start("tail", columns=200, **environment)

    assert terminal.end() == 0
    assert terminal.written.decode().endswith(f"Z shop critical {SHOWN_HOSTILE}\r\n")


def test_a_message_of_a_newline_and_sequences_is_one_line_on_a_terminal(
    start: Start, program: Program
):
    program.say("shop", "error", HOSTILE + "x" * 16384, at=time.time())
    program.say("shop", "error", "after", at=time.time())
    terminal = start("tail")

    assert terminal.end() == 0
    assert STYLE.sub("", terminal.written.decode()).count("\r\n") == 2
    assert b"\x1b]" not in terminal.written
    assert CLEAR_SCREEN not in terminal.written


def test_following_goes_on_when_the_store_is_back(start: Start, tmp_path: Path):
    with running(tmp_path) as server:
        store = open_store(server.url)
        Program(store).say("a", "error", "before", at=time.time())
        terminal = start("tail", "-f", "--store", server.url)
        terminal.wait_for(lambda: b"before" in terminal.written)
        server.kill()
        terminal.wait_for(lambda: "trying on" in terminal.err())
        server.start()
        store.close()
        store = open_store(server.url)
        Program(store).say("a", "error", "after", at=time.time())
        terminal.wait_for(lambda: b"after" in terminal.written)
        store.close()
    terminal.press(b"\x03")

    assert terminal.end() == 130
    away, back, passed_by = terminal.err().splitlines()
    assert re.fullmatch(r"ecl-tail: unix:.*; trying on", away)
    assert re.fullmatch(r"ecl-tail: the store is back after \d+ s; watching on", back)
    assert passed_by == "ecl-tail: ... some messages may have passed by, of a error"
    assert_no_canary("stderr", terminal.err())


# --- ecl-top --watch


def rows_of(screen: list[str]) -> list[tuple[int, str]]:
    """Count and message of each row of the table."""
    at = next((n for n, line in enumerate(screen) if line.lstrip().startswith("count ")), None)
    if at is None:
        return []
    found = [
        re.fullmatch(r" *(\d+) .* (?:error|info) +\S+ +(.+)", line) for line in screen[at + 1 :]
    ]
    return [(int(row[1]), row[2]) for row in found if row is not None]


def test_counts_and_rates_are_shown_as_they_come_and_ctrl_c_ends_it(watch: Start, program: Program):
    program.say("shop", "info", "日本茶", at=time.time(), times=3)
    terminal = watch("-n", "5")
    terminal.wait_for(lambda: "日\0本\0茶\0" in terminal.shown())
    with Talk(program) as talk:
        terminal.wait_for(
            lambda: shows(terminal, r"^ *\d{3} +\d+\.\d% +\d+\.\d +\d+\.\d +info +shop +sold")
        )
    terminal.wait_for(lambda: shows(terminal, rf"^ *{2 * talk.count} .* 0\.0 .* sold"))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_drawn_without_flicker(terminal)
    tables = [rows for rows in map(rows_of, terminal.screens()) if rows]
    assert len(tables) > 5
    for rows in tables:
        assert [n for n, _ in rows] == sorted((n for n, _ in rows), reverse=True)
    assert [dict(map(reversed, rows)).get("sold", 0) for rows in tables] == sorted(
        dict(map(reversed, rows)).get("sold", 0) for rows in tables
    )


def test_rows_with_equal_counts_stay_where_they_are(watch: Start, program: Program):
    for name in "zyx":
        program.say("shop", "info", f"message {name}", at=time.time())
    terminal = watch()
    terminal.wait_for(lambda: shows(terminal, "message z"))
    for count in (2, 3):
        for name in "yzx":
            program.say("shop", "info", f"message {name}", at=time.time())
        terminal.wait_for(
            lambda count=count: (
                len(re.findall(rf"^ *{count} .*message", terminal.shown(), re.MULTILINE)) == 3
            )
        )
    terminal.press(b"\x03")

    assert terminal.end() == 130
    tables = [rows for rows in map(rows_of, terminal.screens()) if rows]
    for before, after in itertools.pairwise(tables):
        counts, places = dict(map(reversed, after)), [message for _, message in before]
        expected = sorted(places, key=lambda message: -counts[message])  # a stable sort
        assert [message for _, message in after] == expected


def test_it_follows_the_size_of_the_terminal(watch: Start, program: Program):
    for n in range(30):
        program.say(
            "shop.of.a.rather.long.name", "info", f"message {n} " + "x" * 99, at=time.time()
        )
    terminal = watch("--watch=3600", "-n", "30")  # what it draws again is for the size alone
    terminal.wait_for(lambda: shows(terminal, r"^\.\.\. and \d+ more$"))
    sizes = (
        (
            150,
            40,
            r"^ +1 +3\.3% +- +\d+\.\d  info      shop\.of\.a\.rather\.long\.name  message 9 x+…",
        ),
        (60, 12, r"^ +1 +-  shop\.of\.a\.rath…  message 0 x+…$"),
        (30, 10, r"^ +1 +message 0 x+…$"),
    )
    assert_follows_sizes(terminal, sizes)
    assert_left_as_it_was(terminal)


def test_hostile_messages_drive_no_terminal(watch: Start, program: Program):
    program.say("a\x1b[2J", "error", HOSTILE, at=time.time(), times=2)
    program.say("b", "error", "\x1b[2J" * 4096, at=time.time())
    terminal = watch(columns=120)
    terminal.wait_for(lambda: SHOWN_HOSTILE in terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert b"\x1b]0;" not in terminal.written
    assert "\u202e".encode() not in terminal.written
    assert_left_as_it_was(terminal)
    assert_drawn_without_flicker(terminal)


def test_no_style_is_used_where_no_colour_is_wanted(watch: Start, program: Program):
    program.say("a", "error", "hello", at=time.time())
    terminal = watch(NO_COLOR="1")
    terminal.wait_for(lambda: shows(terminal, "hello"))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert re.search(rb"\x1b\[[0-9;]*m", terminal.written.replace(b"\x1b[0m", b"")) is None


def test_an_empty_store_is_told_below_the_table(watch: Start, program: Program):
    terminal = watch()
    terminal.wait_for(lambda: shows(terminal, "^nothing said in sqlite:///"))
    program.say("a", "error", "hello", at=time.time())
    terminal.wait_for(lambda: shows(terminal, "hello") and "nothing said" not in terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)


def test_the_last_table_stays_while_the_store_is_away(watch: Start, tmp_path: Path):
    with running(tmp_path) as server:
        store = open_store(server.url)
        Program(store).say("a", "error", "hello", at=time.time(), times=5)
        store.close()
        terminal = watch("--store", server.url)
        terminal.wait_for(lambda: shows(terminal, "^ *5 .* hello$"))
        server.kill()
        terminal.wait_for(lambda: shows(terminal, r"^as of \d\d:\d\d:\d\dZ; trying on: unix:"))
        assert shows(terminal, "^ *5 .* hello$")
        server.start()
        terminal.wait_for(lambda: "trying on" not in terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_drawn_without_flicker(terminal)


# --- ecl-top once


def test_a_table_is_no_wider_than_the_terminal(start: Start, program: Program):
    program.say("a", "error", "word " * 4000, at=time.time())
    terminal = start("top")

    assert terminal.end() == 0
    lines = screen_of(terminal.written, 80, 24)
    assert [len(line) for line in lines[2:4]] == [80, 0]
    assert re.fullmatch(r" +1  100.0%  error     a       (word )+wor…|.*…", lines[2])
