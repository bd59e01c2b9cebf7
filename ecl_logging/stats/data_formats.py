"""Where in a stat's data its value is, and how many samples it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["DataFormat", "DataFormats", "Lacking"]


class Lacking(Exception):  # noqa: N818 - no error: such data is passed over
    """Data has not what was to be read from it."""


class DataFormat:
    """Data with named fields, as `PmfStat` has it, or as Metrics of the JVM writes it.

    Subclass it for another: its functions raise LookupError, TypeError or ValueError for data
    that has not what they return, which is passed over.
    """

    def __init__(
        self, *values: Sequence[str], count: Sequence[str] = (), kind: str | None = None
    ) -> None:
        """`values` are paths of fields, of which the first that is there is taken.

        `count` is that of the number of samples, 1 where it is empty. With a `kind` only data
        counts whose `type` is that.
        """
        self._values = values
        self._count = count
        self._kind = kind

    def get_count(self, data: Any) -> Any:
        """Return how many samples the value stands for."""
        self._check(data)
        return _field(data, self._count) if self._count else 1

    def get_value(self, data: Any) -> Any:
        """Return the value."""
        self._check(data)
        for path in self._values:
            try:
                return _field(data, path)
            except LookupError:
                continue
        raise LookupError(self._values)

    def _check(self, data: Any) -> None:
        if self._kind is not None and _field(data, ["type"]) != self._kind:
            raise ValueError(f"its type is not {self._kind}")


class _DefaultFormat(DataFormat):
    """Averages with their counts; a plain value is one of one sample."""

    def get_count(self, data: Any) -> Any:
        return super().get_count(data) if isinstance(data, Mapping) else 1

    def get_value(self, data: Any) -> Any:
        return super().get_value(data) if isinstance(data, Mapping) else data


def _field(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(data, Mapping):
            raise LookupError(name)
        data = data[name]
    return data


class DataFormats:
    """The formats that there are."""

    DEFAULT = _DefaultFormat(["average"], ["mean"], count=["count"])
    """The `average` or `mean` of `count` samples, as `Average` and `PmfStat` have; or a number."""
    DIRECT = DataFormat([])
    """The data is the value."""
    TIMER = DataFormat(["duration", "median"], count=["rate", "count"], kind="timer")
    """A timer of Metrics, with its median."""
    TIMER_MEAN = DataFormat(["duration", "mean"], count=["rate", "count"], kind="timer")
    """A timer of Metrics, with its mean."""
    COUNTER = DataFormat(["count"], count=["count"], kind="counter")
    """A counter of Metrics."""
    METER = DataFormat(["mean"], count=["count"], kind="meter")
    """A meter of Metrics, with its mean rate."""
    GAUGE = DataFormat(["value"], kind="gauge")
    """A gauge of Metrics, which is one sample."""
