"""A link to the server that is half open, or comes and goes: no log call waits, no count changes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from ecl_logging.groups import EventCountLogger
from ecl_logging.stores.redis.connection import Connections
from tests.canary import CANARY
from tests.faults.counted import configure, event_count_logger, log_records
from tests.faults.programs import Programs
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.redis_servers import RedisServer
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("warnings_told")


@pytest.fixture
def link(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


PATIENCE = 0.75  # seconds, with a server that does not answer


@dataclass
class Counted:
    """This process, counting over the link with an oracle beside it."""

    ecl: EventCountLogger
    programs: Programs
    connections: list[float] = field(default_factory=list)  # when each was tried
    slowest: float = 0.0  # of all log calls

    def log_for(self, seconds: float) -> None:
        """Log all the time, as often as a busy program does."""
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            log_records(1)
            self.slowest = max(self.slowest, time.monotonic() - began)
            time.sleep(0.001)

    def cells_in_memory(self) -> int:
        [counter] = self.ecl._counters.values()
        return counter._pending._stretches._cells + len(counter._pending.arrivals)


@pytest.fixture
def counted(
    link: Proxy, empty_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Counted]:
    programs = Programs(tmp_path, empty_server)
    monkeypatch.setenv("ORACLE", str(programs.oracle))
    monkeypatch.setenv("ECL_STORE", f"{link.url(empty_server.url)}?socket_timeout={PATIENCE}")
    configure(sync_interval=0.05)
    counted = Counted(event_count_logger(), programs)
    new = Connections._new

    def noting(self: Connections, *arguments: object) -> object:
        counted.connections.append(time.monotonic())
        return new(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Connections, "_new", noting)
    log_records(100)
    wait_until(lambda: not counted.ecl.telemetry()["pending"])
    yield counted
    counted.ecl.close()


def assert_all_arrives(counted: Counted) -> None:
    """By itself, when the pause between two tries is over."""
    wait_until(lambda: not counted.ecl.telemetry()["pending"], seconds=20)
    counted.programs.assert_everything_counted()
    telemetry = counted.ecl.telemetry()
    assert telemetry["counted"] == telemetry["applied"]
    assert not any(telemetry["dropped"].values())


@pytest.mark.fault("A8")
@pytest.mark.timed
def test_a_link_that_swallows_everything_holds_no_log_call_up(
    counted: Counted, link: Proxy
) -> None:
    link.rule = lambda _: Fate.BLACK_HOLE
    counted.connections.clear()
    counted.log_for(2 * PATIENCE)
    assert counted.ecl.telemetry()["last_error"].endswith("no answer in time")
    assert counted.cells_in_memory() < 1200  # of records a part, of IDs and seconds all
    assert len(counted.connections) < 6
    link.rule = lambda _: Fate.PASS
    link.release.set()

    assert_all_arrives(counted)
    assert counted.slowest < PATIENCE / 2  # a busy machine takes its time, too


@pytest.mark.fault("A8", control=True)
def test_without_a_time_out_whoever_asks_over_such_a_link_hangs(link: Proxy) -> None:
    """What the library sets for its connections is what ends the wait."""
    link.rule = lambda words: Fate.BLACK_HOLE if words[0] == b"INCR" else Fate.PASS
    client = redis.Redis(port=link.port, password=CANARY, socket_timeout=None)

    def ask() -> None:
        with contextlib.suppress(redis.ConnectionError):
            client.execute_command("INCR", "n")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(1.5)
    assert asking.is_alive()
    link.rule = lambda _: Fate.PASS
    link.release.set()
    asking.join(20)
    assert not asking.is_alive()
    client.close()


@contextlib.contextmanager
def flapping(link: Proxy) -> Iterator[None]:
    """The link comes and goes, twenty times a second."""
    is_over = threading.Event()

    def flap() -> None:
        while not is_over.wait(0.05):
            link.go_down()
            time.sleep(0.05)
            link.go_up()

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


SECONDS, MANY = 2.5, 30  # so many tries would be a storm


@pytest.mark.fault("A9")
def test_a_link_that_comes_and_goes_changes_no_count_and_is_not_stormed(
    counted: Counted, link: Proxy
) -> None:
    counted.connections.clear()
    with flapping(link):
        counted.log_for(SECONDS)
    tries = len(counted.connections)

    assert counted.ecl.telemetry()["last_error"] is not None
    assert tries < MANY  # a flush is due fifty times, each of which would try again and again
    assert_all_arrives(counted)


@pytest.mark.fault("A9", control=True)
def test_without_pauses_such_a_link_is_stormed(counted: Counted, link: Proxy) -> None:
    """Whoever flushes by hand tries at once."""
    counted.connections.clear()
    end = time.monotonic() + 20
    with flapping(link):
        while len(counted.connections) <= 2 * MANY and time.monotonic() < end:
            log_records(1)
            counted.ecl.flush()

    assert len(counted.connections) > 2 * MANY
    wait_until(counted.ecl.flush)  # by itself it would be half a minute, by now
    counted.programs.assert_everything_counted()
