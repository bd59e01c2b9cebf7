"""Warnings reach somebody: the logger's handlers, or else stderr."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from ecl_logging.handlers import CountingHandler
from ecl_logging.notices import OWN_LOGGER, warn


class Shown(logging.Handler):
    """A handler that shows records: to the test."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.levelname} {record.name} {record.getMessage()}")


def our_logger_alone(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """Our logger without pytest's handlers, which would show everything.

    Not a fixture: pytest adds them when the test itself begins.
    """
    logger = logging.getLogger(OWN_LOGGER)
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [])
    return logger


def test_a_warning_goes_to_the_handlers_of_the_logger(monkeypatch, capsys):
    logger = our_logger_alone(monkeypatch)
    shown = Shown()
    logger.addHandler(shown)
    warn("100% lost")

    assert shown.texts == ["WARNING ecl_logging 100% lost"]
    assert capsys.readouterr() == ("", "")


def test_a_warning_goes_to_the_handlers_of_the_root_logger(monkeypatch, capsys):
    logger = our_logger_alone(monkeypatch)
    shown = Shown()
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logging.getLogger(), "handlers", [shown])
    warn("lost")

    assert shown.texts == ["WARNING ecl_logging lost"]
    assert capsys.readouterr().err == ""


class Writes(io.StringIO):
    """Notes what is written at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        self.texts += [text] if text else []
        return len(text)


def test_a_warning_is_one_write(monkeypatch):
    """Programs that share a file for their errors cut each other's lines in two."""
    our_logger_alone(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Writes())
    warn("lost")

    assert sys.stderr.texts == ["ecl_logging: lost\n"]


def test_a_warning_that_nobody_would_show_goes_to_stderr(monkeypatch, capsys):
    our_logger_alone(monkeypatch)
    warn("lost")

    assert capsys.readouterr() == ("", "ecl_logging: lost\n")


@pytest.mark.parametrize("handler", [logging.NullHandler(), Shown(logging.ERROR)])
def test_a_handler_that_shows_no_warnings_does_not_count(monkeypatch, handler, capsys):
    logger = our_logger_alone(monkeypatch)
    logger.addHandler(handler)
    warn("lost")

    assert capsys.readouterr().err == "ecl_logging: lost\n"


def test_a_handler_that_only_counts_does_not_count(monkeypatch, capsys):
    logger = our_logger_alone(monkeypatch)
    handler = CountingHandler(store="memory://")
    logger.addHandler(handler)
    warn("lost")
    handler.close()

    assert capsys.readouterr().err == "ecl_logging: lost\n"


def test_a_logger_that_was_disabled_does_not_swallow_a_warning(monkeypatch, capsys):
    logger = our_logger_alone(monkeypatch)
    logger.addHandler(Shown())
    monkeypatch.setattr(logger, "disabled", True)
    warn("lost")

    assert capsys.readouterr().err == "ecl_logging: lost\n"


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_a_program_without_stderr_is_not_disturbed(monkeypatch, stderr):
    our_logger_alone(monkeypatch)
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)

    assert warn("lost") is None


def test_a_stderr_that_raises_anything_is_passed_over(monkeypatch):
    class Broken:
        def write(self, text: str) -> int:
            raise RuntimeError

        def flush(self) -> None:
            raise RuntimeError

    our_logger_alone(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Broken())

    assert warn("lost") is None
