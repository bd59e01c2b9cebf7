"""Events and payloads for tests."""

from __future__ import annotations

from typing import Any

METRICS = {
    "cls_type": "metrics",
    "values": [{"name": "total", "value": 123}, {"name": "succeeded", "value": 45.6}],
}
LOG = {"cls_type": "log", "message": "it rains", "severity": "info", "exc_text": None}


def event_with(**parts: Any) -> dict[str, Any]:
    """Return an event as another program may have written it, with some parts set."""
    return {
        "schema": "0.0.1",
        "header": {"id": "LG1", "channel": "a.b", "timestamp": "2015-02-04T09:15:00+00:00"},
        "payload": {"cls_type": "order", "n": 5},
        **parts,
    }


def event_with_header(**fields: Any) -> dict[str, Any]:
    """Return the same with some fields of its header set."""
    event = event_with()
    event["header"] |= fields
    return event


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return an event without what is at a path."""
    holder = event
    for name in names[:-1]:
        holder = holder[name]
    del holder[names[-1]]
    return event
