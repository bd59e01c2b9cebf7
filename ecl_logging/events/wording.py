"""How problems of events are told: where, and what would be right there, in one short line."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["expected_at", "place", "told"]

_MOST = 60  # characters of a place
_MISSING = re.compile(r"missing required field `([^`]+)`")
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_INDEX = re.compile(r"\[[^\]]*\]")

_EXPECTED = {
    "": "an object",
    "schema": "a version, such as '0.1.0'",
    "header": "an object",
    "header.id": "a text of 3 to 200 characters that begins with LG and has no spaces",
    "header.channel": "a text of 1 to 500 characters",
    "header.timestamp": "a time, such as 2026-11-28T12:00:00Z",
    "header.composition": "true or false",
    "header.context": "an object",
    "header.context.fqdn": "a text",
    "header.context.application": "a text",
    "header.context.application_version": "a text",
    "header.deliveries": "a whole number, 0 or more",
    "payload": "an object",
    "payload.cls_type": "a text of 1 to 200 characters",
    "payload.message": "a text",
    "payload.severity": "debug, info, warning, error or critical",
    "payload.exc_text": "a text",
    "payload.fields": "an object",
    "payload.values": "a list of objects with name and value",
    "payload.values[]": "an object with name and value",
    "payload.values[].name": "a text",
    "payload.values[].value": "a number",
}


def expected_at(where: str, *, is_missing: bool = False) -> str:
    """Return that something else belongs there."""
    what = _EXPECTED.get(_INDEX.sub("[]", where), "something else")
    missing = "is missing, " if is_missing else ""
    return f"{where or 'the event'}: {missing}expected {what}"


def told(problem: Exception, root: str) -> str:
    """Return what is wrong by msgspec's error, which is about what stands at `root`."""
    text = str(problem)
    missing, at = _MISSING.search(text), _AT.search(text)
    parts = [root, at[1] if at else "", missing[1] if missing else ""]
    return expected_at(".".join(filter(None, parts)), is_missing=bool(missing))


def place(root: str, path: Iterable[object]) -> str:
    """Return a place in an event, such as `payload.values[1].value`."""
    where = root
    for step in path:
        if isinstance(step, int):
            where += f"[{step}]"
        elif isinstance(step, str) and step.isidentifier() and step.isascii():
            where += f".{step[:_MOST]}"
        else:
            where += f"[{ascii(step)[:30]}]"
        if len(where) > _MOST:
            return f"{where[:_MOST]}..."
    return where
