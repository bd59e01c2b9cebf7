"""A command on a terminal: a real pseudo-terminal, with an emulator to see what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyte
from wcwidth import wcswidth

ROOT = Path(__file__).resolve().parents[2]

HOME = b"\x1b[H"  # each picture begins with it
CLEAR_SCREEN = b"\x1b[2J"
SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

# The terminal becomes the one that controls the process, so that Ctrl-C is a signal.
PROGRAM = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{first}
from ecl_logging.tools.{command} import main
sys.exit(main(sys.argv[1:]))
"""


class Terminal:
    """A command in a terminal, and all that it has written there."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        first: str = "",
        command: str = "read",
        **environment: str,
    ):
        self.written = b""
        self.columns, self.rows = columns, rows
        self._master, slave = pty.openpty()
        self._stderr = folder / "stderr"
        self._resize(columns, rows)
        self.attributes = self.attributes_at_end = termios.tcgetattr(slave)
        variables = {
            k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}
        }
        variables |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUTF8": "1"}
        program = PROGRAM.format(first=first, command=command)
        with self._stderr.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", program, *arguments],
                stdin=slave,
                stdout=slave,
                stderr=stderr,
                env=variables | environment,
                cwd=folder,
                start_new_session=True,
            )
        os.close(slave)

    def _resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._resize(columns, rows)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait_for(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Read what is written until a condition is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.err(), self.shown(), self.written[-3000:])
            self._read(0.05)

    def is_quiet_for(self, seconds: float) -> bool:
        """Whether nothing is written for so long."""
        return not self._read(seconds)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says so when nobody has the other side any more
            return False
        self.written += piece
        return bool(piece)

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        self.wait_for(lambda: self.process.poll() is not None)
        while self._read(0.0):
            pass
        self.attributes_at_end = termios.tcgetattr(self._master)
        os.close(self._master)
        return self.process.wait()

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            os.close(self._master)

    def err(self) -> str:
        return self._stderr.read_text()

    # --- what it shows

    def pictures(self) -> list[bytes]:
        """The pictures that were drawn whole: all but the last, after which none has begun."""
        return self.written.split(HOME)[1:-1]

    def shown(self) -> str:
        """What an emulator shows after the last two pictures: one at least is whole, as all are."""
        start = self.written.rfind(HOME, 0, max(0, self.written.rfind(HOME)))
        return "\n".join(screen_of(self.written[max(0, start) :], self.columns, self.rows))

    def screens(self) -> Iterator[list[str]]:
        """The screen after each picture."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for piece in self.written.split(HOME)[:-1]:
            stream.feed(piece)
            yield cells_of(screen)
            stream.feed(HOME)


def screen_of(written: bytes, columns: int, rows: int) -> list[str]:
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(written)
    return cells_of(screen)


def cells_of(screen: pyte.Screen) -> list[str]:
    """The lines; each character of a string is one cell, a wide character two (NUL the second)."""
    lines = range(screen.lines)
    return [
        "".join(screen.buffer[y][x].data or "\0" for x in range(screen.columns)).rstrip()
        for y in lines
    ]


def widths_of(picture: bytes) -> list[int]:
    """How many columns each line takes that was written."""
    text = _SEQUENCE.sub("", picture.decode()).replace("\r", "")
    return [wcswidth(line) for line in text.split("\n")]


def assert_left_as_it_was(terminal: Terminal) -> None:
    """The live table has given the terminal back, with nothing said."""
    assert terminal.err() == ""
    assert terminal.written.rfind(SHOW_CURSOR) > terminal.written.rfind(HIDE_CURSOR) > 0
    assert terminal.written.count(b"\x1b[?1049h") == terminal.written.count(b"\x1b[?1049l") == 1
    assert terminal.written.rindex(b"\x1b[?1049l") > terminal.written.rindex(HOME)
    assert terminal.attributes_at_end == terminal.attributes


def assert_drawn_without_flicker(terminal: Terminal) -> None:
    """Every picture that was drawn is whole, and none was cleared before the next."""
    assert CLEAR_SCREEN not in terminal.written
    assert b"\x1b[H\x1b[J" not in terminal.written
    for picture in terminal.pictures():
        assert max(widths_of(picture)) <= terminal.columns
        assert picture.count(b"\n") < terminal.rows
    screens = [screen for screen in terminal.screens() if any(screen)]
    assert [screen[0][-11:] for screen in screens] == ["Ctrl-C ends"] * len(screens)


def shows(terminal: Terminal, pattern: str) -> bool:
    return re.search(pattern, terminal.shown(), re.MULTILINE) is not None


def latest_screen(terminal: Terminal, since: int) -> str:
    """What an emulator of the size that it has now shows of what was written since."""
    return "\n".join(screen_of(terminal.written[since:], terminal.columns, terminal.rows))


def assert_follows_sizes(terminal: Terminal, sizes: Iterable[tuple[int, int, str]]) -> None:
    """At each size it draws what is expected there, and no wider than the last; then it ends."""
    columns, before = 0, 0
    for columns, rows, expected in sizes:
        before = len(terminal.written)
        terminal.resize(columns, rows)
        terminal.wait_for(
            lambda before=before, expected=expected: re.search(  # type: ignore[misc]
                expected, latest_screen(terminal, before), re.MULTILINE
            )
        )
    terminal.press(b"\x03")

    assert terminal.end() == 130
    latest = terminal.written[before:].split(HOME)[1:]
    assert max(width for picture in latest for width in widths_of(picture)) == columns
