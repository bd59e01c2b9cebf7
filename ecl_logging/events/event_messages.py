"""EventMessage: an event on its way through a program's logging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecl_logging.errors import EventError
from ecl_logging.events.envelope import encode

__all__ = ["EventMessage", "is_like_event"]


class EventMessage(dict[str, Any]):
    """An event as a plain dict, whose text is the event as one line of JSON.

    So a handler that knows nothing of events writes it as JSON, and one that looks has it whole.
    `call`: what the log call had for the standard library: exc_info, stack_info, stacklevel.
    """

    def __init__(self, event: Mapping[str, Any], call: Mapping[str, Any] | None = None) -> None:
        """Take an event as it is, and what the call had."""
        super().__init__(event)
        self.call: Mapping[str, Any] = call or {}

    def __str__(self) -> str:
        try:
            return encode(self)
        except EventError:  # somebody has put into it what JSON does not have
            return dict.__repr__(self)

    def __reduce__(self) -> tuple[type[EventMessage], tuple[dict[str, Any]]]:
        # To another process an exception cannot go.
        return EventMessage, (dict(self),)


def is_like_event(message: Mapping[str, Any]) -> bool:
    """Whether a mapping has the parts of an event, and no `event` as structlog's have."""
    return (
        "header" in message
        and "payload" in message
        and "schema" in message
        and "event" not in message
    )
