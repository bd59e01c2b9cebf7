"""SchemaFormatter: any record as an event, whatever is in it; events as they are."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import logging.handlers
import queue

import pytest
import structlog

from ecl_logging.events import SchemaFormatter, encode, event_of, get_logger, new_event, parse
from tests.events.written_elsewhere import METRICS, event_with
from tests.records.hostile import HOSTILE, records_with
from tests.records.making import raised, record_of

# Who asks those waits, as with any formatter; or is told to end, and that is to be heard.
NOT_ASKED = {
    *(name for name in HOSTILE if any(part in name for part in ("wait", "spin", "lock"))),
    *("error-in-context", "error-with-notes", "error-of-attributes", "error-of-object", "in-a-list"),
    *("raises-keyboard-interrupt", "raises-system-exit", "raises-generator-exit", "raises-base-exception"),
}  # fmt: skip
LARGE = {"is-large", "long-list", "long-text", "huge-int", "logs-itself"}


def formatted(record: logging.LogRecord) -> dict:
    text = SchemaFormatter().format(record)
    assert text.splitlines() == [text]
    return parse(text)


def test_a_plain_record_is_a_log_payload():
    event = formatted(record_of("%s is %d", "it", 5, created=1795867200.25))
    assert event["payload"] == {"cls_type": "log", "message": "it is 5", "severity": "info"}
    assert event["header"]["channel"] == "web"
    assert event["header"]["timestamp"] == "2026-11-28T12:00:00.250000Z"


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (5, "debug"),
        (10, "debug"),
        (15, "debug"),
        (25, "info"),
        (30, "warning"),
        (49, "error"),
        (99, "critical"),
    ],
)
def test_a_level_between_is_the_one_below(level, severity):
    assert formatted(record_of("x", levelno=level))["payload"]["severity"] == severity


def test_the_exception_is_in_the_event_and_the_record_is_not_changed():
    record = record_of("bad", exc_info=raised(ValueError("x")))
    before = dict(vars(record))
    text = formatted(record)["payload"]["exc_text"]
    assert text.startswith("Traceback (most recent call last):\n  File ")
    assert text.endswith("ValueError: x")
    assert vars(record) == before
    assert record.exc_text is None


def test_the_text_that_an_earlier_handler_has_left_is_taken():
    assert (
        formatted(record_of("bad", exc_text="Traceback: x"))["payload"]["exc_text"]
        == "Traceback: x"
    )


def test_an_event_passes_unchanged(records):
    get_logger("shop").info("done", payload=METRICS)
    assert formatted(records.only) == records.only.msg
    event = event_with()
    assert formatted(record_of(event)) == event
    assert formatted(record_of(json.dumps(event, indent=2))) == event


def test_what_only_looks_like_an_event_is_a_record():
    event = formatted(record_of(event_with(schema="7.0")))
    assert (
        event["payload"]["problem"]
        == "schema: '7.0' is not known here (known: 0.0.1 and later, below 1.0)"
    )
    assert "'cls_type': 'order'" in event["payload"]["message"]
    text = '{"cls_type": "x"}'
    assert formatted(record_of(text))["payload"] == {
        "cls_type": "log",
        "message": text,
        "severity": "info",
    }


def test_structlogs_event_dict_is_a_message_with_fields():
    record = record_of({"event": "sold", "article": 5, "level": "info"})
    assert formatted(record)["payload"]["message"] == "sold"
    assert formatted(record)["payload"]["fields"] == {"article": 5}


def test_an_event_goes_through_a_queue_of_records(records):
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    try:
        get_logger("shop").info("done", payload=METRICS)
        get_logger("shop").error("failed", payload=METRICS, exc_info=ValueError("x"))
    finally:
        logger.removeHandler(handler)
    came = [waiting.get(), waiting.get()]
    assert type(came[0].msg) is str
    assert [event_of(record) for record in came] == [record.msg for record in records.all]


def test_arguments_that_do_not_fit_are_told():
    payload = formatted(record_of("%d of %d", "x"))["payload"]
    assert payload["message"] == "%d of %d"
    assert payload["problem"] == "its message cannot be formatted: raised TypeError"


def test_an_event_that_somebody_has_spoilt_is_told(records):
    get_logger("shop").info("done", payload=METRICS)
    records.only.msg["payload"]["more"] = object()
    payload = formatted(records.only)["payload"]
    assert payload["problem"] == "the event: cannot be written (TypeError)"


@pytest.mark.parametrize("name", sorted({*HOSTILE} - NOT_ASKED - LARGE))
def test_a_hostile_object_anywhere_in_a_record_hurts_nobody(name, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    for place, record in records_with(HOSTILE[name]()):
        before = dict(vars(record))
        assert formatted(record)["payload"]["cls_type"] in {"log", "x"}, place
        assert list(vars(record)) == list(before), place
        assert all(vars(record)[key] is before[key] for key in before), place


@pytest.mark.parametrize("name", sorted({*HOSTILE} - NOT_ASKED - LARGE))
def test_a_hostile_object_anywhere_in_a_call_hurts_nobody(name, records, warned):
    log = get_logger("shop")
    hostile = HOSTILE[name]()
    keys = (
        "payload",
        "channel",
        "exc_info",
        "stack_info",
        "timestamp",
        "level",
        "logger",
        "exception",
        "other",
    )
    for key in keys:
        log.info("x", **{key: hostile})
        log.info("x", **({"payload": {"cls_type": "x", "y": hostile}} | {key: hostile}))
    log.info(hostile)
    log.info("%s %d", hostile, hostile)
    log.info("x", payload={"cls_type": hostile})
    assert len(records.all) == 2 * len(keys) + 3
    for record in records.all:
        assert parse(record.getMessage()) == record.msg


@pytest.mark.parametrize("name", ["is-large", "long-text"])
def test_a_long_message_is_cut(name):
    text = SchemaFormatter().format(record_of("%s", HOSTILE[name]()))
    assert len(text) < 40_000
    assert " more ... " in parse(text)["payload"]["message"]


def test_text_and_exception_of_the_widest_characters_are_an_event():
    record = record_of(
        "\U0001f600" * 10**6, exc_text="\udc80\U0001f600" * 10**6, name="\U0001f600" * 1000
    )
    assert parse(SchemaFormatter().format(record))["payload"]["severity"] == "info"


def test_it_is_configured_as_any_formatter():
    shown = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "a": {"()": "ecl_logging.events.SchemaFormatter"},
                "b": {
                    "class": "ecl_logging.events.SchemaFormatter",
                    "format": "%(message)s",
                    "style": "%",
                },
            },
            "handlers": {
                name: {"class": "logging.StreamHandler", "formatter": name, "stream": shown}
                for name in "ab"
            },
            "loggers": {"shop": {"handlers": ["a", "b"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("shop")
    try:
        logger.info("%s", "plain")
        get_logger("shop").info("done", payload=METRICS)
    finally:
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    events = [parse(line) for line in shown.getvalue().splitlines()]
    assert [event["payload"]["cls_type"] for event in events] == [
        "log",
        "log",
        "metrics",
        "metrics",
    ]
    assert events[2] == events[3]


def test_structlogs_formatter_prints_the_event(records):
    from ecl_logging.events import SchemaProcessor

    structlog.configure(
        processors=[SchemaProcessor(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.get_logger("shop").info("done", payload=METRICS)
    assert parse(formatter.format(records.only))["payload"] == METRICS
    assert formatted(records.only)["payload"] == METRICS


def test_events_that_are_made_can_be_logged_by_hand(records):
    event = new_event(METRICS, "a")
    logging.getLogger("shop").info(event)
    logging.getLogger("shop").info(encode(event))
    assert [event_of(record) for record in records.all] == [event, event]
