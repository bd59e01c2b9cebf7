"""The watch over the password of the tests' servers: it sees what it is to see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.programs import ROOT

pytestmark = pytest.mark.once

PROBE = """
import logging, sys
import pytest
from tests.canary import CANARY

def test_prints(): print(CANARY)
def test_prints_to_stderr(): print(CANARY, file=sys.stderr)
def test_logs(): logging.warning("%s", CANARY)
def test_reads_what_was_printed(capsys):
    print(CANARY)
    capsys.readouterr()
@pytest.fixture
def prints_at_its_end():
    yield
    print(CANARY)
def test_has_a_fixture(prints_at_its_end): pass
def test_is_silent(capsys): assert capsys.readouterr().out == ""
"""


def test_whoever_prints_a_password_fails(tmp_path: Path) -> None:
    probe = tmp_path / "test_probe.py"
    probe.write_text(PROBE)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.canary",
            "-q",
            "-rA",
            "--rootdir",
            tmp_path,
            "-c",
            "/dev/null",
            str(probe),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]

    caught = {line.partition("::")[2].split()[0] for line in told}
    assert caught == {
        "test_prints",
        "test_prints_to_stderr",
        "test_logs",
        "test_reads_what_was_printed",
        "test_has_a_fixture",
    }
    assert any("PASSED" in line and "test_is_silent" in line for line in done.stdout.splitlines())
