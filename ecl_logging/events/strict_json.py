"""Reading JSON that anybody may have written: nothing ambiguous, nothing endless, nothing deep."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

from ecl_logging.errors import EventError
from ecl_logging.events.plain_values import LARGEST_INT, MAX_DEPTH, SMALLEST_INT

__all__ = ["MAX_BYTES", "read_json"]

MAX_BYTES = 2**20
"""So many bytes an event may have as JSON."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def read_json(body: bytes | str) -> Any:
    """Return the value; raise EventError, in one line, for what is not to be read.

    That is more than MAX_BYTES or MAX_DEPTH levels, what is no JSON or not UTF-8, a key that
    comes twice in an object, NaN and infinity, and integers of more than 64 bits.
    """
    text, encoded = _both(body)
    if _depth(encoded) > MAX_DEPTH:
        raise EventError(f"the event: has more than {MAX_DEPTH} levels")
    try:
        return _decoder.decode(text)
    except EventError:
        raise
    except json.JSONDecodeError as error:
        raise EventError(f"the event: is no JSON ({error.msg} at {error.pos})") from None
    except (RecursionError, ValueError) as error:
        raise EventError(f"the event: cannot be read ({type(error).__name__})") from None


def _both(body: bytes | str) -> tuple[str, bytes]:
    """Return the body as a text, and as it is in UTF-8."""
    if len(body) > MAX_BYTES:
        raise EventError(f"the event: has more than {MAX_BYTES} bytes")
    try:
        if isinstance(body, str):
            text, encoded = body, body.encode()
        else:
            encoded = bytes(body)
            text = encoded.decode()
    except UnicodeError:
        raise EventError("the event: is not UTF-8") from None
    if len(encoded) > MAX_BYTES:
        raise EventError(f"the event: has more than {MAX_BYTES} bytes")
    return text, encoded


def _depth(encoded: bytes) -> int:
    """How deep a reader could get, before it finds that something is wrong."""
    if encoded.count(b"[") + encoded.count(b"{") <= MAX_DEPTH:
        return 0
    brackets = _STRING.sub(b"", encoded).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise EventError(f"the event: the key {twice[:50]!a} comes twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 20 or not SMALLEST_INT <= int(text) <= LARGEST_INT:
        raise EventError(f"the event: {text[:30]} is a number of more than 64 bits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise EventError(f"the event: {text[:30]} is too large a number")
    return number


def _constant(text: str) -> NoReturn:
    raise EventError(f"the event: is no JSON ({text})")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
