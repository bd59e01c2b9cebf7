"""Four programs count over a network that loses what it is given, at random."""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crew import cells, without_protection
from tests.faults.oracle import GROUP, logged
from tests.faults.programs import Programs
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.faults.unprotected import is_batch
from tests.redis_servers import RedisServer

PROGRAMS, FLUSHES = 4, 125  # of each
REQUESTS_LOST, REPLIES_LOST = 15, 15  # per cent

# Each flush has the records of one moment; the moments lie in the twenty seconds before the start.
PROGRAM = """
import json, os
from tests.faults.counted import *
from tests.faults.obeying import flush_until_done

flushes, began = int(os.environ["FLUSHES"]), float(os.environ["BEGAN"])
configure(sync_interval=3600.0)
for number in range(flushes):
    for n in range(1 + number % 5):
        event = {"event": EVENTS[(number + n) % len(EVENTS)]}
        record = log.makeRecord("app", logging.INFO, "", 0, "at work", (), None, extra=event)
        record.created = began - 20 * (flushes - number) / flushes
        log.handle(record)
    flush_until_done()
print(json.dumps(event_count_logger().telemetry()))
"""


@pytest.fixture
def network(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


@pytest.fixture
def programs(tmp_path: Path, empty_server: RedisServer) -> Iterator[Programs]:
    programs = Programs(tmp_path, empty_server)
    yield programs
    programs.kill_all()


def lose_at_random(network: Proxy, chance: random.Random) -> Counter[Fate]:
    """Have requests and replies lost, of whatever kind; return what becomes of batches."""
    fates = [Fate.LOSE_REQUEST, Fate.LOSE_REPLY, Fate.PASS]
    # Of those that arrive, so many replies are lost.
    replies_lost = REPLIES_LOST * (100 - REQUESTS_LOST) / 100
    weights = [REQUESTS_LOST, replies_lost, 100 - REQUESTS_LOST - replies_lost]
    of_batches: Counter[Fate] = Counter()

    def rule(words: list[bytes]) -> Fate:
        fate = chance.choices(fates, weights)[0]
        of_batches[fate] += is_batch(words)
        return fate

    network.rule = rule
    return of_batches


def count_through(
    network: Proxy, programs: Programs, *, began: float, unprotected: str = ""
) -> list[dict[str, Any]]:
    """Count in four programs, two of each version of the protocol; return their telemetry."""
    started = [
        programs.start(
            without_protection(unprotected) + PROGRAM,
            ECL_STORE=f"{network.url(programs.url)}?socket_timeout=1&protocol={2 + number % 2}",
            FLUSHES=str(FLUSHES),
            BEGAN=str(began),
        )
        for number in range(PROGRAMS)
    ]
    ended = [program.end(seconds=60) for program in started]
    assert [one.status for one in ended] == [0] * PROGRAMS, [one.err for one in ended]
    return [json.loads(one.out) for one in ended]


def server_time(server: RedisServer) -> float:
    with contextlib.closing(server.client()) as client:
        return float(client.time()[0])


@pytest.mark.fault("A1", "A2", "A3", "F5")
def test_five_hundred_flushes_of_four_programs_count_as_the_oracle_does(
    network: Proxy, programs: Programs, empty_server: RedisServer, chance: random.Random
) -> None:
    of_batches = lose_at_random(network, chance)
    telemetry = count_through(network, programs, began=server_time(empty_server))

    records = sum(1 + number % 5 for number in range(FLUSHES)) * PROGRAMS
    programs.assert_counted(records)
    assert len({start for text, start in programs.stored() if text == "1s"}) >= 20
    with contextlib.closing(empty_server.client()) as client:
        numbers = [int(line.split()[0]) for line in client.hgetall(f"{GROUP}:@sources").values()]
    assert len(numbers) == PROGRAMS
    assert min(numbers) >= FLUSHES
    assert min(of_batches[Fate.LOSE_REQUEST], of_batches[Fate.LOSE_REPLY]) > 40
    assert sum(one["retries"] for one in telemetry) > 80
    assert sum(one["applied"] for one in telemetry) == records
    assert not any(any(one["dropped"].values()) for one in telemetry)


@pytest.mark.once
@pytest.mark.fault("A3", control=True)
def test_without_the_sequence_check_they_count_more_than_the_oracle(
    network: Proxy, programs: Programs, empty_server: RedisServer, chance: random.Random
) -> None:
    of_batches = lose_at_random(network, chance)
    count_through(
        network, programs, began=server_time(empty_server), unprotected="count_whatever_number"
    )

    expected, stored = cells(programs.expected()), cells(programs.stored())
    assert len(logged(programs.oracle)) * 3 == expected.total()
    assert not expected - stored  # nothing is lost, but
    assert stored.total() > expected.total() * 1.05
    assert of_batches[Fate.LOSE_REPLY] > 40
