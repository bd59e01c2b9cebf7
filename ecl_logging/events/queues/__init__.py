"""Where events wait for their consumers. `open_queue` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.errors import ConfigError
from ecl_logging.events.queues.protocols import Queue
from ecl_logging.stores import open_chosen_store, standing_in

if TYPE_CHECKING:
    from ecl_logging.addresses import StoreAddress
    from ecl_logging.stores.protocols import Store

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
    stand_in = standing_in()
    if isinstance(queue, Queue):
        return queue if stand_in is None else _stored(stand_in)
    if isinstance(queue, str) and queue.startswith(("sqs://", "kafka://")):
        _check_address(queue)
        return _foreign(queue) if stand_in is None else _stored(stand_in)
    try:
        return _stored(open_chosen_store(queue, configured, prefix=prefix))
    except ConfigError as error:
        also = "; sqs://REGION and kafka://HOST:PORT are queues, too" if _is_url(queue) else ""
        raise ConfigError(f"queue: {str(error).removeprefix('store: ')}{also}") from None


def _is_url(queue: object) -> bool:
    return isinstance(queue, str) and "://" in queue


def _check_address(url: str) -> None:
    """Raise ConfigError for what is wrong with a URL, whatever is installed here."""
    if url.startswith("sqs:"):
        from ecl_logging.events.queues.sqs_addresses import parse_url

        parse_url(url)
    else:
        from ecl_logging.events.queues.kafka_addresses import address_of, from_url

        address_of(*from_url(url))


def _foreign(url: str) -> Queue:
    """Return the queue of this URL, which no store of ours keeps."""
    try:
        if url.startswith("sqs:"):
            from ecl_logging.events.queues.sqs import SqsQueue

            return SqsQueue.from_url(url)
        from ecl_logging.events.queues.kafka import KafkaQueue

        return KafkaQueue.from_url(url)
    except ModuleNotFoundError as error:
        raise ConfigError(f"queue: {error}") from None


def _stored(store: Store) -> Queue:
    from ecl_logging.events.queues.stored import StoredQueue

    return StoredQueue(store)


def as_queue(destination: object) -> Queue:
    """Return the queue that a destination is, or keeps."""
    return destination if isinstance(destination, Queue) else open_queue(destination)
