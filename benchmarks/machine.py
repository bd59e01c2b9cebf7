"""What the figures were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.servers import Server

__all__ = ["PEERS", "machine_facts"]

PEERS = (
    "event-count-logger",
    "prometheus-client",
    "logs-prometheus",
    "opentelemetry-sdk",
    "statsd",
    "datadog",
    "scales",
)


def machine_facts(server: Server) -> list[tuple[str, str]]:
    """Return pairs of a name and what is so."""
    info: Any = server.client.info("server")
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return [
        ("date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")),
        ("machine", f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("load at the beginning", load),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("Redis", str(info["redis_version"])),
        ("ecl-logging", _version("ecl-logging")),
        ("redis-py", _version("redis")),
        *((name, _version(name)) for name in PEERS),
    ]


def _version(name: str) -> str:
    return metadata.version(name)


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    if about.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", about.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or "unknown processor"
