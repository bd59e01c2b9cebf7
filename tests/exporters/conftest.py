"""A listener in place of carbon, and a store whose clock a test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging.exporters.graphite import GraphitePusher
from ecl_logging.exporters.graphite.connection import Target
from ecl_logging.exporters.graphite.delivery import Delivery
from ecl_logging.exporters.graphite.paths import PathRules
from ecl_logging.exporters.graphite.pusher import Destination, Pusher
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Definition
from tests.conftest import Clock
from tests.graphite_listeners import Listener, listener
from tests.stores.programs import Program

SETTLING = 2.0
TEN = Interval.parse("10s")
GROUP = Definition("requests", (TEN,), events=frozenset({"req1"}), history=30)


@pytest.fixture
def graphite() -> Iterator[Listener]:
    with listener() as listening:
        yield listening


@pytest.fixture
def make_pusher(graphite: Listener) -> Iterator[Callable[..., GraphitePusher]]:
    made: list[GraphitePusher] = []

    def make_pusher(prefix: str | None = "shop", **options: Any) -> GraphitePusher:
        pusher = GraphitePusher("127.0.0.1", graphite.port, prefix, **options)
        pusher.allow("*")
        made.append(pusher)
        return pusher

    yield make_pusher
    for pusher in made:
        pusher.close(0.0)


@pytest.fixture
def pusher(make_pusher: Callable[..., GraphitePusher]) -> GraphitePusher:
    return make_pusher()


class Pushing:
    """A store with counts, and what pushes them; each as a test says."""

    def __init__(self, clock: Clock, graphite: Listener) -> None:
        self.clock = clock
        self.graphite = graphite
        self.store = MemoryStore("memory://", clock)
        self._programs: dict[str, Program] = {}
        self._pushers: list[Pusher] = []
        self.told: list[str] = []
        self.store.define(GROUP)
        self.pusher = self.make()

    def make(
        self,
        *,
        prefix: str = "ecl",
        rules: PathRules | None = None,
        confirm_seconds: float = 60.0,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> Pusher:
        """Another pusher, such as a process that is started again has."""
        delivery = Delivery(
            Target("127.0.0.1", self.graphite.port),
            longest_seconds=confirm_seconds,
            is_stopping=is_stopping,
            clock=self.clock,
        )
        pusher = Pusher(
            self.store,
            Destination(delivery, prefix, rules or PathRules(), confirm_seconds),
            settling=lambda _: SETTLING,
            tell=self.told.append,
        )
        self._pushers.append(pusher)
        return pusher

    def close(self) -> None:
        for pusher in self._pushers:
            pusher.close()

    def count(self, counts: dict[str, int], *, group: str = "requests", ago: int = 0) -> None:
        """Count in the bucket that the clock is in, or was in so many seconds ago."""
        program = self._programs.setdefault(group, Program(self.store, group, group))
        definition = self.store.definition(group)
        assert definition is not None
        start = int(self.clock.now - ago) // 10 * 10
        program.send(counts, start=start, intervals=definition.intervals)

    def push(self, pusher: Pusher | None = None) -> None:
        """Push all that is due, and see to what is delivered."""
        pusher = pusher or self.pusher
        names = self.store.groups()
        definitions = {name: self.store.definition(name) for name in names}
        while pusher.push({n: one for n, one in definitions.items() if one is not None}) == 0:
            pass
        pusher.check()

    def marked(self, prefix: str = "ecl") -> int | None:
        """Up to which bucket all is known to be delivered."""
        reader = f"push:127.0.0.1:{self.graphite.port}:{prefix}"
        return self.store.marks("requests", reader).get("10s")


@pytest.fixture
def pushing(clock: Clock, graphite: Listener) -> Iterator[Pushing]:
    """Time is 2027-01-15T08:00:00Z, an edge."""
    pushing = Pushing(clock, graphite)
    yield pushing
    pushing.close()
