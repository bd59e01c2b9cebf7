"""The handler as users configure it: logging.config.dictConfig and YAML."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.tools.read import main as ecl_read
from tests.conftest import wait_until

TWELVE_LINES = """
version: 1
disable_existing_loggers: false
handlers: {counts: {class: ecl_logging.handlers.CountingHandler}}
root: {level: INFO, handlers: [counts]}
"""

REFERRING = """
version: 1
disable_existing_loggers: false
ecl:
  store: sqlite:///counts.db
  groups:
    requests: {events: [req1, error], intervals: [1d]}
  rules:
    - {group: requests}
    - {group: requests, level: ERROR, event: error}
    - {group: requests, logger: app.db, event: "db:{levelname}"}
handlers:
  counts: {class: ecl_logging.handlers.CountingHandler, level: INFO, config: cfg://ecl}
root: {level: DEBUG, handlers: [counts]}
"""

Configure = Callable[[str], CountingHandler]


@pytest.fixture
def configure(monkeypatch) -> Iterator[Configure]:
    """Configure logging from YAML; return the counting handler. Undone after the test."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])

    def configure(text: str) -> CountingHandler:
        logging.config.dictConfig(yaml.safe_load(text))
        [handler] = [one for one in root.handlers if isinstance(one, CountingHandler)]
        return handler

    yield configure
    for handler in root.handlers:
        handler.close()


def test_the_shortest_file_counts_levels_loggers_and_events(configure, capsys):
    handler = configure(TWELVE_LINES)
    log = logging.getLogger("app")
    log.info("one", extra={"event": "started"})
    log.warning("two")
    log.debug("not asked for")
    handler.close()

    assert ecl_read(["-g", "levels", "-i", "1h", "--current"]) == 0
    assert ecl_read(["-g", "loggers", "-i", "1h", "--current"]) == 0
    assert ecl_read(["-g", "events", "-i", "1h", "--current"]) == 0
    assert capsys.readouterr() == (
        "CRITICAL:0\nDEBUG:0\nERROR:0\nINFO:1\nWARNING:1\napp:2\nstarted:1\n",
        "",
    )


def test_a_section_is_reached_by_reference(configure):
    handler = configure(REFERRING)
    logging.getLogger("app").info("one", extra={"event": "req1"})
    logging.getLogger("app").error("two")

    assert handler.ecl["requests"].get_counts("1d", current=True) == {"error": 1, "req1": 1}


@pytest.mark.fault("D15")
def test_configuring_again_puts_another_handler_in_the_place_of_the_one_before(configure):
    """Its thread sends what it has, and what other threads still deliver to it, and ends."""
    first = configure(REFERRING)
    logging.getLogger("app").info("one", extra={"event": "req1"})
    second = configure(REFERRING)
    assert first.is_closed
    assert first not in logging.getLogger().handlers
    logging.getLogger("app").info("two", extra={"event": "req1"})
    first.handle(logging.makeLogRecord({"name": "app", "event": "req1"}))

    group = second.ecl["requests"]
    assert wait_until(lambda: group.get_current_count("req1", "1d") == 3)
    assert wait_until(lambda: first.ecl._flusher._ticker._thread is None)


def test_arguments_and_filters_are_written_beside_the_class(configure):
    handler = configure(
        """
        version: 1
        disable_existing_loggers: false
        filters: {app: {name: app}}
        handlers:
          counts:
            class: ecl_logging.handlers.CountingHandler
            store: memory://
            groups: {g: {intervals: [1d], auto_declare_events: true}}
            rules: [{event: "{name}"}]
            sync_interval: 30
            filters: [app]
        root: {level: INFO, handlers: [counts]}
        """
    )
    logging.getLogger("app").info("one")
    logging.getLogger("other").info("two")

    assert handler.ecl["g"].get_counts("1d", current=True) == {"app": 1}


def test_a_logger_is_handed_in_by_reference(configure, monkeypatch):
    ecl = EventCountLogger({"g": {"intervals": ["1d"]}}, store="memory://")
    monkeypatch.setitem(globals(), "handed_in", ecl)
    handler = configure(
        """
        version: 1
        disable_existing_loggers: false
        handlers:
          counts:
            class: ecl_logging.handlers.CountingHandler
            ecl: ext://tests.handlers.test_dictconfig.handed_in
        root: {level: INFO, handlers: [counts]}
        """
    )

    assert handler.ecl is ecl
    ecl.close()


def test_a_wrong_section_is_told_with_its_place_on_stderr_as_well(configure, capsys):
    text = REFERRING.replace("[1d]", "[1d, 5 minutes]").replace("req1,", "req1, on,")
    with pytest.raises(ValueError, match="counts") as caught:
        configure(text)

    assert isinstance(caught.value.__cause__, ConfigError)
    assert capsys.readouterr().err.splitlines() == [
        (
            "ecl_logging: ecl: groups.requests.intervals[1]: '5 minutes' is not an interval; "
            "write <number><s|m|h|d>, such as 5m"
        ),
        "ecl: groups.requests.events[1]: True: quote it: 'on'",
    ]


def test_the_file_that_we_print_configures_logging(configure, capsys):
    text = (Path(__file__).parents[2] / "logging.yaml").read_text("utf-8")
    handler = configure(text)
    logging.getLogger("app").info("hello", extra={"event": "ok"})
    groups: Any = handler.ecl.groups

    assert groups["requests"].get_current_count("ok", "1h") == 1
    assert groups["levels"].get_current_count("INFO", "1h") == 1
    assert groups["loggers"].get_current_count("app", "1h") == 1
