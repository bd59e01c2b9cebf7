"""A command, run in process on a store whose clock stands still."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecl_logging import stores
from ecl_logging.config import GroupConfig
from ecl_logging.definitions import wanted_definition
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Batch
from ecl_logging.tools import watch
from tests.conftest import Clock

STORE = "memory://commands"

Ran = tuple[int, str, str]


class Commanded:
    """A store that commands find as `memory://commands`, and what is in it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore(STORE, clock)
        self._batches = 0

    def define(self, name: str, *intervals: str, events: tuple[str, ...] = ()) -> None:
        parsed = tuple(Interval.parse(text) for text in intervals)
        self.store.define(wanted_definition(GroupConfig(name, parsed, events)))

    def count(self, group: str, **counts: int) -> None:
        """Count at the clock's time in all intervals of the group."""
        definition = self.store.definition(group)
        assert definition is not None
        self._batches += 1
        self.store.apply(
            Batch(
                group=group,
                source=f"{self._batches:032x}",
                number=1,
                total=sum(counts.values()),
                version=definition.version,
                start=int(self.clock.now),
                intervals=definition.intervals,
                counts=counts,
            )
        )


@pytest.fixture
def commanded(clock, monkeypatch) -> Commanded:
    """Groups `requests` (5s, 5m) and `errors` (1h), empty; found without any option."""
    clock.now = 1_795_348_860.0  # 2026-11-22T12:01:00Z
    commanded = Commanded(clock)
    monkeypatch.setitem(stores._shared_memory, "commands", commanded.store)
    monkeypatch.setenv("ECL_STORE", STORE)
    commanded.define("requests", "5s", "5m", events=("req1", "req2"))
    commanded.define("errors", "1h", events=("error",))
    return commanded


@pytest.fixture
def ran(capsys) -> Callable[..., Ran]:
    """Run a command's `main` with arguments; return its status, stdout and stderr."""

    def run(main: Callable[[list[str]], int], *arguments: str) -> Ran:
        capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as ended:  # argparse ends so
            status = ended.code if isinstance(ended.code, int) else 1
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def waits(monkeypatch) -> list[Callable[[], object]]:
    """What is done instead of waiting, one after the other; then comes Ctrl-C."""
    steps: list[Callable[[], object]] = []

    def wait(self: object, seconds: float) -> None:
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()

    monkeypatch.setattr(watch.Stream, "wait", wait)
    return steps
