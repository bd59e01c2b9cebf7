"""RedisStreamsEngine: events from streams of a Redis server, for all machines that reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecl_logging.events.consumers import ConsumerHub
from ecl_logging.events.engines.base import Engine
from ecl_logging.events.engines.calling import Operator
from ecl_logging.events.queues import open_queue

__all__ = ["RedisStreamsEngine"]


class RedisStreamsEngine(Engine):
    """See `Engine`. A topic is a stream with one group of consumers; see `docs/wire-format.md`."""

    def __init__(
        self,
        hub: ConsumerHub,
        queue: object = "redis://localhost:6379/0",
        consumer_operator: Operator | None = None,
        default_event_handler: Callable[[dict[str, Any]], Any] | None = None,
        **options: Any,
    ) -> None:
        """`queue`: a URL, a mapping of redis-py's arguments, or its client, whose settings count.

        `options` and all others: see `Engine`. Raises ConfigError.
        """
        super().__init__(
            hub, open_queue(queue), consumer_operator, default_event_handler, **options
        )
