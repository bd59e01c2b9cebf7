"""Engines: what has consumers work on the events of a queue; a class for each kind of queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.lazy_names import loader_of

if TYPE_CHECKING:
    from ecl_logging.events.engines.base import Engine
    from ecl_logging.events.engines.embedded import EmbeddedEngine
    from ecl_logging.events.engines.kafka import KafkaEngine
    from ecl_logging.events.engines.redis_streams import RedisStreamsEngine
    from ecl_logging.events.engines.sqs import SQSEngine

__all__ = ["EmbeddedEngine", "Engine", "KafkaEngine", "RedisStreamsEngine", "SQSEngine"]

_MODULE_OF = {
    "EmbeddedEngine": "embedded",
    "Engine": "base",
    "KafkaEngine": "kafka",
    "RedisStreamsEngine": "redis_streams",
    "SQSEngine": "sqs",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
