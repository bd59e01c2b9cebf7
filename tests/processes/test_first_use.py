"""On a fresh account: the shortest configuration, a program that logs, a bare ecl-read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.programs import ROOT

PROGRAM = """
import logging, logging.config

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"counts": {"class": "ecl_logging.handlers.CountingHandler"}},
    "root": {"level": "INFO", "handlers": ["counts"]},
})
logging.getLogger("shop").info("opened")
for _ in range(3):
    logging.getLogger("shop.orders").info("sold", extra={"event": "order"})
logging.getLogger("shop.orders").error("out of stock", extra={"event": "no order"})
"""

BESIDE_PYTHON = Path(sys.executable).parent / "ecl-read"


def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody who has just been given an account."""
    return subprocess.run(
        command,
        env={"HOME": str(home), "PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def commands() -> list[object]:
    missing = pytest.mark.skipif(not BESIDE_PYTHON.exists(), reason="the package is not installed")
    return [
        pytest.param([sys.executable, "-W", "error", "-m", "ecl_logging.tools.read"], id="module"),
        pytest.param([str(BESIDE_PYTHON)], id="script", marks=missing),
    ]


@pytest.mark.parametrize("command", commands())
def test_a_bare_ecl_read_shows_levels_loggers_and_events(home: Path, command: list[str]) -> None:
    program = home / "program.py"
    program.write_text(PROGRAM)
    counted = run(sys.executable, "-W", "error", str(program), home=home)

    read = run(*command, home=home)

    assert (counted.returncode, counted.stdout, counted.stderr) == (0, "", "")
    assert (read.returncode, read.stderr) == (0, "")
    found = counts_shown(read.stdout)
    assert found["levels"] == {"CRITICAL": 0, "DEBUG": 0, "ERROR": 1, "INFO": 4, "WARNING": 0}
    assert found["loggers"] == {"shop": 1, "shop.orders": 4}
    assert found["events"] == {"order": 3, "no order": 1}


def counts_shown(out: str) -> dict[str, dict[str, int]]:
    """Group -> event ID -> count, over both of the buckets of 1h that ecl-read shows."""
    found: dict[str, dict[str, int]] = {}
    shown: dict[str, int] = {}
    for line in filter(None, out.splitlines()):
        if line.startswith("# "):
            _, group, interval, *_ = line.split()
            shown = found.setdefault(group, {}) if interval == "1h" else {}
        else:
            event_id, _, count = line.rpartition(":")
            shown[event_id] = shown.get(event_id, 0) + int(count)
    return found


def test_before_anything_was_counted_ecl_read_names_the_place_and_creates_nothing(
    home: Path,
) -> None:
    read = run(sys.executable, "-m", "ecl_logging.tools.read", home=home)

    assert (read.returncode, read.stdout) == (0, "")
    place = f"sqlite:///{home}/.local/state/ecl_logging/counts.db"
    assert read.stderr == (
        f"ecl-read: nothing counted in {place}; choose with --store or ECL_STORE\n"
    )
    assert list(home.iterdir()) == []


def test_the_embedded_store_is_its_owners_alone(home: Path) -> None:
    program = home / "program.py"
    program.write_text(PROGRAM)
    run(sys.executable, str(program), home=home)

    folder = home / ".local/state/ecl_logging"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "counts.db").stat().st_mode & 0o777 == 0o600
