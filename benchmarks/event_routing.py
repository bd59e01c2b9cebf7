"""How fast events go from a program to a consumer, through each kind of queue.

python -m benchmarks.event_routing [--events N] [QUEUE ...]

Queues: embedded, redis, sqs (moto's server) and kafka (librdkafka's mock cluster); all by
default. Each is started here, and gets the events of a Publisher; an engine has a consumer handle
them. Rates are printed, and it fails where an event is lost; or, where the queue promises that,
handled twice. moto's server counts all waiting messages with each one that it takes in, so few at
a time are sent there before they are handled.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ecl_logging.events import Consumer, ConsumerHub, Publisher, new_event
from ecl_logging.events.engines import EmbeddedEngine, Engine, RedisStreamsEngine
from tests.redis_servers import running as redis_running

__all__ = ["QUEUES", "Routed", "route"]

_TOPIC = "sales"
_PATIENCE = 600.0  # seconds


@contextlib.contextmanager
def _embedded() -> Iterator[tuple[object, Callable[[ConsumerHub], Engine]]]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/queue.db"
        yield url, lambda hub: EmbeddedEngine(hub, url)


@contextlib.contextmanager
def _redis() -> Iterator[tuple[object, Callable[[ConsumerHub], Engine]]]:
    with tempfile.TemporaryDirectory() as folder, redis_running(Path(folder)) as server:
        yield server.url, lambda hub: RedisStreamsEngine(hub, server.url)


@contextlib.contextmanager
def _sqs() -> Iterator[tuple[object, Callable[[ConsumerHub], Engine]]]:
    from ecl_logging.events.engines import SQSEngine
    from ecl_logging.events.queues.sqs import SqsQueue
    from tests.moto_servers import running

    keys = {"aws_access_key_id": "nobodys", "aws_secret_access_key": "nobodys"}
    with running() as url:
        where: dict[str, Any] = {"region": "eu-central-1", "endpoint_url": url, **keys}
        yield SqsQueue(**where, create=True), lambda hub: SQSEngine(hub, **where)


@contextlib.contextmanager
def _kafka() -> Iterator[tuple[object, Callable[[ConsumerHub], Engine]]]:
    from ecl_logging.events.engines import KafkaEngine
    from ecl_logging.events.queues.kafka import KafkaQueue
    from tests.kafka_clusters import kafka_cluster

    with kafka_cluster() as cluster:
        servers = cluster.servers
        cluster.make(_TOPIC, partitions=3)
        yield KafkaQueue(servers), lambda hub: KafkaEngine(hub, servers)


QUEUES: dict[
    str, Callable[[], AbstractContextManager[tuple[object, Callable[[ConsumerHub], Engine]]]]
] = {"embedded": _embedded, "redis": _redis, "sqs": _sqs, "kafka": _kafka}

_ONCE = {"embedded", "redis"}  # exactly, when nothing fails
_AT_A_TIME = {"sqs": 200}


class Routed:
    """What came of it."""

    def __init__(self, name: str, published: list[str], handled: Counter[str]) -> None:
        self.name = name
        self.lost = len(set(published) - set(handled))
        self.twice = sum(handled.values()) - len(handled)
        self.publish_rate = self.handle_rate = 0.0  # events in a second

    @property
    def is_right(self) -> bool:
        """Whether it is what the queue promises."""
        return not self.lost and not (self.twice and self.name in _ONCE)

    def __str__(self) -> str:
        return (
            f"{self.name:9}{self.publish_rate:9.0f} published/s{self.handle_rate:9.0f} handled/s"
            f"   lost {self.lost}, more than once {self.twice}"
        )


def route(name: str, events: int) -> Routed:
    """Have so many events go through a queue."""
    published: list[str] = []
    handled: Counter[str] = Counter()
    publish_seconds = handle_seconds = 0.0
    at_a_time = _AT_A_TIME.get(name, events)
    with QUEUES[name]() as (queue, engine_of):
        for start in range(0, events, at_a_time):
            began = time.monotonic()
            some = _publish(queue, range(start, min(start + at_a_time, events)))
            publish_seconds += time.monotonic() - began
            began = time.monotonic()
            handled += _handle(engine_of, set(some))
            handle_seconds += time.monotonic() - began
            published += some
    routed = Routed(name, published, handled)
    routed.publish_rate, routed.handle_rate = events / publish_seconds, events / handle_seconds
    return routed


def _publish(queue: object, numbers: range) -> list[str]:
    published = []
    with Publisher(queue, topic=_TOPIC) as publisher:
        for number in numbers:
            event = new_event({"cls_type": "sale", "number": number}, f"shop.{number % 8}")
            published.append(event["header"]["id"])
            publisher.publish(event)
            if number % 5000 == 4999:
                _flush(publisher)  # more than 20,000 do not wait in memory
        _flush(publisher)
    return published


def _flush(publisher: Publisher) -> None:
    """A flush ends where a queue does not answer in time, as on a machine that is busy."""
    give_up = time.monotonic() + _PATIENCE
    while not publisher.flush(_PATIENCE):
        if time.monotonic() > give_up:
            raise RuntimeError(f"not published: {publisher.telemetry()}")


def _handle(engine_of: Callable[[ConsumerHub], Engine], wanted: set[str]) -> Counter[str]:
    handled: Counter[str] = Counter()
    hub = ConsumerHub()
    hub.add_consumer(Consumer(lambda event: handled.update([event["header"]["id"]]), _TOPIC))
    engine = engine_of(hub)
    thread = threading.Thread(target=engine.run)
    thread.start()
    give_up = time.monotonic() + _PATIENCE
    while len(handled) < len(wanted) and time.monotonic() < give_up and thread.is_alive():
        time.sleep(0.01)
    engine.stop()
    thread.join()
    return handled


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.event_routing")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("queues", nargs="*", choices=[*QUEUES, []], metavar="QUEUE")
    arguments = parser.parse_args()
    is_right = True
    for name in arguments.queues or QUEUES:
        routed = route(name, arguments.events)
        print(routed, flush=True)
        is_right = is_right and routed.is_right
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
