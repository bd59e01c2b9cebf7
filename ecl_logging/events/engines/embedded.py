"""EmbeddedEngine: events from an SQLite file of this machine, which needs no server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecl_logging.events.consumers import ConsumerHub
from ecl_logging.events.engines.base import Engine
from ecl_logging.events.engines.calling import Operator
from ecl_logging.events.queues import open_queue

__all__ = ["EmbeddedEngine"]


class EmbeddedEngine(Engine):
    """See `Engine`. Its queue is the embedded one, or an SQLite file."""

    def __init__(
        self,
        hub: ConsumerHub,
        queue: object = None,
        consumer_operator: Operator | None = None,
        default_event_handler: Callable[[dict[str, Any]], Any] | None = None,
        **options: Any,
    ) -> None:
        """`queue`: such as `sqlite:////var/lib/shop/queue.db`; by default the embedded store.

        `options` and all others: see `Engine`. Raises ConfigError.
        """
        super().__init__(
            hub, open_queue(queue), consumer_operator, default_event_handler, **options
        )
