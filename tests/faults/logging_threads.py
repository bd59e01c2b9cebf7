"""Threads that log through one handler while others shut its fast path, in one process."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from ecl_logging import EventCountLogger
from ecl_logging.handlers import CountingHandler
from tests.faulty_stores import FlakyStore

EVENTS = ["a", "b", "c"]
Seconds = Counter[tuple[int, str]]  # (second, event ID) -> how many


class LoggingThreads:
    """Threads that log what they note as well, each record in the second of its own time."""

    def __init__(self, number: int = 8) -> None:
        self.store = FlakyStore()
        group = {"intervals": ["1s"], "auto_declare_events": True, "history": 600}
        self.ecl = EventCountLogger({"g": group}, store=self.store)
        self.ecl.exit_timeout = 20.0
        self.handler = CountingHandler(self.ecl, sync_interval=0.05)
        self.carefully = 0  # records that did not take the fast path, at least
        self._noted: list[Seconds] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._log) for _ in range(number)]
        self._note_what_goes_carefully()

    def _note_what_goes_carefully(self) -> None:
        count = self.handler._take

        def counted(record: Any) -> None:
            self.carefully += 1
            count(record)

        self.handler._take = counted

    def _log(self) -> None:
        noted: Seconds = Counter()
        self._noted.append(noted)
        number = 0
        while not self._stopping.is_set():
            number += 1
            event = EVENTS[number % len(EVENTS)]
            record = logging.makeLogRecord({"msg": "", "event": event})
            self.handler.handle(record)
            noted[int(record.created), event] += 1

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have them log during the block, with a switch of threads wherever there can be one."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in self._threads:
                thread.start()
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()
            sys.setswitchinterval(before)

    def disturb(self, seconds: float, *disturbances: Callable[[], object]) -> None:
        """Do these things in turn, for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for disturb in disturbances:
                disturb()
                time.sleep(0.002)  # in which the path is open again

    @property
    def noted(self) -> Seconds:
        """What they have logged."""
        return sum(self._noted, Counter())

    def sent(self) -> Seconds:
        """What has been sent to the store, by the second that it was said to be of."""
        sent: Seconds = Counter()
        for batch in self.store.applied:
            for event_id, n in batch.counts.items():
                sent[batch.start, event_id] += n
        return sent
