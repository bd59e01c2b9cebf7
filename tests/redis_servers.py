"""Redis servers of the tests' own: each on a socket in a folder, or on a free port, with a password.

The password is a canary: it must turn up nowhere in what the tests, the library or the
programs that they start have printed; see `canary.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.canary import CANARY
from tests.waiting import wait_until


def find_server() -> str:
    """The path of `redis-server`; without it the test is skipped here, and fails in CI."""
    path = shutil.which("redis-server")
    if path is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("redis-server is not installed; tests/install-system-packages names the package")
    assert path is not None
    return path


def free_port() -> int:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class RedisServer:
    """A server that is started, killed, stopped and continued as a test says."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        """Options as on the command line. With `port` 0 it listens on a socket only."""
        self._command = [
            *(find_server(), "--save", "", "--dir", str(folder), "--requirepass", CANARY),
            *("--unixsocket", str(folder / "redis.sock"), "--bind", "127.0.0.1"),
            *("--port", str(port), *options),
        ]
        self._folder, self._port = folder, port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        if self._port:
            return f"redis://:{CANARY}@127.0.0.1:{self._port}/0"
        return f"unix://:{CANARY}@{self._folder}/redis.sock"

    @property
    def port(self) -> int:
        return self._port

    @property
    def seed_config(self) -> dict[str, object]:
        """The same server in the words of event_count_logger's configuration files."""
        return {"host": "127.0.0.1", "port": self._port, "db": 0, "password": CANARY}

    def client(self, *, decode_responses: bool = True) -> redis.Redis:
        """A connection for the test itself, to look at keys and to do what others may do."""
        return redis.Redis.from_url(self.url, decode_responses=decode_responses)

    def start(self) -> RedisServer:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        """End it as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def keep_dump(self) -> Path:
        """A dump of what it has now, for `restore`; it does not come back by itself."""
        with contextlib.closing(self.client()) as client:
            client.save()
        return (self._folder / "dump.rdb").rename(self._folder / "kept.rdb")

    def restore(self, dump: Path) -> None:
        """Start it, killed before, with what a dump has."""
        at_start = shutil.copy(dump, self._folder / "dump.rdb")
        self.start()
        Path(at_start).unlink()

    def pause(self) -> None:
        """Let it hang: it accepts, and does not answer."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@contextlib.contextmanager
def running(folder: Path, *options: str, port: int = 0) -> Iterator[RedisServer]:
    """A server for the length of a block."""
    server = RedisServer(folder, *options, port=port)
    try:
        yield server.start()
    finally:
        server.kill()
