"""How far a command has come, on a terminal: a bar of rich's, a line without it, else nothing."""

from __future__ import annotations

import os
from typing import Protocol, TextIO

__all__ = ["Progress", "open_progress"]

_CLEAR_LINE = "\r\x1b[K"


class Progress(Protocol):
    """Shows how much is done, in one line that is drawn over. Not thread safe."""

    is_shown: bool

    def show(self, done: int, left: int, text: str) -> None:
        """Draw it: `done` of `done + left`, and what is to be said of it."""

    def close(self) -> None:
        """Take the line away; it comes back when it is drawn again."""


def open_progress(stream: TextIO | None, *, is_wanted: bool = True) -> Progress:
    """Return what fits the stream."""
    is_dumb = os.environ.get("TERM", "").lower() in {"dumb", "unknown"}
    if stream is None or not is_wanted or is_dumb or not stream.isatty():
        return _NoProgress()
    try:
        return _Bar(stream)
    except ImportError:
        # The console of Windows may show the escape sequences themselves.
        return _NoProgress() if os.name == "nt" else _Line(stream)


class _NoProgress:
    is_shown = False

    def show(self, done: int, left: int, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class _Line:
    """Drawn with escape sequences."""

    is_shown = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def show(self, done: int, left: int, text: str) -> None:
        if text != self._shown:
            self._shown = text
            columns = _columns(self._stream)
            self._write(_CLEAR_LINE + text[: columns - 1])

    def close(self) -> None:
        if self._shown:
            self._shown = ""
            self._write(_CLEAR_LINE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


class _Bar:
    """Drawn by rich. Raises ImportError where that is not installed."""

    is_shown = True

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=stream, highlight=False, markup=False),
            auto_refresh=False,
            transient=True,  # the summary stays
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None)
        self._shown: tuple[int, int, str] | None = None

    def show(self, done: int, left: int, text: str) -> None:
        if (done, left, text) == self._shown:
            return
        self._shown = (done, left, text)
        if not self._bar.live.is_started:
            self._bar.start()
        total = done + left
        self._bar.update(self._task, completed=done, total=total or None, description=text)
        self._bar.refresh()

    def close(self) -> None:
        self._shown = None
        self._bar.stop()
