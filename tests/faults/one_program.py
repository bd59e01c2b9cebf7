"""One program of tests/programs.py that counts until all of it is sent, and how that is checked."""

from __future__ import annotations

from collections import Counter

import pytest

from ecl_logging.intervals import Interval
from tests.programs import Program

MINUTE = Interval.parse("1m")


def count_all(program: Program, *, flushes: int) -> Counter[str]:
    """Log and flush so many times, each until it has succeeded; return what was logged."""
    logged: Counter[str] = Counter()
    for number in range(flushes):
        for event_id, n in (("a", 1), (f"e{number}", 10)):
            program.log(event_id, n)
            logged[event_id] += n
        for _ in range(1000):
            if program.flush():
                break
        else:
            pytest.fail("never flushed")
    return logged


def counted(program: Program) -> Counter[str]:
    """What the store has, in two buckets where a minute has turned meanwhile."""
    # In one call: a minute that turns between two would have one bucket read twice.
    current, last = program.store.read("g", MINUTE, [0, 1])
    return Counter(current.cells) + Counter(last.cells)


def assert_all_counted_once(program: Program, logged: Counter[str]) -> None:
    """The store, its record of the source and the program say the same."""
    assert counted(program) == logged
    assert program.ledger.applied == program.ledger.counted == sum(logged.values())
    [source] = program.store.sources("g")
    assert (source.source, source.number, source.total) == (
        program.sender.source,
        program.sender._confirmed.number,
        sum(logged.values()),
    )
