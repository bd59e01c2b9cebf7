"""Carbon servers of the tests' own, from the system's package: each with files in a folder."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until

_SYSTEM_PYTHON = "/usr/bin/python3"  # which has the package `whisper`

_CONF = """
[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}/log
PID_DIR = {folder}
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {line}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
"""
_FILES = {
    "storage-schemas.conf": "[all]\npattern = .*\nretentions = 1s:1h\n",
    "storage-aggregation.conf": "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n",
}

# Prints path -> {time: value} of all files, as JSON. Read like graphite-web: without a lock.
_READ_FILES = """
import json, os, sys, time, whisper
root, since, until = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
found = {}
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        metric = os.path.relpath(path, root)[:-len(".wsp")].replace(os.sep, ".")
        (start, end, step), values = whisper.fetch(path, since - 1, until, now=until)
        points = zip(range(start, end, step), values)
        found[metric] = {at: value for at, value in points if value is not None}
json.dump(found, sys.stdout)
"""

_INFO = """
import json, os, sys, whisper
root = sys.argv[1]
files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
named = {os.path.relpath(path, root)[:-len(".wsp")].replace(os.sep, "."): path for path in files}
json.dump({metric: whisper.info(path) for metric, path in named.items()}, sys.stdout)
"""

Points = dict[str, dict[int, float]]
"""By path and Unix second."""


class CarbonServer:
    """A carbon-cache that is started, killed and started again as a test says."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        if shutil.which("carbon-cache") is None:
            missing = pytest.fail if os.environ.get("CI") else pytest.skip
            missing("carbon is not installed; tests/install-system-packages names the package")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port, pickled, self._query_port = _free_ports(3)
        (folder / "log").mkdir(parents=True)
        conf = _CONF.format(folder=folder, line=self.port, pickle=pickled, query=self._query_port)
        (folder / "carbon.conf").write_text(conf)
        for name, text in (_FILES | dict(files)).items():
            (folder / name).write_text(text)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *("carbon-cache", "--nodaemon", f"--config={self._folder}/carbon.conf"),
                    *(f"--pidfile={self._folder}/pid", "start"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "output").read_text()
        return all(_is_listening(port) for port in (self.port, self._query_port))

    def kill(self) -> None:
        """End it as a loss of power does: what it has in memory is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self._folder / "pid").unlink(missing_ok=True)

    def pause(self) -> None:
        """Stop it where it is."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def files_of(self) -> dict[str, dict[str, Any]]:
        """How each path's file is made up, as whisper says it."""
        done = subprocess.run(
            [_SYSTEM_PYTHON, "-c", _INFO, f"{self._folder}/whisper"],
            capture_output=True,
            check=True,
            text=True,
        )
        return dict(json.loads(done.stdout))

    def points(self, since: int, until: int) -> Points:
        """All that it has of these seconds, in files and in memory.

        What it is about to write is in neither for a moment.
        """
        found = self.written(since, until)
        for path, cached in self._cached(found).items():
            found[path].update({at: n for at, n in cached.items() if since <= at < until})
        return found

    def written(self, since: int, until: int) -> Points:
        """All that it has of these seconds in files."""
        done = subprocess.run(
            [_SYSTEM_PYTHON, "-c", _READ_FILES, f"{self._folder}/whisper", str(since), str(until)],
            capture_output=True,
            check=True,
            text=True,
        )
        read = json.loads(done.stdout)
        return {
            path: {int(at): n for at, n in some.items() if since <= int(at) < until}
            for path, some in read.items()
        }

    def _cached(self, paths: Iterable[str]) -> Points:
        """What it has not written yet; of paths that have a file."""
        request = pickle.dumps({"type": "cache-query-bulk", "metrics": list(paths)}, protocol=2)
        with socket.create_connection(("127.0.0.1", self._query_port), timeout=10) as client:
            client.sendall(struct.pack("!I", len(request)) + request)
            answers = client.makefile("rb")
            (size,) = struct.unpack("!I", answers.read(4))
            answer = pickle.loads(answers.read(size))
        return {
            path: {int(at): n for at, n in points}
            for path, points in answer["datapointsByMetric"].items()
        }


def _free_ports(amount: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(amount)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def carbon(folder: Path, files: Mapping[str, str] | None = None) -> Iterator[CarbonServer]:
    """A server that is started, and killed in the end; `files` are of its configuration."""
    server = CarbonServer(folder, files or {})
    server.start()
    try:
        yield server
    finally:
        server.go_on()
        server.kill()
