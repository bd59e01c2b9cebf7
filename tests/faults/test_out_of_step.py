"""A connection that has one answer too many: none is taken for the answer to another question."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest

from ecl_logging import open_store
from ecl_logging.stores.protocols import Store
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.programs import Program
from tests.redis_servers import RedisServer


@pytest.fixture
def proxy(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


@pytest.fixture
def store(empty_server: RedisServer, proxy: Proxy) -> Iterator[Store]:
    url = empty_server.url.replace(str(empty_server.port), str(proxy.port))
    with contextlib.closing(open_store(f"{url}?socket_timeout=1")) as store:
        yield store


def flush(program: Program) -> None:
    for _ in range(20):
        if program.flush():
            return
    pytest.fail("never flushed")


@pytest.mark.fault("A4", "A6")
@pytest.mark.parametrize("asked", [b"AUTH", b"HELLO", b"SELECT", b"CLIENT", b"SADD", b"INFO"])
def test_an_answer_too_many_counts_nothing_twice(
    store: Store, proxy: Proxy, warnings_told: list[str], asked: bytes
) -> None:
    """What the server says comes late, so what is read first is what is left over.

    A batch that was sent again had the answer to its first sending, and the next one the answer
    to its second: that it had been counted before, under the number of another.
    """
    proxy.delay = 0.02
    forged = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal forged
        if words[0] == asked and forged < 2:
            forged += 1
            return Fate.TWO_REPLIES
        return Fate.DELAY_REPLY

    program = Program(store)
    proxy.rule = rule
    logged: Counter[str] = Counter()
    for number in range(6):
        for event_id in ("a", f"e{number}"):
            program.log(event_id, 1)
            logged[event_id] += 1
        flush(program)

    stored = Counter(program.stored()) + Counter(program.stored(age=1))
    assert stored == logged
    assert program.ledger.applied == sum(logged.values())
    assert not any(program.ledger.dropped.values())
