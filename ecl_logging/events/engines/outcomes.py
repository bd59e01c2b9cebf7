"""Outcomes: what became of the events of an engine, in numbers, and whoever wants to know."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from ecl_logging.events.consumers import Consumer

__all__ = ["Outcomes"]


class Outcomes:
    """How often each thing has happened. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.listen: Callable[[str], object] | None = None
        """Is called with the name of each, in the thread in which it has happened.

        What it raises is passed over: the work of the event is done.
        """

    def counts(self) -> dict[str, int]:
        """Return how often, by name.

        `handled`, `failed`, `unrouted` and `dead_letter` are of events (a failure for each try);
        `NAME:handled` and `NAME:failed` of the consumer of that name.
        """
        with self._lock:
            return dict(self._counts)

    def handled(self, topic: str, consumers: Sequence[Consumer]) -> None:
        """All consumers of an event have done their work."""
        self._note("handled", *(f"{consumer.name}:handled" for consumer in consumers))

    def failed(self, topic: str, consumers: Sequence[Consumer]) -> None:
        """Some consumers of an event have failed."""
        self._note("failed", *(f"{consumer.name}:failed" for consumer in consumers))

    def unrouted(self, topic: str) -> None:
        """An event was for none of the consumers."""
        self._note("unrouted")

    def buried(self, topic: str) -> None:
        """A message went to the dead letters."""
        self._note("dead_letter")

    def _note(self, *names: str) -> None:
        with self._lock:
            self._counts.update(names)
        if self.listen is not None:
            for name in names:
                with contextlib.suppress(Exception):
                    self.listen(name)
