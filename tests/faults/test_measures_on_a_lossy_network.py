"""Measures by way of a network that loses requests and replies: each value counts once."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.measures import counted, sum_cells
from tests.faults.oracle import GROUP, INTERVALS, buckets_in_redis, totals, totals_in_redis
from tests.faults.proxy import Fate, proxy_to
from tests.faults.test_lossy_network import lose_at_random
from tests.redis_servers import RedisServer

GROUPS = {GROUP: {"intervals": INTERVALS, "history": 600, "sync_interval": 3600}}
RULES = [{"group": GROUP, "event": "served", "measure": {"size": "size"}}]
FLUSHES, EACH = 80, 25


def measure(number: int, url: str) -> Counter[str]:
    """Observe by hand and by rules, and have all of it sent; return what it comes to."""
    random_ones, expected = random.Random(number), Counter[str]()
    with EventCountLogger(GROUPS, store=url) as ecl:
        handler = CountingHandler(ecl=ecl, rules=RULES)
        log = logging.getLogger(f"lossy.{number}")
        log.propagate, log.handlers = False, [handler]
        log.setLevel(logging.INFO)
        for _ in range(FLUSHES):
            latencies = [random_ones.gauss(0, 10.0 ** random_ones.randrange(9))] * 3
            sizes = [random_ones.randrange(10**6) for _ in range(EACH)]
            for size in sizes:
                log.info("served", extra={"size": size})
            for latency in latencies:
                ecl[GROUP].observe("latency", latency)
            for name, values in (("latency", latencies), ("size", sizes)):
                expected.update(counted(name, values) | sum_cells(name, values))
            while not ecl.flush():
                time.sleep(0.002)
        log.handlers = []
        assert not any(ecl.telemetry()["dropped"].values())
    expected["served"] = FLUSHES * EACH
    return expected


@pytest.mark.once
@pytest.mark.fault("A1", "A2")
def test_values_and_their_sums_are_exact_in_buckets_and_in_totals(
    empty_server: RedisServer, chance: random.Random
) -> None:
    with EventCountLogger(GROUPS, store=empty_server.url) as ecl:
        ecl[GROUP].declare_event_id("served")
        ecl.store.totals(GROUP)
    with proxy_to(empty_server.port) as network, ThreadPoolExecutor(2) as threads:
        fates = lose_at_random(network, chance)
        urls = [f"{network.url(empty_server.url)}?socket_timeout=1"] * 2
        expected: Counter[str] = Counter()
        for counts in threads.map(measure, range(2), urls):
            expected.update(counts)  # `+` would leave out digits of sums that are below zero
    with contextlib.closing(empty_server.client()) as client:
        found = {"totals": totals_in_redis(client), **totals(buckets_in_redis(client))}
    del found["totals"]["@since"]

    assert min(fates[Fate.LOSE_REQUEST], fates[Fate.LOSE_REPLY]) > 4
    assert found == dict.fromkeys(["totals", *INTERVALS], expected)
