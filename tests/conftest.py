"""Fixtures for all tests: nobody's home, environment or logging is touched."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.programs import Programs

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background has it ignored, and all that they start
    # would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, which the embedded store finds; the working folder is empty."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_STATE_HOME", "ECL_STORE", "ECL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
    return home


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Handlers and levels that a test sets are gone after it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def warnings_told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the library warned of during the test."""
    told: list[str] = []
    for module in ("outage", "notices"):
        monkeypatch.setattr(f"ecl_logging.{module}.warn", told.append)
    return told


@pytest.fixture
def amid_a_minute() -> None:
    """For tests that count by the real clock and read the current minute: it lasts a while."""
    while time.time() % 60 > 50:
        time.sleep(0.1)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts programs; those that still run at the end of the test are killed."""
    programs = Programs(tmp_path)
    yield programs
    programs.kill_all()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait for a condition that becomes true by what other threads and processes do.

    Returns True; fails where that takes too long.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.01)
    return True


class Clock:
    """A clock that a test sets: call it for the Unix time."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()
