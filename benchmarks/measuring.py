"""Measuring several things in turn, so that a busy machine is busy for all of them.

A *task* does its work once and says what that took: a number for each *metric*, such as
`call` (seconds on the clock) or `work` (seconds of CPU). In each *round* every task is run in
several *slices*, in alternating order. What is compared are the numbers of one round, so a
ratio is one of things that ran next to each other; its spread is that over all rounds.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Runs", "Spread", "Task", "run_in_turn"]

Task = Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Return the spread of one number or more."""
        found = sorted(numbers)
        if len(found) == 1:
            return cls(found[0], found[0], found[0])
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(median, low, high)

    def times(self, factor: float) -> Spread:
        """Return the same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


class Runs:
    """What all tasks took in all rounds."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, list[float]]] = {}

    def add(self, task: str, taken: Mapping[str, float]) -> None:
        """Note what a task took in the next round."""
        for metric, number in taken.items():
            self._taken.setdefault(task, {}).setdefault(metric, []).append(number)

    @property
    def tasks(self) -> list[str]:
        """The names of all tasks."""
        return list(self._taken)

    def of(self, task: str, metric: str) -> list[float]:
        """What a task took: one number for each round."""
        return self._taken[task][metric]

    def spread(self, task: str, metric: str) -> Spread:
        """What a task took, over all rounds."""
        return Spread.of(self.of(task, metric))

    def ratio(self, task: str, against: str, metric: str, *, other: str | None = None) -> Spread:
        """What a task took against another one; `other` is that one's metric, if not the same."""
        both = zip(self.of(task, metric), self.of(against, other or metric), strict=True)
        return Spread.of(mine / its for mine, its in both)

    def added_ratio(self, task: str, against: str, base: str, metric: str) -> Spread:
        """What a task took beyond `base`, against what another one took beyond it."""
        all_three = zip(
            self.of(task, metric), self.of(against, metric), self.of(base, metric), strict=True
        )
        return Spread.of((mine - bare) / (its - bare) for mine, its, bare in all_three)


def run_in_turn(
    tasks: Mapping[str, Task],
    *,
    rounds: int,
    slices: int = 1,
    least: Collection[str] = (),
    warm_up: bool = True,
) -> Runs:
    """Run all tasks, interleaved, with the garbage collector off.

    What a task took in a round is the median of its slices; for metrics in `least` it is the
    least of them, the one that other processes have disturbed least. With `warm_up` a round
    comes before the others that is not counted.
    """
    runs = Runs()
    names = list(tasks)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for number in range(0 if warm_up else 1, rounds + 1):
            taken = _one_round(tasks, names, slices, first=number)
            gc.collect()
            if number:
                for name in names:
                    runs.add(name, _of_round(taken[name], least))
    finally:
        if was_enabled:
            gc.enable()
    return runs


def _one_round(
    tasks: Mapping[str, Task], names: Sequence[str], slices: int, *, first: int
) -> dict[str, list[Mapping[str, float]]]:
    taken: dict[str, list[Mapping[str, float]]] = {name: [] for name in names}
    for number in range(slices):
        turn = (first + number) % len(names)
        order = [*names[turn:], *names[:turn]]
        for name in order if number % 2 else reversed(order):
            taken[name].append(tasks[name]())
    return taken


def _of_round(taken: Sequence[Mapping[str, float]], least: Collection[str]) -> dict[str, float]:
    return {
        metric: (min if metric in least else statistics.median)(one[metric] for one in taken)
        for metric in taken[0]
    }
