"""KafkaEngine: consumers of events in Kafka's topics. Needs the extra `kafka`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ecl_logging.events.consumers import ConsumerHub
from ecl_logging.events.engines.base import Engine
from ecl_logging.events.engines.calling import Operator
from ecl_logging.events.queues.kafka import KafkaQueue

__all__ = ["KafkaEngine"]


class KafkaEngine(Engine):
    """An `Engine` on Kafka. Its processes share the partitions of a topic.

    So no more processes of one group have work than the topic has partitions.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that can be chosen
        self,
        hub: ConsumerHub,
        kafka_server: str,
        group: str = "ecl-consume",
        consumer_operator: Operator | None = None,
        default_event_handler: Callable[[dict[str, Any]], Any] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        """`kafka_server`: `host:9092`, several with commas between. `settings`: librdkafka's.

        The others and `options` as `Engine` has them. Raises ConfigError.
        """
        queue = KafkaQueue(kafka_server, group, settings=settings)
        super().__init__(hub, queue, consumer_operator, default_event_handler, **options)
