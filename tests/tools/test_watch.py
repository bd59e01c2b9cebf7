"""ecl-read --watch where there is no terminal, and what a picture is drawn with."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.tools import painters, watch
from ecl_logging.tools.lines import BOLD, PLAIN, WARNING, Size, Span
from ecl_logging.tools.read import main as ecl_read

LAST = "# errors 1h last 2026-11-22T11:00:00Z\nerror:0\n"


def away(store, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("memory://commands: gone\x1b")

    return lambda: monkeypatch.setattr(store, "read", fail)


# --- one text after the other


def test_blocks_come_one_after_the_other(commanded, ran, waits):
    waits.append(lambda: commanded.count("errors", error=2))

    status, out, err = ran(ecl_read, "--watch", "7", "-i", "1h", "--current")

    head = "# errors 1h current 2026-11-22T12:00:00Z\n"
    assert (status, out, err) == (130, f"{head}error:0\n\n{head}error:2\n", "")


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (["--watch"], 2.0),
        (["--watch", "0.5"], 0.5),
        (["--watch=3"], 3.0),
        (["--watch", "some.yaml"], 2.0),
        (["some.yaml", "--watch", "1e1", "error"], 10.0),
        (["--watch", "error"], 2.0),
    ],
)
def test_the_word_behind_watch_is_seconds_where_it_is_a_number(
    commanded, ran, monkeypatch, words, seconds
):
    waited = []

    def wait(self: object, pause: float) -> None:
        waited.append(pause)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.Stream, "wait", wait)
    Path("some.yaml").write_text("groups: {errors: {intervals: [1h]}}")

    status, out, err = ran(ecl_read, *words)

    assert (status, err, waited) == (130, "", [seconds])
    assert LAST in out


def test_a_group_has_all_its_intervals_under_heads(commanded, ran, waits):
    _, out, _ = ran(ecl_read, "--watch", "-g", "requests", "req1")

    assert [line.split()[:4] for line in out.splitlines() if line.startswith("#")] == [
        ["#", "requests", "5s", "last"],
        ["#", "requests", "5s", "current"],
        ["#", "requests", "5m", "last"],
        ["#", "requests", "5m", "current"],
    ]


def test_json_is_a_line_each_time(commanded, ran, waits):
    waits.append(lambda: commanded.count("errors", error=2))

    status, out, err = ran(ecl_read, "--watch", "--json", "-i", "1h", "--current")

    assert (status, err) == (130, "")
    assert [json.loads(line)[0]["counts"] for line in out.splitlines()] == [
        {"error": 0},
        {"error": 2},
    ]
    assert ": " not in out


def test_a_store_that_goes_away_is_told_and_comes_back(commanded, ran, waits, monkeypatch):
    read = commanded.store.read
    go = away(commanded.store, monkeypatch)
    waits += [go, go, lambda: monkeypatch.setattr(commanded.store, "read", read)]

    status, out, err = ran(ecl_read, "--watch", "-i", "1h", "--last")

    assert (status, out) == (130, LAST + "\n" + LAST)
    assert err == (
        "ecl-read: memory://commands: gone\\x1b; trying on\n"
        "ecl-read: the store is back after 0 s; watching on\n"
    )


def test_a_store_that_is_not_there_at_first_is_an_error(commanded, ran, waits, monkeypatch):
    away(commanded.store, monkeypatch)()

    status, out, err = ran(ecl_read, "--watch")

    assert (status, out) == (3, "")
    assert err.startswith("ecl-read: error: memory://commands: gone\\x1b; choose")


def test_an_unknown_group_is_an_error_at_once(commanded, ran, waits):
    assert ran(ecl_read, "--watch", "-g", "x")[0] == 1


def test_notes_are_told_when_they_change(commanded, ran, waits):
    waits += [
        lambda: None,
        lambda: commanded.count("errors", **{"@invalid": 1}),
        lambda: None,
        lambda: commanded.count("errors", **{"@invalid": 1}),
    ]

    err = ran(ecl_read, "--watch", "-i", "1h", "missing")[2]

    assert [line.split(" (")[0] for line in err.splitlines()] == [
        "ecl-read: no ID matches 'missing'",
        "ecl-read: no ID matches 'missing'",
        "ecl-read: errors 1h current: also @invalid 1",
        "ecl-read: no ID matches 'missing'",
        "ecl-read: errors 1h current: also @invalid 2",
    ]


def test_an_empty_store_says_so_once_and_shows_what_comes(commanded, ran, waits):
    waits += [lambda: None, lambda: None]

    status, out, err = ran(ecl_read, "--watch", "--store", "memory://")

    assert (status, out) == (130, "")
    assert err.count("nothing counted in memory://") == 1


def test_sigterm_ends_it_quietly(commanded, ran, waits):
    before = signal.getsignal(signal.SIGTERM)
    waits.append(lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert ran(ecl_read, "--watch", "-i", "1h", "--last") == (143, LAST, "")
    assert signal.getsignal(signal.SIGTERM) == before


# --- painters


class Terminal(io.StringIO):
    """What is written to a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_line_that_is_full_is_not_cleared_behind_its_end():
    """The cursor would stand on its last character."""
    terminal = Terminal()
    painter = painters.PlainPainter(terminal, styled=False)

    painter.paint([(Span("12345"),), (Span("1234"),)], Size(5, 2))

    assert terminal.getvalue() == "\x1b[H12345\n1234\x1b[K"


def test_what_is_below_the_last_line_is_cleared():
    terminal = Terminal()
    painter = painters.PlainPainter(terminal, styled=False)

    painter.paint([(Span("1"),), ()], Size(5, 3))

    assert terminal.getvalue() == "\x1b[H1\x1b[K\n\x1b[K\n\x1b[J"


@pytest.mark.parametrize("with_rich", [True, False])
@pytest.mark.parametrize("no_color", ["1", ""])
def test_styles_are_left_out_where_no_color_is_wanted(monkeypatch, with_rich, no_color):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    if not with_rich:
        for module in ("rich", "rich.cells", "rich.console", "rich.live"):
            monkeypatch.setitem(sys.modules, module, None)
    terminal = Terminal()
    painter = painters.open_painter(terminal)
    assert isinstance(painter, painters.RichPainter if with_rich else painters.PlainPainter)

    painter.begin()
    painter.paint([(Span("a", BOLD), Span("b", WARNING), Span("c", PLAIN))], Size(10, 1))
    painter.end()

    assert ("\x1b[33m" in terminal.getvalue()) is (no_color == "")
    assert ("\x1b[1m" in terminal.getvalue()) is (no_color == "")


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_is_none(monkeypatch, term):
    monkeypatch.setenv("TERM", term)

    assert painters.open_painter(Terminal()) is None


def test_a_file_is_no_terminal():
    assert painters.open_painter(io.StringIO()) is None
