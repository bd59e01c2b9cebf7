"""A running program's statistics, as a tree that can be looked at from outside.

Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.lazy_names import loader_of

if TYPE_CHECKING:
    from ecl_logging.stats.aggregation_stats import (
        HistogramAggregationStat,
        IntDictSumAggregationStat,
        SumAggregationStat,
    )
    from ecl_logging.stats.container import StatContainer
    from ecl_logging.stats.dicts import IntDictStat, StringDictStat
    from ecl_logging.stats.dumps import dump_stats_to
    from ecl_logging.stats.meters import MeterDictStat, MeterStat
    from ecl_logging.stats.mounted import mount, unmount
    from ecl_logging.stats.objects import (
        add,
        collection,
        get_stats,
        init,
        init_child,
        init_child_of_type,
        reset,
        set_collapsed,
    )
    from ecl_logging.stats.pmf import NamedPmfDictStat, PmfStat
    from ecl_logging.stats.stat import DoubleStat, IntStat, Stat
    from ecl_logging.stats.states import StateTimeStat

__all__ = [
    "DoubleStat",
    "HistogramAggregationStat",
    "IntDictStat",
    "IntDictSumAggregationStat",
    "IntStat",
    "MeterDictStat",
    "MeterStat",
    "NamedPmfDictStat",
    "PmfStat",
    "Stat",
    "StatContainer",
    "StateTimeStat",
    "StringDictStat",
    "SumAggregationStat",
    "add",
    "collection",
    "dump_stats_to",
    "get_stats",
    "init",
    "init_child",
    "init_child_of_type",
    "mount",
    "reset",
    "set_collapsed",
    "unmount",
]

_MODULE_OF = {
    "DoubleStat": "stat",
    "HistogramAggregationStat": "aggregation_stats",
    "IntDictStat": "dicts",
    "IntDictSumAggregationStat": "aggregation_stats",
    "IntStat": "stat",
    "MeterDictStat": "meters",
    "MeterStat": "meters",
    "NamedPmfDictStat": "pmf",
    "PmfStat": "pmf",
    "Stat": "stat",
    "StatContainer": "container",
    "StateTimeStat": "states",
    "StringDictStat": "dicts",
    "SumAggregationStat": "aggregation_stats",
    "add": "objects",
    "collection": "objects",
    "dump_stats_to": "dumps",
    "get_stats": "objects",
    "init": "objects",
    "init_child": "objects",
    "init_child_of_type": "objects",
    "mount": "mounted",
    "reset": "objects",
    "set_collapsed": "objects",
    "unmount": "mounted",
}


if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = loader_of(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__]
