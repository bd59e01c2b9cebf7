"""A request, or a reply, that is lost or late changes no count; without the check it would."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from ecl_logging import open_store
from ecl_logging.stores.protocols import Store
from ecl_logging.stores.redis import scripts
from ecl_logging.stores.redis import store as redis_store
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.programs import Program
from tests.redis_servers import RedisServer

FAULTS = [fate for fate in Fate if fate is not Fate.PASS]


@pytest.fixture
def proxy(empty_server: RedisServer) -> Iterator[Proxy]:
    with proxy_to(empty_server.port) as proxy:
        yield proxy


@pytest.fixture
def store(empty_server: RedisServer, proxy: Proxy) -> Iterator[Store]:
    url = empty_server.url.replace(str(empty_server.port), str(proxy.port))
    with contextlib.closing(open_store(f"{url}?socket_timeout=0.3")) as store:
        yield store


def is_batch(words: list[bytes]) -> bool:
    return words[0] in {b"EVALSHA", b"EVAL"} and words[1] in {
        scripts.APPLY.digest.encode(),
        scripts.APPLY.text.encode(),
    }


def nth_batch(n: int, fate: Fate) -> Callable[[list[bytes]], Fate]:
    """A rule for one of the batches that reach the proxy."""
    seen = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal seen
        if not is_batch(words):
            return Fate.PASS
        seen += 1
        return fate if seen == n else Fate.PASS

    return rule


def count_all(program: Program, *, flushes: int) -> Counter[str]:
    """Log and flush so many times, each until it has succeeded; return what was logged."""
    logged: Counter[str] = Counter()
    for number in range(flushes):
        for event_id, n in (("a", 1), (f"e{number}", 10)):
            program.log(event_id, n)
            logged[event_id] += n
        for _ in range(100):
            if program.flush():
                break
        else:
            pytest.fail("never flushed")
    return logged


def counted(program: Program) -> Counter[str]:
    """What the store has, in two buckets where a minute has turned meanwhile."""
    return Counter(program.stored()) + Counter(program.stored(age=1))


@pytest.mark.parametrize("n", range(2, 6))
@pytest.mark.parametrize("fate", FAULTS, ids=lambda fate: fate.name.lower())
def test_one_fault_changes_no_count(store, proxy, warnings_told, fate, n):
    program = Program(store)
    proxy.rule = nth_batch(n, fate)
    logged = count_all(program, flushes=5)
    proxy.release.set()

    assert counted(program) == logged
    assert program.ledger.applied == sum(logged.values())
    assert program.ledger.retries == (0 if fate is Fate.REPEAT_REQUEST else 1)


@pytest.fixture
def without_sequence_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script counts whatever number a batch has."""
    text = scripts.APPLY.text
    for check in ("number <= tonumber(known_number)", "number ~= tonumber(known_number) + 1"):
        assert check in text
        text = text.replace(check, "false")
    unchecked = scripts.Script()
    unchecked.text = text
    monkeypatch.setattr(unchecked, "digest", "0" * 40)
    monkeypatch.setattr(redis_store.scripts, "APPLY", unchecked)


@pytest.mark.parametrize(
    "fate", [Fate.LOSE_REPLY, Fate.HOLD_REPLY, Fate.REPEAT_REQUEST], ids=lambda fate: fate.name
)
@pytest.mark.usefixtures("without_sequence_check")
def test_without_the_sequence_check_one_fault_counts_twice(store, proxy, warnings_told, fate):
    """The control: what makes the test above pass is the check, nothing else."""
    program = Program(store)
    seen = 0

    def rule(words: list[bytes]) -> Fate:
        nonlocal seen
        seen += words[0] == b"EVAL" and b"Count one batch once" in words[1]
        return fate if seen == 3 and words[0] == b"EVAL" else Fate.PASS

    proxy.rule = rule
    logged = count_all(program, flushes=5)
    proxy.release.set()

    assert sum(counted(program).values()) == sum(logged.values()) + 11


def test_many_faults_at_random_change_no_count(store, proxy, warnings_told):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choose = random.Random(seed)

    def rule(words: list[bytes]) -> Fate:
        return choose.choices([*FAULTS, Fate.PASS], [3, 3, 0, 3, 12])[0]

    program = Program(store)
    proxy.rule = rule
    logged = count_all(program, flushes=60)
    proxy.rule = lambda _: Fate.PASS

    assert counted(program) == logged
    assert program.ledger.applied == sum(logged.values())
    assert program.ledger.retries > 5


def test_a_reply_that_was_held_answers_no_later_question(store, proxy):
    store.groups()
    proxy.rule = lambda words: Fate.HOLD_REPLY if words[0] == b"SMEMBERS" else Fate.PASS
    with contextlib.suppress(Exception):
        store.groups()
    proxy.rule = lambda _: Fate.PASS
    proxy.release.set()

    assert store.groups() == []
    assert store.definition("requests") is None
