"""Calling gauges, of which some do not answer: not all who look at the tree wait for them."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, NamedTuple

from ecl_logging.stats.reading import is_gauge, value_of
from ecl_logging.stats.scalars import Failed

__all__ = ["asked"]

_PATIENCE = 1.0  # seconds; who takes longer is not called once more meanwhile
_MOST_WAITING = 2  # threads; the server of the pages has four


class _Call(NamedTuple):
    gauge: object
    thread: int
    since: float


_calls: dict[object, _Call] = {}
"""Those of this moment. Keys are objects of their own, so that no code of others compares them."""


def asked(value: Any) -> Any:
    """Return a value as it is now, as `value_of` does, unless others wait for it already.

    A gauge that hangs takes the thread that calls it. So where one thread has waited for a second
    for a gauge, no other calls it; and where two have, for whatever gauges, no other calls any.
    What is returned then says so. Gauges whose class has `ends_by_itself` are called
    in any case. Safe while other threads do the same; at a fork nobody waits in the child.
    """
    if not is_gauge(value) or getattr(type(value), "ends_by_itself", None) is True:
        return value_of(value)
    refusal = _why_not(value)
    if refusal:
        return Failed(refusal)
    key = object()
    _calls[key] = _Call(value, threading.get_ident(), time.monotonic())
    try:
        return value_of(value)
    finally:
        _calls.pop(key, None)


def _why_not(gauge: object) -> str:
    if not _calls:
        return ""
    now, mine = time.monotonic(), threading.get_ident()
    slow = [
        call
        for call in _calls.copy().values()
        if now - call.since >= _PATIENCE and call.thread != mine
    ]
    for call in slow:
        if call.gauge is gauge:
            return f"<no answer for {now - call.since:.0f} s>"
    if len({call.thread for call in slow}) >= _MOST_WAITING:
        return "<not asked: others do not answer>"
    return ""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_calls.clear)
