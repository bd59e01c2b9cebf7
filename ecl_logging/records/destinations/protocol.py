"""What a place for gathered records is, and what it says to those it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ecl_logging.stores.keeping import Entry

__all__ = ["Destination", "Refused", "Stored"]


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that the destination will never take, for what is in it."""

    entry: Entry
    reason: str  # one line, without passwords


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the entries: all that are not refused are stored, now or before."""

    refused: tuple[Refused, ...] = ()


class Destination(Protocol):
    """A slower place for records, which `ecl-gather` moves them to.

    The methods raise StoreUnavailable where trying again may help, StoreError where it will not,
    and nothing else but BrokenPipeError where the reader of stdout has gone. Not thread safe.
    """

    @property
    def shown(self) -> str:
        """How messages name it: secrets masked."""

    def open(self) -> None:
        """Be ready to store: there, reached, and nobody else's. May be called at any time.

        Nothing is claimed before that, which would wait for nothing, out of others' reach.
        """

    def store(self, entries: Sequence[Entry]) -> Stored:
        """Have these entries where the end of a process does not lose them.

        What raised may have been stored, whole or in part; it is given again, as it was. A kind
        of destination says whether an ID that was stored before is stored again.
        """

    def acknowledged(self, ids: Sequence[str]) -> None:
        """Take note that the store has forgotten these entries. Does no I/O, never raises."""

    def tidy(self) -> None:
        """Forget what is not needed any more, where that is due."""

    def close(self) -> None:
        """Let go of files and connections. Never raises; nothing is stored after it."""
