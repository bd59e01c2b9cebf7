"""Stores that keep what was said, each in turn; and stores whose answers are lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.protocols import Store
from tests.conftest import Clock
from tests.stores.kinds import KINDS

KEEPING = ("memory", "sqlite", "redis")


@pytest.fixture(params=KEEPING)
def open_store(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens the test's store, as each program does for itself."""
    kind = KINDS[request.param](request)
    with contextlib.ExitStack() as opened:

        def opening() -> Store:
            store = kind.open(clock)
            opened.callback(store.close)
            return store

        yield opening


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


class Losing:
    """A store that takes in what it is given, and loses so many of its answers.

    `before`: so many times it is away instead, and takes in nothing.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self.answers_to_lose = self.times_away = 0
        self.asked = 0

    @property
    def records(self) -> Losing:
        return self._of("records")

    @property
    def messages(self) -> Losing:
        return self._of("messages")

    @property
    def shown(self) -> str:
        return str(self._store.shown)

    def _of(self, name: str) -> Any:
        kept, outer = getattr(self._store, name), self

        class Kept:
            def __getattr__(self, step: str) -> Any:
                return lambda *args, **named: outer._do(getattr(kept, step), *args, **named)

        return Kept()

    def _do(self, step: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.asked += 1
        if self.times_away > 0:
            self.times_away -= 1
            raise StoreUnavailable("away")
        answer = step(*args, **named)
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
            raise StoreUnavailable("the answer was lost")
        return answer


def _passed_on(name: str) -> Any:
    return lambda self, *args, **named: getattr(self._store, name)(*args, **named)


for _name in (
    *("define", "apply", "groups", "definition", "read", "sources", "rotate", "advice"),
    *("close", "after_fork"),
):
    # By name and not by __getattr__: a store is told by what its class has.
    setattr(Losing, _name, _passed_on(_name))
