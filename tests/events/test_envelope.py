"""The envelope: what is an event and what is none, said in one line; made and read again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecl_logging.errors import EclError, EventError
from ecl_logging.events import encode, new_event, parse
from ecl_logging.events.context import set_context
from ecl_logging.events.envelope import MAX_BYTES, MAX_CHANNEL, SCHEMA_VERSION
from tests.events.written_elsewhere import METRICS, event_with, event_with_header, without


def problem_of(body: object) -> str:
    if isinstance(body, dict):
        body = json.dumps(body)
    with pytest.raises(EventError) as raised:
        parse(body)  # type: ignore[arg-type]
    return str(raised.value)


# --- what is an event


def test_an_event_of_an_older_system_is_read_as_it_is():
    event = event_with()
    assert parse(json.dumps(event)) == event
    assert parse(json.dumps(event).encode()) == event


def test_what_this_library_does_not_know_is_kept():
    event = event_with_header(composition=True, context={"fqdn": "a", "pid": 5}, lane=[1, {}])
    event["signature"] = "abc"
    assert parse(json.dumps(event)) == event


@pytest.mark.parametrize("schema", ["0.0.1", "0.1", "0.1.0", "0.99.3", "0.2rc1"])
def test_a_known_version_is_read(schema):
    assert parse(json.dumps(event_with(schema=schema)))["schema"] == schema


@pytest.mark.parametrize(
    "schema", ["0", "0.0.0", "1.0", "1.0.dev1", "7.0", "1!0.1", "x", "", "0.1\n7"]
)
def test_an_unknown_version_is_refused(schema):
    expected = f"schema: {schema!r} is not known here (known: 0.0.1 and later, below 1.0)"
    assert problem_of(event_with(schema=schema)) == expected


def test_a_version_of_many_digits_is_refused_at_once():
    problem = problem_of(event_with(schema="0." + "9" * 500_000))
    assert problem.startswith("schema: '0.999")
    assert len(problem) < 200


@pytest.mark.parametrize(
    "fields", [{"composition": None}, {"context": None}, {"context": {"fqdn": None}}]
)
def test_null_is_what_is_not_known(fields):
    event = event_with_header(**fields)
    assert parse(json.dumps(event)) == event


# --- what is none

TIME = "header.timestamp: expected a time, such as 2026-11-28T12:00:00Z"
ID = "header.id: expected a text of 3 to 200 characters that begins with LG and has no spaces"
CLS_TYPE = "payload.cls_type: expected a text of 1 to 200 characters"


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (event_with_header(timestamp="soon"), TIME),
        (event_with_header(timestamp=5), TIME),
        (event_with_header(timestamp="2026-11-28"), TIME),
        (event_with_header(id="XX1"), ID),
        (event_with_header(id="LG"), ID),
        (event_with_header(id="LG 1"), ID),
        (event_with_header(id="LG1\n"), ID),
        (event_with_header(id="LG" + "x" * 199), ID),
        (event_with_header(id=None), ID),
        (event_with_header(channel=""), "header.channel: expected a text of 1 to 500 characters"),
        (event_with_header(channel="x" * 501), "header.channel: expected a text of 1 to 500 characters"),
        (event_with_header(composition=1), "header.composition: expected true or false"),
        (event_with_header(context=5), "header.context: expected an object"),
        (event_with_header(context={"fqdn": 5}), "header.context.fqdn: expected a text"),
        (event_with_header(deliveries=-1), "header.deliveries: expected a whole number, 0 or more"),
        (event_with_header(deliveries=True), "header.deliveries: expected a whole number, 0 or more"),
        (event_with(header=[]), "header: expected an object"),
        (event_with(schema=5), "schema: expected a version, such as '0.1.0'"),
        (event_with(payload="x"), "payload: expected an object"),
        (event_with(payload={}), "payload.cls_type: is missing, expected a text of 1 to 200 characters"),
        (event_with(payload={"cls_type": 5}), CLS_TYPE),
        (event_with(payload={"cls_type": ""}), CLS_TYPE),
        (event_with(payload={"cls_type": "x" * 201}), CLS_TYPE),
        (without(event_with(), "header", "id"), ID.replace("expected", "is missing, expected")),
        (without(event_with(), "schema"), "schema: is missing, expected a version, such as '0.1.0'"),
        (without(event_with(), "payload"), "payload: is missing, expected an object"),
    ],
)  # fmt: skip
def test_the_line_says_where_and_what(event, problem):
    assert problem_of(event) == problem


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the event: is no JSON (Expecting value at 0)"),
        (b"[1, 2", "the event: is no JSON (Expecting ',' delimiter at 5)"),
        (b"[]", "the event: expected an object"),
        (b"null", "the event: expected an object"),
        (b"\xff\xfe", "the event: is not UTF-8"),
        ("\ud800", "the event: is not UTF-8"),
        ('{"a": 1, "b": 2, "a": 3}', "the event: the key 'a' comes twice"),
        ('{"a": NaN}', "the event: is no JSON (NaN)"),
        ('{"a": -Infinity}', "the event: is no JSON (-Infinity)"),
        ('{"a": 1e999}', "the event: 1e999 is too large a number"),
        ('{"a": 18446744073709551616}', "the event: 18446744073709551616 is a number of more than 64 bits"),
        ('{"a": %s}' % ("7" * 100_000), f"the event: {'7' * 30} is a number of more than 64 bits"),
        (" " * (MAX_BYTES + 1), "the event: has more than 1048576 bytes"),
        ("ü" * (MAX_BYTES // 2 + 1), "the event: has more than 1048576 bytes"),
        (b"\x00" * (10 * MAX_BYTES), "the event: has more than 1048576 bytes"),
        ("[" * 101, "the event: has more than 100 levels"),
        ("[" * MAX_BYTES, "the event: has more than 100 levels"),
        ('{"a":' * 200_000, "the event: has more than 100 levels"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_what_is_not_to_be_read_is_told(body, problem):
    assert problem_of(body) == problem


def test_an_error_of_an_event_is_one_of_ours_and_of_its_value():
    assert issubclass(EventError, EclError)
    assert issubclass(EventError, ValueError)


def test_brackets_in_texts_are_no_levels():
    event = event_with(payload={"cls_type": "x", "text": '[{"\\' * 500, "more": ["[" * 200]})
    assert parse(json.dumps(event)) == event


def nested(levels: int) -> dict[str, object]:
    value: object = 1
    for _ in range(levels - 2):
        value = [value]
    return event_with(payload={"cls_type": "deep", "value": value})


def test_a_hundred_levels_are_read_and_one_more_is_not():
    assert parse(json.dumps(nested(100))) == nested(100)
    assert problem_of(nested(101)) == "the event: has more than 100 levels"


def test_depth_does_not_crash_a_program_that_allows_any_recursion():
    ended = subprocess.run(
        [sys.executable, "-c", (
            "import sys; sys.setrecursionlimit(10**9)\n"
            "from ecl_logging.events import EventError, new_event, parse\n"
            "deep = []\n"
            "for _ in range(10**5): deep = [deep]\n"
            "for body in ('[' * 10**6, '{\"a\":' * 10**5, '{\"a\":[' * 10**5 + ']}' * 10**5):\n"
            "    try: parse(body)\n"
            "    except EventError as error: print(error)\n"
            "try: new_event({'cls_type': 'x', 'deep': deep}, 'a')\n"
            "except EventError as error: print(str(error)[-40:])\n"
            "import os; sys.stdout.flush(); os._exit(0)\n"  # taking it down is Python's matter
        )],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    levels = "the event: has more than 100 levels\n"
    assert ended.stdout == 3 * levels + "more than 100 levels deep, or in a cycle\n"
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("secret", ["x" * 10_000, "\n\x1b[31m" * 1000])
def test_little_of_foreign_text_is_shown_and_in_one_line(secret):
    bodies = [
        secret,
        json.dumps(event_with(schema=secret)),
        json.dumps(event_with_header(id=secret, timestamp=secret)),
        json.dumps(event_with(payload={"cls_type": "log", "message": "", "severity": secret})),
        json.dumps(event_with(payload={"cls_type": "metrics", "values": {secret: 1}})),
        f"{{{json.dumps(secret)}: 1, {json.dumps(secret)}: 2}}",
    ]
    for body in bodies:
        problem = problem_of(body)
        assert len(problem) <= 200
        assert problem.isprintable()


def test_lone_surrogates_are_written_out():
    text = json.dumps(event_with(payload={"cls_type": "x", "a\udc80": ["\ud800", "\U0001f600"]}))
    assert parse(text)["payload"] == {"cls_type": "x", "a\\udc80": ["\\ud800", "\U0001f600"]}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
ALMOST = st.builds(
    event_with,
    schema=st.sampled_from(["0.1.0", "0.0.1"]) | VALUES,
    payload=st.fixed_dictionaries(
        {
            "cls_type": st.sampled_from(["x", "log", "metrics"]),
            "message": st.text(),
            "severity": st.just("info"),
        },
        optional={"values": VALUES, "more": VALUES, "fields": VALUES},
    )
    | VALUES,
)


@given(st.binary() | st.text() | VALUES.map(json.dumps) | ALMOST.map(json.dumps))
@settings(deadline=None)
@example(
    '{"schema":"0.1.0","header":{"id":"LG1","channel":"\\ud800","timestamp":"2026-01-01T00:00:00"},"payload":{"cls_type":"\\udfff"}}'
)
def test_whatever_comes_is_refused_in_one_line_or_written_and_read_again(body):
    try:
        event = parse(body)
    except EventError as error:
        told = str(error)
    else:
        told = text = encode(event)
        assert text.isascii()
        assert parse(text) == event
        assert parse(text.encode()) == event
    assert told.isprintable()
    assert told.startswith("{") or len(told) < 300


# --- what is made


def test_a_new_event_has_all_that_its_facility_needs():
    set_context(fqdn="web1.example", application="shop", application_version="2.1")
    before = datetime.now(UTC)
    event = new_event(METRICS, "shop.done")
    assert event["schema"] == SCHEMA_VERSION == "0.1.0"
    assert event["payload"] == METRICS
    header = event["header"]
    assert header["id"].startswith("LG")
    assert header["channel"] == "shop.done"
    assert before <= datetime.fromisoformat(header["timestamp"]) <= datetime.now(UTC)
    assert header["context"] == {
        "fqdn": "web1.example",
        "application": "shop",
        "application_version": "2.1",
    }
    assert list(header) == ["id", "channel", "timestamp", "context"]
    assert parse(encode(event)) == event


@pytest.mark.parametrize(
    ("timestamp", "written"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1795867200.25, "2026-11-28T12:00:00.250000Z"),
        (datetime(2026, 11, 28, 12, tzinfo=UTC), "2026-11-28T12:00:00.000000Z"),
        (datetime(2026, 11, 28, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-28T10:00:00.000000Z"),
    ],
)  # fmt: skip
def test_a_time_is_written_in_utc(timestamp, written):
    assert new_event(METRICS, "a", timestamp=timestamp)["header"]["timestamp"] == written


@pytest.mark.parametrize(
    "timestamp", [float("nan"), 1e300, -1e300, "now", [], datetime(2026, 1, 1)]
)
def test_what_is_no_time_is_told(timestamp):
    with pytest.raises(EventError, match=r"^header\.timestamp: expected a "):
        new_event(METRICS, "a", timestamp=timestamp)


@pytest.mark.parametrize("channel", ["", None, 5, "x" * (MAX_CHANNEL + 1)])
def test_what_is_no_channel_is_told(channel):
    with pytest.raises(EventError, match=r"^header\.channel: expected a text"):
        new_event(METRICS, channel)


def test_a_context_can_be_given_and_left_out():
    assert new_event(METRICS, "a", context={"fqdn": "x", "rack": 5})["header"]["context"] == {
        "fqdn": "x",
        "rack": 5,
    }
    assert "context" not in new_event(METRICS, "a", context={})["header"]
    with pytest.raises(EventError, match=r"^header\.context\.fqdn: expected a text$"):
        new_event(METRICS, "a", context={"fqdn": 5})


def test_an_event_is_a_copy():
    payload = {"cls_type": "x", "list": [1]}
    event = new_event(payload, "a")
    payload["list"].append(2)
    assert event["payload"] == {"cls_type": "x", "list": [1]}


@pytest.mark.parametrize("character", ["x", "ü", "\x00", "\U0001f600", "\\"])
@pytest.mark.parametrize("in_a_key", [False, True])
def test_no_event_is_larger_than_events_may_be(character, in_a_key):
    """The size is known before it is sent, however JSON writes a character."""
    per_character = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    longest = MAX_BYTES // per_character
    for length in (longest - 600, longest - 10):
        text = character * length
        payload = {"cls_type": "x", text: 1} if in_a_key else {"cls_type": "x", "text": text}
        if length == longest - 600:
            event = new_event(payload, "a")
            assert MAX_BYTES - 4000 < len(encode(event).encode()) <= MAX_BYTES
            assert parse(encode(event)) == event
        else:
            with pytest.raises(EventError, match=r"more than 1048576 bytes|is too large"):
                new_event(payload, "a")


def test_many_numbers_are_counted_by_what_they_take():
    with pytest.raises(EventError, match=r"more than 1048576 bytes"):
        new_event({"cls_type": "x", "all": [-1.2345678901234567e-308] * 50_000}, "a")
    event = new_event({"cls_type": "x", "all": [1] * 400_000}, "a")
    assert parse(encode(event)) == event


# --- what is written


def test_an_event_is_written_as_ascii_in_one_line():
    event = new_event({"cls_type": "x", "text": "a\nü\u2028\x85\U0001f600\x7f\r"}, "a")
    text = encode(event)
    assert text.isascii()
    assert text.splitlines() == [text]
    assert ": " not in text
    assert json.loads(text) == event


def test_where_ascii_is_too_large_it_is_written_as_utf_8():
    event = event_with(payload={"cls_type": "x", "text": "\u4e00" * 300_000})
    text = encode(event)
    assert len(text.encode()) <= MAX_BYTES
    assert parse(text) == event


def test_surrogates_that_somebody_has_put_in_are_written_out():
    event = event_with(payload={"cls_type": "x", "text": "\udc80"})
    assert parse(encode(event))["payload"]["text"] == "\\udc80"


def test_what_cannot_be_written_is_told():
    cycle: list[object] = []
    cycle.append(cycle)
    for value in (object(), cycle):
        with pytest.raises(EventError, match=r"^the event: cannot be written"):
            encode(event_with(payload={"cls_type": "x", "value": value}))
