"""structlog's own chains with our processor, and what `configure` sets."""

from __future__ import annotations

import copy
import io
import sys

import pytest
import structlog

from ecl_logging.errors import ConfigError
from ecl_logging.events import (
    EventMessage,
    SchemaProcessor,
    configure,
    get_logger,
    new_event,
    parse,
    to_record,
)
from tests.events.written_elsewhere import LOG, METRICS, event_with

# --- structlog's chains


def test_json_renderer_prints_the_event():
    shown = io.StringIO()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            SchemaProcessor(),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(shown),
    )
    structlog.get_logger().info("done", payload=METRICS)
    structlog.get_logger().warning("rain", amount=5)
    first, second = map(parse, shown.getvalue().splitlines())
    assert (first["header"]["channel"], first["payload"]) == ("done", METRICS)
    assert second["payload"] == {
        "cls_type": "log",
        "message": "rain",
        "severity": "warning",
        "fields": {"amount": 5},
    }


def test_the_time_that_was_stamped_is_the_events():
    for stamp, written in (
        ("2026-11-28T12:00:00Z", "2026-11-28T12:00:00.000000Z"),
        (0.5, "1970-01-01T00:00:00.500000Z"),
    ):
        event = SchemaProcessor()(None, "info", {"event": "x", "timestamp": stamp})
        assert event["header"]["timestamp"] == written
        assert "fields" not in event["payload"]


def test_a_time_that_may_be_any_zones_is_a_value_like_others():
    event = SchemaProcessor()(None, "info", {"event": "x", "timestamp": "2026-11-28 12:00:00"})
    assert event["payload"]["fields"] == {"timestamp": "2026-11-28 12:00:00"}


def test_the_event_dict_is_not_changed():
    event_dict = {"event": "x", "payload": {"cls_type": "x"}, "exc_info": None, "a": 1}
    before = copy.deepcopy(event_dict)
    SchemaProcessor()(None, "info", event_dict)
    assert event_dict == before


def test_an_event_passes_unchanged():
    event = event_with()
    assert SchemaProcessor()(None, "info", event) is event
    made = SchemaProcessor()(None, "info", {"event": "x"})
    assert SchemaProcessor()(None, "info", made) is made


def test_the_text_of_an_exception_that_structlog_has_made_is_taken():
    event = SchemaProcessor()(None, "error", {"event": "x", "exception": "Traceback: x"})
    assert event["payload"]["exc_text"] == "Traceback: x"


def test_a_foreign_event_is_checked_before_it_is_a_record():
    (message,), call = to_record(None, "info", event_with())
    assert message == event_with()
    assert call == {"extra": {"channel": "a.b", "cls_type": "order"}}
    (message,), call = to_record(None, "info", event_with(schema="7.0"))
    assert message["payload"]["problem"].startswith("schema: '7.0' is not known here")
    (message,), call = to_record(None, "info", {"event": object()})
    assert message["payload"]["cls_type"] == "log"


def test_configure_has_structlogs_loggers_make_events(records):
    configure("shop", "1.2", "web1.example")
    log = structlog.get_logger("shop.configured")
    log.debug("nothing")
    log.bind(a=1).info("got %d", 5)
    try:
        raise ValueError("x")  # noqa: TRY301
    except ValueError:
        log.exception("bad", payload={"cls_type": "x"})
    first, second = records.all
    assert first.msg["payload"] == {
        "cls_type": "log",
        "message": "got 5",
        "severity": "info",
        "fields": {"a": 1},
    }
    assert first.msg["header"]["context"] == {
        "fqdn": "web1.example",
        "application": "shop",
        "application_version": "1.2",
    }
    assert first.funcName == "test_configure_has_structlogs_loggers_make_events"
    assert (second.cls_type, second.channel) == ("x", "shop.configured.bad")
    assert second.exc_info[0] is ValueError


def test_what_the_program_has_configured_stays(records):
    processors = [structlog.processors.JSONRenderer()]
    structlog.configure(processors=processors)
    configure("shop")
    get_logger("shop").info("x")
    assert structlog.get_config()["processors"] is processors
    assert type(records.only.msg) is EventMessage


def test_loggers_neither_need_nor_change_how_structlog_is_configured(records):
    get_logger("shop").bind(a=1).info("x")
    configure("shop", structlog=False)
    assert not structlog.is_configured()
    assert len(records.all) == 1


# --- the context


@pytest.mark.parametrize(
    ("path", "application"),
    [
        ("/srv/shop/serve.py", "serve"),
        ("/usr/bin/ecl-read", "ecl-read"),
        ("/srv/shop/__main__.py", "shop"),
        ("-c", None),
        ("", None),
        ("/srv/\udc80.py", "\\udc80"),
    ],
)
def test_the_application_is_what_was_started(monkeypatch, path, application):
    monkeypatch.setattr(sys, "argv", [path])
    monkeypatch.setattr("socket.gethostname", lambda: "web1")
    configure(structlog=False)
    expected = {"fqdn": "web1"} | ({"application": application} if application else {})
    assert new_event(LOG, "a")["header"]["context"] == expected


def test_the_name_of_the_machine_is_asked_for_once_and_never_of_a_server(monkeypatch):
    asked = []

    def gethostname():
        asked.append(1)
        return "web1"

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("socket.gethostname", gethostname)
    for name in ("getfqdn", "gethostbyname", "gethostbyaddr", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", refuse)
    configure(structlog=False)
    assert asked == []
    for _ in range(3):
        new_event(LOG, "a")
    assert asked == [1]


def test_what_is_no_context_is_told():
    with pytest.raises(ConfigError) as raised:
        configure("", 5, "x" * 201, structlog=False)  # type: ignore[arg-type]
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "fqdn",
        "application",
        "application_version",
    ]
