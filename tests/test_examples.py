"""The examples run as they stand."""

from __future__ import annotations

import logging.config
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ecl_logging.handlers import CountingHandler
from tests.redis_servers import find_server

pytestmark = pytest.mark.usefixtures("amid_a_minute")

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def test_four_workers_behind_gunicorn_count_every_response_once() -> None:
    """Also that logging.yaml loads under gunicorn, and that its workers flush as they end."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "http_service" / "demo.py", "--requests", "400"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(ok|not_found|error) +(\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert sum(int(received) for _, received, _ in rows) == 400
    assert [row for row in rows if row[1] != row[2]] == []


def test_two_machines_count_in_one_redis() -> None:
    find_server()
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "two_machines" / "run.py"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = re.findall(r"^(\w+) +logged +(\d+) +counted +(\d+)$", done.stdout, re.MULTILINE)
    assert sum(int(logged) for _, logged, _ in rows) == 3500
    assert [row for row in rows if row[1] != row[2]] == []


@pytest.mark.parametrize("path", ["logging.yaml", "ecl_logging/tools/logging.yaml"])
def test_the_example_configuration_loads_and_counts(path: str) -> None:
    logging.config.dictConfig(yaml.safe_load((ROOT / path).read_text("utf-8")))
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h, CountingHandler)]

    logging.getLogger("shop").warning("x", extra={"event": "ok"})

    requests = handler.ecl["requests"]
    assert requests.get_counts("5m", current=True) == {"error": 0, "not_found": 0, "ok": 1}
    assert handler.ecl["levels"].get_current_count("WARNING", "1m") == 1
    assert handler.ecl["loggers"].get_current_count("shop", "1h") == 1
