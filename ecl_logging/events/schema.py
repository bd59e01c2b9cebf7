"""The schema of events as a document, for programs that are not written in Python."""

from __future__ import annotations

from typing import Any

from ecl_logging.events.envelope import SCHEMA_VERSION, Event
from ecl_logging.events.needed import msgspec
from ecl_logging.events.payloads import KNOWN_PAYLOADS, MAX_CLS_TYPE

__all__ = ["json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of both layers of an event.

    Payloads of known types are described; those of any other type are open, as are further keys.
    """
    types = (Event, *KNOWN_PAYLOADS.values())
    _, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    parts["Event"]["properties"]["payload"] = {"$ref": "#/$defs/Payload"}
    parts["Header"]["properties"]["timestamp"]["format"] = "date-time"
    parts["Payload"] = {
        "title": "Payload",
        "description": "What the event is about, told apart by cls_type.",
        "type": "object",
        "properties": {"cls_type": {"type": "string", "minLength": 1, "maxLength": MAX_CLS_TYPE}},
        "required": ["cls_type"],
        "allOf": [
            {
                "if": {"properties": {"cls_type": {"const": cls_type}}},
                "then": {"$ref": f"#/$defs/{payload.__name__}"},
            }
            for cls_type, payload in KNOWN_PAYLOADS.items()
        ],
    }
    return {
        "$schema": _DIALECT,
        "title": f"Event, schema {SCHEMA_VERSION}",
        "$ref": "#/$defs/Event",
        "$defs": dict(sorted(parts.items())),
    }
