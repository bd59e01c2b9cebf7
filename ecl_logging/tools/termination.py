"""SIGTERM, for commands that run until it comes."""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue

__all__ = ["termination"]


def termination() -> SimpleQueue[None]:
    """Return a queue that gets something when SIGTERM comes.

    Not an Event, whose `set` deadlocks when the signal comes into the midst of its `wait`.
    """
    stopping: SimpleQueue[None] = SimpleQueue()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stopping.put(None))
    return stopping
