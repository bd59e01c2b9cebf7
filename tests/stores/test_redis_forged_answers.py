"""Answers that no server of ours gives: whoever is in between may say anything."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging import open_store
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.redis.store import RedisStore
from tests.redis_servers import RedisServer
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

    with pytest.raises(StoreError, match="holds what this library did not write"):
        store.define(REQUESTS)


def answer(status: bytes, number: int, token: bytes = b"feed") -> list[bytes]:
    return [status, b"1", b"%d" % number, b"7", *[b"0"] * 4, token]


@pytest.mark.fault("A4", "A6")
@pytest.mark.parametrize(
    "given",
    [
        answer(b"applied", 2),
        answer(b"applied", 3, b"cafe"),
        answer(b"applied", 4),
        answer(b"duplicate", 2),
        [b"gap", b"1", b"2", b"7", b"0"],
        [b"gap", b"1", b"9", b"7", b"0"],
        answer(b"counted", 3),
    ],
    ids=str,
)
def test_what_was_said_of_another_batch_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, given: list[bytes]
) -> None:
    """Taken for one, it had the batch sent again under another number: counted twice."""
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    monkeypatch.setattr(store._connections, "call", lambda *_, read, **__: read(given))
    batch = dataclasses.replace(Program(store).batch({"req1": 1}, number=3), token="feed")

    with pytest.raises(StoreUnavailable, match="is no answer to batch 3"):
        store.apply(batch)


@pytest.mark.fault("A4", "A6")
def test_a_connection_that_answered_another_question_is_closed(empty_server: RedisServer) -> None:
    with contextlib.closing(open_store(empty_server.url)) as store:
        assert isinstance(store, RedisStore)
        store.groups()
        idle = list(store._connections._idle)

        def refuse(answer: object) -> None:
            raise StoreError("no answer to that")

        with pytest.raises(StoreError, match="no answer to that"):
            store._connections.call("PING", timeout=1.0, read=refuse)
        assert len(idle) == 1
        assert store._connections._idle == []
        assert store.groups() == []
