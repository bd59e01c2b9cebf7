"""A rotator that is killed or stopped in the midst of a rotation, at the worst moment.

The processes count time by a file, so no test has to wait for a bucket's end.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Store
from tests.conftest import wait_until
from tests.faults.programs import Programs, Started
from tests.programs import Program
from tests.stores.programs import NOW

OPENING = """
from pathlib import Path

from ecl_logging.addresses import parse_address
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore


def opened(url, now):
    def clock():
        return float(Path(now).read_text())

    address = parse_address(url)
    if url.startswith("sqlite"):
        return SqliteStore(address.target, clock=clock)
    return RedisStore(address.target, address.settings, shown=address.shown, clock=clock)
"""

# It sends itself a signal inside the transaction of its first rotation, when all is written and
# not yet committed; with Redis, whose server rotates, before the request is sent.
ROTATOR = (
    OPENING
    + """
import os
import signal
import sys

from ecl_logging.stores.redis.connection import Connections
from ecl_logging.stores.sqlite.tables import SqliteTables

url, now, number = sys.argv[1:]
save_rotated, call = SqliteTables.save_rotated, Connections.call


def stop_here():
    SqliteTables.save_rotated, Connections.call = save_rotated, call
    os.kill(os.getpid(), int(number))


def save_and_stop(self, *arguments):
    save_rotated(self, *arguments)
    stop_here()


def stop_and_call(self, *words, **options):
    stop_here()
    return call(self, *words, **options)


SqliteTables.save_rotated, Connections.call = save_and_stop, stop_and_call
store = opened(url, now)
for one in store.rotate("g"):
    print(one.interval.text, one.start)
"""
)


@pytest.fixture
def now(tmp_path: Path) -> Path:
    path = tmp_path / "now"
    path.write_text(str(NOW + 0.5))
    return path


@pytest.fixture
def store(programs_anywhere: Programs, now: Path) -> Iterator[Store]:
    names: dict[str, object] = {}
    exec(OPENING, names)  # the same as in the other processes
    store: Store = names["opened"](programs_anywhere.url, str(now))  # type: ignore[operator]
    program = Program(store, lambda: float(now.read_text()), intervals=["1s"])
    program.log("a", 7)
    assert program.flush()
    store.rotate("g")
    yield store
    store.close()


def start_rotator(programs: Programs, now: Path, number: signal.Signals) -> Started:
    script = programs.folder / "rotator.py"
    script.write_text(ROTATOR)
    return programs.start_command(str(script), programs.url, str(now), str(int(number)))


def is_stopped(rotator: Started) -> bool:
    state = Path(f"/proc/{rotator.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


def told(store: Store) -> list[int]:
    return [one.start - NOW for one in store.rotate("g")]


@pytest.mark.fault("C3")
def test_a_rotator_that_is_killed_within_a_rotation_leaves_it_to_the_next(
    programs_anywhere: Programs, store: Store, now: Path
) -> None:
    now.write_text(str(NOW + 2.5))
    rotator = start_rotator(programs_anywhere, now, signal.SIGKILL)
    assert rotator.end().status == -signal.SIGKILL

    assert told(store) == [0, 1]
    assert counts(store, 3) == [{"a": 7}, {}, {}]


def counts(store: Store, buckets: int) -> list[dict[str, int]]:
    """What the latest buckets have, the oldest first."""
    found = store.read("g", Interval.parse("1s"), range(buckets))
    return [dict(bucket.cells) for bucket in reversed(found)]


@pytest.mark.fault("C3")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_rotator_that_is_stopped_within_a_rotation_and_goes_on_later_tells_nothing_twice(
    programs_anywhere: Programs, store: Store, now: Path
) -> None:
    """Three buckets are over when it goes on; what it holds of SQLite's file, others wait for."""
    now.write_text(str(NOW + 1.5))
    rotator = start_rotator(programs_anywhere, now, signal.SIGSTOP)
    wait_until(lambda: is_stopped(rotator))
    now.write_text(str(NOW + 4.5))
    program = Program(store, lambda: float(now.read_text()), intervals=["1s"])
    program.log("a", 5)
    others: list[int] = []
    if programs_anywhere.server is None:
        assert not program.flush(0.2)
    else:
        assert program.flush()
        others += told(store)
    rotator.send(signal.SIGCONT)
    ended = rotator.end()
    assert (ended.status, ended.err) == (0, "")
    others += told(store)

    by_it = [int(line.split()[1]) - NOW for line in ended.out.splitlines()]
    assert sorted([*by_it, *others]) == [0, 1, 2, 3]
    assert program.flush()
    assert counts(store, 5) == [{"a": 7}, {}, {}, {}, {"a": 5}]
