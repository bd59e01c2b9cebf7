"""The application layer of an event: its payload, told apart by `cls_type`.

`log` and `metrics` are known, and checked; further keys in them are allowed. Any other type
is between those who publish it and those who consume it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ecl_logging.errors import EventError
from ecl_logging.events.needed import msgspec
from ecl_logging.events.wording import expected_at, told

__all__ = [
    "KNOWN_PAYLOADS",
    "MAX_CLS_TYPE",
    "LogPayload",
    "Metric",
    "MetricsPayload",
    "check_payload",
]

MAX_CLS_TYPE = 200  # characters


class LogPayload(msgspec.Struct, tag_field="cls_type", tag="log"):
    """What a log call said."""

    message: str
    severity: Literal["debug", "info", "warning", "error", "critical"]
    exc_text: str | None = None
    fields: dict[str, Any] | None = None  # what the call had beside


class Metric(msgspec.Struct):
    """One of the values of a MetricsPayload."""

    name: str
    value: int | float


class MetricsPayload(msgspec.Struct, tag_field="cls_type", tag="metrics"):
    """Numbers, each with a name."""

    values: list[Metric]


KNOWN_PAYLOADS: Mapping[str, type[msgspec.Struct]] = {
    "log": LogPayload,
    "metrics": MetricsPayload,
}


def check_payload(payload: Mapping[str, Any]) -> None:
    """Raise EventError for a payload of plain values that is none, or not what its type says."""
    cls_type = payload.get("cls_type")
    if not isinstance(cls_type, str) or not 1 <= len(cls_type) <= MAX_CLS_TYPE:
        raise EventError(expected_at("payload.cls_type", is_missing="cls_type" not in payload))
    known = KNOWN_PAYLOADS.get(cls_type)
    if known is not None:
        try:
            msgspec.convert(payload, known)
        except msgspec.ValidationError as error:
            raise EventError(told(error, "payload")) from None
