"""SchemaProcessor: structlog's event dict becomes an event."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from ecl_logging.errors import EventError
from ecl_logging.events.calls import channel_of, event_of_call
from ecl_logging.events.envelope import as_event, new_event
from ecl_logging.events.event_messages import EventMessage, is_like_event
from ecl_logging.events.log_payloads import log_payload

__all__ = ["SchemaProcessor", "to_record"]


class SchemaProcessor:
    """Makes an event of an event dict, in any chain of structlog's processors.

    ::

        structlog.configure(processors=[SchemaProcessor(), structlog.processors.JSONRenderer()])

    What stands behind it gets a dict with `schema`, `header` and `payload`. An event stays what it
    is. For loggers of the standard library, `to_record` stands at the end. Thread safe.
    """

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Return the event. Never raises."""
        try:
            if is_like_event(event_dict):
                return event_dict
            name = event_dict.get("logger")
            if type(name) is not str:
                name = getattr(logger, "name", None)
            return event_of_call(name if type(name) is str else None, method_name, event_dict)
        except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
            return _in_its_place(error)


def _in_its_place(error: Exception) -> EventMessage:
    problem = str(error) if type(error) is EventError else f"raised {type(error).__name__}"
    payload = log_payload("a log call whose event cannot be made", "error", problem=problem)
    return EventMessage(new_event(payload, channel_of("ecl_logging", "events")))


def to_record(
    _logger: Any, _method_name: str, event: Mapping[str, Any]
) -> tuple[tuple[EventMessage], dict[str, Any]]:
    """Hand an event to the standard library, as the last processor of a chain that ends there.

    The record has it as its `msg`, whose text is JSON; and as `channel` and `cls_type` those two,
    for filters and formats. The exception of the call is the record's. Never raises.
    """
    if isinstance(event, EventMessage):
        message = event
    else:
        try:
            message = EventMessage(as_event(event))
        except Exception as error:  # noqa: BLE001 - the program's own objects can raise anything
            message = _in_its_place(error)
    call, message.call = message.call, {}
    extra = {"channel": message["header"]["channel"], "cls_type": message["payload"]["cls_type"]}
    return (message,), {**call, "extra": extra}
