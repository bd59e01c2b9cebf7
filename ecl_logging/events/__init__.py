"""Events with a schema: from a log call, over a queue, to the functions that want them.

Needs `pip install 'ecl-logging[events]'`. Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.lazy_names import loader_of

if TYPE_CHECKING:
    from ecl_logging.errors import EventError
    from ecl_logging.events.consumers import (
        Consumer,
        ConsumerHub,
        ConsumerOperator,
        consumer_config,
    )
    from ecl_logging.events.envelope import SCHEMA_VERSION, encode, new_event, parse
    from ecl_logging.events.event_messages import EventMessage
    from ecl_logging.events.formatters import SchemaFormatter, event_of
    from ecl_logging.events.loggers import configure, get_logger
    from ecl_logging.events.processors import SchemaProcessor, to_record
    from ecl_logging.events.publisher import Publisher
    from ecl_logging.events.schema import json_schema

__all__ = [
    "SCHEMA_VERSION",
    "Consumer",
    "ConsumerHub",
    "ConsumerOperator",
    "EventError",
    "EventMessage",
    "Publisher",
    "SchemaFormatter",
    "SchemaProcessor",
    "configure",
    "consumer_config",
    "encode",
    "event_of",
    "get_logger",
    "json_schema",
    "new_event",
    "parse",
    "to_record",
]

_MODULE_OF = {
    "Consumer": "consumers",
    "ConsumerHub": "consumers",
    "ConsumerOperator": "consumers",
    "EventError": "envelope",
    "EventMessage": "event_messages",
    "Publisher": "publisher",
    "SCHEMA_VERSION": "envelope",
    "SchemaFormatter": "formatters",
    "SchemaProcessor": "processors",
    "configure": "loggers",
    "consumer_config": "consumers",
    "encode": "envelope",
    "event_of": "formatters",
    "get_logger": "loggers",
    "json_schema": "schema",
    "new_event": "envelope",
    "parse": "envelope",
    "to_record": "processors",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
