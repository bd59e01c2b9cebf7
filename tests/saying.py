"""Messages as programs send them to a store."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from ecl_logging.stores.keeping import HOUR, MAX_MESSAGES, MAX_RECENT, Keeper, MessageBatch, Said


@dataclass
class Program:
    """Says messages to a store, each call one batch."""

    store: object
    recent: int = MAX_RECENT
    max_messages: int = MAX_MESSAGES
    _source: str = field(default_factory=lambda: uuid.uuid4().hex)
    _number: int = 0
    _total: int = 0

    def say(self, name: str, severity: str, *messages: str, at: float, times: int = 1) -> None:
        """Say each of these so many times, at one time."""
        self.say_all([(at, name, severity, message) for message in messages] * times)

    def say_all(self, messages: Iterable[tuple[float, str, str, str]]) -> None:
        """Say messages, given as time, logger, severity and message."""
        lines: dict[tuple[str, str], list[str]] = {}
        counts: dict[tuple[str, str], dict[int, Counter[str]]] = {}
        for at, name, severity, message in messages:
            lines.setdefault((name, severity), []).append(f"{iso(at)} {message}")
            hours = counts.setdefault((name, severity), {})
            hours.setdefault(int(at // HOUR) * HOUR, Counter())[message] += 1
        self._send([Said(*who, tuple(lines[who]), counts[who]) for who in lines])

    def put_lines(self, name: str, severity: str, *lines: str) -> None:
        """Store lines as they are, as other programs do; the oldest first."""
        self._send([Said(name, severity, lines)])

    def _send(self, said: list[Said]) -> None:
        self._number += 1
        self._total += sum(max(len(one.lines), _sum(one)) for one in said)
        receipt = cast(Keeper, self.store).messages.say(
            MessageBatch(
                self._source,
                self._number,
                self._total,
                tuple(said),
                recent=self.recent,
                max_messages=self.max_messages,
            )
        )
        assert receipt.status == "applied", receipt


def _sum(said: Said) -> int:
    return sum(sum(counts.values()) for counts in said.counts.values())


def iso(at: float) -> str:
    """A time as it stands before the messages of a store."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
