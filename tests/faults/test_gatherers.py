"""ecl-gather into PostgreSQL: killed at any moment, several at once, and with the database away."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gathered import Launcher, Writer, stored_in, writing
from tests.faults.programs import Programs, Started
from tests.postgres_servers import PostgresServer
from tests.waiting import wait_until

KILLS = 50
CLAIM = ("--claim", "0.5")

pytestmark = pytest.mark.once


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path)
    yield launcher
    launcher.close()


@pytest.mark.alone
def test_fifty_kills_at_random_moments_cost_nothing_and_double_nothing(
    programs: Programs,
    launcher: Launcher,
    empty_postgres: PostgresServer,
    chance: random.Random,
) -> None:
    """Two gather at a time, records come in all the while; what the last ones left is gathered."""
    options = ("--store", programs.url, "--to", empty_postgres.url, *CLAIM)
    busy = (*options, "--limit", "10", "--pause", "0.01")
    with writing(programs.url, writers=2, seed=chance.getrandbits(32)) as rows:
        wait_until(lambda: rows() != {})
        pair = [launcher.start(*busy), launcher.start(*busy)]
        for number in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.3))
            launcher.kill(pair[number % 2])
            pair[number % 2] = launcher.start(*busy)
        for pid in pair:
            launcher.kill(pid)
    gather_all(programs, empty_postgres)

    stored, expected = stored_in(empty_postgres), rows()
    assert stored.keys() == expected.keys()
    assert {key: row for key, row in stored.items() if row != expected[key]} == {}
    assert len(expected) >= 30
    assert launcher.err() == ""


def gather_all(programs: Programs, postgres: PostgresServer) -> None:
    """Gather until the store is empty: what killed ones have claimed comes when that is over."""
    writer = Writer(programs.url, 0)
    while writer.waiting().entries:
        ended = start_gatherer(programs, postgres, "--once").end()
        assert ended.status == 0, ended.err
    writer.close()


def start_gatherer(programs: Programs, postgres: PostgresServer, *options: str) -> Started:
    return programs.start_command(
        *("-W", "error", "-m", "ecl_logging.tools.gather"),
        *("--store", programs.url, "--to", postgres.url, *CLAIM, *options),
    )
