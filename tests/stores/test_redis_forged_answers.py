"""Answers that no server of ours gives: whoever is in between may say anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from ecl_logging import open_store
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.stores.queueing import EventBatch, Message, Published
from ecl_logging.stores.redis.store import RedisStore
from tests.redis_servers import RedisServer
from tests.stores.programs import FIVE_SECONDS, REQUESTS, Program
from tests.stores.saying import CART, MessageProgram, RecordProgram, said, seen

EVENTS = EventBatch("a" * 32, 1, 1, "orders", (Published("LG1", "shop", "{}"),))
MESSAGES = [Message("orders", "1-0", b"{}", 1, 1)]
STEPS: dict[str, Callable[[RedisStore], object]] = {
    "define": lambda store: store.define(REQUESTS, timeout=0.05),
    "apply": lambda store: store.apply(Program(store).batch({"req1": 1})),
    "groups": lambda store: store.groups(),
    "definition": lambda store: store.definition("requests"),
    "read": lambda store: store.read("requests", FIVE_SECONDS, [0, 1]),
    "sources": lambda store: store.sources("requests"),
    "rotate": lambda store: store.rotate("requests"),
    "advice": lambda store: store.advice(),
    "put": lambda store: store.records.put(RecordProgram(store.records).batch(seen(1))),
    "claim": lambda store: store.records.claim(1),
    "ack": lambda store: store.records.ack(["1"]),
    "waiting": lambda store: store.records.waiting(),
    "say": lambda store: store.messages.say(
        MessageProgram(store.messages).batch(said({1: {"a": 1}}))
    ),
    "speakers": lambda store: store.messages.speakers(),
    "recent": lambda store: store.messages.recent([CART], 1),
    "common": lambda store: store.messages.common([CART]),
    "now": lambda store: store.messages.now(),
    "publish": lambda store: store.events.put(EVENTS),
    "receive": lambda store: store.events.claim("orders", 1, seconds=60),
    "finish": lambda store: store.events.ack("orders", MESSAGES),
    "put_back": lambda store: store.events.put_back("orders", MESSAGES, pause=0),
    "extend": lambda store: store.events.extend("orders", MESSAGES, seconds=60),
    "bury": lambda store: store.events.bury("orders", MESSAGES, "bad"),
    "dead_letters": lambda store: store.events.dead_letters("orders", 1),
    "replay": lambda store: store.events.replay("orders", ["1-0"]),
    "drop": lambda store: store.events.drop("orders", ["1-0"]),
    "topics": lambda store: store.events.topics(),
    "backlog": lambda store: store.events.backlog("orders"),
}
ANSWERS = (b"OK", "OK", b"", 1, 0, None, [], [1], [b"applied"], [b"x"] * 9, [[b"OK"]], {b"a": 1})


def saying(forged: Callable[[], object]) -> Callable[..., Any]:
    """A connection over which this is said, to whatever was asked."""

    def call(*words: object, read: Callable[[object], object], **_: object) -> object:
        answer = forged()
        if words[0] == "EVALSHA":
            question, _, _ = str(words[4 + int(str(words[2]))]).partition(" ")
            answer = [question.encode(), answer]
        return read(answer)

    return call


@pytest.mark.fault("A6")
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("forged", ANSWERS, ids=repr)
def test_an_answer_of_any_form_raises_store_errors_only(
    monkeypatch: pytest.MonkeyPatch, step: str, forged: object
) -> None:
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    for call in (saying(lambda: forged), lambda *_, read, **__: read(forged)):
        monkeypatch.setattr(store._connections, "call", call)
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
    monkeypatch.setattr(store._connections, "call", saying(lambda: answers.pop(0)))

    with pytest.raises(StoreError, match="holds what this library did not write"):
        store.define(REQUESTS)


SCRIPTS = {name: step for name, step in STEPS.items() if name not in {"groups", "advice"}}


@pytest.mark.fault("A4", "A6")
@pytest.mark.parametrize("step", SCRIPTS)
def test_what_was_said_to_another_question_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Taken for one, it had a batch sent again under another number: counted twice."""
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    said = [b"0123456789abcdef", [b"gap", b"1", b"0", b"0", b"0"]]
    monkeypatch.setattr(store._connections, "call", lambda *_, read, **__: read(said))

    with pytest.raises(StoreUnavailable, match="no answer to what was asked"):
        SCRIPTS[step](store)


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


@pytest.mark.parametrize("cursor", [b"7", b"", b"x"])
def test_a_large_bucket_without_end_is_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch, cursor: bytes
) -> None:
    store = RedisStore("tcp", {}, shown="redis://somewhere/0")
    asked = 0

    def call(*words: object, read: Callable[[object], object], **_: object) -> object:
        nonlocal asked
        asked += 1
        if words[0] == "HSCAN":
            return read([cursor, [b"req1", b"1"]])
        question, _, _ = str(words[7]).partition(" ")
        return read([question.encode(), [b"1.0", [b"0", 10**6, b""]]])

    monkeypatch.setattr(store._connections, "call", call)
    with pytest.raises(StoreError, match="holds what this library did not write"):
        store.read("requests", FIVE_SECONDS, [0])
    assert asked < 2000


def test_a_large_bucket_is_not_read_from_a_connection_that_is_out_of_step(
    empty_server: RedisServer,
) -> None:
    with contextlib.closing(open_store(empty_server.url)) as store:
        assert isinstance(store, RedisStore)
        store.groups()
        (connection,) = store._connections._idle
        connection.send_command("SMEMBERS", "@groups")  # whose answer comes later
        connection.can_read = lambda *_: False
        with pytest.raises(StoreUnavailable, match="no answer to what was asked"):
            store._ask("HGETALL", "requests:5s:0", read=lambda answer: answer)
        assert store._connections._idle == []
