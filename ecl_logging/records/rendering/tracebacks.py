"""Tracebacks as text, of exceptions that may be anything."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from ecl_logging.records.rendering.classes import MISSING, attribute_of, is_a, name_of
from ecl_logging.records.rendering.known import classes_asked, is_known_exception, is_short
from ecl_logging.records.rendering.telling import UNFIT, Teller, Untold

__all__ = ["traceback_of"]

_MOST_EXCEPTIONS = 100

# The traceback looks for names that are similar, in objects of the program's.
_WITH_SUGGESTIONS = (AttributeError, NameError, ImportError)

_formatter = logging.Formatter()
_cause = vars(BaseException)["__cause__"].__get__
_context = vars(BaseException)["__context__"].__get__
_object = vars(AttributeError)["obj"].__get__


def traceback_of(exc_info: Any, teller: Teller) -> str:
    """Return it as logging formats it, or without the texts of exceptions that give none."""
    if type(exc_info) is not tuple or len(exc_info) != 3:
        return teller.text(exc_info)
    if not is_a(type(exc_info[1]), BaseException) and exc_info[1] is not None:
        return teller.text(exc_info[1])
    text = _as_logging_has_it(exc_info, teller)
    return _of_frames(exc_info, teller) if text is None else text


def _as_logging_has_it(exc_info: Any, teller: Teller) -> str | None:
    strange = list(_strange(exc_info[1]))
    try:
        if not strange:
            return _formatter.formatException(exc_info)
        classes = [kind for one in strange for kind in classes_asked(one)]
        text = teller.ask(strange[0], lambda _: _formatter.formatException(exc_info), classes)
    except UNFIT:
        return None
    return None if type(text) is Untold or not is_a(type(text), str) else str.__str__(text)


def _strange(error: Any) -> Iterator[object]:
    """Yield those whose code a traceback may run; of a chain, one by one."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if len(seen) > _MOST_EXCEPTIONS:
            yield one
            return
        if not _is_plain(one):
            yield one
        if is_a(type(one), AttributeError) and not is_short(_object(one)):
            yield _object(one)
        waiting += [_cause(one), _context(one)]


def _is_plain(error: Any) -> bool:
    kind = type(error)
    if not is_known_exception(error) or is_a(kind, BaseExceptionGroup):
        return False
    if attribute_of(kind, "__getattribute__") is not BaseException.__getattribute__:
        return False
    if attribute_of(kind, "__getattr__") is not MISSING:
        return False
    if attribute_of(kind, "__notes__") is not MISSING or type(kind.__module__) is not str:
        return False
    if any(is_a(kind, one) for one in (*_WITH_SUGGESTIONS, SyntaxError)):
        return False
    notes = vars(error).get("__notes__", ())
    return (type(notes) is list or type(notes) is tuple) and all(is_short(note) for note in notes)


def _of_frames(exc_info: Any, teller: Teller) -> str:
    """Return the traceback of the last exception, with its text if it has one."""
    lines = []
    if type(exc_info[2]) is TracebackType:
        lines = ["Traceback (most recent call last):\n", *_frames(exc_info[2])]
    kind = type(exc_info[1])
    return "".join(lines) + f"{name_of(kind)}: {teller.text(exc_info[1])}"


def _frames(frames: TracebackType) -> list[str]:
    try:
        return traceback.format_tb(frames)
    except UNFIT:
        return ["  ...\n"]
