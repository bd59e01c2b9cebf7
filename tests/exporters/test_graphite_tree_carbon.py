"""A real carbon has the tree; it is killed, stopped and back, and the program goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging import stats
from ecl_logging.exporters.graphite import GraphitePeriodicPusher
from tests.carbon_servers import CarbonServer, carbon
from tests.waiting import wait_until

pytestmark = pytest.mark.once

AT_ONCE = 2.0  # seconds; what waits for carbon takes longer, on a busy machine, too
QUEUE = 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CarbonServer]:
    with carbon(tmp_path / "carbon") as server:
        yield server


class Pushed:
    """A program that counts, and what carbon has of it."""

    def __init__(self, server: CarbonServer) -> None:
        self.server = server
        self.since = int(time.time())
        self.counted = stats.collection(
            "/web",
            stats.IntStat("hits"),
            stats.DoubleStat("load"),
            stats.Stat("small value", lambda: 0.000125),
            stats.Stat("bad", lambda: 1 / 0),
        )
        self.counted.hits = 1
        self.counted.load = 0.5
        self.pusher = GraphitePeriodicPusher(
            "127.0.0.1", server.port, "shop", 0.25, max_queue=QUEUE
        )
        self.pusher.allow("*")
        self.pusher.forbid("web/load")

    def values(self, path: str) -> list[float]:
        points = self.server.points(self.since, int(time.time()) + 1)
        assert points.keys() <= {
            *("shop.web.hits", "shop.web.small-value"),
            *(f"shop.many.n{number}" for number in range(20)),
        }
        return list(points.get(path, {}).values())

    def set_and_wait(self, number: int) -> None:
        self.counted.hits = number
        wait_until(lambda: number in self.values("shop.web.hits"))

    def push_at_once(self) -> None:
        began = time.monotonic()
        self.pusher.push({"many": {f"n{number}": number for number in range(20)}})
        assert time.monotonic() - began < AT_ONCE

    def telemetry(self) -> dict[str, int]:
        known = self.pusher.telemetry()
        assert known["pushed"] == known["sent"] + known["pending"] + known["dropped"]
        assert known["pending"] <= 2 * QUEUE  # and so many are being sent
        return known


@pytest.fixture
def pushed(server: CarbonServer) -> Iterator[Pushed]:
    stats.reset()
    pushed = Pushed(server)
    yield pushed
    pushed.pusher.close(0.0)
    stats.reset()


def test_carbon_is_killed_and_stopped_and_nothing_waits_for_it(
    server: CarbonServer, pushed: Pushed, warnings_told: list[str]
) -> None:
    pushed.pusher.start()
    pushed.set_and_wait(2)
    assert set(pushed.values("shop.web.small-value")) == {0.000125}
    assert pushed.telemetry()["dropped"] == 0

    server.kill()
    for _ in range(20):
        pushed.push_at_once()
    wait_until(lambda: pushed.telemetry()["dropped"] >= 100)
    wait_until(lambda: pushed.telemetry()["last_error"])
    server.start()
    pushed.set_and_wait(3)
    wait_until(lambda: pushed.values("shop.many.n19"))  # which waited
    wait_until(lambda: any(" is back after " in text for text in warnings_told))
    assert any(text.endswith(" points were dropped meanwhile") for text in warnings_told)

    server.pause()
    for _ in range(10):
        pushed.push_at_once()
    server.go_on()
    pushed.set_and_wait(4)

    pushed.pusher.stop()
    assert pushed.pusher.close(10.0)
    known = pushed.telemetry()
    assert known["pending"] == 0
    assert known["reconnects"] == 1
    assert sum("; points wait in memory" in text for text in warnings_told) == 1
