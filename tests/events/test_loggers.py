"""Calls of our loggers, which are events, also where the payload is none."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import sys

import pytest
import structlog

from ecl_logging.events import (
    EventMessage,
    calls,
    configure,
    event_of,
    get_logger,
    new_event,
    parse,
)
from ecl_logging.events.log_payloads import severity_at
from tests.events.written_elsewhere import LOG, METRICS

# --- calls


def test_a_call_with_a_payload_is_an_event(records):
    get_logger("shop.till").info("done", payload=METRICS)
    record = records.only
    assert type(record.msg) is EventMessage
    assert record.msg["payload"] == METRICS
    assert record.msg["header"]["channel"] == record.channel == "shop.till.done"
    assert record.cls_type == "metrics"
    assert (record.name, record.levelno, record.args) == ("shop.till", logging.INFO, ())
    assert parse(record.getMessage()) == record.msg == event_of(record)


def test_the_channel_can_be_given(records):
    get_logger("shop").info("done", payload=METRICS, channel="orders")
    assert records.only.msg["header"]["channel"] == "orders"


def test_a_call_without_a_payload_is_a_log_payload(records):
    get_logger("shop").warning("sold out", article=5, of={"x": [1]})
    assert records.only.msg["payload"] == {
        "cls_type": "log",
        "message": "sold out",
        "severity": "warning",
        "fields": {"article": 5, "of": {"x": [1]}},
    }
    assert records.only.cls_type == "log"


@pytest.mark.parametrize(
    ("method", "severity", "level"),
    [
        ("info", "info", 20),
        ("warning", "warning", 30),
        ("warn", "warning", 30),
        ("error", "error", 40),
        ("exception", "error", 40),
        ("critical", "critical", 50),
        ("fatal", "critical", 50),
    ],
)
def test_severity_and_level_are_the_methods(records, method, severity, level):
    getattr(get_logger("shop"), method)("x")
    assert records.only.msg["payload"]["severity"] == severity
    assert records.only.levelno == level


@pytest.mark.parametrize(
    ("level", "severity"),
    [(-5, "debug"), (0, "debug"), (10, "debug"), (20, "info"), (29, "info"), (30, "warning"), (45, "error"), (50, "critical"), (10**30, "critical"), ("x", "info")],
)  # fmt: skip
def test_a_level_has_the_severity_at_it_or_below(level, severity):
    assert severity_at(level) == severity


def test_a_call_of_any_level(records):
    get_logger("shop").log(35, "x")
    assert records.only.levelno == 35
    assert records.only.msg["payload"]["severity"] == "warning"


def test_a_disabled_level_does_nothing(records, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(calls, "event_of_call", refuse)
    log = get_logger("shop")
    log.debug("x", payload=METRICS)
    log.log(5, "x", payload=METRICS)
    logging.getLogger("shop").setLevel(logging.CRITICAL + 1)
    for method in ("info", "warning", "error", "exception", "critical"):
        getattr(log, method)("x", payload=METRICS)
    assert records.all == []
    assert not log.isEnabledFor(logging.ERROR)


def test_percent_signs_are_harmless(records):
    log = get_logger("shop")
    log.info("100% %s", payload={"cls_type": "x", "share": "5%d"})
    log.info("100% %s of it", a="%s")
    log.info("%d of %s", 5, "%s")
    log.info("%d", "x")
    messages = [record.getMessage() for record in records.all]
    assert parse(messages[0])["payload"] == {"cls_type": "x", "share": "5%d"}
    assert parse(messages[1])["payload"]["message"] == "100% %s of it"
    assert parse(messages[2])["payload"]["message"] == "5 of %s"
    assert parse(messages[2])["header"]["channel"] == "shop.%d of %s"
    assert parse(messages[3])["payload"]["message"] == "%d (its arguments: raised TypeError)"


def test_a_record_says_who_called(records):
    line = sys._getframe().f_lineno
    get_logger("shop").info("x")
    get_logger("shop").bind(a=1).exception("x")
    get_logger("shop").log(20, "x", stacklevel=1, stack_info=True)
    assert [record.lineno - line for record in records.all] == [1, 2, 3]
    assert {record.pathname for record in records.all} == {__file__}
    assert {record.funcName for record in records.all} == {"test_a_record_says_who_called"}
    assert records.all[2].stack_info.startswith("Stack (most recent call last):\n  File ")
    assert (
        records.all[2].stack_info.splitlines()[-1]
        == '    get_logger("shop").log(20, "x", stacklevel=1, stack_info=True)'
    )


def test_who_called_is_found_also_once_structlog_has_loggers_of_its_own(records):
    structlog.stdlib.LoggerFactory()
    get_logger("shop.of_structlog").info("x")
    assert (
        records.only.funcName
        == "test_who_called_is_found_also_once_structlog_has_loggers_of_its_own"
    )


def test_an_exception_is_the_records_and_in_the_log_payload(records):
    try:
        int("x")
    except ValueError as error:
        get_logger("shop").exception("bad")
        get_logger("shop").info("bad", exc_info=error)
        get_logger("shop").info("bad", exc_info=(ValueError, error, error.__traceback__))
    for record in records.all:
        assert record.exc_info[0] is ValueError
        text = record.msg["payload"]["exc_text"]
        assert text.startswith("Traceback (most recent call last):\n")
        assert text.endswith("ValueError: invalid literal for int() with base 10: 'x'")
    assert len(records.all) == 3


def test_no_exception_is_none(records):
    get_logger("shop").exception("bad")
    assert records.only.exc_info is None
    assert "exc_text" not in records.only.msg["payload"]


def test_what_stands_beside_a_payload_is_in_the_context(records):
    configure("shop", structlog=False)
    try:
        raise ValueError("x")  # noqa: TRY301
    except ValueError:
        get_logger("shop").bind(request=5).exception(
            "bad", payload={"cls_type": "x"}, user=object()
        )
    event = records.only.msg
    assert event["payload"] == {"cls_type": "x"}
    assert event["header"]["context"]["application"] == "shop"
    fields = event["header"]["context"]["fields"]
    assert fields["request"] == 5
    assert fields["user"].startswith("<object object")
    assert fields["exc_text"].endswith("ValueError: x")
    assert records.only.exc_info[0] is ValueError


def test_values_can_be_bound(records):
    structlog.contextvars.bind_contextvars(request="r1")
    log = get_logger("shop").bind(user=5, gone=1)
    log.unbind("gone").info("x")
    get_logger("shop").info("y")
    assert records.all[0].msg["payload"]["fields"] == {"user": 5, "request": "r1"}
    assert records.all[1].msg["payload"]["fields"] == {"request": "r1"}


def test_values_that_json_does_not_have_are_shown_as_texts(records):
    class Raises:
        def __repr__(self):
            raise RuntimeError("a secret")

    get_logger("shop").info("x", a={1, 2}, b=Raises(), c=float("nan"), d=b"x")
    fields = records.only.msg["payload"]["fields"]
    assert fields["a"] == "{1, 2}"
    assert "Raises" in fields["b"]
    assert "secret" not in fields["b"]
    assert (fields["c"], fields["d"]) == ("nan", "b'x'")


def test_too_much_is_cut(records):
    get_logger("shop").info("m" * 10**6, **{f"k{n}": "\U0001f600" * 10_000 for n in range(100)})
    text = records.only.getMessage()
    payload = parse(text)["payload"]
    assert len(payload["message"]) <= 30_000
    assert "more ..." in payload["message"]
    assert len(payload["fields"]) < 100
    assert len(records.only.channel) == 500


def test_a_logger_without_a_name_has_its_modules():
    assert get_logger().name == __name__


def test_a_plain_handler_prints_one_line_of_json(records):
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    logging.getLogger("shop").addHandler(handler)
    try:
        get_logger("shop").info("done", payload={"cls_type": "x", "text": "a\nb % ü"})
    finally:
        logging.getLogger("shop").removeHandler(handler)
    assert shown.getvalue().count("\n") == 1
    assert json.loads(shown.getvalue())["payload"]["text"] == "a\nb % ü"


def test_an_event_goes_to_other_processes(records):
    get_logger("shop").error("bad", exc_info=ValueError("x"))
    message = records.only.msg
    for copied in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
        assert type(copied) is EventMessage
        assert copied == message


def test_a_message_that_somebody_has_spoilt_still_has_a_text():
    message = EventMessage(new_event(LOG, "a"))
    message["payload"]["more"] = object()
    assert "<object object" in str(message)


# --- bad payloads


def test_a_bad_payload_goes_out_as_a_log_record_that_says_what_is_wrong(records, warned):
    bad = {
        "cls_type": "metrics",
        "values": [{"name": "a", "value": 1}, {"name": "b", "value": "1"}],
    }
    get_logger("shop").error("done", payload=bad, order=5)
    payload = records.only.msg["payload"]
    assert payload["cls_type"] == records.only.cls_type == "log"
    assert (payload["message"], payload["severity"]) == ("done", "error")
    assert payload["problem"] == "payload.values[1].value: expected a number"
    assert payload["fields"]["order"] == 5
    assert payload["fields"]["payload"] == bad
    assert "".join(warned) == (
        "an event of the channel 'shop.done' goes out as a log record, "
        "because of payload.values[1].value: expected a number"
    )
    assert parse(records.only.getMessage()) == records.only.msg


def test_each_kind_of_bad_payload_is_told_once(records, warned):
    log = get_logger("shop")
    for n in range(10):
        log.info(
            "x", payload={"cls_type": "metrics", "values": [*[{"name": "a", "value": 1}] * n, 5]}
        )
        log.info("x", payload=None)
        log.info("x", payload={"no": "type"})
    assert len(records.all) == 30
    assert len(warned) == 3


def test_no_more_than_a_hundred_kinds_are_told(records, warned):
    for n in range(150):
        name = "".join(chr(97 + int(digit)) for digit in str(n))
        get_logger("shop").info("x", payload={"cls_type": "x", name: object()})
    assert len(records.all) == 150
    assert len(warned) == 100


def test_a_warning_does_not_make_warnings_without_end(records):
    """It goes through the program's logging, where an event may be made of it."""

    class Makes(logging.Handler):
        def emit(self, record):
            get_logger("shop").info("x", payload={"cls_type": "x", "y": record})

    own = logging.getLogger("ecl_logging")
    handler = Makes()
    own.addHandler(handler)
    try:
        get_logger("shop").info("x", payload=5)
    finally:
        own.removeHandler(handler)
    assert [record.msg["payload"].get("problem", "")[:20] for record in records.all[-1:]] == [
        "payload: expected an"
    ]
    assert len(records.all) == 3
