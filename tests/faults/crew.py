"""Several programs that count in one server at once, while a test does what it likes to the server."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.faults.obeying import COUNT, SETTLE
from tests.faults.oracle import GROUP, Buckets, totals
from tests.faults.programs import Programs
from tests.waiting import wait_until

_PROGRAM = """
from tests.faults.counted import *
from tests.faults.obeying import obey

configure(sync_interval=3600.0)
obey()
"""


def without_protection(name: str) -> str:
    """What a program begins with that takes out a protection, by the name of its function."""
    if not name:
        return ""
    return (
        "import pytest\n"
        f"from tests.faults.unprotected import {name}\n"
        f"{name}(pytest.MonkeyPatch())\n"
    )


@dataclass(frozen=True)
class Settled:
    """How things are when all programs have sent all that they had."""

    telemetry: list[dict[str, Any]]
    expected: Buckets
    stored: Buckets

    def dropped(self) -> dict[str, int]:
        """What the programs report as dropped, all together."""
        together: Counter[str] = Counter()
        for one in self.telemetry:
            together.update({reason: n for reason, n in one["dropped"].items() if n})
        return dict(together)

    def missing(self) -> dict[str, int]:
        """Interval -> how many events the oracle has and the store has not."""
        has, should = (_sums(buckets) for buckets in (self.stored, self.expected))
        return {text: n - has.get(text, 0) for text, n in should.items()}

    def doubled(self) -> Counter[tuple[str, int, str]]:
        """Cells of which the store has more than the oracle."""
        return cells(self.stored) - cells(self.expected)


def cells(buckets: Buckets) -> Counter[tuple[str, int, str]]:
    """Each count by interval, start and event ID."""
    return Counter(
        {(*key, event_id): n for key, found in buckets.items() for event_id, n in found.items()}
    )


def _sums(buckets: Buckets) -> dict[str, int]:
    return {text: sum(counts.values()) for text, counts in totals(buckets).items()}


class Crew:
    """Programs that do what they are told, all the same at the same time."""

    def __init__(self, programs: Programs, urls: list[str], unprotected: str = "") -> None:
        """One for each URL. `unprotected`: what of tests.faults.unprotected they do to themselves."""
        self._programs = programs
        self._orders = programs.folder / "orders"
        self._orders.touch()
        source = without_protection(unprotected) + _PROGRAM
        self._started = [
            programs.start(source, ECL_STORE=url, ORDERS=str(self._orders)) for url in urls
        ]

    def count(self, *, events: int = 100) -> None:
        """Count on; return when the store has so many more."""
        self._order(COUNT)
        before = self._stored()
        wait_until(lambda: self._stored() >= before + events, seconds=30)

    def settle(self) -> Settled:
        """Stop counting, have everything sent, and look at what there is."""
        said = len(self._started[0].out().splitlines())
        self._order(SETTLE)
        wait_until(
            lambda: all(len(one.out().splitlines()) > said for one in self._started), seconds=30
        )
        telemetry = [json.loads(one.out().splitlines()[-1]) for one in self._started]
        return Settled(telemetry, self._programs.expected(), self._programs.stored())

    def _order(self, word: str) -> None:
        with self._orders.open("a") as orders:
            orders.write(f"{word}\n")

    def _stored(self) -> int:
        """How many events the store knows of, by its own word."""
        assert self._programs.server is not None
        with contextlib.closing(self._programs.server.client()) as client:
            return sum(int(record.split()[1]) for record in client.hvals(f"{GROUP}:@sources"))
