"""Queues of Amazon SQS: against moto's server, and a proxy before it that goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator

import pytest

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.stores.protocols import APPLIED, DUPLICATE, GAP
from ecl_logging.stores.queueing import (
    Backlog,
    EventBatch,
    Message,
    Published,
    question_of_events,
)
from tests import moto_servers
from tests.canary import CANARY
from tests.moto_servers import Proxy
from tests.waiting import wait_until

pytest.importorskip("boto3", reason="what is tested on one Python only is not installed")
pytest.importorskip("moto", reason="what is tested on one Python only is not installed")
from ecl_logging.events.queues import sqs, sqs_clients, sqs_dead_letters
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.events.queues.sqs import SqsQueue

pytestmark = pytest.mark.once

SEND, RECEIVE = "SendMessageBatch", "ReceiveMessage"
IN_TIME = sqs_clients._no_longer_than


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_servers.running() as url:
        yield url


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_servers.set_environment(monkeypatch)
    moto_servers.be_patient(monkeypatch)
    # Moto has one server, which is found empty at once.
    monkeypatch.setattr(sqs_dead_letters, "_WAIT_SECONDS", 0)


@pytest.fixture(scope="module")
def queue(moto: str) -> Iterator[SqsQueue]:
    with contextlib.closing(SqsQueue("eu-central-1", endpoint_url=moto, create=True)) as queue:
        yield queue


@pytest.fixture(scope="module")
def reached_by_proxy(moto: str) -> Iterator[tuple[SqsQueue, Proxy]]:
    with (
        moto_servers.proxy(moto) as (url, proxy),
        contextlib.closing(SqsQueue("eu-central-1", endpoint_url=url, create=True)) as queue,
    ):
        yield queue, proxy


@pytest.fixture
def between(reached_by_proxy: tuple[SqsQueue, Proxy]) -> tuple[SqsQueue, Proxy]:
    """A queue that is reached by a proxy, which has seen nothing yet."""
    queue, proxy = reached_by_proxy
    queue._last.clear()
    proxy.reset()
    return queue, proxy


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid.uuid4().hex[:8]}"


@pytest.fixture(params=["standard", "fifo"])
def either(request: pytest.FixtureRequest, topic: str) -> str:
    return topic if request.param == "standard" else f"{topic}.fifo"


def batch(
    topic: str, *bodies: str, number: int = 1, source: str = "", lanes: int = 50
) -> EventBatch:
    events = tuple(
        Published(f"LG{number}-{at}", f"channel.{at % lanes}", body)
        for at, body in enumerate(bodies)
    )
    source = source or topic
    return EventBatch(source, number, number * 100, topic, events, token=f"{number:016x}")


def bodies(amount: int) -> list[str]:
    return [json.dumps({"number": number}) for number in range(amount)]


def received(queue: SqsQueue, topic: str, amount: int) -> list[Message]:
    """So many messages; they are in hand for a minute."""
    found: list[Message] = []
    while len(found) < amount:
        some = queue.receive(topic, 10, seconds=60, wait=1)
        assert some, f"{len(found)} of {amount} have come"
        found += some
    return found


def drained(queue: SqsQueue, topic: str) -> list[str]:
    """All that there is, acknowledged."""
    found: list[Message] = []
    while some := queue.receive(topic, 10, seconds=60, wait=0):
        found += some
        queue.ack(some)
    return [message.body.decode() for message in found]


# --- where it is


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqs://eu-central-1", "sqs://eu-central-1"),
        ("sqs://", "sqs://"),
        ("sqs://eu-central-1/", "sqs://eu-central-1"),
        ("sqs://?endpoint_url=http://127.0.0.1:5000", "sqs://?endpoint_url=http://127.0.0.1:5000"),
        ("sqs://x?endpoint_url=https%3A//[::1]:1/a", "sqs://x?endpoint_url=https://[::1]:1/a"),
        ("sqs://eu-west-1?create=1", "sqs://eu-west-1?create=1"),
        ("sqs://eu-west-1?create=0", "sqs://eu-west-1"),
    ],
)
def test_a_url_names_a_service(url: str, shown: str) -> None:
    assert SqsQueue.from_url(url).shown == shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://localhost", "not a URL of SQS"),
        (7, "not a URL of SQS"),
        (f"sqs://id:{CANARY}@eu-central-1", "keys are in no URL"),
        (f"sqs://eu-central-1?aws_secret_access_key={CANARY}", "keys are in no URL"),
        ("sqs://eu-central-1/orders", "no region"),
        ("sqs://EU", "no region"),
        ("sqs://eu-central-1?visibility=3", "'visibility' is no option"),
        ("sqs://eu-central-1?create=yes", "create is 0 or 1"),
        ("sqs://eu-central-1?create=1&create=1", "twice"),
        ("sqs://?endpoint_url=127.0.0.1:5000", "endpoint_url: write"),
        (f"sqs://?endpoint_url=http://id:{CANARY}@127.0.0.1", "endpoint_url: write"),
        ("sqs://?endpoint_url=http://127.0.0.1:port", "endpoint_url: write"),
        ("sqs://?endpoint_url=http://127.0.0.1:99999", "endpoint_url: write"),
    ],
)
def test_what_names_no_service_is_told(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        SqsQueue.from_url(url)

    assert CANARY not in str(raised.value)


def test_keys_are_given_together_and_never_shown() -> None:
    queue = SqsQueue("eu-central-1", aws_access_key_id=CANARY, aws_secret_access_key=CANARY)

    assert CANARY not in f"{queue!r} {queue.shown}"
    with pytest.raises(ConfigError, match="aws_secret_access_key: is missing"):
        SqsQueue("eu-central-1", aws_access_key_id="id")
    with pytest.raises(ConfigError, match="aws_access_key_id: is a text"):
        SqsQueue("eu-central-1", aws_access_key_id="", aws_secret_access_key="key")


def test_it_is_a_queue_and_builds_where_there_is_nothing() -> None:
    queue = SqsQueue(endpoint_url="http://127.0.0.1:1")

    assert isinstance(queue, Queue)
    assert queue.advice() is None
    with pytest.raises(StoreUnavailable, match="Connection refused"):
        queue.backlog("orders")


def test_a_topic_that_sqs_has_no_name_for_is_told(queue: SqsQueue) -> None:
    with pytest.raises(StoreError, match=r"no queue of the name a\.b"):
        queue.receive("a.b", 10, seconds=60, wait=0)


# --- in and out


def test_events_go_through(queue: SqsQueue, either: str) -> None:
    texts = [*bodies(22), json.dumps("Grüße, 東京 🎉", ensure_ascii=False)]
    receipt = queue.publish(batch(either, *texts))

    messages = received(queue, either, 23)
    assert sorted(message.body.decode() for message in messages) == sorted(texts)
    assert {message.deliveries for message in messages} == {1}
    assert len({message.id for message in messages}) == 23
    assert (receipt.status, receipt.number, receipt.total) == (APPLIED, 1, 100)
    assert receipt.token == f"{1:016x}"
    assert receipt.bad == ()
    queue.ack(messages)
    assert queue.backlog(either) == Backlog()


def test_a_fifo_queue_keeps_the_order_of_a_channel(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(f"{topic}.fifo", *bodies(30), lanes=3))

    numbers = [json.loads(body)["number"] for body in drained(queue, f"{topic}.fifo")]
    for channel in range(3):
        assert [n for n in numbers if n % 3 == channel] == list(range(channel, 30, 3))


@pytest.mark.parametrize("channel", ["", "with space", "ß" * 200, "a\x00b"])
def test_any_channel_is_a_group(queue: SqsQueue, topic: str, channel: str) -> None:
    name = f"{topic}.fifo"
    queue.publish(EventBatch("b" * 32, 1, 1, name, (Published("LG 1", channel, "{}"),)))

    assert drained(queue, name) == ["{}"]


def test_a_missing_queue_is_told(moto: str, topic: str) -> None:
    queue = SqsQueue("eu-central-1", endpoint_url=moto)
    for step in (
        lambda: queue.publish(batch(topic, "{}")),
        lambda: queue.receive(topic, 10, seconds=60, wait=0),
        lambda: queue.backlog(topic),
    ):
        with pytest.raises(StoreError, match=f"there is no queue {topic}") as raised:
            step()
        assert not isinstance(raised.value, StoreUnavailable)
    assert queue.dead_letters(topic, 10) == []
    assert queue.drop(topic) == queue.replay(topic) == 0


def test_a_queue_that_was_deleted_is_told_and_made_anew(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "{}"))
    [message] = received(queue, topic, 1)
    url = queue._queues.find(topic)
    queue._clients.call("delete_queue", seconds=4, QueueUrl=url)

    with pytest.raises(StoreError, match="is not there any more"):
        queue.ack([message])
    queue.publish(batch(topic, "[]", number=2))
    assert drained(queue, topic) == ["[]"]


def test_what_sqs_refuses_is_escaped(queue: SqsQueue, topic: str) -> None:
    text = "\x00\x1b\ud800\uffff\x7f\t"
    queue.publish(batch(topic, json.dumps(text, ensure_ascii=False), f'"{text}"'))

    escaped = '"\\u0000\\u001b\\ud800\\uffff\x7f'
    assert sorted(drained(queue, topic)) == [f'{escaped}\t"', f'{escaped}\\t"']
    assert json.loads(f'{escaped}\\t"') == text


def test_what_is_too_large_is_named_and_the_others_go(queue: SqsQueue, topic: str) -> None:
    large = [json.dumps("x" * size) for size in (2**20, 2**20 - 2, 600_000)]
    sent = batch(topic, "1", *large, "", "2")
    receipt = queue.publish(sent)

    assert receipt.bad == ("LG1-1", "LG1-4")
    assert sorted(drained(queue, topic)) == sorted(["1", *large[1:], "2"])


def test_what_a_queue_is_configured_not_to_take_is_named(queue: SqsQueue, topic: str) -> None:
    queue._clients.call(
        "create_queue", seconds=4, QueueName=topic, Attributes={"MaximumMessageSize": "1024"}
    )
    receipt = queue.publish(batch(topic, "1", json.dumps("x" * 2000), "2"))

    assert receipt.bad == ("LG1-1",)
    assert sorted(drained(queue, topic)) == ["1", "2"]


def test_a_question_finds_nothing_missing(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "{}"))

    receipt = queue.publish(question_of_events(topic, topic))
    assert receipt.status == GAP
    assert receipt.total >= 2**53
    assert drained(queue, topic) == ["{}"]


def test_what_is_not_acknowledged_comes_again(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "{}"))
    [first] = received(queue, topic, 1)
    assert queue.receive(topic, 10, seconds=60, wait=0) == []

    queue.put_back([first], pause=0)
    [second] = received(queue, topic, 1)
    assert (second.id, second.deliveries) == (first.id, 2)
    queue.put_back([second], pause=300)
    assert queue.receive(topic, 10, seconds=60, wait=0) == []
    assert queue.backlog(topic) == Backlog(in_hand=1)


def test_what_is_kept_longer_does_not_come(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "1", "2"))
    messages = queue.receive(topic, 10, seconds=1, wait=0)
    queue.extend(messages[:1], seconds=60)

    wait_until(lambda: queue.backlog(topic) == Backlog(waiting=1, in_hand=1), seconds=10)
    [again] = received(queue, topic, 1)
    assert again.id == messages[1].id


def test_what_is_gone_is_passed_over(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, *bodies(3)))
    messages = received(queue, topic, 3)
    queue.ack(messages)

    queue.ack([])
    queue.ack(messages)
    queue.extend(messages, seconds=60)
    queue.put_back(messages, pause=0)
    assert queue.receive(topic, 10, seconds=60, wait=0) == []


def test_times_are_those_that_sqs_has(between: tuple[SqsQueue, Proxy], topic: str) -> None:
    queue, proxy = between
    queue.publish(batch(topic, "{}"))
    for seconds, wait in ((0.2, 0.0), (90_000, 0.3)):
        message = queue.receive(topic, 50, seconds=seconds, wait=wait)
        queue.put_back(message, pause=0)

    asked = [said for operation, said in proxy.seen if operation == RECEIVE]
    assert [said["VisibilityTimeout"] for said in asked] == [1, 43200]
    assert [said["WaitTimeSeconds"] for said in asked] == [0, 1]
    assert [said["MaxNumberOfMessages"] for said in asked] == [10, 10]
    assert queue.receive(topic, 0, seconds=1, wait=0) == []


# --- what goes wrong


def test_a_batch_whose_answer_is_lost_comes_again(
    between: tuple[SqsQueue, Proxy], either: str
) -> None:
    queue, proxy = between
    sent = batch(either, *bodies(30))
    proxy.once(SEND, Proxy.cut_when_done)
    with pytest.raises(StoreUnavailable, match="closed before there was an answer"):
        queue.publish(sent)

    assert queue.publish(sent).status == APPLIED
    found = drained(queue, either)
    assert set(found) == set(bodies(30))
    assert len(found) == (30 if either.endswith(".fifo") else 40)  # as its class says


def test_what_is_known_to_be_there_is_not_sent_again(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    sent = batch(topic, *bodies(30))
    queue.publish(batch(topic, number=9, source="c" * 32))  # an empty one
    proxy.once(SEND, Proxy.fail_some())
    proxy.once(SEND, Proxy.cut)
    with pytest.raises(StoreUnavailable):
        queue.publish(sent)

    assert queue.publish(sent).status == APPLIED
    assert (
        proxy.times(SEND) == 4
    )  # ten, ten that were lost on the way, and those again and the rest
    assert sorted(drained(queue, topic)) == sorted(bodies(30))
    assert queue.publish(sent).status == DUPLICATE
    assert proxy.times(SEND) == 4


def test_what_a_request_was_taken_without_is_sent_again(
    between: tuple[SqsQueue, Proxy], either: str
) -> None:
    queue, proxy = between
    proxy.once(SEND, Proxy.fail_some(0, 3, 9))
    proxy.once(SEND, Proxy.fail_some(1))
    queue.publish(batch(either, *bodies(12)))

    sizes = [len(said["Entries"]) for operation, said in proxy.seen if operation == SEND]
    assert sizes == [10, 3, 1, 2]
    assert sorted(drained(queue, either)) == sorted(bodies(12))


def test_what_keeps_failing_is_for_later(between: tuple[SqsQueue, Proxy], topic: str) -> None:
    queue, proxy = between
    sent = batch(topic, *bodies(3))
    for places in ((0, 1), (0, 1), (0, 1)):
        proxy.once(SEND, Proxy.fail_some(*places))
    with pytest.raises(StoreUnavailable, match="has not taken in 2 of 3 messages"):
        queue.publish(sent)

    assert queue.publish(sent).status == APPLIED
    assert sorted(drained(queue, topic)) == sorted(bodies(3))


def test_an_event_that_is_refused_as_such_is_named(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    proxy.once(SEND, Proxy.fail_some(1, code="InvalidMessageContents", by_sender=True))
    receipt = queue.publish(batch(topic, *bodies(3)))

    assert receipt.bad == ("LG1-1",)
    assert sorted(drained(queue, topic)) == [bodies(3)[0], bodies(3)[2]]


def test_events_that_are_refused_for_other_reasons_are_kept(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    sent = batch(topic, *bodies(3))
    proxy.once(SEND, Proxy.fail_some(1, code="MissingParameter", by_sender=True))
    with pytest.raises(StoreError, match=r"no \(MissingParameter\)"):
        queue.publish(sent)

    assert queue.publish(sent).bad == ()
    assert sorted(drained(queue, topic)) == sorted(bodies(3))


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (500, "InternalError", StoreUnavailable, "Words of the service."),
        (503, "ServiceUnavailable", StoreUnavailable, "Words of the service."),
        (400, "ThrottlingException", StoreUnavailable, "Words of the service."),
        (400, "RequestThrottled", StoreUnavailable, "Words of the service."),
        (403, "InvalidClientTokenId", StoreError, "the access key is not known there"),
        (403, "SignatureDoesNotMatch", StoreError, "the secret access key is not"),
        (403, "ExpiredToken", StoreError, "have expired"),
        (400, "AccessDeniedException", StoreError, "not allowed to do that: Words"),
        (400, "InvalidAddress", StoreError, r"Words of the service. \(InvalidAddress\)"),
    ],
)
def test_refusals_are_told_in_one_line_and_asked_once(
    between: tuple[SqsQueue, Proxy], topic: str, *, status: int, code: str, kind: type, said: str
) -> None:
    queue, proxy = between
    proxy.once("GetQueueUrl", Proxy.refuse(status, code))
    with pytest.raises(StoreError, match=said) as raised:
        queue.publish(batch(topic, "{}"))

    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(queue.shown)
    assert [operation for operation, _ in proxy.seen] == ["GetQueueUrl"]


@pytest.mark.parametrize("text", [b"", b"{}", b"<html>", b"[]", b'{"QueueUrl": 7}', b"\xff"])
@pytest.mark.parametrize("status", [200, 502])
def test_what_is_no_sqs_is_told(
    between: tuple[SqsQueue, Proxy], topic: str, text: bytes, status: int
) -> None:
    queue, proxy = between
    proxy.once("GetQueueUrl", Proxy.say(text, status))

    with pytest.raises(StoreUnavailable):
        queue.publish(batch(topic, "{}"))


@pytest.mark.parametrize(
    "text", [b"[]", b'{"Messages": [{}]}', b'{"Messages": [7]}', b'{"Messages": 7}']
)
def test_messages_that_are_none_are_told(
    between: tuple[SqsQueue, Proxy], topic: str, text: bytes
) -> None:
    queue, proxy = between
    proxy.once(RECEIVE, Proxy.say(text))

    with pytest.raises(StoreUnavailable):
        queue.receive(topic, 10, seconds=60, wait=0)


def test_a_service_that_hangs_is_waited_for_as_long_as_was_said(
    between: tuple[SqsQueue, Proxy], topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, proxy = between
    sent = batch(topic, *bodies(3))
    queue.backlog(topic)
    monkeypatch.setattr(sqs, "Deadline", Deadline)  # for once without patience
    monkeypatch.setattr(sqs_clients, "_no_longer_than", IN_TIME)
    proxy.once(SEND, proxy.hang)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="no answer in time"):
        queue.publish(sent, timeout=0.6)

    assert time.monotonic() - began < 10
    assert proxy.times(SEND) == 1
    proxy.released.set()
    with pytest.raises(StoreUnavailable, match="no time is left"):
        queue.publish(batch(topic, "{}", number=2), timeout=0.0)
    moto_servers.be_patient(monkeypatch)
    queue.publish(sent)
    assert sorted(drained(queue, topic)) == sorted(bodies(3))


def test_without_keys_that_is_told(monkeypatch: pytest.MonkeyPatch, moto: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    queue = SqsQueue("eu-central-1", endpoint_url=moto)

    with pytest.raises(StoreError, match="no credentials are found; give aws_access_key_id"):
        queue.backlog("orders")


def test_without_a_region_that_is_told() -> None:
    with pytest.raises(StoreError, match="no region is named; write sqs://REGION"):
        SqsQueue().backlog("orders")


def test_a_step_that_fails_for_some_is_tried_again(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    queue.publish(batch(topic, *bodies(3)))
    messages = received(queue, topic, 3)
    proxy.once("DeleteMessageBatch", Proxy.fail_some(0, 2))
    queue.ack(messages)
    assert queue.backlog(topic) == Backlog()

    queue.publish(batch(topic, *bodies(3), number=2))
    messages = received(queue, topic, 3)
    proxy.once("ChangeMessageVisibilityBatch", Proxy.fail_some(0, 2))
    proxy.once("ChangeMessageVisibilityBatch", Proxy.fail_some(0))
    with pytest.raises(StoreUnavailable, match="failed for 1 messages"):
        queue.put_back(messages, pause=0)


def test_a_forked_child_makes_a_client_of_its_own(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "1"))
    before = list(queue._clients._clients.values())
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            queue.publish(batch(topic, "2", source="d" * 32))
            made = list(queue._clients._clients.values())
            os._exit(0 if made and not set(map(id, made)) & set(map(id, before)) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert list(queue._clients._clients.values()) == before
    assert sorted(drained(queue, topic)) == ["1", "2"]


def test_after_a_fork_nothing_of_the_parents_is_left(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "1"))
    queue.after_fork()

    assert queue._clients._clients == {}
    assert drained(queue, topic) == ["1"]
    queue.close()
    queue.close()
    assert queue.backlog(topic) == Backlog()


# --- dead letters


def buried(queue: SqsQueue, topic: str, *texts: str, number: int = 1) -> None:
    queue.publish(batch(topic, *texts, number=number))
    for message in received(queue, topic, len(texts)):
        queue.bury(message, f"no good: {message.body.decode()}")


def test_dead_letters_are_listed_and_stay(queue: SqsQueue, either: str) -> None:
    texts = bodies(12)
    before = time.time() - 1
    buried(queue, either, *texts)

    for _ in range(2):
        letters = queue.dead_letters(either, 12)
        assert sorted(letter.body.decode() for letter in letters) == sorted(texts)
    assert letters == sorted(letters, key=lambda letter: letter.at)
    assert all(letter.reason == f"no good: {letter.body.decode()}" for letter in letters)
    assert {(letter.topic, letter.deliveries) for letter in letters} == {(either, 1)}
    assert all(before < letter.at < time.time() + 1 for letter in letters)
    assert len(queue.dead_letters(either, 5)) == 5
    assert queue.dead_letters(either, 0) == []
    assert queue.backlog(either) == Backlog(dead_letters=12)


def test_dead_letters_are_replayed_as_new(queue: SqsQueue, either: str) -> None:
    buried(queue, either, *bodies(12))

    assert queue.replay(either) == 12
    messages = received(queue, either, 12)
    assert sorted(message.body.decode() for message in messages) == sorted(bodies(12))
    assert {message.deliveries for message in messages} == {1}
    assert queue.backlog(either) == Backlog(in_hand=12)
    queue.bury(messages[0], "again")
    assert queue.replay(either) == 1
    assert queue.backlog(either).dead_letters == 0


def test_dead_letters_are_dropped(queue: SqsQueue, topic: str) -> None:
    buried(queue, topic, *bodies(11))
    queue.publish(batch(topic, "stays", number=2))

    assert queue.drop(topic) == 11
    assert queue.backlog(topic) == Backlog(waiting=1)


def test_what_is_buried_meanwhile_stays(
    queue: SqsQueue, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buried(queue, topic, *bodies(3))
    monkeypatch.setattr(sqs_dead_letters, "_now_of", lambda answer: time.time() - 60)

    assert queue.replay(topic) == queue.drop(topic) == 0
    assert len(queue.dead_letters(topic, 3)) == 3


def test_reasons_are_cut_to_what_sqs_takes(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(topic, "1", "2", json.dumps("x" * (2**20 - 12))))
    reasons = {b"1": "\x00" * 9000, b"2": ""}
    for message in received(queue, topic, 3):
        queue.bury(message, reasons.get(message.body, "there is no room to say why"))

    letters = {letter.body[:2]: letter for letter in queue.dead_letters(topic, 3)}
    assert letters[b"1"].reason == ("\\u0000" * 9000)[:1000]
    assert letters[b"2"].reason == ""
    assert letters[b'"x'].deliveries == 0  # nor for how often


def test_where_dead_letters_cannot_be_that_is_told(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    queue.publish(batch(topic, "{}"))
    [message] = received(queue, topic, 1)
    proxy.once("CreateQueue", Proxy.refuse(400, "AccessDeniedException", "no right to it"))
    said = f"{topic}-dead-letters is missing and cannot be created: not allowed to do that: no"
    with pytest.raises(StoreError, match=said):
        queue.bury(message, "no good")

    assert queue.backlog(topic) == Backlog(in_hand=1)


def test_what_could_not_be_replayed_is_still_a_dead_letter(
    between: tuple[SqsQueue, Proxy], topic: str
) -> None:
    queue, proxy = between
    buried(queue, topic, *bodies(3))
    proxy.once(SEND, Proxy.cut)
    with pytest.raises(StoreUnavailable):
        queue.replay(topic)

    assert queue.backlog(topic) == Backlog(dead_letters=3)
    assert queue.replay(topic) == 3


def test_a_letter_that_sqs_itself_has_moved_is_listed(queue: SqsQueue, topic: str) -> None:
    queue.publish(batch(f"{topic}-dead-letters", "{}"))

    [letter] = queue.dead_letters(topic, 1)
    assert (letter.reason, letter.deliveries) == ("SQS itself has moved it here", 0)
