"""Graphite: points over TCP, in carbon's plaintext protocol.

Nothing is loaded before it is used.
"""

from __future__ import annotations

from ecl_logging.lazy_names import loader_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ecl_logging.exporters.graphite.tree_periodic import GraphitePeriodicPusher
    from ecl_logging.exporters.graphite.tree_pusher import GraphitePusher

__all__ = ["GraphitePeriodicPusher", "GraphitePusher"]

_MODULE_OF = {
    "GraphitePeriodicPusher": "tree_periodic",
    "GraphitePusher": "tree_pusher",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
