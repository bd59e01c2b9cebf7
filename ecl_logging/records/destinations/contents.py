"""What is in an entry, as databases and readers of JSON take it: no text in it is refused."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from ecl_logging.records.rendering.captured import restored
from ecl_logging.stores.keeping import Entry

__all__ = ["UNREADABLE", "document_of", "fields_of", "moment", "number_or_none", "text_of"]

UNREADABLE = "unreadable"
"""Under this key stands what should have been a record and is none."""

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_MOST_BITS = 64


def fields_of(entry: Entry) -> dict[str, Any]:
    """Return the attributes of the record, `message` and `exc_text` among them.

    What is no record has its text as the message.
    """
    try:
        return restored(entry.record)
    except Exception:  # noqa: BLE001 - whatever is in it, it must not hold up the others
        return {"message": entry.record, UNREADABLE: entry.record}


def document_of(entry: Entry, *, nul: str = "\0") -> dict[str, Any]:
    """Return the record as it was kept, of what JSON has and UTF-8 can hold.

    `nul` is what stands for each NUL character, in text: not every database takes one.
    """
    try:
        document = _plain(json.loads(entry.record), nul)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {UNREADABLE: text_of(entry.record, nul=nul)}
    return document


def _plain(value: Any, nul: str) -> Any:
    if isinstance(value, str):
        return text_of(value, nul=nul)
    if isinstance(value, dict):
        return {text_of(key, nul=nul): _plain(one, nul) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, nul) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # Python's JSON has it, nobody else's
    return value


def text_of(value: object, *, nul: str = "\0", limit: int | None = None) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair is escaped."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="backslashreplace").decode()
    return text if nul == "\0" else text.replace("\0", nul)


def number_or_none(value: object, *, bits: int = _MOST_BITS) -> int | None:
    """Return a whole number that a signed cell of so many bits holds; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None


def moment(seconds: float) -> datetime:
    """Return a Unix time in UTC; what lies beyond a calendar is its first day or its last."""
    try:
        return min(max(datetime.fromtimestamp(seconds, UTC), _EARLIEST), _LATEST)
    except (ValueError, OverflowError, OSError):
        return _EARLIEST if seconds < 0 else _LATEST
