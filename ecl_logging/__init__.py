"""Your log calls, counted: in every process, each in the interval it belongs to.

The public names. They are looked up when they are first used, because importing
`ecl_logging.handlers` runs this file, and configuring logging should cost no more than
the standard library's own configuration does.
"""

from __future__ import annotations

from ecl_logging.lazy_names import loader_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ecl_logging.distributions import Distribution
    from ecl_logging.errors import ConfigError, EclError, StoreError, StoreUnavailable
    from ecl_logging.groups import DummyEventGroup, EventCountLogger, EventGroup
    from ecl_logging.handlers import count_logs
    from ecl_logging.stores import open_store

__all__ = [
    "ConfigError",
    "Distribution",
    "DummyEventGroup",
    "EclError",
    "EventCountLogger",
    "EventGroup",
    "StoreError",
    "StoreUnavailable",
    "__version__",
    "count_logs",
    "open_store",
]

__version__ = "0.1.0"

_MODULE_OF = {
    "ConfigError": "errors",
    "Distribution": "distributions",
    "DummyEventGroup": "groups",
    "EclError": "errors",
    "EventCountLogger": "groups",
    "EventGroup": "groups",
    "StoreError": "errors",
    "StoreUnavailable": "errors",
    "count_logs": "handlers",
    "open_store": "stores",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
