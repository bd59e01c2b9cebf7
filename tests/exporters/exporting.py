"""ecl-web as a process of its own, and what it serves."""

from __future__ import annotations

import re
import signal
import urllib.request
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.faults.programs import Programs, Started
from tests.waiting import wait_until

__all__ = [
    "OPENMETRICS",
    "Samples",
    "Web",
    "named",
    "parse_openmetrics",
    "parse_text",
    "samples_of",
]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Web:
    """`ecl-web` that is started and ended as a test says, at one address."""

    def __init__(self, programs: Programs, *options: str, address: str = "127.0.0.1:0") -> None:
        self._programs, self._options = programs, options
        self.address = address
        self.started: Started | None = None

    def start(self, **environment: str) -> Web:
        self.started = self._programs.start_command(
            *("-W", "error", "-m", "ecl_logging.tools.web"),
            *("--listen", self.address, *self._options),
            **environment,
        )
        wait_until(lambda: self._told() or self.started.process.poll() is not None)
        told = self._told()
        assert told, self.started.err()
        self.address = told[1]
        return self

    def _told(self) -> re.Match[str] | None:
        assert self.started is not None
        return re.search(r"ecl-web: listening on http://(\S+)/\n", self.started.err())

    def end(self) -> str:
        """End it as a service manager does; return what it has said since it listened."""
        assert self.started is not None
        self.started.send(signal.SIGTERM)
        ended = self.started.end()
        assert (ended.status, ended.out) == (0, "")
        return ended.err.partition("\n")[2]

    def get(self, path: str = "/metrics", *, accept: str = "") -> str:
        request = urllib.request.Request(f"http://{self.address}{path}", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: bytes = answer.read()
        return content.decode()

    def samples(self) -> Samples:
        return samples_of(parse_text(self.get()))


def samples_of(families: Iterable[Metric]) -> Samples:
    """Every sample by name and labels; each is there once."""
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def named(name: str, samples: Samples, **labels: str) -> dict[str, float]:
    """The samples of this name and these labels, by what is left of their labels."""
    found = {}
    for (sample, theirs), value in samples.items():
        if sample == name and labels.items() <= dict(theirs).items():
            left = {key: text for key, text in theirs if key not in labels}
            found[",".join(text for _, text in sorted(left.items()))] = value
    return found
