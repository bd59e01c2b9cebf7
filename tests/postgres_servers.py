"""PostgreSQL servers of the tests' own, from the system's package: each on a socket in a folder.

The password is the canary of `canary.py`: it must turn up in no output.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.canary import CANARY
from tests.waiting import wait_until

_USER = "ecl"
_OPTIONS = ("fsync=off", "listen_addresses=", "shared_buffers=16MB", "max_connections=40")


def find_program(name: str) -> str:
    """The path of one of PostgreSQL's programs; without it the test is skipped, or fails in CI."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    path = str(beside[-1]) if beside else shutil.which(name)
    if path is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("PostgreSQL is not installed; tests/install-system-packages names the package")
    assert path is not None
    return path


def _version(path: Path) -> int:
    number = path.parts[-3]
    return int(number) if number.isdecimal() else 0


class PostgresServer:
    """A server that is started, ended, stopped and continued as a test says."""

    def __init__(self, folder: Path) -> None:
        """The folder has a short path, which a socket's name needs, and belongs to `run_as()`."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}:{CANARY}@/postgres?host={self._folder}"

    @property
    def shown(self) -> str:
        """The URL as messages have it."""
        return "postgresql://***@/postgres"

    def connect(self) -> psycopg.Connection:
        """A connection for the test itself."""
        return psycopg.connect(self.url, autocommit=True, connect_timeout=5)

    def create(self) -> PostgresServer:
        """Have files for it, with nothing in them."""
        password = self._folder / "password"
        password.write_text(CANARY)
        password.chmod(0o644)
        subprocess.run(
            [
                *(find_program("initdb"), "--no-sync", "--pgdata", str(self._folder / "data")),
                *("--username", _USER, "--auth", "scram-sha-256", "--pwfile", str(password)),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            check=True,
            capture_output=True,
            **run_as(),
        )
        return self

    def start(self) -> PostgresServer:
        settings = [*_OPTIONS, f"unix_socket_directories={self._folder}"]
        options = [word for setting in settings for word in ("-c", setting)]
        command = [find_program("postgres"), "-D", str(self._folder / "data"), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **run_as())
        wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.Error), self.connect() as connection:
            connection.execute("SELECT 1")
            return True
        return False

    def end(self) -> None:
        """End it at once, as a crash of the machine's power would, but for what is in caches."""
        if self._process is not None:
            self.go_on()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def pause(self) -> None:
        """Let it hang, with all who are connected."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to the process of each connection, which has a session."""
        if self._process is not None:
            for pid in (self._process.pid, *_children_of(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)


def _children_of(parent: int) -> Iterator[int]:
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = status.read_text().rpartition(")")[2].split()
            if int(words[1]) == parent:
                yield int(status.parent.name)


def run_as() -> dict[str, object]:
    """Arguments of Popen by which root becomes somebody else, as PostgreSQL wants it."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def running() -> Iterator[PostgresServer]:
    """A server for the length of a block."""
    find_program("initdb")
    with tempfile.TemporaryDirectory(prefix="ecl-") as name:
        folder = Path(name)
        if user := run_as():
            os.chown(folder, user["user"], user["group"])
        server = PostgresServer(folder).create()
        try:
            yield server.start()
        finally:
            server.end()
