"""Prometheus servers of the tests' own, from the system's package: on free ports of loopback."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.redis_servers import free_port
from tests.waiting import wait_until

Samples = list[tuple[float, float]]


class PrometheusServer:
    """A server that scrapes some targets, and answers queries."""

    def __init__(self, folder: Path, targets: Mapping[str, str], *, every: str = "200ms") -> None:
        """`targets`: value of the label `target` -> HOST:PORT of what has a page `/metrics`.

        The folder is for its files.
        """
        program = shutil.which("prometheus")
        if program is None:
            pytest.fail("Prometheus is not installed; tests/install-system-packages names it")
        self._url = f"http://127.0.0.1:{free_port()}"
        configuration = {
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": [
                {
                    "job_name": "ecl",
                    "static_configs": [
                        {"targets": [address], "labels": {"target": name}}
                        for name, address in targets.items()
                    ],
                }
            ],
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

    def _query(self, query: str) -> list[dict[str, Any]]:
        try:
            answer = self._answer(f"/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None
        result: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return result

    def values(self, query: str, *, by: str) -> dict[str, float]:
        """The values that a query gives now, by a label that tells them apart."""
        found = self._query(query)
        values = {one["metric"].get(by, ""): float(one["value"][1]) for one in found}
        assert len(values) == len(found)
        return values

    def finds(self, query: str) -> bool:
        """Whether there is anything now that the query asks for."""
        return bool(self._query(query))

    def samples(self, selector: str, *, seconds: int = 60, by: str) -> dict[str, Samples]:
        """What was scraped lately, as it was: (when, value), the oldest first, by a label."""
        found = self._query(f"{selector}[{seconds}s]")
        samples = {
            one["metric"].get(by, ""): [(at, float(value)) for at, value in one["values"]]
            for one in found
        }
        assert len(samples) == len(found)
        return samples

    def logged(self) -> str:
        """What it has said, such as of samples that it has refused."""
        return self._log.read_text()
