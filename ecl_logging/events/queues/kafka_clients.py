"""Clients of confluent-kafka's, so made that they disturb nobody.

Each has threads of librdkafka's own, which no fork takes along: what a child does with a client of
its parent, even to forget it, waits for them for ever. So each client has one reference more than
Python knows of, and only closing it, in the process that has made it, takes that back. A child
forgets the object and is done, at its end as well; and so is an interpreter that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.kafka_addresses import KafkaAddress
from ecl_logging.extras import missing_one
from ecl_logging.notices import OWN_LOGGER

try:
    from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic
except ModuleNotFoundError as error:
    missing = missing_one(error, ["confluent_kafka"])
    raise ModuleNotFoundError(
        f"a queue of Kafka's needs {missing}: pip install 'ecl-logging[kafka]'", name=error.name
    ) from None

__all__ = [
    "REBALANCING",
    "AdminClient",
    "Heard",
    "KafkaError",
    "KafkaException",
    "NewTopic",
    "TopicPartition",
    "leave",
    "let_go",
    "new_client",
    "new_consumer",
    "new_producer",
    "translated",
    "understood",
]

_CLOSE_SECONDS = 3.0
_logger = logging.getLogger(OWN_LOGGER)

_COMMON = {
    "client.id": "ecl-logging",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 2000,  # a broker that is back is soon found again
    "socket.keepalive.enable": True,
}
_REFUSALS = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.INCONSISTENT_GROUP_PROTOCOL,
        KafkaError.INVALID_GROUP_ID,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_SESSION_TIMEOUT,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)
REBALANCING = frozenset(
    {
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._NO_OFFSET,
        KafkaError._STATE,
    }
)
"""Codes that a commit gets while members of the group come and go."""


class Heard:
    """What librdkafka says of one client beside its answers. Lines are for those who debug."""

    def __init__(self) -> None:
        self.last = ""  # error, in words
        self.is_down = False  # no broker could be reached, when that was last told
        self.is_fatal = False

    def on_error(self, error: KafkaError) -> None:
        """Remember an error. Called in `poll`, in the thread that calls that."""
        if error.fatal():
            self.is_fatal = True
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.is_down = True
        else:
            self.last = error.str()

    def log(self, level: int, line: str, *arguments: object) -> None:
        """Take a line in, as loggers do. Errors are told by whoever they keep from something."""
        _logger.debug(line, *arguments)

    def why(self, otherwise: str) -> str:
        """Return what is known of why nothing comes."""
        return f"{otherwise} ({self.last})" if self.last else otherwise


def new_producer(address: KafkaAddress, heard: Heard, settings: Mapping[str, object]) -> Any:
    """Make a producer; it begins to connect at once. Raises StoreError."""
    return new_client(Producer, address, heard, settings)


def new_consumer(address: KafkaAddress, heard: Heard, settings: Mapping[str, object]) -> Any:
    """Make a consumer, which is in no group until it subscribes. Raises StoreError."""
    return new_client(Consumer, address, heard, settings)


def new_client(
    kind: Callable[..., Any], address: KafkaAddress, heard: Heard, settings: Mapping[str, object]
) -> Any:
    """Make a client of some kind. Raises StoreError for settings that mean nothing."""
    given = {"bootstrap.servers": address.servers, "error_cb": heard.on_error}
    usual = {name: value for name, value in _COMMON.items() if name not in address.settings}
    with understood(address.shown):
        client = kind({**usual, **settings, **given}, logger=heard)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))
    return client


def let_go(client: Any) -> None:
    """Take back the reference of a client that is closed, in the process that has made it."""
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(client))


def leave(consumer: Any) -> None:
    """Close a consumer, unless that takes longer than anybody waits.

    Where the broker is away, librdkafka may wait for it without a bound; and a process that is
    about to end starts no thread any more. Then the group misses this member by itself.
    """
    thread = threading.Thread(
        target=_close_and_let_go, args=(consumer,), name="ecl-kafka-close", daemon=True
    )
    with contextlib.suppress(RuntimeError):
        thread.start()
        thread.join(_CLOSE_SECONDS)


def _close_and_let_go(consumer: Any) -> None:
    with contextlib.suppress(KafkaException, RuntimeError):
        consumer.close()
        let_go(consumer)


# --- errors


@contextlib.contextmanager
def understood(shown: str) -> Iterator[None]:
    """Raise what confluent-kafka raises in here as an error of ours."""
    try:
        yield
    except KafkaException as error:
        raise translated(shown, error.args[0]) from error
    except (ValueError, TypeError, RuntimeError) as error:
        raise StoreError(f"{shown}: {error}") from error


def translated(shown: str, error: KafkaError) -> StoreError:
    """Return what to raise for an error of librdkafka's."""
    kind = StoreError if error.code() in _REFUSALS else StoreUnavailable
    return kind(f"{shown}: {error.str()}")
