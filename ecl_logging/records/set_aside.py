"""Entries that a destination will never take: kept in a file, so that they hold up no others."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ecl_logging.addresses import embedded_path
from ecl_logging.errors import StoreError
from ecl_logging.records.destinations.json_lines import JsonLines
from ecl_logging.records.destinations.protocol import Refused

__all__ = ["SetAside"]

_FILE = "refused.jsonl"


class SetAside:
    """A file with a line of JSON for each refused entry, as the destination `jsonl:` has it.

    Any number of gatherers may write to one; each holds it for as long as it writes.
    """

    def __init__(self, path: str | None = None) -> None:
        """Without a path, the file stands beside the embedded store."""
        self._path = path

    def write(self, refused: Sequence[Refused]) -> str:
        """Append these entries, each with the reason; return where to. Raises StoreError."""
        path = self._path or os.path.join(os.path.dirname(embedded_path()), _FILE)
        lines = JsonLines(path, waits=True)
        try:
            if self._path is None:
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            for one in refused:
                lines.store([one.entry], reason=one.reason)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None
        finally:
            lines.close()
        return path
