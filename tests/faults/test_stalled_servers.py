"""A server that stops, dies or hangs up after it has counted, or before: each batch counts once."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from ecl_logging import open_store
from tests.faults.one_program import assert_all_counted_once, count_all, counted
from tests.faults.proxy import Fate, proxy_to
from tests.faults.unprotected import count_whatever_number, is_batch
from tests.programs import Program
from tests.redis_servers import RedisServer
from tests.server_troubles import asleep, stopped
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("warnings_told")

DEBUG = ("--enable-debug-command", "yes")
KEEPS = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    count_whatever_number(monkeypatch)


@contextlib.contextmanager
def program_on(url: str, protocol: int = 3, *, patience: float = 0.3) -> Iterator[Program]:
    url = f"{url}?socket_timeout={patience}&protocol={protocol}"
    with contextlib.closing(open_store(url)) as store:
        yield Program(store)


def flush_until_done(program: Program) -> None:
    wait_until(program.flush)


# --- it does not answer in time


Stall = Callable[[RedisServer], contextlib.AbstractContextManager[None]]
STALLS = [
    pytest.param(stopped, id="stopped", marks=pytest.mark.fault("B3")),
    pytest.param(
        functools.partial(asleep, seconds=1.5), id="asleep", marks=pytest.mark.fault("B4")
    ),
]


def count_while_it_stalls(program: Program, server: RedisServer, stall: Stall) -> Counter[str]:
    """A batch is sent, and not answered in time; the server finds it when it goes on."""
    logged = count_all(program, flushes=2)
    with stall(server):
        program.log("a", 100)
        logged["a"] += 100
        assert not program.flush()
        assert "no answer in time" in (program.outage.last_error or "")
        program.log("b", 10)
        logged["b"] += 10
        assert not program.flush()
    flush_until_done(program)
    return logged


@pytest.mark.parametrize("server_options", [DEBUG])
@pytest.mark.parametrize("stall", STALLS)
def test_a_batch_that_the_server_finds_when_it_goes_on_counts_once(
    own_server: RedisServer, stall: Stall
) -> None:
    with program_on(own_server.url) as program:
        logged = count_while_it_stalls(program, own_server, stall)

        assert_all_counted_once(program, logged)
        assert program.ledger.retries >= 1


@pytest.mark.fault("B3", "B4", control=True)
@pytest.mark.parametrize("server_options", [DEBUG])
@pytest.mark.parametrize(
    "stall", [stopped, functools.partial(asleep, seconds=1.5)], ids=["stopped", "asleep"]
)
@pytest.mark.usefixtures("unchecked")
def test_without_the_sequence_check_it_counts_what_it_finds_as_well(
    own_server: RedisServer, stall: Stall
) -> None:
    """A time-out is no proof that nothing was done."""
    with program_on(own_server.url) as program:
        logged = count_while_it_stalls(program, own_server, stall)

        assert wait_until(lambda: counted(program)["a"] == logged["a"] + 100)


# --- it is killed between counting and answering


def killed_before_it_answers(server: RedisServer, protocol: int = 3) -> tuple[Program, int]:
    """Each of ten batches is counted, not answered for, and sent again after a new start."""
    amount = 0
    with (
        proxy_to(server.port) as proxy,
        program_on(proxy.url(server.url), protocol, patience=5) as program,
    ):
        count_all(program, flushes=1)
        proxy.rule = lambda words: Fate.LOSE_REPLY if is_batch(words) else Fate.PASS
        for _ in range(10):
            program.log("killed", 7)
            amount += 7
            assert not program.flush()
            assert program.sender.is_unsure()
            server.kill()
            server.start()
            rule, proxy.rule = proxy.rule, lambda _: Fate.PASS
            flush_until_done(program)
            proxy.rule = rule
    return program, amount


def stored(server: RedisServer) -> Counter[str]:
    """All that the buckets have."""
    with contextlib.closing(server.client()) as client:
        buckets = [client.hgetall(key) for key in client.keys("g:1m:[0-9]*")]
    return Counter(
        {name: sum(int(one.get(name, 0)) for one in buckets) for one in buckets for name in one}
    )


@pytest.mark.fault("B1", "F5")
@pytest.mark.parametrize("server_options", [KEEPS])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_server_that_keeps_what_it_counted_knows_a_batch_again_after_its_death(
    own_server: RedisServer, protocol: int
) -> None:
    program, amount = killed_before_it_answers(own_server, protocol)

    assert stored(own_server)["killed"] == amount
    assert program.ledger.applied == program.ledger.counted
    assert program.ledger.dropped["server_forgot"] == 0
    assert program.ledger.retries >= 10


@pytest.mark.fault("B1", control=True)
@pytest.mark.parametrize("server_options", [KEEPS])
@pytest.mark.usefixtures("unchecked")
def test_without_the_sequence_check_each_death_counts_a_batch_twice(
    own_server: RedisServer,
) -> None:
    _, amount = killed_before_it_answers(own_server)

    assert stored(own_server)["killed"] >= 2 * amount


@pytest.mark.fault("B2")
def test_a_batch_that_was_counted_and_forgotten_before_anybody_heard_of_it_is_sent_again(
    own_server: RedisServer,
) -> None:
    """It is no loss: what was confirmed before it is one."""
    program, amount = killed_before_it_answers(own_server)

    assert stored(own_server) == {"killed": 7}  # the last one
    assert program.ledger.dropped["server_forgot"] == 11 + amount - 7
    assert program.ledger.applied == 7


# --- it hangs up


@contextlib.contextmanager
def hanging_up(server: RedisServer) -> Iterator[None]:
    """It closes all connections, over and over."""
    is_over = threading.Event()

    def hang_up() -> None:
        with contextlib.closing(server.client()) as client:
            while not is_over.wait(0.003):
                client.client_kill_filter(skipme=True, _type="normal")

    hanging = threading.Thread(target=hang_up)
    hanging.start()
    try:
        yield
    finally:
        is_over.set()
        hanging.join()


@pytest.mark.fault("A10")
def test_a_server_that_closes_all_connections_over_and_over_is_counted_in(
    own_server: RedisServer,
) -> None:
    with program_on(own_server.url, patience=2) as program:
        with hanging_up(own_server):
            logged = count_all(program, flushes=150)

        with contextlib.closing(own_server.client()) as client:
            assert client.info("stats")["total_connections_received"] > 20
        assert_all_counted_once(program, logged)


def hang_up_on_a_sleeper(server: RedisServer, program: Program) -> None:
    """It sleeps; a batch waits for it, then the order to close that connection."""
    with contextlib.closing(server.client()) as admin:
        admin.ping()  # connects
        with asleep(server, 0.4):
            flushing = threading.Thread(target=program.flush)
            flushing.start()
            time.sleep(0.1)  # the batch is to be on its way first, which nothing here can see
            admin.client_kill_filter(skipme=True, _type="normal")
            flushing.join()


@pytest.mark.fault("A10")
@pytest.mark.parametrize("server_options", [DEBUG])
def test_a_connection_that_is_closed_while_the_server_sleeps_costs_nothing(
    own_server: RedisServer,
) -> None:
    with program_on(own_server.url, patience=5) as program:
        logged = count_all(program, flushes=1)
        for _ in range(3):
            program.log("a", 10)
            logged["a"] += 10
            hang_up_on_a_sleeper(own_server, program)
            flush_until_done(program)

        assert_all_counted_once(program, logged)


@pytest.mark.fault("A10", control=True)
@pytest.mark.parametrize("server_options", [DEBUG])
@pytest.mark.usefixtures("unchecked")
def test_without_the_sequence_check_closed_connections_count_twice(
    own_server: RedisServer,
) -> None:
    with program_on(own_server.url, patience=5) as program:
        logged = count_all(program, flushes=1)

        def is_doubled() -> bool:
            program.log("a", 10)
            logged["a"] += 10
            hang_up_on_a_sleeper(own_server, program)
            flush_until_done(program)
            return counted(program)["a"] > logged["a"]

        assert any(is_doubled() for _ in range(10))
