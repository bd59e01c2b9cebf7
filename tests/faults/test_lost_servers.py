"""A server that dies, or forgets: what it has lost is told to the last event, nothing is doubled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.crew import Crew, Settled, cells
from tests.faults.programs import Programs
from tests.redis_servers import RedisServer

Fault = Callable[[RedisServer, Crew], None]


@pytest.fixture
def server(own_server: RedisServer) -> RedisServer:
    return own_server


@pytest.fixture
def programs(tmp_path: Path, server: RedisServer) -> Iterator[Programs]:
    programs = Programs(tmp_path, server)
    yield programs
    programs.kill_all()


def crew_of(programs: Programs, size: int = 3, unprotected: str = "") -> Crew:
    """Half of it speaks the older version of the protocol."""
    urls = [f"{programs.url}?socket_timeout=1&protocol={2 + number % 2}" for number in range(size)]
    return Crew(programs, urls, unprotected)


def assert_told_exactly(settled: Settled) -> int:
    """What the store has not, the programs report, and nothing is doubled; return how much it is."""
    forgotten = settled.dropped().get("server_forgot", 0)
    assert set(settled.dropped()) <= {"server_forgot"}
    assert settled.missing() == dict.fromkeys(settled.missing(), forgotten)
    assert not settled.doubled()
    for one in settled.telemetry:
        assert one["counted"] == one["applied"] + sum(one["dropped"].values())
        assert one["pending"] == one["late"] == one["ahead"] == one["other"] == 0
    return forgotten


def assert_counts_on(crew: Crew, before: Settled) -> None:
    """From here on the store gets what the oracle gets."""
    crew.count()
    after = crew.settle()
    assert after.dropped() == before.dropped()
    logged = cells(after.expected) - cells(before.expected)
    assert cells(after.stored) - cells(before.stored) == logged
    assert logged.total() > 200


# --- a server that keeps what it has


@pytest.mark.fault("B1", "F5")
@pytest.mark.parametrize("server_options", [("--appendonly", "yes", "--appendfsync", "everysec")])
def test_a_server_that_writes_down_what_it_counts_may_be_killed_over_and_over(
    server: RedisServer, programs: Programs
) -> None:
    """What it has in hand when it dies is told: as a rule nothing, for the system has it all."""
    crew = crew_of(programs, 4)
    crew.count()
    for _ in range(20):
        is_killed(server, crew)
        crew.count(events=20)
    settled = crew.settle()

    assert_told_exactly(settled)
    assert_counts_on(crew, settled)


# --- a server that forgets


def is_killed(server: RedisServer, crew: Crew) -> None:
    """It comes back with nothing."""
    server.kill()
    server.start()


def is_set_back(server: RedisServer, crew: Crew) -> None:
    """It comes back with what it had a while ago."""
    dump = server.keep_dump()
    crew.count()
    server.kill()
    server.restore(dump)


def is_flushed(server: RedisServer, crew: Crew) -> None:
    with contextlib.closing(server.client()) as client:
        client.flushall()


def is_swapped(server: RedisServer, crew: Crew) -> None:
    """The database is another one, which is empty."""
    with contextlib.closing(server.client()) as client:
        client.swapdb(0, 1)


@pytest.mark.fault("B2", "B13")
@pytest.mark.parametrize(
    "faults",
    [
        (is_killed, is_set_back, is_flushed),
        (is_set_back, is_flushed, is_swapped),
        (is_flushed, is_swapped, is_killed),
        (is_swapped, is_set_back, is_set_back),
    ],
    ids=lambda faults: ", ".join(fault.__name__ for fault in faults),
)
def test_what_a_server_forgets_while_it_is_counted_is_told_exactly(
    server: RedisServer, programs: Programs, faults: tuple[Fault, ...]
) -> None:
    """Each fault also takes what those before it have left of earlier sources."""
    crew = crew_of(programs)
    told = 0
    for fault in faults:
        crew.count()
        fault(server, crew)
        crew.count()
        settled = crew.settle()
        told_before, told = told, assert_told_exactly(settled)
        assert told > told_before
        assert_counts_on(crew, settled)


@pytest.mark.fault("B2", "B13")
def test_it_may_forget_while_programs_are_between_two_sources(
    server: RedisServer, programs: Programs
) -> None:
    """Again and again, faster than all programs have found out."""
    crew = crew_of(programs)
    crew.count()
    for _ in range(30):
        is_flushed(server, crew)
        crew.count(events=20)
    settled = crew.settle()

    assert assert_told_exactly(settled) > 0
    assert_counts_on(crew, settled)


@pytest.mark.fault("B2", "B13")
@pytest.mark.parametrize("loses", [is_flushed, is_swapped], ids=lambda fault: fault.__name__)
def test_what_comes_back_after_it_was_told_as_lost_is_counted_once_all_the_same(
    server: RedisServer, programs: Programs, loses: Fault
) -> None:
    """What was told can then be more than what is missing; it is never less."""
    crew = crew_of(programs)
    crew.count()
    dump = server.keep_dump()
    loses(server, crew)
    crew.count()
    assert assert_told_exactly(crew.settle()) > 0
    if loses is is_swapped:
        is_swapped(server, crew)
    else:
        server.kill()
        server.restore(dump)
    crew.count()
    settled = crew.settle()

    assert not settled.doubled()
    assert 0 < max(settled.missing().values()) < settled.dropped()["server_forgot"]
    assert_counts_on(crew, settled)


@pytest.mark.fault("B2", "B13", control=True)
@pytest.mark.parametrize("fault", [is_killed, is_set_back], ids=lambda fault: fault.__name__)
def test_where_gaps_are_accepted_nobody_hears_of_what_was_lost(
    server: RedisServer, programs: Programs, fault: Fault
) -> None:
    crew = crew_of(programs, 2, unprotected="accept_gaps")
    crew.count()
    fault(server, crew)
    crew.count()
    settled = crew.settle()

    assert settled.dropped() == {}
    assert min(settled.missing().values()) > 0
