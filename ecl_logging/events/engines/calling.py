"""Calls: has consumers work on events, plain functions and coroutines alike.

An event that several consumers want comes again when one of them has failed. Those that have not
failed are not called again for it, as long as this process remembers.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol

from ecl_logging.events.consumers import Consumer
from ecl_logging.events.engines.forked import end_of_forked
from ecl_logging.problems import masked, printable

__all__ = ["Calls", "ConsumersFailed", "Operator"]

_MOST_READ = 10_000  # characters of what an exception says
_MOST_TOLD = 2_000  # characters of what all consumers of an event have raised
_MOST_REMEMBERED = 10_000  # events of which some consumers have failed


class Operator(Protocol):
    """What is asked of a consumer operator; see `ConsumerOperator`."""

    def get_topic(self, consumer: Consumer) -> str: ...
    def process_event(self, consumer: Consumer, event: dict[str, Any]) -> Any: ...


class ConsumersFailed(Exception):  # noqa: N818 - said as it is
    """Some consumers of an event have raised; `failed` has each with what it raised."""

    def __init__(self, failed: list[tuple[Consumer, BaseException]]) -> None:
        parts = (f"{consumer.name}: {told(error)}" for consumer, error in failed)
        super().__init__("; ".join(parts)[:_MOST_TOLD])
        self.failed = failed


def told(error: BaseException) -> str:
    """Return what an exception is, in one line of bounded length, without passwords of URLs."""
    try:
        text = printable(masked(" ".join(str(error)[:_MOST_READ].split())))
    except BaseException:  # noqa: BLE001 - of whoever has made it
        text = ""
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__


class Calls:
    """Calls consumers from one thread, which it has to be made and closed in."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._process = os.getpid()
        self._runner: asyncio.Runner | None = None
        self._succeeded: OrderedDict[str, set[int]] = OrderedDict()  # by message, those consumers

    def call_all(self, key: str, event: dict[str, Any], consumers: Iterable[Consumer]) -> None:
        """Have each consumer work on its copy of the event, unless it has done so under this key.

        Raises ConsumersFailed when all others have been called.
        """
        done = self._succeeded.get(key, set())
        failed: list[tuple[Consumer, BaseException]] = []
        for consumer in consumers:
            if id(consumer) in done:
                continue
            try:
                self.call(partial(self._operator.process_event, consumer), event)
            except BaseException as error:  # noqa: BLE001 - `sys.exit` in a consumer is a failure
                failed.append((consumer, error))
            else:
                done.add(id(consumer))
        if failed:
            self._remember(key, done)
            raise ConsumersFailed(failed)
        self._succeeded.pop(key, None)

    def _remember(self, key: str, done: set[int]) -> None:
        self._succeeded[key] = done
        self._succeeded.move_to_end(key)
        if len(self._succeeded) > _MOST_REMEMBERED:
            self._succeeded.popitem(last=False)

    def forget(self, key: str) -> None:
        """Nobody will be called for this any more."""
        self._succeeded.pop(key, None)

    def call(self, function: Callable[[dict[str, Any]], Any], event: dict[str, Any]) -> None:
        """Call a function with a copy of the event, which it may change; await what it returns.

        In a process that the function has forked, this does not return.
        """
        error: BaseException | None = None
        try:
            self._await(function(_copied(event)))
        except BaseException as raised:
            error = raised
            raise
        finally:
            if os.getpid() != self._process:
                end_of_forked(error)

    def _await(self, result: object) -> None:
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            raise TypeError("it has a `yield`, so that nothing of it has run")
        if inspect.isawaitable(result):
            if self._runner is None:
                self._runner = asyncio.Runner()
            self._runner.run(_awaited(result))

    def close(self) -> None:
        """End the event loop, if there is one."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _copied(value: Any) -> Any:
    """Return a copy of what JSON has been read as."""
    if type(value) is dict:
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if type(value) is list else value
