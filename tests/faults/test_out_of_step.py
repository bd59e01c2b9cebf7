"""A connection that has one answer too many: none is taken for the answer to another question."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest

from ecl_logging import open_store
from ecl_logging.stores.protocols import Store
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.faults.unprotected import answer_anything, is_batch
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

    assert program.stored_lately() == logged
    assert program.ledger.applied == sum(logged.values())
    assert not any(program.ledger.dropped.values())


def count_in_two_groups(store: Store, proxy: Proxy) -> tuple[Program, Program]:
    """One group's batch reaches the server twice, and the second answer meets the other's batch.

    The first group has sent more batches, so what is said of its last one looks to the other as if
    somebody else counted under its source.
    """
    one, other = Program(store, group="g"), Program(store, group="h")
    for program, times in ((one, 5), (other, 2)):
        for _ in range(times):
            program.log("a")
            flush(program)
    one.log("a", 100)
    other.log("a", 1000)
    repeated = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal repeated
        if is_batch(words) and not repeated:
            repeated += 1
            return Fate.REPEAT_LATE
        return Fate.PASS

    proxy.rule = rule
    flush(one)
    flush(other)
    flush(one)
    assert repeated == 1
    return one, other


def in_the_store(program: Program) -> int:
    return program.stored_lately()["a"]


@pytest.mark.fault("A4", "A5")
def test_what_is_said_of_another_groups_batch_counts_nothing_twice(store, proxy, warnings_told):
    one, other = count_in_two_groups(store, proxy)

    assert (in_the_store(one), in_the_store(other)) == (105, 1002)
    for program in (one, other):
        assert program.ledger.applied == in_the_store(program)
        assert not any(program.ledger.dropped.values())


@pytest.mark.fault("A4", "A5", control=True)
def test_where_any_answer_is_taken_for_the_one_a_batch_counts_twice(
    store, proxy, warnings_told, monkeypatch
):
    answer_anything(monkeypatch)
    one, other = count_in_two_groups(store, proxy)

    assert (in_the_store(one), in_the_store(other)) == (105, 2002)


@pytest.mark.fault("A4", "A5")
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_what_is_said_of_another_source_is_no_loss(store, proxy, warnings_told, monkeypatch, nth):
    """The program asks what the store knows of its earlier sources: each answer is of one."""
    program = Program(store)
    for n in (3, 20, 100):
        program.log("a", n)
        flush(program)
        program.sender._draw_source()
    program.log("a", 1000)
    asked = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal asked
        asked += is_batch(words)
        return Fate.REPEAT_LATE if is_batch(words) and asked == nth else Fate.PASS

    proxy.rule = rule
    flush(program)
    for _ in range(3):
        program.log("a")
        flush(program)

    assert in_the_store(program) == program.ledger.applied == 1126
    assert not any(program.ledger.dropped.values())
