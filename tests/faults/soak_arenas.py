"""Where the soak's programs count, and what can be done to a store of each kind."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.faults.journal_modes import SAFE_MODES
from tests.faults.programs import Programs
from tests.faults.proxy import Fate, Proxy, proxy_to
from tests.redis_servers import RedisServer, free_port, running

FAULTS = [fate for fate in Fate if fate is not Fate.PASS]


class Arena(ABC):
    """A store of a round's own. `faults` do something to it each, and say what it was."""

    longest = 1.5  # seconds of a fault
    loses_replies_only = False  # and does so with many: for the control

    def __init__(self, programs: Programs, chance: random.Random) -> None:
        self.programs, self.chance = programs, chance
        self.faults: list[Callable[[], str]] = []

    def url(self) -> str:
        """Where the next program finds it."""
        return self.programs.url

    def program_options(self) -> list[str]:
        """Options of the next program."""
        return []

    def _seconds(self) -> float:
        return self.chance.uniform(0.05, self.longest)

    @abstractmethod
    def mend(self) -> None:
        """From now on, all is well."""


class RedisArena(Arena):
    """A server that keeps on disk what it has confirmed; most programs reach it through a proxy."""

    def __init__(
        self, programs: Programs, chance: random.Random, server: RedisServer, proxy: Proxy
    ) -> None:
        super().__init__(programs, chance)
        self.server, self.proxy = server, proxy
        self.faults = [
            *(self._disturb_link, self._one_fate_for_all, self._let_link_be),
            *(self._stop_server, self._kill_server, self._forget_scripts, self._kill_connections),
        ]

    def url(self) -> str:
        port = self.proxy.port if self._loses() or self.chance.random() < 0.7 else self.server.port
        timeout = self.chance.choice([0.2, 0.5])
        return f"{self.server.url}?socket_timeout={timeout}".replace(
            f":{self.server.port}/", f":{port}/"
        )

    def mend(self) -> None:
        if not self.loses_replies_only:  # else till the very end
            self.proxy.rule = lambda _: Fate.PASS
        self.proxy.release.set()

    def _loses(self) -> bool:
        if self.loses_replies_only:
            self._rule_with([Fate.LOSE_REPLY], 0.4)
            self.faults = [self._forget_scripts]
        return self.loses_replies_only

    def _rule_with(self, fates: list[Fate], share: float) -> None:
        choose = random.Random(self.chance.random())
        self.proxy.rule = lambda _: choose.choice(fates) if choose.random() < share else Fate.PASS

    def _disturb_link(self) -> str:
        share = self.chance.uniform(0.02, 0.4)
        self._let_go()
        self._rule_with(FAULTS, share)
        return f"the link does anything to {share:.0%} of the requests"

    def _one_fate_for_all(self) -> str:
        fate = self.chance.choice(FAULTS)
        seconds = self._seconds()
        self._rule_with([fate], 1.0)
        time.sleep(seconds)
        self._let_link_be()
        return f"for {seconds:.1f} s, of each request: {fate.value}"

    def _let_link_be(self) -> str:
        self.proxy.rule = lambda _: Fate.PASS
        self._let_go()
        return "the link is as it should be"

    def _let_go(self) -> None:
        """Let what is held come, and what is held later be held."""
        self.proxy.release.set()
        time.sleep(0.1)
        self.proxy.release.clear()

    def _stop_server(self) -> str:
        seconds = self._seconds()
        self.server.pause()
        time.sleep(seconds)
        self.server.go_on()
        return f"the server was stopped for {seconds:.1f} s"

    def _kill_server(self) -> str:
        seconds = self._seconds() / 2
        self.server.kill()
        time.sleep(seconds)
        self.server.start()
        return f"the server was killed, and started again after {seconds:.1f} s"

    def _forget_scripts(self) -> str:
        with contextlib.closing(self.server.client()) as client:
            client.script_flush()
        return "the server forgets its scripts"

    def _kill_connections(self) -> str:
        with contextlib.closing(self.server.client()) as client:
            closed = client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return f"the server closes {closed} connections"


class SqliteArena(Arena):
    """A file; each program writes it in a journal mode of its own, or all do in WAL mode."""

    def __init__(self, programs: Programs, chance: random.Random) -> None:
        super().__init__(programs, chance)
        self.in_wal = chance.random() < 0.5
        self.faults = [self._lock, self._read, self._replay_log]

    def program_options(self) -> list[str]:
        rollback = [mode for mode in SAFE_MODES if mode != "wal"]
        return [f"journal={'wal' if self.in_wal else self.chance.choice(rollback)}"]

    def mend(self) -> None:
        """Each fault is over when it has been told."""

    def _lock(self) -> str:
        return self._hold("BEGIN EXCLUSIVE", "somebody locks the file")

    def _read(self) -> str:
        return self._hold("BEGIN; SELECT * FROM counts", "somebody reads the file")

    def _replay_log(self) -> str:
        return self._hold("PRAGMA wal_checkpoint(TRUNCATE)", "somebody empties the log")

    def _hold(self, statements: str, what: str) -> str:
        seconds = self._seconds()
        if not self.programs.store.exists():
            return "there is no file yet"
        with contextlib.closing(
            sqlite3.connect(self.programs.store, timeout=1, isolation_level=None)
        ) as connection:
            try:
                for statement in statements.split("; "):
                    connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                return f"{what}, or tries to: {error}"
            time.sleep(seconds)
        return f"{what} for {seconds:.1f} s"


@contextlib.contextmanager
def redis_arena(folder: Path, chance: random.Random) -> Iterator[RedisArena]:
    """With a server and a proxy of its own."""
    (folder / "redis").mkdir()
    kept = ("--appendonly", "yes", "--appendfsync", "always")
    with (
        running(folder / "redis", *kept, port=free_port()) as server,
        proxy_to(server.port) as proxy,
    ):
        yield RedisArena(Programs(folder, server), chance, server, proxy)


@contextlib.contextmanager
def sqlite_arena(folder: Path, chance: random.Random) -> Iterator[SqliteArena]:
    """With a file of its own."""
    yield SqliteArena(Programs(folder), chance)


ARENAS: dict[str, Callable[[Path, random.Random], AbstractContextManager[Arena]]] = {
    "redis": redis_arena,
    "sqlite": sqlite_arena,
}
