"""`ecl-read --watch` on a terminal of 80 columns and 24 rows, with rich and without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecl_logging import EventCountLogger
from tests.tools.terminals import (
    CLEAR_SCREEN,
    HIDE_CURSOR,
    SHOW_CURSOR,
    Terminal,
    widths_of,
)

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
    with EventCountLogger(GROUPS, store=url(tmp_path)) as ecl:
        for name in GROUPS:
            ecl[name].sync()
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
    """Every picture that was drawn is whole, aligned, and none was cleared before the next."""
    assert CLEAR_SCREEN not in terminal.written
    assert b"\x1b[H\x1b[J" not in terminal.written
    for picture in terminal.pictures():
        assert max(widths_of(picture)) <= terminal.columns
        assert picture.count(b"\n") < terminal.rows
    screens = [screen for screen in terminal.screens() if any(screen)]
    assert [screen[0][-11:] for screen in screens] == ["Ctrl-C ends"] * len(screens)
    assert sum(map(aligned_rows, screens)) > 0


def assert_left_as_it_was(terminal: Terminal) -> None:
    assert terminal.err() == ""
    assert terminal.written.rfind(SHOW_CURSOR) > terminal.written.rfind(HIDE_CURSOR) > 0
    assert terminal.written.count(b"\x1b[?1049h") == terminal.written.count(b"\x1b[?1049l") == 1
    assert terminal.written.rindex(b"\x1b[?1049l") > terminal.written.rindex(b"\x1b[H")


def test_new_counts_are_shown_as_they_come_and_ctrl_c_ends_it(start: Start, ecl: EventCountLogger):
    ecl["sales"].log("日本茶", 7)
    ecl["sales"].log("a rather long name of something that is sold " * 3)
    terminal = start()
    terminal.wait_for(lambda: "日\0本\0茶\0" in terminal.shown())
    for n in range(1, 6):
        ecl["requests"].log("req2", 10**n)
        total = sum(10**i for i in range(1, n + 1))
        terminal.wait_for(
            lambda total=total: re.search(rf"^req2 .* {total}$", terminal.shown(), re.MULTILINE)
        )
    print(terminal.shown())
    terminal.press(b"\x03")

    assert terminal.end() == 130
    assert_left_as_it_was(terminal)
    assert_well_drawn(terminal)
