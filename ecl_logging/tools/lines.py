"""Lines of styled text, of which every picture on a terminal is made, and those at its top."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ecl_logging.tools.printable import Ruler

__all__ = [
    "BOLD",
    "CRITICAL",
    "DIM",
    "ERROR",
    "PLAIN",
    "WARNING",
    "Frame",
    "Line",
    "Size",
    "Span",
    "cut",
    "framed",
    "width_of",
]

PLAIN, BOLD, DIM = "plain", "bold", "dim"
WARNING, ERROR, CRITICAL = "warning", "error", "critical"

_END = "Ctrl-C ends"
_LEAST_FOR_BODY = 5  # lines


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, with its style."""

    text: str
    style: str = PLAIN


Line: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal."""

    columns: int
    rows: int


def width_of(line: Line, ruler: Ruler) -> int:
    """Return how many columns the line takes."""
    return sum(ruler.measure(span.text) for span in line)


def cut(lines: list[Line], rows: int) -> list[Line]:
    """Return so many of the lines; the last one says how many others there are."""
    hidden = len(lines) - rows
    if hidden <= 0:
        return lines
    return [*lines[: max(0, rows - 1)], (Span(f"... and {hidden + 1} more", DIM),)]


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a picture."""

    store: str  # its name, secrets masked
    time: str
    trouble: str | None = None  # why what is shown is older


def framed(
    body: Callable[[int], list[Line]],
    notes: Sequence[str],
    frame: Frame,
    size: Size,
    ruler: Ruler,
) -> list[Line]:
    """Return the lines of one picture: no more than fit, and none that is too wide.

    At the top stand the store's name, the time, and the trouble if there is some; at the bottom
    the notes; between them what `body` returns for so many lines.
    """
    top = [_header(frame, size, ruler)]
    if frame.trouble is not None:
        top.append((Span(ruler.printed(frame.trouble), WARNING),))
    # A note is worth less than the body: in a low terminal it goes first.
    bottom: list[Line] = [(Span(ruler.printed(note), DIM),) for note in notes]
    bottom = [(), *bottom][: max(0, size.rows - len(top) - _LEAST_FOR_BODY)] if bottom else []
    lines = [*top, *body(size.rows - len(top) - len(bottom)), *bottom][: size.rows]
    return [_cropped(line, size.columns, ruler) for line in lines]


def _header(frame: Frame, size: Size, ruler: Ruler) -> Line:
    right = f"{frame.time}  {_END}"
    room = size.columns - len(right) - 2
    left = ruler.shortened(ruler.printed(frame.store), room)
    return (Span(ruler.left(left, room), BOLD), Span("  "), Span(right, DIM))


def _cropped(line: Line, columns: int, ruler: Ruler) -> Line:
    """Return the line cut to so many columns; an ellipsis says that something is cut."""
    if width_of(line, ruler) <= columns:
        return line
    kept: list[Span] = []
    for span in line:
        left = columns - width_of(tuple(kept), ruler)
        if ruler.measure(span.text) >= left:
            kept.append(Span(ruler.shortened(span.text + " " * left, left), span.style))
            break
        kept.append(span)
    return tuple(kept)
