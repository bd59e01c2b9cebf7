"""A captured record within the bytes that it may have."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from ecl_logging.records.rendering.cutting import cut, cut_middle

__all__ = ["MAX_RECORD", "dumped", "shortened", "size_of"]

MAX_RECORD = 64 * 1024
"""Bytes of UTF-8 that a record may take."""

# Bytes of JSON, when not everything fits. `msg` and `message` may both be as long.
_OF_MESSAGE = 10 * 1024
_OF_TRACEBACK = 24 * 1024
_OF_LOGGING = 512  # each of the others that logging sets
_OF_EXTRA = 1024
_OF_NOTE = 512
_MARGIN = 512

dumped = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode


def size_of(text: str) -> int:
    """Bytes of the text as UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def shortened(captured: dict[str, object], of_logging: Collection[str]) -> dict[str, object]:
    """Return a copy that fits, of a record that does not."""
    kept = {name: _short(captured[name], _OF_LOGGING) for name in captured if name in of_logging}
    kept["created"] = captured["created"]
    message = _fitted(str(captured["message"]), _OF_MESSAGE, cut)
    kept["message"] = kept["msg"] = message
    kept["args"] = []
    if message == captured["message"] and _size(captured["msg"], captured["args"]) <= _OF_MESSAGE:
        kept["msg"], kept["args"] = captured["msg"], captured["args"]
    if isinstance(captured["exc_text"], str):
        kept["exc_text"] = _fitted(captured["exc_text"], _OF_TRACEBACK, cut_middle)
    left = MAX_RECORD - _size(kept) - _OF_NOTE - _MARGIN
    extras = {
        name: _short(value, _OF_EXTRA) for name, value in captured.items() if name not in of_logging
    }
    sizes = {name: _size(name, extras[name]) + 2 for name in extras}
    for name in sorted(extras, key=sizes.__getitem__):
        if sizes[name] > left:
            break
        left -= sizes[name]
        kept[name] = extras[name]
    lost = ", ".join(name for name in extras if name not in kept)
    if lost:
        kept["not_kept"] = _fitted(lost, _OF_NOTE, cut)
    return kept


def _short(value: object, most: int) -> object:
    """Return a value that takes at most so many bytes of JSON; a text instead of a large one."""
    if isinstance(value, str):
        return _fitted(value, most, cut)
    return value if _size(value) <= most else _fitted(dumped(value), most, cut)


def _size(*values: object) -> int:
    return sum(size_of(dumped(value)) for value in values)


def _fitted(text: str, most: int, cut: Callable[[str, int], str]) -> str:
    """Return as much of the text as takes at most so many bytes of JSON."""
    fitted = text
    while (size := _size(fitted)) > most:
        fitted = cut(text, min(len(fitted) - 1, len(fitted) * most // size))
    return fitted
