"""`ecl-read --watch` on a terminal of 80 columns and 24 rows, with rich and without it."""

from __future__ import annotations

import contextlib
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ecl_logging import EventCountLogger, open_store
from ecl_logging.measures import counted
from tests.canary import assert_no_canary
from tests.faults.programs import Programs
from tests.redis_servers import running
from tests.stores.programs import Program
from tests.tools.terminals import (
    CLEAR_SCREEN,
    SHOW_CURSOR,
    Terminal,
    assert_drawn_without_flicker,
    assert_follows_sizes,
    assert_left_as_it_was,
    latest_screen,
    shows,
)

pytestmark = pytest.mark.once

WITHOUT_RICH = "sys.modules['rich'] = None"
GROUPS = {
    "requests": {"events": ["req1", "req2", "error"], "intervals": ["5m", "1h"]},
    "sales": {"intervals": ["1m", "1h", "1d", "30d", "366d"], "auto_declare_events": True},
}

Start = Callable[..., Terminal]


@pytest.fixture(params=["rich", "plain"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts `ecl-read --watch 0.1` on a store of the test's own."""
    first = WITHOUT_RICH if request.param == "plain" else ""
    started: list[Terminal] = []

    def start(*arguments: str, **keys: object) -> Terminal:
        terminal = Terminal(
            tmp_path, "--store", url(tmp_path), "--watch", "0.1", *arguments, first=first, **keys
        )
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.kill()


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/counts.db"


@pytest.fixture
def ecl(tmp_path: Path) -> Iterator[EventCountLogger]:
    """Counts there, at once; an event in each group so far."""
    with EventCountLogger(GROUPS, store=url(tmp_path)) as ecl:
        ecl["requests"].log("error")
        ecl["sales"].log("sold")
        yield ecl


def aligned_rows(screen: list[str]) -> int:
    """Check that every number ends below its heads; return how many rows were checked."""
    rows, edges = 0, None
    for line in screen:
        if line.startswith("event "):
            edges = [found.end() for found in re.finditer("last|current", line)]
        elif edges and re.search(r"\d$", line) and not line.startswith("..."):
            numbers = [found.end() for found in re.finditer(r"(?<= )\d+(?= |$)", line)]
            assert numbers[-len(edges) :] == edges, "\n".join(screen)
            rows += 1
        else:
            edges = None if not line else edges
    return rows


def assert_well_drawn(terminal: Terminal) -> None:
    """No flicker, and every number ends below its heads."""
    assert_drawn_without_flicker(terminal)
    assert sum(map(aligned_rows, terminal.screens())) > 0


def test_new_counts_are_shown_as_they_come_and_ctrl_c_ends_it(start: Start, ecl: EventCountLogger):
    ecl["sales"].log("日本茶", 7)
    ecl["sales"].log("a rather long name of something that is sold " * 3)
    terminal = start()
    terminal.wait_for(lambda: "日\0本\0茶\0" in terminal.shown())
    for n in range(1, 6):
        ecl["requests"].log("req2", 10**n)
        terminal.wait_for(lambda n=n: shows(terminal, rf"^req2 .* {'1' * n}0$"))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_well_drawn(terminal)


def test_measures_have_a_live_table_too(start: Start, ecl: EventCountLogger, tmp_path: Path):
    with contextlib.closing(open_store(url(tmp_path))) as store:
        definition = store.definition("requests")
        assert definition is not None
        program, intervals = Program(store), definition.intervals
        send = partial(program.send, start=int(time.time()), intervals=intervals)
        send(counted("latency", [0.12] * 3))
        terminal = start("--measures", "-i", "1h")
        terminal.wait_for(lambda: shows(terminal, "^latency +3 "))
        send(counted("latency", [0.12]))
        terminal.wait_for(lambda: shows(terminal, r"^latency +4 .* 0\.12\d+$"))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_drawn_without_flicker(terminal)


def test_sigterm_ends_it_as_quietly(start: Start, ecl: EventCountLogger):
    terminal = start()
    terminal.wait_for(lambda: shows(terminal, "^req1 "))
    terminal.process.send_signal(signal.SIGTERM)

    assert terminal.end() == 143
    assert_left_as_it_was(terminal)


def test_keys_do_not_disturb_the_picture(start: Start, ecl: EventCountLogger):
    terminal = start()
    terminal.wait_for(lambda: shows(terminal, "^req1 "))
    terminal.press(b"qqqq\n\n")
    ecl["requests"].log("req1", 123)
    terminal.wait_for(lambda: shows(terminal, "^req1 .* 123$"))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert b"q" not in terminal.written.replace(b"sqlite", b"").replace(b"req", b"")
    assert_left_as_it_was(terminal)


def test_rows_beyond_the_screen_are_counted(start: Start, ecl: EventCountLogger):
    for n in range(50):
        ecl["sales"].log(f"thing {n:02}")
    terminal = start("-g", "sales")
    terminal.wait_for(lambda: shows(terminal, r"^\.\.\. and 33 more$"))
    terminal.wait_for(lambda: len(terminal.pictures()) >= 4)
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_well_drawn(terminal)


def test_it_follows_the_size_of_the_terminal(start: Start, ecl: EventCountLogger):
    ecl["sales"].log("a name of twenty-six letters")
    terminal = start("--watch=3600")  # so what it draws again is for the size alone
    terminal.wait_for(lambda: shows(terminal, r"no room for 366d"))
    sizes = (
        (120, 30, "366d +366d$"),
        (50, 12, "no room for 1d, 30d, 366d"),
    )
    assert_follows_sizes(terminal, sizes)


def test_the_last_picture_stays_while_the_store_is_away(start: Start, tmp_path: Path):
    with running(tmp_path) as server:
        with EventCountLogger(GROUPS, store=server.url) as ecl:
            ecl["requests"].log("req1", 5)
        terminal = start("--store", server.url)
        terminal.wait_for(lambda: shows(terminal, "^req1 .* 5$"))
        server.kill()
        terminal.wait_for(lambda: shows(terminal, r"^as of \d\d:\d\d:\d\dZ; trying on: unix:"))
        assert shows(terminal, "^req1 .* 5$")
        server.start()
        terminal.wait_for(lambda: "trying on" not in terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_well_drawn(terminal)
    assert_no_canary("the terminal", terminal.written.decode())


def test_ctrl_c_need_not_wait_for_a_store_that_hangs(start: Start, tmp_path: Path):
    with running(tmp_path) as server:
        with EventCountLogger(GROUPS, store=server.url) as ecl:
            ecl["requests"].log("req1", 5)
        terminal = start("--store", server.url)
        terminal.wait_for(lambda: shows(terminal, "^req1 .* 5$"))
        server.pause()
        terminal.wait_for(lambda: terminal.is_quiet_for(0.5))
        pressed = time.monotonic()
        terminal.press(b"\x03")

        assert terminal.end() == 130
        assert time.monotonic() - pressed < 3  # the time-out would be 5 seconds
        server.go_on()
    assert_left_as_it_was(terminal)


def test_ctrl_z_gives_the_terminal_back_and_what_follows_takes_it_again(
    start: Start, ecl: EventCountLogger
):
    """It does not stop here: the kernel stops nobody for whom there is no shell to go on."""
    terminal = start()
    terminal.wait_for(lambda: shows(terminal, "^req1 "))
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.wait_for(lambda: b"\x1b[?1049l" in terminal.written)
    before = terminal.written.index(b"\x1b[?1049l")
    assert SHOW_CURSOR in terminal.written[:before]
    terminal.wait_for(lambda: "req1" in latest_screen(terminal, before))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert terminal.err() == ""
    assert terminal.written.count(b"\x1b[?1049h") == terminal.written.count(b"\x1b[?1049l") == 2


def test_without_colours_nothing_is_styled(start: Start, ecl: EventCountLogger):
    terminal = start(NO_COLOR="1")
    terminal.wait_for(lambda: shows(terminal, "^req1 "))
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert re.search(rb"\x1b\[[0-9;]*m", terminal.written.replace(b"\x1b[0m", b"")) is None


def test_what_somebody_has_stored_drives_no_terminal(
    start: Start, ecl: EventCountLogger, tmp_path: Path
):
    ecl.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "counts.db")) as connection, connection:
        connection.execute("UPDATE counts SET id = ?", ("\x1b]0;owned\x07\x1b[2J\u202e",))
    terminal = start("-g", "sales")
    terminal.wait_for(lambda: r"\x1b]0;owned" in terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert b"\x1b]0;" not in terminal.written
    assert CLEAR_SCREEN not in terminal.written


def test_json_is_a_line_each_time_on_a_terminal_too(start: Start, ecl: EventCountLogger):
    terminal = start("--json", "-i", "5m")
    terminal.wait_for(lambda: terminal.written.count(b"]\r\n") >= 2)
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert b"\x1b" not in terminal.written


def test_a_terminal_that_cannot_be_drawn_on_gets_blocks(start: Start, ecl: EventCountLogger):
    terminal = start("-i", "5m", TERM="dumb")
    terminal.wait_for(lambda: terminal.written.count(b"# requests 5m last") >= 2)
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert b"\x1b" not in terminal.written


@pytest.mark.parametrize("arguments", [["--json"], ["--history", "2"], ["--watch", "1"]])
def test_rich_is_imported_for_a_terminal_only(programs: Programs, arguments: list[str]):
    program = programs.start(
        f"""
        import signal, sys, threading
        from ecl_logging.tools.read import main
        timer = threading.Timer(1, signal.raise_signal, [signal.SIGTERM])
        timer.daemon = True
        timer.start()
        status = main(["--store", "memory://", *{arguments!r}])
        print([name for name in sys.modules if name.partition(".")[0] == "rich"])
        sys.exit(status)
        """
    )

    ended = program.end()

    assert ended.status == (143 if "--watch" in arguments else 0)
    assert ended.out.splitlines()[-1] == "[]"
    assert ended.err.startswith("ecl-read: nothing counted in memory://")
