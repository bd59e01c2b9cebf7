"""Queues on Kafka, as librdkafka's own mock cluster plays it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("confluent_kafka", reason="what is tested on one Python only is not installed")
from ecl_logging.errors import ConfigError, StoreError, StoreUnavailable
from ecl_logging.events.queues import kafka_consuming, kafka_dead_letters, kafka_held
from ecl_logging.events.queues.kafka import KafkaQueue
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.queueing import EventBatch, Message, Published, question_of_events
from tests.kafka_clusters import QUICK, KafkaCluster, kafka_cluster

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
SOURCE = "ab" * 16
COMMIT, PRODUCE = 8, 0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def own_cluster() -> Iterator[KafkaCluster]:
    """For tests that break it."""
    with kafka_cluster() as cluster:
        yield cluster


@pytest.fixture
def topic(cluster: KafkaCluster) -> str:
    return cluster.make(f"topic-{next(_numbers)}")


@pytest.fixture
def new_queue(cluster: KafkaCluster) -> Iterator[Callable[..., KafkaQueue]]:
    made: list[KafkaQueue] = []

    def new(servers: str = cluster.servers, **settings: Any) -> KafkaQueue:
        given = {name.replace("_", "."): value for name, value in settings.items()}
        made.append(KafkaQueue(servers, f"group-{next(_numbers)}", settings=QUICK | given))
        return made[-1]

    yield new
    for queue in made:
        queue.close()


@pytest.fixture
def queue(new_queue: Callable[..., KafkaQueue]) -> KafkaQueue:
    return new_queue()


def same_group(queue: KafkaQueue) -> KafkaQueue:
    return KafkaQueue(queue._address.servers, queue._address.group, settings=QUICK)


def batch_of(topic: str, *bodies: str, number: int = 1, channel: str = "c") -> EventBatch:
    events = tuple(Published(f"LG{body[:20]}", channel, body) for body in bodies)
    return EventBatch(SOURCE, number, len(bodies), topic, events, token="cd")


def publish(queue: KafkaQueue, topic: str, *bodies: str, channel: str = "c") -> None:
    queue.publish(batch_of(topic, *bodies, number=next(_numbers), channel=channel))


def receive(queue: KafkaQueue, topic: str, amount: int, *, seconds: float = 60.0) -> list[Message]:
    """So many messages; a group takes a moment to deal out partitions."""
    received: list[Message] = []
    give_up = time.monotonic() + 20
    while len(received) < amount:
        assert time.monotonic() < give_up, received
        received += queue.receive(topic, amount - len(received), seconds=seconds, wait=1.0)
    return received


def bodies(messages: list[Message]) -> list[bytes]:
    return [message.body for message in messages]


def rest(queue: KafkaQueue, topic: str, *, wait: float = 0.5) -> list[Message]:
    return queue.receive(topic, 500, seconds=60, wait=wait)


# --- in


def test_it_is_a_queue(queue):
    assert isinstance(queue, Queue)
    assert queue.advice() is None


def test_a_batch_is_received_as_it_was_published_with_its_channels_as_keys(queue, topic, cluster):
    receipt = queue.publish(batch_of(topic, "{}1", "{}2", channel="shop.sold"))

    assert receipt == Receipt("applied", 1, 2, token="cd")
    assert bodies(receive(queue, topic, 2)) == [b"{}1", b"{}2"]
    assert [message.key() for message in cluster.content(topic)] == [b"shop.sold"] * 2


def test_a_batch_whose_confirmation_was_late_is_waited_for_and_not_produced_again(own_cluster):
    queue = KafkaQueue(own_cluster.servers)
    topic = own_cluster.make("slow")
    publish(queue, topic, "first")
    own_cluster.slow_down(0.7)
    batch = batch_of(topic, "a", "b", "c")

    with pytest.raises(StoreUnavailable, match="3 messages for slow are not confirmed"):
        queue.publish(batch, timeout=0.1)
    own_cluster.slow_down(0.0)
    receipt = queue.publish(batch, timeout=20)
    again = queue.publish(batch)
    queue.close()

    assert (receipt.status, again.status) == ("applied", "duplicate")
    content = own_cluster.content(topic)
    assert [message.value() for message in content] == [b"first", b"a", b"b", b"c"]


def test_a_batch_that_the_broker_failed_to_copy_is_not_doubled(own_cluster):
    queue = KafkaQueue(own_cluster.servers)
    topic = own_cluster.make("copied")
    own_cluster.refuse(PRODUCE, 7, 19, 20)  # timed out; too few copies; and after it was written

    receipt = queue.publish(batch_of(topic, "a", "b"), timeout=20)
    queue.close()

    assert receipt.status == "applied"
    assert [message.value() for message in own_cluster.content(topic)] == [b"a", b"b"]


def test_what_is_asked_of_a_source_never_says_that_something_is_lost(queue, topic):
    receipt = queue.publish(question_of_events(SOURCE, topic))

    assert receipt.status == "gap"
    assert receipt.total >= 2**53


def test_events_of_one_channel_stay_in_order(queue, cluster):
    topic = cluster.make(f"lanes-{next(_numbers)}", partitions=4)
    for number in range(10):
        for channel in "abcdef":
            publish(queue, topic, f"{channel}{number}", channel=channel)

    received = bodies(receive(queue, topic, 60))

    for channel in "abcdef":
        own = [body.decode() for body in received if body.decode()[0] == channel]
        assert own == [f"{channel}{number}" for number in range(10)]


def test_what_is_too_large_for_the_broker_is_left_out_and_named(own_cluster):
    queue = KafkaQueue(own_cluster.servers)
    topic = own_cluster.make("sizes")
    own_cluster.refuse(PRODUCE, 10)  # too large
    batch = batch_of(topic, "x" * 5000)

    receipt = queue.publish(batch)

    assert (receipt.status, receipt.bad) == ("applied", (batch.events[0].id,))
    assert queue.publish(batch).bad == receipt.bad
    assert own_cluster.content(topic) == []
    queue.close()


def test_an_event_larger_than_the_settings_allow_does_not_keep_others_from_the_topic(
    new_queue, topic, cluster
):
    queue = new_queue(message_max_bytes=2000)
    batch = batch_of(topic, "a", "x" * 3000, "b")

    first, again = queue.publish(batch), queue.publish(batch)

    assert (first.status, again.status) == ("applied", "duplicate")
    assert first.bad == again.bad == (batch.events[1].id,)
    assert [message.value() for message in cluster.content(topic)] == [b"a", b"b"]


def test_an_event_of_ten_megabytes_comes_through(queue, topic):
    publish(queue, topic, "x" * 10_000_000)

    assert len(receive(queue, topic, 1)[0].body) == 10_000_000


def test_two_threads_publish_at_once(queue, topic, cluster):
    def publish_some(source: str) -> None:
        for number in range(1, 21):
            event = Published("LG1", source, f"{source}-{number}")
            queue.publish(EventBatch(source, number, number, topic, (event,)))

    threads = [threading.Thread(target=publish_some, args=(source,)) for source in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = [(message.value() or b"").decode() for message in cluster.content(topic)]
    for source in "ab":
        assert [one for one in found if one[0] == source] == [f"{source}-{n}" for n in range(1, 21)]


# --- out


def test_what_was_acknowledged_does_not_come_again(queue, topic):
    publish(queue, topic, "a", "b", "c")
    first, second, third = receive(queue, topic, 3)
    queue.ack([third, first])
    queue.close()

    again = receive(queue, topic, 1)

    assert bodies(again) == [b"b"]
    assert (again[0].id, again[0].deliveries) == (second.id, 2)
    assert rest(queue, topic) == []


def test_what_is_put_back_comes_after_its_pause_while_others_flow(queue, topic):
    publish(queue, topic, "a", "b")
    first, second = receive(queue, topic, 2)
    queue.put_back([first], pause=0.6)
    queue.ack([second])
    publish(queue, topic, "c")
    began = time.monotonic()

    between = receive(queue, topic, 1)
    again = receive(queue, topic, 1)

    assert bodies(between) == [b"c"]
    assert bodies(again) == [b"a"]
    assert again[0].deliveries == 2
    assert time.monotonic() - began > 0.4


def test_what_is_put_back_uncounted_is_as_if_never_handed_out(queue, topic):
    publish(queue, topic, "a")
    queue.put_back(receive(queue, topic, 1), pause=0.0, counted=False)
    queue.close()

    assert receive(queue, topic, 1)[0].deliveries == 1


def test_what_nobody_speaks_of_is_handed_out_again_when_its_time_is_over(queue, topic):
    publish(queue, topic, "a", "b")
    first, second = receive(queue, topic, 2, seconds=0.3)
    queue.extend([second], seconds=60)

    again = receive(queue, topic, 1)

    assert (again[0].id, again[0].deliveries) == (first.id, 2)
    assert rest(queue, topic) == []


def test_who_had_a_message_before_cannot_put_it_back_but_acknowledge_it(queue, topic):
    publish(queue, topic, "a")
    before = receive(queue, topic, 1, seconds=0.05)
    receive(queue, topic, 1)
    queue.put_back(before, pause=0.0)
    queue.bury(before[0], "too late")

    assert rest(queue, topic, wait=0.2) == []
    assert queue.dead_letters(topic, 10) == []
    queue.ack(before)
    assert queue.backlog(topic).in_hand == 0


def test_a_message_without_a_value_is_an_empty_one(queue, topic, cluster):
    import confluent_kafka

    producer = confluent_kafka.Producer({"bootstrap.servers": cluster.servers})
    producer.produce(topic, value=None, key=b"gone")
    producer.flush(10)

    assert bodies(receive(queue, topic, 1)) == [b""]


def test_a_topic_that_is_not_there_yet_has_nothing(queue, cluster):
    topic = f"later-{next(_numbers)}"

    assert queue.receive(topic, 10, seconds=60, wait=0.3) == []
    publish(queue, topic, "a")
    assert bodies(receive(queue, topic, 1)) == [b"a"]


def test_messages_in_memory_are_bounded(queue, topic, monkeypatch):
    monkeypatch.setattr(kafka_held, "MOST_MESSAGES", 5)
    publish(queue, topic, *(str(number) for number in range(20)))
    some = receive(queue, topic, 5)

    assert rest(queue, topic) == []
    queue.ack(some)
    assert bodies(receive(queue, topic, 5)) == [b"5", b"6", b"7", b"8", b"9"]


def test_it_is_committed_that_a_message_is_handed_out_before_it_is(own_cluster):
    queue = KafkaQueue(own_cluster.servers, settings=QUICK)
    topic = own_cluster.make("commits")
    publish(queue, topic, "a")
    own_cluster.refuse(COMMIT, 29)  # not allowed

    with pytest.raises(StoreError, match="authorization"):
        receive(queue, topic, 1)
    assert receive(queue, topic, 1)[0].deliveries == 1
    queue.close()


def test_a_broker_that_takes_little_metadata_is_told_less(own_cluster):
    queue = KafkaQueue(own_cluster.servers, settings=QUICK)
    topic = own_cluster.make("small")
    publish(queue, topic, "a")
    own_cluster.refuse(COMMIT, 12, 12)  # metadata too large

    assert receive(queue, topic, 1)[0].deliveries == 1
    queue.close()


# --- consumers that die, and groups


RECEIVES = """
import sys, time
from ecl_logging.events.queues.kafka import KafkaQueue
from tests.kafka_clusters import QUICK
servers, group, topic, amount = sys.argv[1:]
queue, messages = KafkaQueue(servers, group, settings=QUICK), []
while len(messages) < int(amount):
    messages += queue.receive(topic, int(amount) - len(messages), seconds=60, wait=1)
queue.ack(messages[1:2])
print(*(f"{m.body.decode()}:{m.deliveries}" for m in messages), flush=True)
"""


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said_and_killed(queue: KafkaQueue, topic: str, amount: int) -> str:
    """What a consumer has received that is killed with that in hand."""
    address = queue._address
    process = child(RECEIVES + "time.sleep(60)", address.servers, address.group, topic, str(amount))
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return line


def test_what_a_killed_consumer_had_is_handed_out_again_with_its_deliveries(queue, topic):
    publish(queue, topic, "a", "b", "c", "d")

    assert said_and_killed(queue, topic, 3) == "a:1 b:1 c:1"

    received = receive(queue, topic, 3)
    assert [(m.body, m.deliveries) for m in received] == [(b"a", 2), (b"c", 2), (b"d", 1)]


def test_deliveries_of_one_that_kills_its_consumers_are_counted_and_no_others(queue, topic):
    publish(queue, topic, "killer", "b")

    assert said_and_killed(queue, topic, 2) == "killer:1 b:1"
    assert said_and_killed(queue, topic, 1) == "killer:2"
    assert said_and_killed(queue, topic, 1) == "killer:3"
    assert [(m.body, m.deliveries) for m in receive(queue, topic, 1)] == [(b"killer", 4)]


def test_two_consumers_share_partitions_and_nothing_is_lost(queue, cluster):
    topic = cluster.make(f"shared-{next(_numbers)}", partitions=4)
    publish(queue, topic, *(str(number) for number in range(40)), channel="a")
    second = same_group(queue)
    begun = receive(queue, topic, 5)
    for lane in "bcdefgh":
        publish(queue, topic, *(f"{lane}{number}" for number in range(40)), channel=lane)
    done: dict[str, list[bytes]] = {"first": [], "second": []}
    give_up = time.monotonic() + 30

    while len({*done["first"], *done["second"]}) < 320 and time.monotonic() < give_up:
        for name, one in (("first", queue), ("second", second)):
            messages = one.receive(topic, 7, seconds=60, wait=0.1)
            one.ack(messages)
            done[name] += bodies(messages)
        queue.ack(begun)
        done["first"] += bodies(begun)
        begun = []
    second.close()

    assert len({*done["first"], *done["second"]}) == 320
    assert done["second"], "it has got partitions"
    assert rest(queue, topic) == []


def test_an_acknowledgement_for_a_partition_that_another_one_has_does_nothing(queue, topic):
    publish(queue, topic, "a")
    messages = receive(queue, topic, 1)
    queue.close()
    second = same_group(queue)
    [again] = receive(second, topic, 1)

    queue.ack(messages)
    queue.put_back(messages, pause=0.0)
    queue.bury(messages[0], "late")

    assert second.backlog(topic).in_hand == 1
    second.ack([again])
    second.close()


# --- dead letters


def test_dead_letters_have_their_reason_and_go_back_when_told(queue, topic):
    publish(queue, topic, "a", "b", "c")
    first, second, third = receive(queue, topic, 3)
    began = time.time()
    queue.bury(first, "no event: 'x' is missing")
    queue.bury(third, "häßlich")
    queue.ack([second])

    letters = queue.dead_letters(topic, 10)

    assert [(one.id, one.body, one.reason, one.deliveries) for one in letters] == [
        (first.id, b"a", "no event: 'x' is missing", 1),
        (third.id, b"c", "häßlich", 1),
    ]
    assert letters[0].topic == topic
    assert began - 1 < letters[0].at < time.time() + 1
    assert queue.dead_letters(topic, 1) == letters[:1]
    assert queue.backlog(topic).dead_letters == 2
    assert queue.replay(topic) == 2
    assert queue.dead_letters(topic, 10) == []
    again = receive(queue, topic, 2)
    assert [(one.body, one.deliveries) for one in again] == [(b"a", 1), (b"c", 1)]


def test_dead_letters_are_dropped_when_told(queue, topic):
    publish(queue, topic, "a", "b")
    for message in receive(queue, topic, 2):
        queue.bury(message, "bad")

    assert queue.drop(topic) == 2
    assert queue.dead_letters(topic, 10) == []
    assert queue.drop(topic) == 0
    assert queue.replay(topic) == 0


def test_a_message_is_buried_once_though_the_confirmation_was_late(own_cluster):
    queue = KafkaQueue(own_cluster.servers, settings=QUICK)
    topic = own_cluster.make("buried")
    publish(queue, topic, "a")
    [message] = receive(queue, topic, 1)
    own_cluster.refuse(PRODUCE, 87)  # not valid

    with pytest.raises(StoreError):
        queue.bury(message, "bad")
    queue.bury(message, "bad")
    queue.bury(message, "bad")

    assert [one.body for one in queue.dead_letters(topic, 10)] == [b"a"]
    assert queue.backlog(topic).in_hand == 0
    queue.close()


def test_a_topic_that_never_was_has_no_dead_letters_and_no_backlog(queue):
    assert queue.dead_letters("never-there", 10) == []
    assert queue.replay("never-there") == 0
    backlog = queue.backlog("never-there")
    assert (backlog.waiting, backlog.in_hand, backlog.dead_letters) == (0, 0, 0)


def test_the_backlog_tells_what_waits_and_what_is_in_hand(queue, topic):
    publish(queue, topic, *"abcde")
    before = queue.backlog(topic)
    messages = receive(queue, topic, 3)
    queue.ack(messages[2:])
    after = queue.backlog(topic)

    assert (before.waiting, before.in_hand) == (5, 0)
    assert (after.waiting, after.in_hand) == (2, 2)


# --- when things end


def test_a_broker_that_is_gone_is_told_in_time_and_found_again(own_cluster):
    queue = KafkaQueue(own_cluster.servers, settings=QUICK)
    topic = own_cluster.make("gone")
    publish(queue, topic, "a")
    [message] = receive(queue, topic, 1)
    own_cluster.go_down()
    began = time.monotonic()
    batch = batch_of(topic, "b")

    with pytest.raises(StoreUnavailable):
        queue.publish(batch, timeout=0.5)
    assert time.monotonic() - began < 5
    with pytest.raises(StoreUnavailable):
        rest(queue, topic, wait=2.0)
    own_cluster.come_up()

    assert queue.publish(batch, timeout=20).status == "applied"
    queue.ack([message])
    received = []
    while b"b" not in bodies(received):  # the other one comes again where the group has changed
        received += receive(queue, topic, 1)
    queue.close()
    assert {*bodies(received)} <= {b"a", b"b"}
    assert [one.value() for one in own_cluster.content(topic)] == [b"a", b"b"]


def test_what_is_told_to_a_broker_that_is_gone_waits_within_bounds(own_cluster, monkeypatch):
    for module in (kafka_consuming, kafka_dead_letters):
        monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.5)
    queue = KafkaQueue(own_cluster.servers, settings=QUICK)
    topic = own_cluster.make("away")
    publish(queue, topic, "a", "b")
    messages = receive(queue, topic, 2)
    with kafka_dead_letters.looking(queue._address, "some", topic) as look:
        [place] = look.places()
        own_cluster.go_down()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            look.commit(place.partition, 1)
    with contextlib.suppress(StoreUnavailable):  # or its partition is lost
        queue.ack(messages)
    queue.close()

    assert time.monotonic() - began < 15


def test_servers_that_nobody_is_at_are_unavailable(new_queue, monkeypatch):
    monkeypatch.setattr(kafka_dead_letters, "_ANSWER_SECONDS", 0.5)
    queue = new_queue("127.0.0.1:1")
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match="not confirmed"):
        queue.publish(batch_of("t", "a"), timeout=0.3)
    with pytest.raises(StoreUnavailable):
        queue.receive("t", 1, seconds=60, wait=1.0)
    with pytest.raises(StoreUnavailable):
        queue.dead_letters("t", 1)
    queue.close()

    assert time.monotonic() - began < 20


def test_a_queue_that_was_closed_can_be_used_again(queue, topic):
    publish(queue, topic, "a")
    queue.close()
    queue.close()
    publish(queue, topic, "b")

    assert bodies(receive(queue, topic, 2)) == [b"a", b"b"]


def test_receiving_ends_when_the_queue_is_closed(queue, topic):
    received: list[list[Message]] = []
    thread = threading.Thread(
        target=lambda: received.append(queue.receive(topic, 1, seconds=60, wait=60))
    )
    thread.start()
    time.sleep(0.2)
    queue.close()
    thread.join(10)

    assert received == [[]]


def test_a_consumer_that_leaves_makes_room_at_once(queue, topic):
    publish(queue, topic, "a")
    receive(queue, topic, 1)
    second = same_group(queue)
    second.receive(topic, 1, seconds=60, wait=0.2)
    queue.close()
    began = time.monotonic()

    assert bodies(receive(second, topic, 1)) == [b"a"]
    assert time.monotonic() - began < 10
    second.close()


def test_a_process_that_closes_nothing_ends_without_a_word(queue, topic):
    publish(queue, topic, "a", "b")
    address = queue._address
    process = child(RECEIVES, address.servers, address.group, topic, "2")

    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "a:1 b:1\n", "")


FORKS = """
import os, sys, time, gc
from ecl_logging.events.queues.kafka import KafkaQueue
from ecl_logging.stores.queueing import EventBatch, Published
from tests.kafka_clusters import QUICK
servers, group, topic, ends = sys.argv[1:]
queue = KafkaQueue(servers, group, settings=QUICK)
def publish(text):
    queue.publish(EventBatch(text * 32, 1, 1, topic, (Published("LG1", "c", text),)))
def receive():
    messages = []
    while not messages:
        messages = queue.receive(topic, 1, seconds=60, wait=1)
    return messages
publish("a")
queue.ack(receive())
child = os.fork()
if not child:
    if ends == "hooks":
        queue.after_fork()
    publish("b")
    queue.close()
    del queue
    gc.collect()
    if ends == "system":
        os._exit(7)
    sys.exit(7)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
messages = receive()
queue.ack(messages)
queue.close()
print(status, *(message.body.decode() for message in messages))
"""


@pytest.mark.parametrize("ends", ["hooks", "none", "system"])
def test_a_child_of_a_process_that_has_used_it_publishes_and_ends(queue, topic, ends):
    address = queue._address
    process = child(FORKS, address.servers, address.group, topic, ends)

    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, "7 b\n"), err


# --- how it is named


def test_a_url_says_servers_group_and_settings():
    queue = KafkaQueue.from_url("kafka://one:9092,two?group=workers&security.protocol=SSL")

    assert queue.shown == "kafka://one:9092,two?group=workers"
    assert queue._address.settings == {"security.protocol": "SSL"}


def test_settings_are_shown_nowhere():
    queue = KafkaQueue("one:9092", settings={"sasl.username": "me", "sasl.password": "very-secret"})

    assert "very-secret" not in f"{queue.shown} {queue._address!r} {queue!r}"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://host", "write such as kafka://host:9092"),
        (7, "not a URL"),
        ("kafka://", "servers are HOST:PORT"),
        ("kafka://host:x", "servers are HOST:PORT"),
        ("kafka://host:99999", "servers are HOST:PORT"),
        ("kafka://[host", "not a URL"),
        ("kafka://host,,other", "servers are HOST:PORT"),
        ("kafka://me:secret@host", "go into the settings"),
        ("kafka://host/topic", "followed by '\\?'"),
        ("kafka://host?group=", "group ''"),
        ("kafka://host?grup=a", "unknown 'grup'"),
        ("kafka://host?a.b=1&a.b=2", "a.b is there twice"),
        ("kafka://host?enable.auto.commit=true", "cannot be set: what is done is committed"),
    ],
)
def test_a_url_that_is_none_is_told_so_without_its_password(url, told):
    with pytest.raises(ConfigError, match=told) as raised:
        KafkaQueue.from_url(url)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("settings", [["a"], {"a b": 1}, {7: 1}, {"a.b": [1]}, {"acks": 1}])
def test_settings_that_mean_nothing_are_told(settings):
    with pytest.raises(ConfigError, match="kafka: "):
        KafkaQueue("host", settings=settings)


def test_settings_that_librdkafka_does_not_know_are_told_at_first_use(new_queue):
    queue = new_queue(no_such_thing=1)

    with pytest.raises(StoreError, match="such"):
        queue.publish(batch_of("t", "a"))
    with pytest.raises(StoreError, match="such"):
        queue.receive("t", 1, seconds=60, wait=0.1)


def test_building_one_starts_no_thread_and_opens_nothing():
    before = len(os.listdir("/proc/self/task"))
    KafkaQueue("127.0.0.1:1").close()

    assert len(os.listdir("/proc/self/task")) == before


def test_without_the_package_one_line_says_what_to_install():
    program = (
        "import sys; sys.modules['confluent_kafka'] = None; import ecl_logging.events.queues.kafka"
    )
    process = child(program)

    _, err = process.communicate(timeout=30)

    assert err.splitlines()[-1] == (
        "ModuleNotFoundError: a queue of Kafka's needs confluent_kafka:"
        " pip install 'ecl-logging[kafka]'"
    )
