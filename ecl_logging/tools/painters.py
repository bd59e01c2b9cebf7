"""Drawing the live table on a terminal, without flicker: with rich, and without it.

Between `begin` and `end` a painter has the terminal; after that it is as it was.
"""

from __future__ import annotations

import os
from typing import Any, Protocol, TextIO

from ecl_logging.tools.lines import (
    BOLD,
    CRITICAL,
    DIM,
    ERROR,
    PLAIN,
    WARNING,
    Line,
    Size,
    Span,
    width_of,
)
from ecl_logging.tools.printable import Ruler

__all__ = [
    "Keyboard",
    "Painter",
    "PlainPainter",
    "RichPainter",
    "is_styled",
    "open_painter",
    "painted",
    "size_of",
]

_FALLBACK = Size(80, 24)  # of a terminal that does not say

# What a VT100 and all that came after it understand.
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_STYLES = {
    PLAIN: "",
    BOLD: "\x1b[1m",
    DIM: "\x1b[2m",
    WARNING: "\x1b[33m",
    ERROR: "\x1b[31m",
    CRITICAL: "\x1b[1;31m",
}
_RICH_STYLES = {WARNING: "yellow", ERROR: "red", CRITICAL: "bold red"}
_NO_STYLE = "\x1b[0m"


class Painter(Protocol):
    """Draws pictures over one another."""

    ruler: Ruler

    def begin(self) -> None:
        """Take the terminal; also again, after `end`."""

    def end(self) -> None:
        """Give the terminal back as it was; also where `begin` has not come to its end."""

    def size(self) -> Size:
        """Return the terminal's size, as it is now."""

    def paint(self, lines: list[Line], size: Size) -> None:
        """Draw lines that fit into this size."""


def open_painter(stream: TextIO) -> Painter | None:
    """Return a painter for the stream; None where nothing can be drawn."""
    if not _takes_sequences(stream):
        return None
    styled = _wants_styles()
    try:
        return RichPainter(stream, styled=styled)
    except ImportError:
        # The console of Windows may show the escape sequences themselves.
        return None if os.name == "nt" else PlainPainter(stream, styled=styled)


def _takes_sequences(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def _wants_styles() -> bool:
    return not os.environ.get("NO_COLOR")


def is_styled(stream: TextIO) -> bool:
    """Whether what is written there, line by line, may have styles."""
    # The console of Windows may show the escape sequences themselves.
    return os.name != "nt" and _takes_sequences(stream) and _wants_styles()


def painted(span: Span) -> str:
    """Return the text with the escape sequences of its style."""
    style = _STYLES[span.style]
    return f"{style}{span.text}{_NO_STYLE}" if style else span.text


def size_of(stream: TextIO) -> Size:
    """Return the size of the stream's terminal; a usual one where it does not say."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except OSError:
        return _FALLBACK
    return Size(columns or _FALLBACK.columns, rows or _FALLBACK.rows)


class Keyboard:
    """A terminal's keyboard: while it is silent, keys that are pressed show nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        """Without a terminal at the other end of the stream, nothing is done."""
        self._stream = stream
        self._before: list[Any] | None = None

    def silence(self) -> None:
        """Let keys not be shown; Ctrl-C and Ctrl-Z stay signals."""
        if os.name != "posix" or self._stream is None or not self._stream.isatty():
            return
        import termios

        self._before = termios.tcgetattr(self._stream)
        attributes = self._before.copy()
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self._stream, termios.TCSANOW, attributes)

    def restore(self) -> None:
        """Have it as it was; what was typed meanwhile is no command for the shell."""
        if self._stream is None or self._before is None:
            return
        import termios

        termios.tcsetattr(self._stream, termios.TCSAFLUSH, self._before)
        self._before = None


class PlainPainter:
    """Draws with escape sequences."""

    def __init__(self, stream: TextIO, *, styled: bool) -> None:
        self._stream = stream
        self._styled = styled
        self.ruler = Ruler(stream.encoding or "utf-8")

    def begin(self) -> None:
        self._write(_OTHER_SCREEN + _HIDE_CURSOR + _NO_WRAP)

    def end(self) -> None:
        self._write(_NO_STYLE + _WRAP + _SHOW_CURSOR + _FIRST_SCREEN)

    def size(self) -> Size:
        return size_of(self._stream)

    def paint(self, lines: list[Line], size: Size) -> None:
        rest = "" if len(lines) >= size.rows else "\n" + _CLEAR_BELOW
        self._write(_HOME + "\n".join(self._painted(line, size) for line in lines) + rest)

    def _painted(self, line: Line, size: Size) -> str:
        text = "".join(painted(span) if self._styled else span.text for span in line)
        # Behind a full line the cursor stands on its last character, which would be cleared.
        is_full = width_of(line, self.ruler) >= size.columns
        return text if is_full else text + _CLEAR_LINE

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class RichPainter:
    """Draws with rich. Raises ImportError where that is not installed."""

    def __init__(self, stream: TextIO, *, styled: bool) -> None:
        from rich.cells import cell_len
        from rich.console import Console
        from rich.live import Live

        self._stream = stream
        self._styled = styled
        self._console = Console(
            file=stream,
            force_terminal=True,
            force_interactive=True,
            no_color=not styled,
            highlight=False,
            markup=False,
        )
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.ruler = Ruler(stream.encoding or "utf-8", cell_len)

    def begin(self) -> None:
        pass  # with the first picture, and not with an empty one

    def end(self) -> None:
        self._live.stop()

    def size(self) -> Size:
        return size_of(self._stream)

    def paint(self, lines: list[Line], size: Size) -> None:
        from rich.console import ConsoleDimensions
        from rich.text import Text

        self._console.size = ConsoleDimensions(size.columns, size.rows)
        text = Text(no_wrap=True, overflow="crop")
        for number, line in enumerate(lines):
            text.append("\n" if number else "")
            for span in line:
                text.append(span.text, style=self._style(span.style))
        self._live.update(text)
        if not self._live.is_started:
            self._live.start()
        self._live.refresh()

    def _style(self, style: str) -> str:
        if not self._styled or style == PLAIN:
            return ""
        return _RICH_STYLES.get(style, style)
