"""A request, or a reply, that is lost, late or spoilt changes no count; unprotected it would."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ecl_logging import StoreError, open_store
from ecl_logging.stores.redis.store import RedisStore
from tests.faults.one_program import assert_all_counted_once, count_all, counted
from tests.faults.proxy import Fate, Proxy, Rule, proxy_to
from tests.faults.unprotected import (
    BATCH_SCRIPTS,
    RetryingConnections,
    count_whatever_number,
    is_batch,
)
from tests.programs import Program
from tests.redis_servers import CANARY, RedisServer

# The others take two requests: of a copy, or of what comes late.
OF_TWO = {Fate.KEEP_COPY, Fate.REPLAY_COPY, Fate.REPEAT_LATE}
ONE_AT_A_TIME = [fate for fate in Fate if fate not in {Fate.PASS, *OF_TWO}]
# After these the client is told nothing that it could take for an answer.
UNHEARD = [
    *(Fate.LOSE_REQUEST, Fate.LOSE_REPLY, Fate.RESET, Fate.TRUNCATE_REPLY, Fate.REPEAT_REQUEST),
    *(Fate.GARBAGE_REPLY, Fate.TWO_REPLIES, Fate.ERROR_REPLY),
]
# The client goes on at once, or hears that somebody refuses, which is no unknown fate.
WITHOUT_RETRIES = {Fate.REPEAT_REQUEST, Fate.DELAY_REPLY, Fate.ERROR_REPLY}
# After these nothing is counted that is sent again.
HARMLESS = {Fate.LOSE_REQUEST, Fate.BLACK_HOLE, Fate.DELAY_REPLY}


@pytest.fixture
def proxy(empty_server: RedisServer) -> Iterator[Proxy]:
    """The server behind it knows the scripts, so that each batch is sent once."""
    with contextlib.closing(empty_server.client()) as client:
        for script in BATCH_SCRIPTS:
            client.script_load(script.text)
    with proxy_to(empty_server.port) as proxy:
        yield proxy


@pytest.fixture
def protocol() -> int:
    return 3


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """Seconds for one step: short where a test waits for their end, long enough elsewhere."""
    case = getattr(request.node, "callspec", None)
    fate = case and case.params.get("fate")
    return 0.4 if fate in {Fate.HOLD_REPLY, Fate.BLACK_HOLE} else 5.0


@pytest.fixture
def store(
    empty_server: RedisServer, proxy: Proxy, protocol: int, patience: float
) -> Iterator[RedisStore]:
    url = f"{proxy.url(empty_server.url)}?socket_timeout={patience}&protocol={protocol}"
    with contextlib.closing(open_store(url)) as store:
        assert isinstance(store, RedisStore)
        yield store


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    count_whatever_number(monkeypatch)


def nth_batch(fates: dict[int, Fate]) -> Rule:
    """A rule for some of the batches that reach the proxy, by their number."""
    seen = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal seen
        if not is_batch(words):
            return Fate.PASS
        seen += 1
        return fates.get(seen, Fate.PASS)

    return rule


# --- one fault


@pytest.mark.fault("A1", "A2", "A4", "A6", "F5")
@pytest.mark.parametrize("n", range(1, 5))
@pytest.mark.parametrize("fate", ONE_AT_A_TIME, ids=lambda fate: fate.name.lower())
def test_one_fault_changes_no_count(store, proxy, warnings_told, fate, n):
    program = Program(store)
    proxy.rule, proxy.delay = nth_batch({n: fate}), 0.1
    logged = count_all(program, flushes=4)
    proxy.release.set()

    assert_all_counted_once(program, logged)
    assert (program.ledger.retries > 0) == (fate not in WITHOUT_RETRIES)


@pytest.mark.fault("A1", "A2", "F5")
@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_REPLY], ids=lambda fate: fate.name)
def test_whichever_batch_it_is_that_is_lost(store, proxy, warnings_told, fate):
    """The first to the twentieth, each of another program."""
    for n in range(1, 21):
        proxy.rule = nth_batch({n: fate})
        program = Program(store)
        before = counted(program) if n > 1 else Counter()
        logged = count_all(program, flushes=20)

        assert counted(program) - before == logged
        assert program.ledger.applied == sum(logged.values())
        assert program.ledger.retries == 1
        [source] = [one for one in store.sources("g") if one.source == program.sender.source]
        assert source.number == program.sender._confirmed.number >= 20  # a minute may turn
        assert source.total == sum(logged.values())


@pytest.mark.fault("A1", "A2", "B13")
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("fate", [Fate.LOSE_REQUEST, Fate.LOSE_REPLY], ids=lambda fate: fate.name)
@pytest.mark.usefixtures("warnings_told")
def test_the_fault_meets_a_script_that_the_server_has_forgotten(
    store, proxy, empty_server, fate, n
):
    """Then a batch is two requests: the script's name, then its text."""
    with contextlib.closing(empty_server.client()) as client:
        client.script_flush()
    program = Program(store)
    proxy.rule = nth_batch({n: fate})

    assert_all_counted_once(program, count_all(program, flushes=3))
    assert program.ledger.retries == 1


@pytest.mark.fault("A1", "A4", "A6", control=True)
@pytest.mark.parametrize(
    "fate",
    [fate for fate in ONE_AT_A_TIME if fate not in HARMLESS],
    ids=lambda fate: fate.name.lower(),
)
@pytest.mark.usefixtures("unchecked")
def test_without_the_sequence_check_one_fault_counts_twice(store, proxy, warnings_told, fate):
    """What makes the tests above pass is the check, nothing else."""
    program = Program(store)
    proxy.rule = nth_batch({3: fate})
    logged = count_all(program, flushes=5)
    proxy.release.set()

    assert sum(counted(program).values()) == sum(logged.values()) + 11


# --- old requests


def replay(program: Program, proxy: Proxy) -> Counter[str]:
    """Have the server get its second batch once more when it has counted the fourth."""
    proxy.rule = nth_batch({2: Fate.KEEP_COPY, 4: Fate.REPLAY_COPY})
    program.define()
    return count_all(program, flushes=6)


@pytest.mark.fault("A5")
def test_an_old_batch_that_comes_after_a_newer_one_is_a_duplicate(store, proxy):
    program = Program(store)
    logged = replay(program, proxy)

    assert_all_counted_once(program, logged)
    [said] = proxy.copy_replies
    assert b"duplicate" in said
    assert program.ledger.retries == 0


@pytest.mark.fault("A5", control=True)
@pytest.mark.usefixtures("unchecked")
def test_without_the_sequence_check_an_old_batch_counts_again(store, proxy):
    program = Program(store)
    logged = replay(program, proxy)

    [said] = proxy.copy_replies
    assert b"applied" in said
    assert sum(counted(program).values()) == sum(logged.values()) + 11


# --- replies of somebody else


@pytest.mark.fault("A4")
@pytest.mark.parametrize("patience", [0.5])
def test_a_reply_that_was_held_answers_no_later_question(store, proxy):
    store.groups()
    proxy.rule = lambda words: Fate.HOLD_REPLY if words[0] == b"SMEMBERS" else Fate.PASS
    with pytest.raises(StoreError):
        store.groups()
    proxy.rule = lambda _: Fate.PASS
    proxy.release.set()

    assert store.groups() == []
    assert store.definition("requests") is None


@pytest.mark.fault("A6")
@pytest.mark.parametrize("fate", UNHEARD, ids=lambda fate: fate.name.lower())
def test_a_spoilt_reply_answers_no_later_question(store, proxy, warnings_told, fate):
    """Whatever it is that is spoilt, the next question is answered by the server."""
    program = Program(store)
    program.define()
    for word in (b"SMEMBERS", b"EVALSHA"):
        proxy.rule = lambda words, word=word: fate if words[0] == word else Fate.PASS
        with contextlib.suppress(StoreError):
            store.groups() if word == b"SMEMBERS" else store.definition("g")
        proxy.rule = lambda _: Fate.PASS
        assert store.groups() == ["g"]
        assert store.definition("other") is None
    assert_all_counted_once(program, count_all(program, flushes=2))


@pytest.mark.fault("A6")
@pytest.mark.parametrize(
    ("fate", "told"),
    [
        (Fate.GARBAGE_REPLY, "what answers there speaks no Redis protocol"),
        (Fate.TWO_REPLIES, "what came is no answer to what was asked"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_after_an_answer_that_is_none_the_fate_of_a_batch_is_unknown(
    store, proxy, warnings_told, fate, told
):
    """It had been counted, and whoever gives up now must not say that it was refused."""
    program = Program(store)
    program.define()
    proxy.rule = nth_batch({1: fate})
    program.log("a")

    assert not program.flush()
    assert program.sender.is_unsure()
    assert told in (program.outage.last_error or "")
    assert counted(program) == {"a": 1}


# --- a client's own retries


def use_client(monkeypatch, store, client) -> None:
    """Have a store ask by redis-py's client, in the place of connections of its own."""
    connections = RetryingConnections(client, store.shown)
    monkeypatch.setattr(store, "_connections", connections)
    monkeypatch.setattr(store._server, "connections", connections)


def retrying_client(proxy: Proxy) -> redis.Redis:
    """As programs have it: what is not answered is sent again, ten times."""
    retry = Retry(NoBackoff(), 10)
    return redis.Redis(port=proxy.port, password=CANARY, retry=retry, socket_timeout=5.0)


@pytest.mark.fault("A7")
def test_the_retries_of_a_client_that_was_handed_in_are_left_out(proxy, warnings_told):
    with (
        contextlib.closing(retrying_client(proxy)) as client,
        contextlib.closing(open_store(client)) as store,
    ):
        program = Program(store)
        proxy.rule = nth_batch({2: Fate.LOSE_REPLY, 5: Fate.LOSE_REQUEST})
        logged = count_all(program, flushes=5)

        assert_all_counted_once(program, logged)
        assert program.ledger.retries == 2  # each of them is ours


@pytest.mark.fault("A7", control=True)
@pytest.mark.usefixtures("unchecked")
def test_a_client_that_sends_again_by_itself_counts_twice_and_says_nothing(
    store, proxy, monkeypatch
):
    """It takes the check and the one that knows its retries: with neither nobody hears of it."""
    with contextlib.closing(retrying_client(proxy)) as client:
        store._connections.close()
        use_client(monkeypatch, store, client)
        program = Program(store)
        proxy.rule = nth_batch({3: Fate.LOSE_REPLY})
        logged = count_all(program, flushes=5)

        assert sum(counted(program).values()) == sum(logged.values()) + 11
        assert (program.ledger.retries, program.outage.last_error) == (0, None)


@pytest.mark.fault("A7")
def test_a_client_that_sends_again_by_itself_is_caught_by_the_check(store, proxy, monkeypatch):
    """The second line of defence holds by itself."""
    with contextlib.closing(retrying_client(proxy)) as client:
        store._connections.close()
        use_client(monkeypatch, store, client)
        program = Program(store)
        proxy.rule = nth_batch({3: Fate.LOSE_REPLY})

        assert_all_counted_once(program, count_all(program, flushes=5))
