"""A trial of an example: its programs run in a home of their own, and their counts are compared.

Every `run.py` uses it. Nothing of it is needed in a program of one's own.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Self

__all__ = ["CLIENTS", "Trial", "ask", "compare", "end", "free_port", "said_by", "wait_for"]

CLIENTS = 8
SECONDS = 60.0  # that any one thing may take, on a slow machine


class Trial:
    """A temporary home, so that the embedded store in it is a fresh one."""

    def __init__(self, script: str) -> None:
        """`script`: a file of the example; programs run in its folder, unless another is set."""
        self.folder = Path(script).resolve().parent
        self._temporary = tempfile.TemporaryDirectory(
            prefix="ecl-example-", ignore_cleanup_errors=True
        )
        self.home = Path(self._temporary.name)
        self.environment = os.environ | {"HOME": str(self.home)}
        for name in ("XDG_STATE_HOME", "ECL_STORE", "ECL_CONFIG"):
            self.environment.pop(name, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def start(
        self, *arguments: str | Path, stderr: IO[str] | int | None = None
    ) -> subprocess.Popen[str]:
        """Start Python with these arguments; it treats warnings as this one does."""
        options = [f"-W{option}" for option in sys.warnoptions]
        return subprocess.Popen(
            [sys.executable, *options, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # so that `kill` reaches its children
            encoding="utf-8",
        )

    def run(self, *arguments: str | Path) -> str:
        """Run Python with these arguments to its end; return what it prints."""
        return said_by(self.start(*arguments))

    @contextlib.contextmanager
    def running(
        self, *arguments: str | Path, stderr: IO[str] | int | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Have Python run with these arguments during the block; end it with SIGTERM."""
        program = self.start(*arguments, stderr=stderr)
        try:
            yield program
            if program.returncode is None:
                end(program)
        except BaseException:
            kill(program)
            raise

    @contextlib.contextmanager
    def server(
        self, *arguments: str | Path, port: int, stderr: IO[str] | int | None = None
    ) -> Iterator[None]:
        """Have a server on this port during the block; end it with SIGTERM."""
        # gunicorn's and uvicorn's processes leave their sockets to the garbage collector.
        ignoring = "-Wignore::ResourceWarning"
        with self.running(ignoring, *arguments, stderr=stderr) as server:
            wait_for(port, server)
            yield

    def command(self, name: str, *arguments: str, stderr: int | None = None) -> str:
        """Run one of the commands, without `ecl-`; show it and what it prints, and return that.

        With `stderr=subprocess.STDOUT`, what it tells beside its results is among them.
        """
        print(f"$ ecl-{name}", *arguments)
        started = self.start("-m", f"ecl_logging.tools.{name}", *arguments, stderr=stderr)
        shown = said_by(started)
        print(shown)
        return shown

    def counted(self, *groups: str) -> Counter[str]:
        """Return what `ecl-read` says of these groups, and show it.

        Both the hour that runs and the one before: it may have turned meanwhile.
        """
        counts: Counter[str] = Counter()
        for group in groups:
            shown = self.command("read", "-g", group, "-i", "1h", "--both")
            for event, count in re.findall(r"^(.+):(\d+)$", shown, re.MULTILINE):
                counts[event] += int(count)
        return counts


def said_by(program: subprocess.Popen[str]) -> str:
    """Return what a program prints until it ends; raise RuntimeError where it fails."""
    try:
        output, _ = program.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        kill(program)
        raise
    if program.returncode != 0:
        raise RuntimeError(f"{program.args} ended with status {program.returncode}: {output}")
    return output


def end(program: subprocess.Popen[str]) -> str:
    """Ask a program to end with SIGTERM, as everybody does who stops one."""
    program.send_signal(signal.SIGTERM)
    return said_by(program)


def kill(program: subprocess.Popen[str]) -> None:
    """End a program that does not end, with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.communicate()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[str]) -> None:
    """Wait until the server listens on the port."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}: {server.args} did not start")


def ask(port: int, paths: Sequence[str]) -> Counter[str]:
    """Send GET requests from several clients at once; count the lines of the answers."""
    shares = [paths[first::CLIENTS] for first in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(clients.map(lambda share: _ask_in_turn(port, share), shares), Counter[str]())


def _ask_in_turn(port: int, paths: Sequence[str]) -> Counter[str]:
    answers: Counter[str] = Counter()
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answers.update(connection.getresponse().read().decode().splitlines())
    return answers


def compare(logged: Mapping[str, int], counted: Mapping[str, int], *, title: str = "logged") -> int:
    """Print both numbers of each event; return 0 if all agree, else 1: an exit status."""
    width = max([len("event"), *map(len, {*logged, *counted})])
    print(f"{'event':<{width}}{title:>10}{'counted':>10}")
    agree = any(logged.values())  # where nothing was logged, nothing was tried
    for event in sorted({*logged, *counted}):
        both = logged.get(event, 0), counted.get(event, 0)
        mark = "" if both[0] == both[1] else "  <- differs"
        print(f"{event:<{width}}{both[0]:>10}{both[1]:>10}{mark}")
        agree = agree and not mark
    print("every record was counted once" if agree else "THE COUNTS DIFFER")
    return 0 if agree else 1
