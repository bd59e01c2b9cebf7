"""A program of the soak: it counts until its time is over or a signal comes.

`python -m tests.faults.soak_program SEED SECONDS [victim] [journal=MODE] [unprotected]`

It says when it has begun, logs in several threads, forks, and configures logging anew; how often, the seed says. Before it
ends it flushes until nothing is left, and prints what became of its records, in one line of JSON.

A `victim` is to be killed. It counts one kind of its own and prints, after each flush, how many of
its records have been confirmed.

With `unprotected`, a batch that is sent again is a new one for the store: what the soak must find.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import random
import secrets
import signal
import sys
import threading
import time
from typing import Any

from ecl_logging import EventCountLogger, outage
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.protocols import Batch, Reply
from ecl_logging.stores.redis.store import RedisStore
from ecl_logging.stores.sqlite.store import SqliteStore
from tests.faults.counted import configure, event_count_logger
from tests.faults.journal_modes import use_journal_mode
from tests.faults.oracle import EVENTS

VICTIMS_EVENT = EVENTS[-1]
OTHER_EVENTS = EVENTS[:-1]

log = logging.getLogger("app")


def log_some(chance: random.Random, events: list[str]) -> None:
    for _ in range(chance.randrange(1, 20)):
        log.info("something happened", extra={"event": chance.choice(events)})


def flush_all(ecl: EventCountLogger) -> None:
    """Flush until nothing is left, whatever happens to the store meanwhile."""
    deadline = time.monotonic() + 60
    while not ecl.flush(2.0) and time.monotonic() < deadline:
        time.sleep(0.02)


class SoakProgram:
    """Counts in threads; the main one forks and configures logging anew."""

    def __init__(self, seed: str, seconds: float) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.until = time.monotonic() + seconds
        self.pid = os.getpid()
        self.stopping = threading.Event()
        self.raises_at_sigterm = self.chance.random() < 0.5
        self.is_forking = False
        self.quiet = threading.Lock()  # held by whoever logs in a thread, or configures
        self.loggers: list[EventCountLogger] = []

    def run(self) -> None:
        self._configure()
        signal.signal(signal.SIGTERM, self._at_sigterm)
        print("begun", flush=True)
        threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{self.seed} {n}"),))
            for n in range(self.chance.randrange(1, 4))
        ]
        for thread in threads:
            thread.start()
        try:
            self._trouble()
        finally:
            if os.getpid() == self.pid:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                self.stopping.set()
                for thread in threads:
                    thread.join()
                self._end()

    def _configure(self) -> None:
        configure(sync_interval=self.chance.choice([0.02, 0.1, 0.5]))
        self.loggers.append(event_count_logger())

    def _at_sigterm(self, *_: object) -> None:
        self.stopping.set()
        # What is raised amid a fork is passed over by Python, and so is the hook that it came into.
        if self.raises_at_sigterm and not self.is_forking:
            sys.exit(0)

    def _work(self, chance: random.Random) -> None:
        while not self.stopping.is_set():
            with self.quiet:
                log_some(chance, OTHER_EVENTS)
            time.sleep(chance.uniform(0.0, 0.02))

    def _trouble(self) -> None:
        while not self.stopping.wait(self.chance.uniform(0.02, 0.3)):
            if time.monotonic() > self.until:
                return
            if self.chance.random() < 0.3:
                self._fork()
            elif not self.raises_at_sigterm and self.chance.random() < 0.2:
                # A handler that raises would leave logging half configured.
                with self.quiet:
                    flush_all(self.loggers[-1])
                    self._configure()
            self._reap(os.WNOHANG)

    def _fork(self) -> None:
        chance = random.Random(self.chance.random())
        self.is_forking = True
        child = os.fork()
        self.is_forking = False
        if child:
            return
        log_some(chance, OTHER_EVENTS)
        flush_all(self.loggers[-1])
        if chance.random() < 0.5:
            os._exit(0)
        sys.exit(0)

    def _reap(self, options: int) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, options))[0]:
                assert ended[1] == 0, f"a child ended with {ended[1]}"

    def _end(self) -> None:
        self._reap(0)
        flush_all(self.loggers[-1])
        for ecl in self.loggers:
            ecl.close()
        print(json.dumps([ecl.telemetry() for ecl in self.loggers]), flush=True)


def be_a_victim(seed: str) -> None:
    chance = random.Random(seed)
    configure(sync_interval=chance.choice([0.02, 0.1]))
    while True:
        log_some(chance, [VICTIMS_EVENT])
        event_count_logger().flush(1.0)
        print(event_count_logger().telemetry()["applied"], flush=True)


def send_again_as_new(kind: type[Any]) -> None:
    """Give what is sent again to a source of its own: the store cannot tell that it was counted."""
    apply = kind.apply
    unsure: set[str] = set()

    def unprotected(self: Any, batch: Batch, *, timeout: float = 5.0) -> Reply:
        again = batch.token in unsure
        if again:
            apply(self, dataclasses.replace(batch, source=secrets.token_hex(16), number=1))
        try:
            reply: Reply = apply(self, batch, timeout=timeout)
        except StoreUnavailable:
            unsure.add(batch.token)
            raise
        return reply

    kind.apply = unprotected


def main(seed: str, seconds: str, *options: str) -> None:
    outage._FIRST_PAUSE, outage._LONGEST_PAUSE = 0.05, 0.5  # type: ignore[attr-defined]
    for option in options:
        if option.startswith("journal="):
            use_journal_mode(option.removeprefix("journal="))
    if "unprotected" in options:
        for kind in (RedisStore, SqliteStore):
            send_again_as_new(kind)
    if "victim" in options:
        be_a_victim(seed)
    SoakProgram(seed, float(seconds)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
