"""ecl-gather on a terminal: a line that is drawn over, and nothing of it in the end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecl_logging.stores import open_store
from tests.faults.gathered import Writer
from tests.tools.terminals import ROOT, screen_of

COLUMNS, ROWS = 80, 24

PROGRAM = """
import sys
{first}
from ecl_logging.tools.gather import main
sys.exit(main())
"""

WITHOUT_RICH = "sys.modules['rich'] = None"

pytestmark = pytest.mark.once


class Gathering:
    """The command, with stderr on a terminal, and what it has written there."""

    def __init__(self, folder: Path, url: str, *arguments: str, first: str, **environment: str):
        self.written = b""
        self._master: int | None
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-W", "error", "-c", PROGRAM.format(first=first)),
                *("--store", url, "--to", "records.jsonl", "--limit", "1", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            cwd=folder,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": str(COLUMNS)}
            | environment,
        )
        os.close(slave)

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.written
            self._read(0.05)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # nobody has the other side any more
            return False
        self.written += piece
        return bool(piece)

    def end(self) -> list[str]:
        """Wait for the end; return the lines that are seen then."""
        self.wait_for(lambda: self.process.poll() is not None)
        while self._read(0.0):
            pass
        self.close()
        return self.shown()

    def close(self) -> None:
        """Kill it where it still runs."""
        if self._master is not None:
            self.process.kill()
            self.process.wait()
            os.close(self._master)
            self._master = None

    def shown(self) -> list[str]:
        return [line for line in screen_of(self.written, COLUMNS, ROWS) if line.strip("\0 ")]


@pytest.fixture
def start() -> Iterator[Callable[..., Gathering]]:
    """Starts commands, which have ended at the end."""
    started: list[Gathering] = []

    def start_one(*arguments: Any, **more: str) -> Gathering:
        started.append(Gathering(*arguments, **more))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with records."""
    url = f"sqlite:///{tmp_path}/counts.db"
    writer = Writer(url, 1)
    for _ in range(5):
        writer.put()
    writer.close()
    return url


@pytest.mark.parametrize("first", ["", WITHOUT_RICH], ids=["rich", "without rich"])
def test_progress_is_shown_and_gone_in_the_end(tmp_path, url, start, first):
    gathering = start(tmp_path, url, first=first)
    store = open_store(url)
    gathering.wait_for(lambda: store.records.waiting().entries == 0)
    gathering.wait_for(lambda: " entries moved, 0 waiting" in "".join(gathering.shown()))
    [line] = gathering.shown()
    gathering.process.send_signal(signal.SIGTERM)
    [summary] = gathering.end()

    assert ("━" in line) == (first == "")
    assert summary.startswith("ecl-gather: moved ")
    assert gathering.process.returncode == 0
    assert gathering.written.count(b"\x1b[?25l") == gathering.written.count(b"\x1b[?25h")
    store.close()


@pytest.mark.parametrize("first", ["", WITHOUT_RICH], ids=["rich", "without rich"])
def test_a_message_stands_above_the_progress(tmp_path, url, start, first):
    gathering = start(tmp_path, url, first=first)
    store = open_store(url)
    gathering.wait_for(lambda: " 0 waiting" in "".join(gathering.shown()))
    assert store.records.waiting().entries == 0
    (tmp_path / "records.jsonl").unlink()
    (tmp_path / "records.jsonl").mkdir()
    writer = Writer(url, 2)
    writer.put()
    writer.close()
    gathering.wait_for(lambda: "trying on" in "".join(gathering.shown()))
    (tmp_path / "records.jsonl").rmdir()
    gathering.wait_for(lambda: "is back" in "".join(gathering.shown()))
    gathering.wait_for(lambda: store.records.waiting().entries == 0)
    gathering.process.send_signal(signal.SIGINT)
    shown = "".join(line.ljust(COLUMNS) for line in gathering.end())

    assert gathering.process.returncode == 130
    words = ["Is a directory; trying on", "is back after", "moved "]
    places = [shown.index(word) for word in words]
    assert places == sorted(places)
    assert "waiting" not in shown.replace("records wait", "")
    store.close()


def test_nothing_is_drawn_on_a_dumb_terminal(tmp_path, url, start):
    gathering = start(tmp_path, url, "--once", first="", TERM="dumb")
    [summary] = gathering.end()

    assert b"\x1b" not in gathering.written
    assert summary.startswith("ecl-gather: moved ")
