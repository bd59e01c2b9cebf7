"""count_logs: counting in one line."""

from __future__ import annotations

import logging

import pytest

from ecl_logging import EventCountLogger, count_logs
from ecl_logging.handlers import CountingHandler

DAY = {"intervals": ["1d"], "auto_declare_events": True}


def bare_root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The root logger as a program finds it.

    Not a fixture: pytest adds its handlers when the test itself begins.
    """
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    root.setLevel(logging.WARNING)
    return root


def shown_at(root: logging.Logger) -> list[int]:
    """The levels of the handlers that show records."""
    return [handler.level for handler in root.handlers if type(handler) is logging.StreamHandler]


def test_one_line_counts_every_record(monkeypatch):
    root = bare_root(monkeypatch)
    handler = count_logs(store="memory://")
    logging.getLogger("app").info("hello", extra={"event": "x"})

    assert handler in root.handlers
    assert handler.ecl["levels"].get_current_count("INFO", "1h") == 1
    assert handler.ecl["events"].get_counts("1h", current=True) == {"x": 1}


def test_warnings_are_shown_as_before(monkeypatch, capsys):
    bare_root(monkeypatch)
    count_logs(store="memory://")
    logging.getLogger("app").info("counted")
    logging.getLogger("app").warning("shown")

    assert capsys.readouterr().err == "shown\n"


def test_twice_is_once(monkeypatch):
    root = bare_root(monkeypatch)
    first = count_logs(store="memory://")

    assert count_logs(store="memory://") is first
    assert sum(isinstance(handler, CountingHandler) for handler in root.handlers) == 1
    assert shown_at(root) == [logging.WARNING]


def test_a_second_call_that_asks_for_something_else_is_warned_of(monkeypatch, warnings_told):
    bare_root(monkeypatch)
    handler = count_logs(store="memory://a")

    assert count_logs(store="memory://a") is handler
    assert warnings_told == []
    assert count_logs(store="memory://b") is handler
    assert warnings_told == [
        "count_logs: the root logger has a counting handler; these arguments are not taken"
    ]


def test_logging_that_was_configured_stays_as_it_was(monkeypatch):
    root = bare_root(monkeypatch)
    mine = logging.StreamHandler()
    root.addHandler(mine)
    root.setLevel(logging.ERROR)
    handler = count_logs(store="memory://")

    assert root.handlers == [mine, handler]
    assert root.level == logging.ERROR


@pytest.mark.parametrize(
    ("level", "counted"), [(None, {"a.info": 1, "a.error": 1}), ("ERROR", {"a.error": 1})]
)
def test_a_level_is_what_is_counted(monkeypatch, level, counted):
    bare_root(monkeypatch)
    handler = count_logs(store="memory://", groups={"g": DAY}, level=level)
    logging.getLogger("a").debug("", extra={"event": "a.debug"})
    logging.getLogger("a").info("", extra={"event": "a.info"})
    logging.getLogger("a").error("", extra={"event": "a.error"})

    assert handler.ecl["g"].get_counts("1d", current=True) == counted


def test_a_logger_can_be_handed_in(monkeypatch):
    bare_root(monkeypatch)
    with EventCountLogger({"g": DAY}, store="memory://") as ecl:
        assert count_logs(ecl).ecl is ecl


def test_without_arguments_nothing_is_written_until_something_is_logged(monkeypatch, home):
    bare_root(monkeypatch)
    handler = count_logs()
    assert list(home.rglob("*")) == []

    logging.getLogger("app").info("hello")
    handler.flush()
    assert (home / ".local/state/ecl_logging/counts.db").exists()


def test_after_closing_it_counts_again(monkeypatch):
    root = bare_root(monkeypatch)
    first = count_logs(store="memory://")
    first.close()
    second = count_logs(store="memory://")
    logging.getLogger("app").warning("x")

    assert first not in root.handlers
    assert second.ecl["levels"].get_current_count("WARNING", "1h") == 1
