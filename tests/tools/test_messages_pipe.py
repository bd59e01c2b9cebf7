"""`ecl-tail -f` and `ecl-top --watch` where whoever reads what they write has seen enough."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecl_logging.stores import open_store
from tests.saying import Program
from tests.tools.terminals import ROOT

pytestmark = pytest.mark.once


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store in which one message is."""
    url = f"sqlite:///{tmp_path}/counts.db"
    store = open_store(url)
    Program(store).say("a", "info", "hello", at=time.time())
    store.close()
    return url


def end_unread(command: str, *arguments: str) -> tuple[int, str]:
    """Read one line of what it writes, and no more; return its exit status and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"ecl_logging.tools.{command}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            assert process.stdout.readline()
            process.stdout.close()
            return process.wait(timeout=20), process.stderr.read()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("command", "options"),
    [("top", ["--json", "--watch", "0.1"]), ("top", ["--watch", "0.1"])],
    ids=["json", "tables"],
)
def test_it_ends_quietly_with_the_next_that_it_writes(url, command, options):
    assert end_unread(command, "--store", url, *options) == (0, "")


@pytest.mark.parametrize(
    ("command", "options"), [("tail", ["-f"]), ("top", ["--watch", "3600"])], ids=["tail", "top"]
)
def test_it_ends_quietly_though_there_is_nothing_to_write(url, command, options):
    """As with `ecl-tail -f | head -1`, where no further message comes."""
    assert end_unread(command, "--store", url, *options) == (0, "")
