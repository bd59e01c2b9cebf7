"""A Prometheus of the tests' own, from the system's package: on a free port, its data in a folder."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.redis_servers import free_port
from tests.waiting import wait_until

Labels = dict[str, str]


class PrometheusServer:
    """A server that scrapes one target, and answers queries."""

    def __init__(self, folder: Path, target: str, *, every: str = "200ms") -> None:
        """`target`: HOST:PORT of what has a page `/metrics`."""
        program = shutil.which("prometheus")
        if program is None:
            pytest.fail("Prometheus is not installed; tests/install-system-packages names it")
        self._url = f"http://127.0.0.1:{free_port()}"
        configuration = {
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": [{"job_name": "ecl", "static_configs": [{"targets": [target]}]}],
        }
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(configuration))
        self.command = [
            *(program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
            *(f"--web.listen-address={self._url.removeprefix('http://')}", "--log.level=warn"),
        ]
        self._log = folder / "prometheus.log"

    @contextlib.contextmanager
    def running(self) -> Iterator[PrometheusServer]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(self.command, stdout=log, stderr=log)
        try:
            wait_until(self._is_ready)
            yield self
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self._answer("/-/ready") is not None
        return False

    def _answer(self, path: str) -> bytes:
        with urllib.request.urlopen(self._url + path, timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def query(self, query: str) -> list[tuple[Labels, Any]]:
        """What a query gives now: labels, and the value, or of a range all values with times."""
        try:
            answer = self._answer(f"/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        result = json.loads(answer)["data"]["result"]
        return [
            (
                one["metric"],
                [(at, float(value)) for at, value in one["values"]]
                if "values" in one
                else float(one["value"][1]),
            )
            for one in result
        ]

    def value(self, query: str) -> float:
        """The one value that a query gives now."""
        [(_, value)] = self.query(query)
        return float(value)

    def logged(self) -> str:
        """What it has said, such as of samples that it has refused."""
        return self._log.read_text()
