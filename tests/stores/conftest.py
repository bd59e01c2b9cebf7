"""Every store in turn: a test that takes `store` is part of the contract; see `kinds.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import redis

from ecl_logging import stores
from ecl_logging.stores.protocols import Store
from ecl_logging.stores.queueing import KeepsEvents
from ecl_logging.stores.redis.store import RedisStore
from tests.conftest import Clock
from tests.redis_servers import RedisServer
from tests.stores.kinds import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param](request)


@pytest.fixture
def open_store(kind: Kind, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens the test's store, as each program does for itself."""
    with contextlib.ExitStack() as opened:

        def opening() -> Store:
            store = kind.open(clock)
            opened.callback(store.close)
            return store

        yield opening


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def events(store) -> KeepsEvents:
    return store.events


@pytest.fixture
def claim_bytes(monkeypatch: pytest.MonkeyPatch) -> int:
    """So many bytes are handed out at a time, in place of megabytes that take seconds."""
    for module in ("sql.queues", "sql.dead_letters", "redis.events"):
        monkeypatch.setattr(f"ecl_logging.stores.{module}.CLAIM_BYTES", 20_000)
    return 20_000


@pytest.fixture
def client(empty_server: RedisServer) -> Iterator[redis.Redis]:
    """A look at the server of the Redis kinds, and what others may do to it."""
    with contextlib.closing(empty_server.client()) as client:
        yield client


@pytest.fixture
def own_store(own_server: RedisServer) -> Iterator[RedisStore]:
    with contextlib.closing(stores.open_store(own_server.url)) as store:
        assert isinstance(store, RedisStore)
        yield store
