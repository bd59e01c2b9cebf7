"""Messages as programs send them to a store, from what was said at which time."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from ecl_logging.stores.keeping import HOUR, Keeper, Said
from tests.stores.saying import MessageProgram, line


class Program:
    """Says messages to a store, each call one batch."""

    def __init__(self, store: object, **options: Any) -> None:
        """`options` are those of a batch: `recent`, `max_messages`."""
        self._program = MessageProgram(cast(Keeper, store).messages, uuid.uuid4().hex)
        self._options = options

    def say(self, name: str, severity: str, *messages: str, at: float, times: int = 1) -> None:
        """Say each of these so many times, at one time."""
        self.say_all([(at, name, severity, message) for message in messages] * times)

    def say_all(self, messages: Iterable[tuple[float, str, str, str]]) -> None:
        """Say messages, given as time, logger, severity and message."""
        lines: dict[tuple[str, str], list[str]] = {}
        counts: dict[tuple[str, str], dict[int, Counter[str]]] = {}
        for at, name, severity, message in messages:
            lines.setdefault((name, severity), []).append(line(message, at))
            hours = counts.setdefault((name, severity), {})
            hours.setdefault(int(at // HOUR) * HOUR, Counter())[message] += 1
        said = [Said(*who, tuple(lines[who]), counts[who]) for who in lines]
        self._program.say(*said, **self._options)

    def put_lines(self, name: str, severity: str, *lines: str) -> None:
        """Store lines as they are, as other programs do; the oldest first."""
        self._program.say(Said(name, severity, lines), **self._options)
