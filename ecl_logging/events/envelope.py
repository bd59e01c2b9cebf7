"""The envelope of an event: the facility layer, which is the same for all of them.

Consumers get plain dicts, which were checked by what stands here: `schema`, `header` and `payload`.
What else an envelope has is kept, so that programs of different versions understand each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from ecl_logging.errors import EventError
from ecl_logging.events.context import current_context
from ecl_logging.events.ids import new_id
from ecl_logging.events.needed import InvalidVersion, Version, msgspec
from ecl_logging.events.payloads import check_payload
from ecl_logging.events.plain_values import Unfit, clean_text, plain
from ecl_logging.events.strict_json import MAX_BYTES, read_json
from ecl_logging.events.wording import expected_at, place, told

__all__ = [
    "MAX_BYTES",
    "MAX_CHANNEL",
    "SCHEMA_VERSION",
    "Context",
    "Event",
    "Header",
    "as_event",
    "checked",
    "encode",
    "new_event",
    "new_log_event",
    "parse",
]

SCHEMA_VERSION = "0.1.0"
"""The version of what is made here."""

_OLDEST, _TOO_NEW = (0, 0, 1), (1,)

MAX_CHANNEL = 500
"""So many characters a channel may have."""

_HEADER_ROOM = 10_000  # more than a header has that is made here
_AT_MOST = 13  # times as much as `plain` reckons an event may take as JSON
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


class Context(msgspec.Struct):
    """Where an event comes from."""

    fqdn: str | None = None
    application: str | None = None
    application_version: str | None = None


class Header(msgspec.Struct):
    """What is known of an event whatever it is about."""

    id: Annotated[str, msgspec.Meta(pattern=r"^LG[!-~]{1,198}$", max_length=200)]
    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHANNEL)]
    timestamp: datetime
    composition: bool | msgspec.UnsetType | None = msgspec.UNSET
    context: Context | msgspec.UnsetType | None = msgspec.UNSET
    # How often it was handed out, this time included: an engine fills it in for consumers.
    deliveries: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET


class Event(msgspec.Struct):
    """An event: what the facility has to know, and the payload, which is the application's."""

    schema: str
    header: Header
    payload: dict[str, Any]


# --- in


def parse(body: bytes | str) -> dict[str, Any]:
    """Return the event that a body is, as a plain dict, once both layers of it are checked.

    Raises EventError, with one line that says where and what, for anything else: whatever comes,
    it takes neither much time nor a deep stack. Of foreign text it has some 100 characters.
    """
    event = read_json(body)
    text = body if isinstance(body, str) else bytes(body).decode()
    if _SURROGATE.search(text):  # the one thing that JSON can write and UTF-8 cannot
        event, _ = plain(event, 16 * MAX_BYTES, depth=1)
    return checked(event)


def checked(event: Any) -> dict[str, Any]:
    """Return the same event, of plain values, if it is one; raise EventError otherwise."""
    try:
        facility = msgspec.convert(event, Event)
    except msgspec.ValidationError as error:
        raise EventError(told(error, "")) from None
    if facility.header.id.endswith("\n"):  # which the pattern's end lets through
        raise EventError(expected_at("header.id"))
    if not _is_known(facility.schema):
        known = f"known: {_dotted(_OLDEST)} and later, below {_dotted((*_TOO_NEW, 0))}"
        raise EventError(f"schema: {ascii(facility.schema)[:50]} is not known here ({known})")
    check_payload(facility.payload)
    return event  # type: ignore[no-any-return]


def as_event(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that a program's mapping is, as a copy in plain values.

    Raises EventError if it is none.
    """
    try:
        return checked(plain(message, MAX_BYTES, depth=1)[0])
    except Unfit as unfit:
        where = place("", reversed(unfit.path)).removeprefix(".") or "the event"
        raise EventError(f"{where}: {unfit.reason}") from None


@lru_cache(maxsize=64)
def _is_known(schema: str) -> bool:
    """Whether its version is one of those that this library understands."""
    if len(schema) > 50:
        return False
    try:
        version = Version(schema)
    except (InvalidVersion, ValueError):
        return False
    return version.epoch == 0 and _OLDEST <= version.release < _TOO_NEW


def _dotted(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))


# --- out


def new_event(
    payload: object,
    channel: str,
    *,
    timestamp: datetime | float | None = None,
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an event with this payload, which is checked and copied.

    `timestamp`: when it happened, as an aware datetime or Unix time; None: now.
    `context`: None for the one that `configure` set; an empty one is left out.
    Raises EventError for a payload that is none, or has what JSON does not have, and for an event
    that would have more than MAX_BYTES. Thread safe.
    """
    channel = clean_text(channel) if isinstance(channel, str) else ""
    if not 1 <= len(channel) <= MAX_CHANNEL:
        raise EventError(expected_at("header.channel"))
    copied, room = _copied(payload, "payload")
    if type(copied) is not dict:
        raise EventError(expected_at("payload"))
    check_payload(copied)
    where = current_context() if context is None else _copied(context, "header.context")[0]
    event = _enveloped(copied, channel, timestamp, where)
    if context is not None:
        checked(event)
    if (MAX_BYTES - room) * _AT_MOST > MAX_BYTES - _HEADER_ROOM or context is not None:
        _check_size(event)
    return event


def new_log_event(
    payload: dict[str, Any], channel: str, timestamp: datetime | float | None = None
) -> dict[str, Any]:
    """Return the event of a payload that `log_payload` has made, on a channel of `channel_of`.

    So there is nothing to check, and nobody else to change it.
    """
    return _enveloped(payload, channel, timestamp, current_context())


def _enveloped(
    payload: dict[str, Any],
    channel: str,
    timestamp: datetime | float | None,
    context: Mapping[str, Any],
) -> dict[str, Any]:
    header: dict[str, Any] = {
        "id": new_id(),
        "channel": channel,
        "timestamp": _written(timestamp),
    }
    if context:
        header["context"] = context
    return {"schema": SCHEMA_VERSION, "header": header, "payload": payload}


def _copied(value: object, root: str) -> tuple[Any, int]:
    try:
        return plain(value, MAX_BYTES)
    except Unfit as unfit:
        raise EventError(f"{place(root, reversed(unfit.path))}: {unfit.reason}") from None


def _check_size(event: Mapping[str, Any]) -> None:
    if len(encode(event).encode()) > MAX_BYTES:
        raise EventError(f"payload: the event would have more than {MAX_BYTES} bytes")


def _written(timestamp: datetime | float | None) -> str:
    """Return a time as it is written: in UTC, with microseconds."""
    try:
        if timestamp is None:
            moment = datetime.now(UTC)
        elif isinstance(timestamp, datetime):
            if timestamp.tzinfo is None:
                raise EventError("header.timestamp: expected a datetime that has a time zone")
            moment = timestamp.astimezone(UTC)
        else:
            moment = datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, OSError, TypeError, ValueError) as error:
        if isinstance(error, EventError):
            raise
        raise EventError(expected_at("header.timestamp")) from None
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def encode(event: Mapping[str, Any]) -> str:
    """Return an event as compact JSON in one line.

    It is ASCII, or where that would make it larger than MAX_BYTES, what UTF-8 has. Raises
    EventError for what is no mapping of plain values.
    """
    try:
        text = msgspec.json.encode(event).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(_copied(event, "event")[0]).decode()
    except Exception as error:  # noqa: BLE001 - whatever a program has put into it
        raise EventError(f"the event: cannot be written ({type(error).__name__})") from None
    if text.isascii():
        return text
    escaped = _NOT_ASCII.sub(lambda run: json.dumps(run[0])[1:-1], text)
    return escaped if len(escaped) <= MAX_BYTES else text
