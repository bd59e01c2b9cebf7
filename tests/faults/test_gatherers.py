"""ecl-gather into PostgreSQL: killed at any moment, several at once, and with the database away."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gathered import Launcher, Writer, rows_of, stored_in, writing
from tests.faults.programs import Programs, Started
from tests.postgres_servers import PostgresServer, running
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
@pytest.mark.once
def test_fifty_kills_at_random_moments_cost_nothing_and_double_nothing(
    programs_anywhere: Programs,
    launcher: Launcher,
    empty_postgres: PostgresServer,
    chance: random.Random,
) -> None:
    """Two gather at a time, records come in all the while; what the last ones left is gathered."""
    programs = programs_anywhere
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


def all_noted_in(postgres: PostgresServer) -> bool:
    """Whether the gatherer has noted there what it has acknowledged, which it does when idle."""
    with postgres.connect() as connection:
        left = connection.execute("SELECT count(*) FROM ecl_gathered WHERE NOT acknowledged")
        return left.fetchone() == (0,)


def put(writer: Writer) -> None:
    for _ in range(5):
        writer.put()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, which it may end."""
    with running() as server:
        yield server


def test_a_database_that_is_ended_and_started_again_is_waited_for(
    programs: Programs, own_postgres: PostgresServer
) -> None:
    writer = Writer(programs.url, 1)
    put(writer)
    gatherer = start_gatherer(programs, own_postgres, "--pause", "0.05")
    wait_until(lambda: writer.waiting().entries == 0)
    own_postgres.end()
    put(writer)
    wait_until(lambda: "trying on" in gatherer.err())
    own_postgres.start()
    put(writer)
    wait_until(lambda: writer.waiting().entries == 0)
    wait_until(lambda: "is back" in gatherer.err())
    gatherer.send(signal.SIGTERM)
    ended = gatherer.end()

    assert ended.status == 0
    away, back, summary = ended.err.splitlines()
    assert f"ecl-gather: {own_postgres.shown}: " in away
    assert f"ecl-gather: {own_postgres.shown} is back after" in back
    assert "ecl-gather: moved " in summary
    assert stored_in(own_postgres) == rows_of([writer])
    writer.close()


def test_a_database_that_is_not_there_yet_is_waited_for(
    programs: Programs, own_postgres: PostgresServer
) -> None:
    own_postgres.end()
    writer = Writer(programs.url, 1)
    put(writer)
    gatherer = start_gatherer(programs, own_postgres)
    wait_until(lambda: "trying on" in gatherer.err())
    own_postgres.start()
    wait_until(lambda: writer.waiting().entries == 0)
    gatherer.send(signal.SIGTERM)

    assert gatherer.end().status == 0
    assert stored_in(own_postgres) == rows_of([writer])
    writer.close()


def test_a_gatherer_ends_where_the_database_hangs_and_what_it_held_is_counted_once(
    programs: Programs, own_postgres: PostgresServer
) -> None:
    """The server does not answer, and when it goes on, it may do what it was asked before."""
    writer = Writer(programs.url, 1)
    put(writer)
    gatherer = start_gatherer(programs, own_postgres, "--pause", "0.05")
    wait_until(lambda: writer.waiting().entries == 0)
    wait_until(lambda: all_noted_in(own_postgres))  # from here on it asks the database nothing
    own_postgres.pause()
    put(writer)
    wait_until(lambda: writer.waiting().claimed > 0)
    gatherer.send(signal.SIGTERM)
    ended = gatherer.end(20)
    own_postgres.go_on()
    gather_all(programs, own_postgres)

    assert ended.status == 0
    assert "the work in hand does not end; " in ended.err
    assert " entries come again by themselves\n" in ended.err
    assert stored_in(own_postgres) == rows_of([writer])
    writer.close()


def test_two_that_hold_the_same_entries_count_them_once(
    programs: Programs, empty_postgres: PostgresServer
) -> None:
    """The database was slow for longer than a claim lasts, so the second one got them as well."""
    writer = Writer(programs.url, 1)
    put(writer)
    gather_all(programs, empty_postgres)
    put(writer)
    with empty_postgres.connect() as connection:
        with connection.transaction():
            connection.execute("LOCK TABLE ecl_records IN EXCLUSIVE MODE")
            two = [start_gatherer(programs, empty_postgres) for _ in range(2)]
            wait_until(lambda: waiting_for_locks(empty_postgres) == 2)
        wait_until(lambda: writer.waiting().entries == 0)
        ids = connection.execute("SELECT count(*) FROM ecl_gathered").fetchone()
    for gatherer in two:
        gatherer.send(signal.SIGTERM)

    assert [gatherer.end().status for gatherer in two] == [0, 0]
    assert stored_in(empty_postgres) == rows_of([writer])
    assert ids is not None
    assert ids[0] >= len(rows_of([writer]))
    writer.close()


def waiting_for_locks(postgres: PostgresServer) -> int:
    with postgres.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_refusal_that_comes_later_is_waited_for(
    programs: Programs, empty_postgres: PostgresServer
) -> None:
    """Somebody is at work on the table."""
    writer = Writer(programs.url, 1)
    put(writer)
    gatherer = start_gatherer(programs, empty_postgres, "--pause", "0.05")
    wait_until(lambda: writer.waiting().entries == 0)
    with empty_postgres.connect() as connection:
        connection.execute("ALTER TABLE ecl_records RENAME TO elsewhere")
        put(writer)
        wait_until(lambda: "trying on" in gatherer.err())
        connection.execute("ALTER TABLE elsewhere RENAME TO ecl_records")
    wait_until(lambda: writer.waiting().entries == 0)
    gatherer.send(signal.SIGTERM)
    ended = gatherer.end()

    assert ended.status == 0
    assert 'relation "ecl_records" does not exist' in ended.err
    assert stored_in(empty_postgres) == rows_of([writer])
    writer.close()
