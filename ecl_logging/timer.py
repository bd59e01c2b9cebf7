"""Timer: observes how long something took."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar, cast

__all__ = ["Timer"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Timer:
    """Observes the seconds of a `with` block, or of each call of a function that it decorates.

    One block at a time; calls of a decorated function, also an async one, are as many as there are.
    """

    def __init__(self, observe: Callable[[object, float], None], measure: object) -> None:
        """`observe(measure, seconds)` is called at the end, also where the block raises."""
        self._observe, self._measure = observe, measure
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._observe(self._measure, perf_counter() - self._began)

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function."""
        wrapped: Any
        if inspect.iscoroutinefunction(function):

            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                with Timer(self._observe, self._measure):
                    return await function(*args, **kwargs)

        else:

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with Timer(self._observe, self._measure):
                    return function(*args, **kwargs)

        return cast("_Function", functools.wraps(function)(wrapped))
