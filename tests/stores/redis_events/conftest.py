"""Queues of events on a Redis, and a program that publishes to one."""

from __future__ import annotations

import pytest

from ecl_logging.stores.queueing import KeepsEvents
from tests.stores.kinds import RedisKind
from tests.stores.redis_events.queues import Publisher


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> RedisKind:
    return RedisKind(request)


@pytest.fixture
def program(events: KeepsEvents) -> Publisher:
    return Publisher(events)
