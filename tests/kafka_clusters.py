"""Clusters of Kafka's that librdkafka plays by itself, with real sockets, for tests.

They are made by librdkafka's own functions, since the setting `test.mock.num.brokers` leaves out
what tests need: a group that does not wait three seconds for more members, and brokers that go.
"""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka

QUICK = {
    "session.timeout.ms": 1000,
    "heartbeat.interval.ms": 100,
    "topic.metadata.refresh.interval.ms": 500,
}
"""Settings of consumers that are soon missed, and see soon that a topic is there."""


def _librdkafka() -> Any:
    """The library that confluent-kafka has loaded: from its own wheel, or the system's."""
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        [path] = {line.split()[-1] for line in maps if "librdkafka" in line}
    library = ctypes.CDLL(path)
    for name in (
        "rd_kafka_conf_new",
        "rd_kafka_new",
        "rd_kafka_mock_cluster_new",
        "rd_kafka_mock_cluster_bootstraps",
    ):
        getattr(library, name).restype = ctypes.c_void_p
    return library


class KafkaCluster:
    """Runs in threads of librdkafka's until `close`."""

    def __init__(self, brokers: int = 1) -> None:
        self._library = _librdkafka()
        conf = self._library.rd_kafka_conf_new()
        text = ctypes.create_string_buffer(512)
        for name, value in ((b"log_level", b"0"),):
            self._library.rd_kafka_conf_set(
                ctypes.c_void_p(conf), name, value, text, ctypes.c_size_t(len(text))
            )
        self._client = ctypes.c_void_p(
            self._library.rd_kafka_new(0, ctypes.c_void_p(conf), text, ctypes.c_size_t(len(text)))
        )
        self.brokers = range(1, brokers + 1)
        self._cluster = ctypes.c_void_p(
            self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        )
        bootstraps = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        self.servers = ctypes.string_at(bootstraps).decode()
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 100)

    def make(self, topic: str, partitions: int = 1) -> str:
        """Make a topic, and one for its dead letters; return its name."""
        for name, number in ((topic, partitions), (f"{topic}-dead-letters", 1)):
            self._library.rd_kafka_mock_topic_create(
                self._cluster, name.encode(), number, len(self.brokers)
            )
        return topic

    def go_down(self) -> None:
        """Have all brokers gone: nobody listens."""
        for broker in self.brokers:
            self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def come_up(self) -> None:
        for broker in self.brokers:
            self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def slow_down(self, seconds: float) -> None:
        """Have all answers come so much later."""
        for broker in self.brokers:
            self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, int(seconds * 1000))

    def refuse(self, request: int, *codes: int) -> None:
        """Answer the next requests of a kind so; 0 is produce, 8 is commit."""
        self._library.rd_kafka_mock_push_request_errors(
            self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(codes)), *codes
        )

    def content(self, topic: str) -> list[confluent_kafka.Message]:
        """All that is in a topic, in the order of each partition."""
        settings = {"bootstrap.servers": self.servers, "group.id": "looks", "log_level": 0}
        reader = confluent_kafka.Consumer({**settings, "enable.partition.eof": True})
        try:
            numbers = reader.list_topics(topic, timeout=10).topics[topic].partitions
            beginning = [confluent_kafka.TopicPartition(topic, number, 0) for number in numbers]
            reader.assign(beginning)
            found: list[confluent_kafka.Message] = []
            ended, give_up = 0, time.monotonic() + 20
            while ended < len(numbers):
                assert time.monotonic() < give_up, "the end of a partition does not come"
                message = reader.poll(0.1)
                if message is not None and message.error() is None:
                    found.append(message)
                elif message is not None:
                    ended += 1
            return found
        finally:
            reader.close()

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


@contextlib.contextmanager
def kafka_cluster(brokers: int = 1) -> Iterator[KafkaCluster]:
    """A cluster for the length of a block."""
    cluster = KafkaCluster(brokers)
    try:
        yield cluster
    finally:
        cluster.close()
