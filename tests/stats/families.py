"""Objects that create others, whose stats are summed up, for tests of the tree."""

from __future__ import annotations

from ecl_logging import stats


class Child:
    """Has one stat of each kind that is summed up."""

    number = stats.IntStat("number")
    state = stats.Stat("state")
    by_key = stats.IntDictStat("byKey")

    def __init__(self, name: object | None = None) -> None:
        if name is None:
            stats.init_child_of_type(self, "child")
        else:
            stats.init_child(self, name)

    def use(self) -> None:
        self.number += 1
        self.state = "busy"
        self.by_key["a"] += 2


class Parent:
    """Sums up what its children count."""

    number = stats.SumAggregationStat("number")
    state = stats.HistogramAggregationStat("state", auto_delete=True)
    by_key = stats.IntDictSumAggregationStat("byKey")

    def __init__(self, path: object = "/parent") -> None:
        stats.init(self, path)

    def child(self, name: object | None = None) -> Child:
        return Child(name)


class Alone:
    """Has no parent."""

    number = stats.IntStat("number")
    text = stats.Stat("text")
    by_key = stats.IntDictStat("byKey")

    def __init__(self, path: object) -> None:
        stats.init(self, path)

    def use(self) -> None:
        self.number += 1
        self.text = "busy"
        self.by_key["a"] += 1


def plain(branch: object) -> object:
    """What is in the tree, as dictionaries; gauges are called."""
    if isinstance(branch, dict):
        return {key: plain(value) for key, value in branch.copy().items()}
    return branch() if callable(branch) else branch


def shown() -> object:
    """The whole tree."""
    return plain(stats.get_stats())
