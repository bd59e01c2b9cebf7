"""Watching: what was read, again and again, as a live table or as one text after the other."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Generic, Protocol, TextIO, TypeAlias, TypeVar

from ecl_logging.errors import EclError, StoreError
from ecl_logging.outage import Outage
from ecl_logging.tools.lines import Frame, Line, Size
from ecl_logging.tools.moments import Moment
from ecl_logging.tools.painters import Keyboard, Painter
from ecl_logging.tools.printable import Ruler

__all__ = ["TERMINATED", "Display", "LiveTable", "Stream", "watch"]

TERMINATED = 143
"""The exit status after SIGTERM, as a shell says it."""

_LONGEST_WAIT = 86400.0  # seconds; systems take no time that is much longer

_Handler: TypeAlias = Callable[[int, FrameType | None], object] | signal.Handlers


class Reading(Protocol):
    """What is read each time."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said beside it."""


_Reading = TypeVar("_Reading", bound=Reading)
_Shown = TypeVar("_Shown", bound=Reading, contravariant=True)  # noqa: PLC0105 - as above


class _Terminated(BaseException):
    """SIGTERM came. As KeyboardInterrupt, it must get through whatever is under way."""


class Display(Protocol[_Shown]):
    """Shows each reading, and waits for the next one."""

    def shown(self) -> contextlib.AbstractContextManager[None]:
        """Have what it is shown on; at the end that is as it was."""

    def show(self, reading: _Shown, error: EclError | None) -> None:
        """Show what was read; with an error, it is what was read before the store went away."""

    def wait(self, seconds: float) -> None:
        """Wait until it is time to read again."""


def watch(read: Callable[[], _Reading], display: Display[_Reading], seconds: float) -> int:
    """Read and show, until a signal ends it; return the exit status.

    What was asked wrongly shows in the first reading, so its errors are raised. Those that come
    later are shown, and pass: the store comes back.
    """
    try:
        with _handled("SIGTERM", _terminate):
            reading, error = read(), None
            with display.shown():
                while True:
                    display.show(reading, error)
                    display.wait(seconds)
                    try:
                        reading, error = read(), None
                    except EclError as problem:
                        error = problem
    except _Terminated:
        return TERMINATED


def _terminate(*_: object) -> None:
    raise _Terminated


@contextlib.contextmanager
def _handled(name: str, handler: _Handler) -> Iterator[None]:
    """Have a signal handled so, where there is such a signal and it can be handled."""
    number = getattr(signal, name, None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before or signal.SIG_DFL)  # None: set by other than Python


class LiveTable(Generic[_Reading]):
    """A table on a terminal, which follows its size."""

    def __init__(
        self,
        painter: Painter,
        picture: Callable[[_Reading, Frame, Size, Ruler], list[Line]],
        *,
        store: str,
        moment: Moment,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._painter = painter
        self._keyboard = Keyboard(sys.stdin)
        self._picture = picture
        self._store = store
        self._moment = moment
        self._clock = clock
        self._read_at = ""
        self._paint: Callable[[], None] = lambda: None
        # What signals ask for. Their handlers come into the midst of anything, also of drawing.
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with (
            _handled("SIGWINCH", lambda *_: self._asked.put(self._paint_again)),
            _handled("SIGTSTP", lambda *_: self._asked.put(self._suspend)),
        ):
            try:
                self._take_terminal()
                yield
            finally:
                # A second Ctrl-C must not leave the terminal as it is.
                with _handled("SIGINT", _ignore), _handled("SIGTERM", _ignore):
                    self._give_terminal_back()

    def show(self, reading: _Reading, error: EclError | None) -> None:
        now = self._moment(self._clock()).partition("T")[2]
        if error is None:
            self._read_at = now
        trouble = f"as of {self._read_at}; trying on: {error}" if error is not None else None

        def paint() -> None:
            size, ruler = self._painter.size(), self._painter.ruler
            frame = Frame(store=self._store, time=now, trouble=trouble)
            self._painter.paint(self._picture(reading, frame, size, ruler), size)

        self._paint = paint
        paint()

    def wait(self, seconds: float) -> None:
        """Wait; where the terminal's size changes meanwhile, draw the picture again."""
        due = time.monotonic() + seconds
        while (left := due - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                self._asked.get(timeout=min(left, threading.TIMEOUT_MAX))()

    def _paint_again(self) -> None:
        self._paint()

    def _suspend(self) -> None:
        """Ctrl-Z: give the terminal back, stop, and go on when the shell says so."""
        self._give_terminal_back()
        with _handled("SIGTSTP", signal.SIG_DFL):
            os.kill(os.getpid(), signal.SIGTSTP)
        self._take_terminal()
        self._paint()

    def _take_terminal(self) -> None:
        self._keyboard.silence()
        self._painter.begin()

    def _give_terminal_back(self) -> None:
        self._painter.end()
        self._keyboard.restore()


def _ignore(*_: object) -> None:
    pass


class Stream(Generic[_Reading]):
    """One text after the other, where there is no terminal."""

    def __init__(
        self, written: Callable[[_Reading], str], tell: Callable[[str], None], *, between: str
    ) -> None:
        """`tell` has a line for the user: of the store, and notes, when they change."""
        self._written = written
        self._tell = tell
        self._between = between
        self._before = ""  # what comes before the next text
        self._told: tuple[str, ...] = ()
        self._outage = Outage("trying on", "watching on", say=tell)

    def shown(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def show(self, reading: _Reading, error: EclError | None) -> None:
        if error is not None:
            self._outage.began(StoreError(str(error)))
        else:
            self._outage.ended()
        self._outage.tell()
        if error is None:
            self._write(self._written(reading))
        if reading.notes != self._told:
            self._told = reading.notes
            for note in reading.notes:
                self._tell(note)

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(self._before + text)
            sys.stdout.flush()
            self._before = self._between

    def wait(self, seconds: float) -> None:
        if _loses_its_reader(sys.stdout, min(seconds, _LONGEST_WAIT)):
            raise BrokenPipeError


def _loses_its_reader(stream: TextIO, seconds: float) -> bool:
    """Wait, at most until nobody reads any more what is written; whether that is so.

    Where nothing is to be written for a long time, an end of the pipe would show in nothing else.
    """
    try:
        number = stream.fileno()
    except OSError:  # no file of the system's
        number = -1
    if number < 0 or not hasattr(select, "poll"):
        time.sleep(seconds)
        return False
    poll = select.poll()
    poll.register(number, 0)  # errors and hang-ups come unasked
    return bool(poll.poll(seconds * 1000))
