"""The examples run as they stand."""

from __future__ import annotations

import logging.config
import os
import re
import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import pytest
import yaml

from ecl_logging.handlers import CountingHandler
from tests.redis_servers import find_server

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"

# How many records each example promises to log; the service in asyncio works until it is stopped.
PROMISED: dict[str, Container[int]] = {
    "asyncio_service": range(600, 1_000_000),
    "celery_worker": [200 + 200 + 2 * 200],  # sent, packed; and what Celery logs of each task
    "deduplicated_records": [2 * (1 + 500 + 3000 + 1000)],
    "dictconfig": [400 + 44],  # 44 count in two groups
    "django_site": [500 + 150],
    # What became of 8 events: one failed twice, one always until it was replayed; and rows.
    "event_routing": [8 + 5 + 1 + 8 + 5 + 8 + 8],
    "fastapi_uvicorn": [2 * 600],  # the shop's records, and those of uvicorn's access log
    # The answers, the loading of the app, and ten workers or more: they are replaced meanwhile.
    "flask_gunicorn": range(600 + 1 + 10, 700),
    "grouping_with_drain3": range(1200 + 300, 1200 + 420),
    "log_files": [8 + 15 + 15 + 8 + 15],  # lines, and of two logs their levels
    # As common ones, on the console, and the newest: 50 of those of whom there are so many.
    "messages_at_hand": [2 * (1200 + 300 + 48 + 3) + 50 + 50 + 48 + 3],
    "monitoring": [500 + 500 + 100],  # answers, the latency of each, and orders
    "several_processes": [3 * 3 * 120 + 40],
    "status_pages": [3 * 100],
    "structlog_alone": [2 * 300],  # each event in its group, and by its level
    "structlog_logging": [330 + 30 + 30 + 180],  # sentences by their level only
    "two_machines": [2000 + 1500],
}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=EXAMPLES,
    )


def rows_of(table: str) -> list[tuple[str, int, int]]:
    """Event, logged, counted: of the rows that agree, and of those that are marked."""
    rows = re.findall(r"^(\w.*?) +(\d+) +(\d+)(?:  <- differs)?$", table, re.MULTILINE)
    return [(event, int(logged), int(counted)) for event, logged, counted in rows]


def test_every_example_has_a_test() -> None:
    assert {script.parent.name for script in EXAMPLES.glob("*/run.py")} == PROMISED.keys()


# Processes of all kinds, each with seconds for its end: on a busy machine some would need more.
BUSY = {"several_processes": [pytest.mark.alone]}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=BUSY.get(name, [])) for name in sorted(PROMISED)]
)
def test_an_example_counts_every_record_once(name: str) -> None:
    if name == "two_machines":
        find_server()
    done = run(EXAMPLES / name / "run.py")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = rows_of(done.stdout)
    assert sum(logged for _, logged, _ in rows) in PROMISED[name]
    assert [row for row in rows if row[1] != row[2]] == []


LOGHUB = os.environ.get("LOGHUB", "")


@pytest.mark.skipif(not LOGHUB, reason="LOGHUB names no folder with logs of loghub")
def test_the_logs_of_loghub_count_as_its_tables_say() -> None:
    """Its logs are not ours to give away; so they come from a folder that LOGHUB names."""
    done = run(EXAMPLES / "log_files" / "run.py", LOGHUB)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = rows_of(done.stdout)
    assert sum(happened for _, happened, _ in rows) == 3 * 2000 + 2 * 2000
    assert [row for row in rows if row[1] != row[2]] == []


@pytest.mark.skipif(not LOGHUB, reason="LOGHUB names no folder with logs of loghub")
def test_on_the_logs_of_loghub_a_template_miner_reaches_nine_tenths() -> None:
    done = run(EXAMPLES / "grouping_with_drain3" / "run.py", LOGHUB)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert float(re.findall(r"^(\S+)  on average$", done.stdout, re.MULTILINE)[0]) >= 0.9


def test_four_workers_behind_gunicorn_count_every_response_once() -> None:
    """Also that logging.yaml loads under gunicorn, and that its workers flush as they end."""
    done = run(EXAMPLES / "http_service" / "demo.py", "--requests", "400")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = rows_of(done.stdout)
    assert {event for event, _, _ in rows} == {"ok", "not_found", "error"}
    assert sum(received for _, received, _ in rows) == 400
    assert [row for row in rows if row[1] != row[2]] == []


@pytest.mark.parametrize(
    ("logged", "counted"),
    [
        ({"sold": 2}, {"sold": 1}),
        ({"sold": 2}, {"sold": 3}),
        ({"sold": 2}, {}),
        ({"sold": 2}, {"sold": 2, "lent": 1}),
        ({}, {}),
        ({"sold": 0}, {"sold": 0}),
    ],
)
def test_an_example_fails_when_counts_differ_or_nothing_was_logged(
    logged: dict[str, int], counted: dict[str, int]
) -> None:
    done = run("-c", f"from trial import compare; raise SystemExit(compare({logged}, {counted}))")

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("\nTHE COUNTS DIFFER\n")
    assert rows_of(done.stdout) == [
        (event, logged.get(event, 0), counted.get(event, 0)) for event in sorted(logged | counted)
    ]


@pytest.mark.usefixtures("amid_a_minute")
@pytest.mark.parametrize("path", ["logging.yaml", "ecl_logging/tools/logging.yaml"])
def test_the_example_configuration_loads_and_counts(path: str) -> None:
    logging.config.dictConfig(yaml.safe_load((ROOT / path).read_text("utf-8")))
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h, CountingHandler)]

    logging.getLogger("shop").warning("x", extra={"event": "ok"})

    requests = handler.ecl["requests"]
    assert requests.get_counts("5m", current=True) == {"error": 0, "not_found": 0, "ok": 1}
    assert handler.ecl["levels"].get_current_count("WARNING", "1m") == 1
    assert handler.ecl["loggers"].get_current_count("shop", "1h") == 1
