"""Texts of records: the formatted message, whatever the record holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["message_of"]


def message_of(record: Any) -> str:
    """Return the formatted message of a record. Never raises."""
    message = record.__dict__.get("msg", "")
    if isinstance(message, Mapping):
        for key in ("event", "message"):
            if isinstance(message.get(key), str):
                return str(message[key])
    try:
        return str(record.getMessage())
    except Exception:  # noqa: BLE001 - arguments that do not fit the message, or raise
        try:
            return str(message)
        except Exception:  # noqa: BLE001 - the message itself raises
            return f"a {type(message).__name__} that has no text"
