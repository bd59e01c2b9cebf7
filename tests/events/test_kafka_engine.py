"""Engines on Kafka: what consumers get of what was published, and how their processes end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka", reason="what is tested on one Python only is not installed")
from ecl_logging.errors import ConfigError
from ecl_logging.events.consumers import Consumer, ConsumerHub
from ecl_logging.events.engines import KafkaEngine
from ecl_logging.events.queues import open_queue
from ecl_logging.events.queues.kafka import KafkaQueue
from tests.events.making import Noted, an_event, hub_of, publish, publish_bodies, ran_until
from tests.kafka_clusters import QUICK, KafkaCluster, kafka_cluster

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as cluster:
        cluster.make("sales")
        yield cluster


@pytest.fixture
def queue(cluster: KafkaCluster) -> Iterator[KafkaQueue]:
    """Of the program that publishes."""
    queue = KafkaQueue(cluster.servers)
    yield queue
    queue.close()


def engine_of(cluster: KafkaCluster, *consumers: Noted, **options: object) -> KafkaEngine:
    quick = {"retry_pause": 0.02, "polling_period": 0.1, "settings": QUICK}
    return KafkaEngine(hub_of(*consumers), cluster.servers, **{**quick, **options})


def test_consumers_get_every_event_once_when_nothing_fails(cluster, queue):
    publish(queue, "sales", [an_event(number) for number in range(300)])
    noted = Noted()

    ran_until(engine_of(cluster, noted, num_messages=50), lambda: len(noted.events) >= 300)
    engine = engine_of(cluster, noted)
    engine.queue.empty_after = 2.0
    engine.run(until_empty=True)

    assert noted.numbers == list(range(300))
    assert set(noted.deliveries) == {1}
    assert queue.backlog("sales").waiting == 0


def test_an_event_whose_consumer_always_fails_becomes_a_dead_letter_while_others_flow(
    cluster, queue
):
    publish(queue, "sales", [an_event(number) for number in range(5)])
    noted = Noted(lambda event: event["payload"]["number"] == 1)

    ran_until(
        engine_of(cluster, noted, max_deliveries=3), lambda: queue.dead_letters("sales", 1) != []
    )

    assert sorted(noted.numbers) == [0, 1, 1, 1, 2, 3, 4]
    [letter] = queue.dead_letters("sales", 10)
    assert letter.deliveries == 3
    assert "no number 1" in letter.reason
    assert queue.replay("sales") == 1
    mended = Noted()
    ran_until(engine_of(cluster, mended), lambda: mended.numbers == [1])
    assert mended.deliveries == [1]


def test_what_is_no_event_is_a_dead_letter_at_once(cluster, queue):
    publish_bodies(queue, "sales", "no JSON", "[1]")
    publish(queue, "sales", [an_event(7)])
    noted = Noted()

    ran_until(engine_of(cluster, noted), lambda: noted.numbers == [7])

    assert [one.body for one in queue.dead_letters("sales", 10)] == [b"no JSON", b"[1]"]


def test_what_no_consumer_wants_goes_to_the_default_handler(cluster, queue):
    publish(queue, "sales", [an_event(1, cls_type="refund")])
    left = Noted()
    hub = ConsumerHub()
    hub.add_consumer(Consumer(Noted(), "sales", cls_type="sale", name="sales"))
    engine = KafkaEngine(hub, cluster.servers, default_event_handler=left, settings=QUICK)

    ran_until(engine, lambda: left.numbers == [1])

    assert left.deliveries == [1]


PROGRAM = """
import sys, time
from ecl_logging.events.engines import KafkaEngine
from tests.events.making import hub_of
from tests.kafka_clusters import QUICK
def work(event):
    print(event["payload"]["number"], event["header"]["deliveries"], flush=True)
    time.sleep(0.2)
KafkaEngine(hub_of(work), sys.argv[1], settings=QUICK, polling_period=0.2).run()
"""


def consuming(cluster: KafkaCluster) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, cluster.servers]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    return process


def test_a_process_that_is_told_to_end_finishes_what_is_in_hand_and_another_one_goes_on(
    cluster, queue
):
    publish(queue, "sales", [an_event(number) for number in range(8)])
    first = consuming(cluster)
    begun = first.stdout.readline()
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=30)
    second = Noted()

    ran_until(engine_of(cluster, second), lambda: 7 in second.numbers)

    assert (first.returncode, err) == (0, "")
    before = [int(line.split()[0]) for line in (begun + out).splitlines()]
    assert before + second.numbers == list(range(8))
    assert set(second.deliveries) == {1}


def test_what_a_killed_process_had_in_hand_is_worked_on_by_another_one(cluster, queue):
    publish(queue, "sales", [an_event(number) for number in range(8)])
    first = consuming(cluster)
    first.stdout.readline()
    first.kill()
    first.communicate()
    second = Noted()

    ran_until(engine_of(cluster, second), lambda: {*second.numbers} >= set(range(1, 8)))

    assert sorted(second.numbers) == list(range(8))
    assert set(second.deliveries) == {2}


def test_a_queue_is_opened_by_its_url(cluster):
    queue = open_queue(f"kafka://{cluster.servers}?group=workers")

    assert isinstance(queue, KafkaQueue)
    assert queue.shown == f"kafka://{cluster.servers}?group=workers"


def test_servers_that_are_none_are_told():
    with pytest.raises(ConfigError, match="servers are HOST:PORT"):
        KafkaEngine(hub_of(Noted()), "me:secret@host")
