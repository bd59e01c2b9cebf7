"""Distributions of values: how long something takes, or how large something is."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, Any, Self

from ecl_logging.stats.adding import AddingStat, NamedStat, NamedValues, UnwrittenValues
from ecl_logging.stats.samples import (
    ExponentiallyDecayingReservoir,
    Sample,
    finite,
    mean_of,
    percentiles_of,
    stddev_of,
)
from ecl_logging.stats.values import StatValues

if TYPE_CHECKING:
    from ecl_logging.stats.tree import Place

__all__ = ["NamedPmf", "NamedPmfDictStat", "PmfStat", "PmfValues", "Timer"]

_PERCENTILES = {
    "median": 0.5,
    "75percentile": 0.75,
    "95percentile": 0.95,
    "98percentile": 0.98,
    "99percentile": 0.99,
    "999percentile": 0.999,
}
_NAMES = ("count", "min", "max", "mean", "stddev", *_PERCENTILES)

# How old the percentile may be with which `warn99` compares: to sort a full sample takes about
# 0.1 milliseconds, too much for the end of each section.
_SECONDS = 1.0
_GROWTH = 1.1  # by so much more values

_LOGGERS = (logging.Logger, logging.LoggerAdapter)


class PmfValues(StatValues):
    """What a `PmfStat` has in the tree. Thread safe; values may be added in signal handlers, too.

    `count`, `min` and `max` are of all values ever added. `mean`, `stddev`, `median` and the
    percentiles (`99percentile`, and `999percentile` for 99.9) are of a sample of 1028 of them,
    mostly from the last five minutes. All are worked out when they are read. As long as nothing
    was added there is only `count`, and the others are 0.0 if they are asked for; `stddev`
    is 0.0 as long as there is one value.
    """

    __slots__ = ("__weakref__", "_known", "_sample")

    def __init__(self, sample: Sample | None = None) -> None:
        """With this sample, empty to begin with; by default one that forgets what is old."""
        self._sample = ExponentiallyDecayingReservoir() if sample is None else sample
        self._known = (math.nan, 0, -math.inf)  # 99th percentile, of how many, when

    def add_value(self, value: float) -> None:
        """Add a value; raise TypeError or ValueError for what is no finite number."""
        self._sample.update(value)

    def time(self) -> Timer:
        """Return what measures the seconds that a section takes: `with stats.latency.time():`."""
        return Timer(self)

    def snapshot(self) -> dict[str, Any]:
        """Return all numbers, of one moment."""
        count, least, greatest, values = self._sample.moment()
        if not values:
            return {"count": count}
        values.sort()
        return {
            "count": count,
            "min": least,
            "max": greatest,
            "mean": mean_of(values),
            "stddev": stddev_of(values) if len(values) > 1 else 0.0,
            **_percentiles_by_name(values),
        }

    def __getitem__(self, name: str) -> Any:
        if name not in _NAMES:
            raise KeyError(name)
        return self.snapshot().get(name, 0.0)

    def __contains__(self, name: object) -> bool:
        return name in self.snapshot()

    def recent_percentile99(self) -> float:
        """Return the 99th percentile as it was a second ago at most; NaN where there is none.

        It is of nine tenths of all values at least.
        """
        found, count, since = self._known
        now = time.monotonic()
        if self._sample.count > count * _GROWTH or now - since > _SECONDS:
            count, _, _, values = self._sample.moment()
            (found,) = percentiles_of(sorted(values), [0.99])
            self._known = (found, count, now)
        return found


def _percentiles_by_name(values: list[float]) -> dict[str, float]:
    """Return the percentiles of sorted values by their names."""
    return dict(zip(_PERCENTILES, percentiles_of(values, _PERCENTILES.values()), strict=True))


class Timer:
    """Measures the time that sections of code take, one after the other, by the monotonic clock.

    Sections that overlap, in threads or tasks or one in the other, have one each: `time()` returns
    a new one. A section that is left by an exception counts as well, and the exception goes on.
    """

    __slots__ = ("_began", "_is_discarded", "_values", "_warning")

    def __init__(self, values: PmfValues | _UnwrittenPmf) -> None:
        """Add what is measured to these values."""
        self._values = values
        self._began = 0.0
        self._is_discarded = False
        self._warning: tuple[Any, str, tuple[object, ...]] | None = None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._began
        if self._is_discarded:
            self._is_discarded, self._warning = False, None
        elif self._warning is None:
            self._values.add_value(seconds)
        else:
            self._add_and_warn(seconds)

    def warn99(self, logger: Any, msg: str, *args: object) -> None:
        """Have `logger.warning(msg, *args)` called after this section if it takes long.

        That is: at least the 99th percentile of the sections before it, as that was a second
        ago or less. The first section of all is compared with nothing. What the logger
        raises is left out, so that the section ends as it would have. Raises AttributeError at
        once where there is no `logger.warning`.
        """
        logger.warning  # noqa: B018 - raises where there is none
        self._warning = (logger, msg, args)

    def discard(self) -> None:
        """Do not add this section, nor warn of it."""
        self._is_discarded = True

    def _add_and_warn(self, seconds: float) -> None:
        limit = self._values.recent_percentile99()
        self._values.add_value(seconds)
        warning, self._warning = self._warning, None
        if warning is not None and seconds >= limit:
            logger, msg, args = warning
            # The record is to name the section, which is two callers up.
            more = {"stacklevel": 3} if isinstance(logger, _LOGGERS) else {}
            with contextlib.suppress(Exception):
                logger.warning(msg, *args, **more)


class PmfStat(AddingStat[PmfValues]):
    """The distribution of what is assigned, or of the times of sections: see `PmfValues`.

    `stats.latency = 0.25` adds a value, as `stats.latency.add_value(0.25)` does, and
    `with stats.latency.time():` adds the seconds that a section takes. Thread safe.
    """

    def _first_value(self, place: Place) -> Any:
        return PmfValues()

    def _add(self, held: Any, value: Any) -> None:
        held.add_value(value)


class NamedPmf(NamedValues[PmfValues]):
    """Distributions by names, each with what a `PmfStat` has."""

    __slots__ = ()

    def _made(self) -> PmfValues:
        return PmfValues()

    def _unwritten(self, name: Any) -> Any:
        return _UnwrittenPmf(self, name)

    def _add(self, values: PmfValues, value: Any) -> None:
        values.add_value(value)


class _UnwrittenPmf(UnwrittenValues[PmfValues]):
    """What a name has as long as no value was added under it."""

    __slots__ = ()

    def add_value(self, value: float) -> None:
        """Add a value, with which the name appears."""
        value = finite(value)
        self.begin().add_value(value)

    def time(self) -> Timer:
        """Return what measures a section; the name appears at its end."""
        return Timer(self)

    def recent_percentile99(self) -> float:
        """Return that of what has been added under the name meanwhile."""
        return self.now().recent_percentile99()

    def __getitem__(self, name: str) -> Any:
        return self.now()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.now()


class NamedPmfDictStat(NamedStat[NamedPmf]):
    """A distribution for each of several names, which appear with their first value.

    `stats.latency["GET"] = 0.25` adds a value, as does `stats.latency["GET"].add_value(0.25)`;
    `with stats.latency["GET"].time():` adds the time of a section. Each name takes about 100 kB
    once its sample is full. Thread safe.
    """

    def _first_value(self, place: Place) -> Any:
        return NamedPmf()
