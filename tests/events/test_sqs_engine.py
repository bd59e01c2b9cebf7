"""SQSEngine, against moto's server."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.stores.queueing import Backlog
from tests import moto_servers
from tests.canary import CANARY
from tests.events.making import Noted, an_event, hub_of, publish, publish_bodies, ran_until
from tests.waiting import wait_until

pytest.importorskip("boto3", reason="what is tested on one Python only is not installed")
pytest.importorskip("moto", reason="what is tested on one Python only is not installed")
from ecl_logging.events.engines import Engine, SQSEngine
from ecl_logging.events.publisher import Publisher
from ecl_logging.events.queues import open_queue

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_servers.running() as url:
        yield url


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    moto_servers.set_environment(monkeypatch)
    moto_servers.be_patient(monkeypatch)


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid.uuid4().hex[:8]}"


def engine_of(moto: str, topic: str, *functions: Any, **options: Any) -> SQSEngine:
    options = {"endpoint_url": moto, "create": True, "retry_pause": 0} | options
    return SQSEngine(hub_of(*functions, topic=topic), "eu-central-1", **options)


def test_arguments_stand_in_the_order_of_balogs(moto: str) -> None:
    hub, operator, others = hub_of(Noted()), object(), Noted()
    engine = SQSEngine(hub, "eu-central-1", "id", CANARY, 3, 7, operator, others)

    assert isinstance(engine, Engine)
    assert engine.queue.shown == "sqs://eu-central-1"
    assert (engine.polling_period, engine.num_messages) == (3, 7)
    assert engine.consumer_operator is operator
    assert engine.default_event_handler is others
    with pytest.raises(ConfigError, match="aws_secret_access_key: is missing"):
        SQSEngine(hub, "eu-central-1", "id")


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_every_event_is_handled_and_acknowledged(moto: str, topic: str, suffix: str) -> None:
    noted = Noted()
    engine = engine_of(moto, topic + suffix, noted)
    channels = [f"shop.{number % 4}" for number in range(20)]
    publish(engine.queue, topic + suffix, [an_event(n, channel=c) for n, c in enumerate(channels)])
    engine.run(until_empty=True)

    assert sorted(noted.numbers) == list(range(20))
    if suffix:
        assert [n for n in noted.numbers if n % 4 == 1] == list(range(1, 20, 4))
    assert engine.queue.backlog(topic + suffix) == Backlog()


def test_what_keeps_failing_is_a_dead_letter_and_the_others_flow(moto: str, topic: str) -> None:
    noted = Noted(lambda event: event["payload"]["number"] == 3)
    engine = engine_of(moto, topic, noted, max_deliveries=3)
    publish(engine.queue, topic, [an_event(number) for number in range(6)])
    ran_until(engine, lambda: engine.outcomes.counts().get("dead_letter") == 1)

    assert sorted(noted.numbers) == [0, 1, 2, 3, 3, 3, 4, 5]
    tries = zip(noted.numbers, noted.deliveries, strict=True)
    assert [delivery for number, delivery in tries if number == 3] == [1, 2, 3]
    [letter] = engine.queue.dead_letters(topic, 1)
    assert letter.deliveries == 3
    assert "no number 3" in letter.reason

    again = Noted()
    assert engine.queue.replay(topic) == 1
    engine_of(moto, topic, again).run(until_empty=True)
    assert (again.numbers, again.deliveries) == ([3], [1])


def test_what_is_no_event_is_a_dead_letter_at_once(moto: str, topic: str) -> None:
    noted = Noted()
    engine = engine_of(moto, topic, noted)
    poison = ["no JSON", "[]", '{"a": 1}', "[" * 100_000, '"' + "x" * 900_000 + '"', "\x00"]
    publish_bodies(engine.queue, topic, *poison)
    publish(engine.queue, topic, [an_event(1)])
    engine.run(until_empty=True)

    assert noted.numbers == [1]
    letters = engine.queue.dead_letters(topic, len(poison))
    assert sorted(letter.body for letter in letters) == sorted(
        text.replace("\x00", "\\u0000").encode() for text in poison
    )
    assert all(letter.reason.startswith("no event: ") for letter in letters)


def test_what_takes_long_is_kept_from_others(moto: str, topic: str) -> None:
    other = Noted()
    beside = engine_of(moto, topic, other)

    def take_long(event: dict[str, Any]) -> None:
        thread = threading.Thread(target=beside.run)
        thread.start()
        time.sleep(2.5)
        beside.stop()
        thread.join()

    engine = engine_of(moto, topic, take_long, claim_seconds=1)
    publish(engine.queue, topic, [an_event(1)])
    ran_until(engine, lambda: engine.outcomes.counts().get("handled") == 1)

    assert other.numbers == []
    assert engine.queue.backlog(topic) == Backlog()


def test_a_queue_that_is_missing_is_told_and_waited_for(
    moto: str, topic: str, warnings_told: list[str]
) -> None:
    noted = Noted()
    engine = engine_of(moto, topic, noted, create=False)
    said = f"there is no queue {topic}"

    ran_until(engine, lambda: any(said in told for told in warnings_told))
    assert noted.numbers == []


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_publisher_sends_again_what_it_does_not_know_of(
    moto: str, topic: str, suffix: str
) -> None:
    noted = Noted()
    with moto_servers.proxy(moto) as (url, proxy):
        queue = open_queue(f"sqs://eu-central-1?endpoint_url={url}&create=1")
        proxy.once("SendMessageBatch", proxy.cut_when_done)
        with Publisher(queue, topic=topic + suffix, sync_interval=60) as publisher:
            for number in range(12):
                publisher.publish(an_event(number))
            wait_until(publisher.flush)
            telemetry = publisher.telemetry()
        queue.close()
    engine_of(moto, topic + suffix, noted).run(until_empty=True)

    [lost, *_] = [said for operation, said in proxy.seen if operation == "SendMessageBatch"]
    assert telemetry["applied"] == 12
    assert not any(telemetry["dropped"].values())
    assert set(noted.numbers) == set(range(12))
    assert len(noted.numbers) == 12 + (0 if suffix else len(lost["Entries"]))
