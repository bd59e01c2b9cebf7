"""What tests of the tree's pusher have in common: what arrives, and that nothing is lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from ecl_logging.exporters.graphite import GraphitePusher
from tests.graphite_listeners import Listener

AT_ONCE = 2.0  # seconds; what waits for carbon takes longer, on a busy machine, too


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


def assert_adds_up(pusher: GraphitePusher) -> dict[str, Any]:
    known = pusher.telemetry()
    assert known["pushed"] == known["sent"] + known["pending"] + known["dropped"]
    return known


def values(graphite: Listener) -> list[tuple[str, float]]:
    return [(path, value) for path, value, _ in graphite.points]


def numbered(first: int, amount: int) -> dict[str, int]:
    return {f"n{number}": number for number in range(first, first + amount)}
