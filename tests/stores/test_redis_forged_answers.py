"""Answers that no server of ours gives: whoever is in between may say anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging.errors import StoreError
from ecl_logging.stores.redis.store import RedisStore
from tests.stores.programs import FIVE_SECONDS, REQUESTS, Program

STEPS: dict[str, Callable[[RedisStore], object]] = {
    "define": lambda store: store.define(REQUESTS, timeout=0.05),
    "apply": lambda store: store.apply(Program(store).batch({"req1": 1})),
    "groups": lambda store: store.groups(),
    "definition": lambda store: store.definition("requests"),
    "read": lambda store: store.read("requests", FIVE_SECONDS, [0, 1]),
    "sources": lambda store: store.sources("requests"),
    "rotate": lambda store: store.rotate("requests"),
    "advice": lambda store: store.advice(),
}
ANSWERS = (b"OK", "OK", b"", 1, 0, None, [], [1], [b"applied"], [b"x"] * 9, [[b"OK"]], {b"a": 1})


@pytest.mark.fault("A6")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("forged", ANSWERS, ids=repr)
def test_an_answer_of_any_form_raises_store_errors_only(
    monkeypatch: pytest.MonkeyPatch, step: str, forged: object
) -> None:
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    monkeypatch.setattr(store._connections, "call", lambda *_, read, **__: read(forged))

    with contextlib.suppress(StoreError):
        STEPS[step](store)


@pytest.mark.fault("A6")
@pytest.mark.parametrize("forged", [b"OK", 1, [b"x"]], ids=repr)
def test_a_definition_that_is_confirmed_with_no_number_is_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, forged: object
) -> None:
    """`define` asks what is known, names the group, and defines it: the last answer is forged."""
    answers: list[Any] = [[], 1, forged]
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    monkeypatch.setattr(store._connections, "call", lambda *_, read, **__: read(answers.pop(0)))

    if forged == 1:
        assert store.define(REQUESTS).version == 1
    else:
        with pytest.raises(StoreError, match="holds what this library did not write"):
            store.define(REQUESTS)
