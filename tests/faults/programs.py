"""Starting programs, and looking at how they ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.oracle import (
    INTERVALS,
    Buckets,
    buckets_in_file,
    buckets_in_redis,
    expected_buckets,
    logged,
)
from tests.redis_servers import RedisServer

ROOT = Path(__file__).resolve().parents[2]

_RARE_FLUSHES = re.compile(r"ecl_logging: group \w+: sync_interval is \d+ seconds, so a .*\n")

# Python 3.12 and later warn of every fork in a process with threads. We have one by design.
ALLOW_FORK = ("-W", "ignore:This process:DeprecationWarning")


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    status: int
    out: str
    err: str
    at: float  # time.monotonic(), which all processes of a machine share


class Started:
    """A program that runs, in a session of its own."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]):
        self._out, self._err = folder / "stdout", folder / "stderr"
        # Files, not pipes: a grandchild that hangs must not keep the test waiting.
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def out(self) -> str:
        return self._out.read_text()

    def err(self) -> str:
        return self._err.read_text()

    def end(self, seconds: float = 30.0) -> Ended:
        """Wait for the end; fail when it does not come."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hangs\n{self.out()}\n{self.err()}") from None
        at = time.monotonic()
        self.kill()  # whoever is left of its children
        return Ended(status, self.out(), self.err(), at)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Programs:
    """Starts programs that count in one store, with one oracle's file."""

    def __init__(self, folder: Path, server: RedisServer | None = None) -> None:
        """They count on the server, or without one in a file of the folder."""
        self.folder = folder
        self.store = folder / "counts.db"
        self.server = server
        self.url = f"sqlite:///{self.store}" if server is None else server.url
        self.oracle = folder / "oracle"
        self._started: list[Started] = []

    def start(self, source: str, *options: str, **environment: str) -> Started:
        """Start a Python program of this text; warnings are errors."""
        folder = self._new_folder()
        script = folder / "program.py"
        script.write_text(textwrap.dedent(source))
        return self.start_command("-W", "error", *options, str(script), at=folder, **environment)

    def start_command(self, *arguments: str, at: Path | None = None, **environment: str) -> Started:
        """Start Python with these arguments."""
        variables = os.environ | {
            "PYTHONPATH": str(ROOT),
            "ECL_STORE": self.url,
            "ORACLE": str(self.oracle),
        }
        started = Started(
            [sys.executable, *arguments], at or self._new_folder(), variables | environment
        )
        self._started.append(started)
        return started

    def run(self, source: str, *options: str, **environment: str) -> Ended:
        return self.start(source, *options, **environment).end()

    def run_forking(self, source: str, seconds: float = 30.0) -> Ended:
        """Run a program that forks while threads are running."""
        return self.start(source, *ALLOW_FORK).end(seconds)

    def _new_folder(self) -> Path:
        folder = self.folder / f"program{len(self._started)}"
        folder.mkdir()
        return folder

    def stored(self) -> Buckets:
        if self.server is None:
            return buckets_in_file(self.store)
        with contextlib.closing(self.server.client()) as client:
            return buckets_in_redis(client)

    def expected(self, intervals: Iterable[str] = INTERVALS) -> Buckets:
        return expected_buckets(self.oracle, intervals)

    def assert_counted(self, records: int) -> None:
        """So many records were logged, and each was counted once, in its own buckets."""
        assert len(logged(self.oracle)) == records
        assert self.stored() == self.expected()

    def assert_everything_counted(self) -> None:
        """Records were logged, and each was counted once, in its own buckets."""
        assert self.stored() == self.expected() != {}

    def assert_all_counted_but_some(self, lost: str) -> None:
        """Each record was counted, but maybe for those with the ID of processes that were ended."""
        stored, expected = self.stored(), self.expected()
        for key, counts in expected.items():
            most = counts.pop(lost, 0)
            assert stored.setdefault(key, {}).pop(lost, 0) <= most
        assert stored == expected != {}

    def printed(self) -> list[str]:
        """All that the programs have written to stdout and stderr."""
        return [text for started in self._started for text in (started.out(), started.err())]

    def kill_all(self) -> None:
        for started in self._started:
            started.kill()


def assert_silent(ended: Ended, status: int = 0) -> None:
    """The program ended as it should, with nothing on stderr.

    But for the word that its flushes are rarer than its buckets: that is so in tests of what has
    not been sent.
    """
    lines = ended.err.splitlines(keepends=True)
    others = [line for line in lines if not _RARE_FLUSHES.fullmatch(line)]
    assert (ended.status, "".join(others)) == (status, "")
