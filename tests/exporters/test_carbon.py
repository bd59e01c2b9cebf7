"""A real carbon, killed and back, and what it says in the end: what `ecl-read` says."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores import open_store
from ecl_logging.stores.protocols import Definition, Store
from tests.carbon_servers import CarbonServer, Points, carbon
from tests.faults.programs import ROOT, Programs, Started
from tests.graphite_listeners import listener
from tests.stores.programs import Program
from tests.waiting import wait_until

pytestmark = pytest.mark.once

SECOND = Interval.parse("1s")
GROUP = Definition("web.shop", (SECOND,), frozenset({"req1", "never"}), history=100)
READ = [sys.executable, "-m", "ecl_logging.tools.read", "--json", "--history", "100"]
NAMES = {"req1": "req1", "never": "never", "GET /a.b": "GET__a_b", "é": "_"}


class Counting:
    """Counts in each second in a thread, and has counted in some before it began."""

    def __init__(self, store: Store) -> None:
        self._program = Program(store, group=GROUP.group)
        store.define(GROUP)
        self.since = int(time.time()) - 8
        for second in range(self.since, self.since + 8):
            self._count(second)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._ending.wait(0.1):
            self._count(int(time.time()))

    def _count(self, second: int) -> None:
        values = [0.001 * (second % 7 + 1), 3.0, -2.5]
        counts = {"req1": 3, "GET /a.b": second % 5 + 1}
        if second % 2:
            counts["é"] = 1
        if second % 3:
            counts |= counted("latency", values) | sum_cells("latency", values)
        self._program.send(counts, start=second, intervals=(SECOND,))

    def end(self) -> int:
        """Return the second up to which all is counted, when that is so."""
        if not self._ending.is_set():
            self._ending.set()
            self._thread.join()
            self.until = int(time.time()) + 1
            wait_until(lambda: time.time() > self.until + 1)
        return self.until


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    programs.kill_all()


@pytest.fixture
def counting(programs: Programs) -> Iterator[Counting]:
    store = open_store(programs.url)
    counting = Counting(store)
    yield counting
    counting.end()
    store.close()


def start_push(programs: Programs, port: int) -> Started:
    module = ("-W", "error", "-m", "ecl_logging.tools.push")
    return programs.start_command(*module, f"127.0.0.1:{port}", "--confirm-after", "3", "-v")


def marked(store: Store, port: int) -> int:
    return store.marks(GROUP.group, f"push:127.0.0.1:{port}:ecl").get("1s", 0)


def expected_points(store: Store, since: int, until: int) -> Points:
    """What `ecl-read` says of these seconds, under the paths of our pages."""
    done = subprocess.run(
        [*READ, "--store", store.shown], capture_output=True, text=True, check=True
    )
    points: Points = {}
    for report in json.loads(done.stdout):
        start = int(datetime.fromisoformat(report["start"]).timestamp())
        values = {NAMES[event_id]: n for event_id, n in report["counts"].items()}
        for measure, stats in report["measures"].items():
            values |= {f"{measure}.{stat}": n for stat, n in stats.items() if stat != "stddev"}
        for name, value in values.items():
            if since <= start < until:
                points.setdefault(f"ecl.web_shop.1s.{name}", {})[start] = value
    return points


def test_carbon_is_killed_and_back_and_has_every_bucket_once(
    tmp_path: Path, programs: Programs, counting: Counting
) -> None:
    """Twice; and once `ecl-push` is killed and started again.

    What nobody disturbs is there meanwhile, too: over its wire, each point goes once.
    """
    store = open_store(programs.url)
    with listener() as undisturbed, carbon(tmp_path / "carbon") as server:
        another = start_push(programs, undisturbed.port)
        first = start_push(programs, server.port)
        wait_until(lambda: marked(store, server.port) > counting.since + 8)
        kill_and_start(server)
        first.send(signal.SIGKILL)
        time.sleep(0.5)  # in which counts come that nobody pushes
        second = start_push(programs, server.port)
        before = marked(store, server.port)
        wait_until(lambda: marked(store, server.port) > before)
        kill_and_start(server)
        until = counting.end()
        expected = expected_points(store, counting.since, until)

        assert until - counting.since >= 18
        assert_comes_to(expected, lambda: server.points(counting.since, until))
        wait_until(lambda: "is back after" in second.err())
        for pushing in (second, another):
            pushing.send(signal.SIGTERM)
        ended = [pushing.end() for pushing in (second, another)]
        assert_comes_to(expected, lambda: server.written(counting.since, until))
        points = [(path, n, at) for path, n, at in undisturbed.points if at < until]

    assert [one.status for one in ended] == [0, 0]
    assert " are lost" not in ended[0].err
    assert ended[1].err == ""
    assert len(expected) == 4 + 9  # IDs, and statistics of the measure
    assert expected["ecl.web_shop.1s.never"] == dict.fromkeys(range(counting.since, until), 0)
    assert sorted(points) == sorted(
        (path, n, at) for path, values in expected.items() for at, n in values.items()
    )
    store.close()


def assert_comes_to(expected: Points, found: Callable[[], Points]) -> None:
    """Wait until it is so; tell what differs where it does not come to that."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: found() == expected)
    now = found()
    differing = {
        (path, at): (value, now.get(path, {}).get(at))
        for path, values in expected.items()
        for at, value in values.items()
        if now.get(path, {}).get(at) != value
    }
    assert differing == {}
    assert now == expected


def kill_and_start(server: CarbonServer) -> None:
    server.kill()
    time.sleep(1.2)  # an outage, in which buckets are finished
    server.start()


PAGE = (ROOT / "docs" / "graphite.md").read_text("utf-8")


def test_what_the_page_tells_carbon_fits_the_paths(tmp_path: Path) -> None:
    files = dict(re.findall(r"```ini\n# (storage-\S+)\n(.*?)```", PAGE, re.DOTALL))
    paths = ["5s.req1", "5m.req1", "1h.req1", "5m.min", "5m.took.sum", "5m.took.min", "5m.took.p99"]
    paths.append("5m.took.mean")
    with carbon(tmp_path / "carbon", files) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            for path in paths:
                client.sendall(f"ecl.shop.{path} 1 {int(time.time())}\n".encode())
        wait_until(lambda: len(server.files_of()) == len(paths))
        made = server.files_of()

    assert len(files) == 2
    assert {
        path: (info["archives"][0]["secondsPerPoint"], info["aggregationMethod"])
        for path, info in made.items()
    } == {
        "ecl.shop.5s.req1": (5, "sum"),
        "ecl.shop.5m.req1": (300, "sum"),
        "ecl.shop.1h.req1": (3600, "sum"),
        "ecl.shop.5m.min": (300, "sum"),
        "ecl.shop.5m.took.sum": (300, "sum"),
        "ecl.shop.5m.took.min": (300, "min"),
        "ecl.shop.5m.took.p99": (300, "max"),
        "ecl.shop.5m.took.mean": (300, "average"),
    }
    assert {info["xFilesFactor"] for info in made.values()} == {0}
