"""Entries as a gatherer gets them."""

from __future__ import annotations

import json
from typing import Any

from ecl_logging.stores.keeping import Entry

SECOND = 1_795_348_860  # 2026-11-22T12:01:00Z


def entry(
    number: int = 1,
    *,
    kind: int = 1,
    second: int = SECOND,
    first: float = 0.25,
    last: float = 0.5,
    repeats: int = 1,
    record: str | None = None,
    **fields: Any,
) -> Entry:
    """An entry; `first` and `last` are fractions of its second, `fields` those of its record."""
    text = json.dumps({"name": "shop", "levelname": "INFO", "levelno": 20} | fields)
    return Entry(
        id=f"id-{number}",
        kind=f"{kind:032x}",
        second=second,
        first=second + first,
        last=second + last,
        repeats=repeats,
        record=text if record is None else record,
    )
