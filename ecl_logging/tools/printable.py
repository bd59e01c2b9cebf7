"""Text as a terminal shows it: nothing in it drives the terminal, and its columns are known."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Ruler", "columns_of", "printable"]


def printable(text: str) -> str:
    """Return the text with a backslash escape for each character that is not printable.

    What is printable stays as it is, a backslash, too.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a printable text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of_one, text))


def _columns_of_one(character: str) -> int:
    is_joined = "\u1160" <= character <= "\u11ff"  # a Hangul vowel or final: part of its syllable
    if is_joined or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


@dataclass(frozen=True, slots=True)
class Ruler:
    """Fits texts into columns, for an output of this encoding and with this measure."""

    encoding: str = "utf-8"
    measure: Callable[[str], int] = columns_of

    def printed(self, text: str) -> str:
        """Return the text as it comes out: printable, and escaped where the encoding lacks it."""
        return printable(text).encode(self.encoding, "backslashreplace").decode(self.encoding)

    def shortened(self, text: str, width: int) -> str:
        """Return a printable text of `width` columns at most, with an ellipsis where it is cut."""
        if self.measure(text) <= width:
            return text
        ellipsis = self.printed("…")
        ellipsis = ellipsis if len(ellipsis) == 1 else "~"
        cut = min(len(text), max(0, width))
        while cut and self.measure(text[:cut]) + 1 > width:
            cut -= 1
        return text[:cut] + ellipsis if width > 0 else ""

    def left(self, text: str, width: int) -> str:
        """Return the text at the left of so many columns; longer ones stay whole."""
        return text + " " * (width - self.measure(text))

    def right(self, text: str, width: int) -> str:
        """Return the text at the right of so many columns; longer ones stay whole."""
        return " " * (width - self.measure(text)) + text

    def table(self, rows: list[list[str]], left: int) -> list[str]:
        """Return the rows with their columns aligned, the first `left` of them to the left."""
        widths = [max(map(self.measure, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(self._cells(row, widths, left)).rstrip() for row in rows]

    def _cells(self, row: list[str], widths: list[int], left: int) -> list[str]:
        return [
            self.left(text, width) if number < left else self.right(text, width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
