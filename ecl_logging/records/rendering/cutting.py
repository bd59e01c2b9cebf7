"""Texts of a bearable length that every encoding and store can hold."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["CUT", "MAX_TEXT", "MAX_TRACEBACK", "cut", "cut_middle", "tidy"]

MAX_TEXT = 16_384
"""The most characters of a text."""

MAX_TRACEBACK = 65_536
"""The most characters of a traceback; its end is what matters most."""

CUT = "...[cut]"
"""Ends a text that went on."""

_CUT_MIDDLE = "\n...[cut]...\n"


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return at most `limit` characters of the text, from its start."""
    return text if len(text) <= limit else text[: max(0, limit - len(CUT))] + CUT


def cut_middle(text: str, limit: int) -> str:
    """Return at most `limit` characters: a third from the start, the rest from the end."""
    if len(text) <= limit:
        return text
    room = limit - len(_CUT_MIDDLE)
    if room < 2:
        return text[-limit:] if limit > 0 else ""
    return text[: room // 3] + _CUT_MIDDLE + text[-(room - room // 3) :]


def tidy(text: str, limit: int = MAX_TEXT, cut: Callable[[str, int], str] = cut) -> str:
    """Return it cut, and with half characters (lone surrogates) written out."""
    if len(text) > limit:
        text = cut(text, limit)
    return text if text.isascii() else cut(_whole(text), limit)


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
