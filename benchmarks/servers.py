"""A Redis of the benchmarks' own: without a password, keeps nothing, gone at the end."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import redis

__all__ = ["Server", "running"]

_SECONDS_TO_START = 10.0


class Server:
    """A server that runs, on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client: Any = redis.Redis(port=port)

    @property
    def peer_config(self) -> dict[str, object]:
        """The same server in the words of event_count_logger."""
        return {"host": "127.0.0.1", "port": self.port, "db": 0}

    def empty(self) -> None:
        """Remove all keys."""
        self.client.flushall()

    def cpu_seconds(self) -> float:
        """How long the server has worked so far."""
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

    def traffic(self) -> dict[str, int]:
        """Commands and bytes so far."""
        stats = self.client.info("stats")
        return {
            "commands": int(stats["total_commands_processed"]),
            "bytes": int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"]),
        }


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server for the length of a block."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise RuntimeError(
            "redis-server is not installed; tests/install-system-packages names the package"
        )
    with tempfile.TemporaryDirectory(prefix="ecl-benchmarks-") as folder:
        port = _free_port()
        process = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            server = Server(port)
            _wait_for(server, process)
            yield server
            server.client.close()
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(redis.ConnectionError):
            if server.client.ping():
                return
        time.sleep(0.02)
    raise RuntimeError("redis-server did not start")
