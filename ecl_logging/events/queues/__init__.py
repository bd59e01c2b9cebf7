"""Where events wait for their consumers. `open_queue` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.errors import ConfigError
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores import open_chosen_store, standing_in

if TYPE_CHECKING:
    from ecl_logging.addresses import StoreAddress

__all__ = ["as_queue", "open_queue"]


def open_queue(
    queue: object = None, *, configured: StoreAddress | None = None, prefix: str = ""
) -> Queue:
    """Return the queue that a URL names; a queue as it is.

    `sqs://REGION` and `kafka://HOST:PORT`, see `SqsQueue.from_url` and `KafkaQueue.from_url`; else
    whatever names a store, which keeps the queue: an SQLite file, a Redis, memory. Without any, the
    store is chosen as everywhere: `ECL_STORE`, else the one that is configured, else the embedded
    one. Raises ConfigError for what names no queue. Touches neither network nor disk.
    """
    if isinstance(queue, Queue) and standing_in() is None:
        return queue
    if isinstance(queue, str) and standing_in() is None:
        scheme = queue.partition("://")[0]
        if scheme == "sqs":
            from ecl_logging.events.queues.sqs import SqsQueue

            return SqsQueue.from_url(queue)
        if scheme == "kafka":
            from ecl_logging.events.queues.kafka import KafkaQueue

            return KafkaQueue.from_url(queue)
    from ecl_logging.events.queues.stored import StoredQueue

    stand_in = standing_in()
    try:
        return StoredQueue(stand_in or open_chosen_store(queue, configured, prefix=prefix))
    except ConfigError as error:
        raise ConfigError(f"queue: {str(error).removeprefix('store: ')}") from None


def as_queue(destination: object) -> Queue:
    """Return the queue that a destination is, or keeps."""
    return destination if isinstance(destination, Queue) else open_queue(destination)
