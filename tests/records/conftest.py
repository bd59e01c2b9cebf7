"""Stores that keep what was said, each in turn; and stores whose answers are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging.errors import StoreUnavailable
from tests.stores.conftest import open_store, store
from tests.stores.kinds import KINDS, Kind

__all__ = ["Losing", "open_store", "store"]  # fixtures among them

KEEPING = ("memory", "sqlite", "redis")


@pytest.fixture(params=KEEPING)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param](request)


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
    *("totals", "marks", "mark"),
    *("close", "after_fork"),
):
    # By name and not by __getattr__: a store is told by what its class has.
    setattr(Losing, _name, _passed_on(_name))
