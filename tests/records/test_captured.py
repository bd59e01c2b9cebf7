"""A record becomes JSON within bounds, and a record again that says the same."""

from __future__ import annotations

import decimal
import json
import logging
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.records.rendering.captured import (
    MAX_RECORD,
    OF_LOGGING,
    as_json,
    captured,
    restored,
)
from tests.records.making import raised, record_of


class Said:
    def __str__(self) -> str:
        return "said"

    def __repr__(self) -> str:
        return "Said()"


def again(record: logging.LogRecord) -> logging.LogRecord:
    return logging.makeLogRecord(restored(as_json(captured(record))))


def refuse(constant: str) -> None:
    raise AssertionError(constant)


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
    | st.builds(Said) | st.decimals() | st.just("\ud800") | st.builds(lambda: "x" * 20_000) | st.builds(lambda: "\x00" * 20_000)
    | st.builds(lambda: 1 << 20_000) | st.builds(lambda: ValueError(Said(), float("nan")))
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.none(), inner, max_size=5)
        | st.sets(st.integers() | st.text(), max_size=3)
        | st.builds(lambda items: items * 700, st.lists(inner, max_size=2))
    ),
    max_leaves=12,
)
formats = st.sampled_from(["%s", "%r", "%d", "%5.1f", "%x", "%", "%%", "%a", "é", "%(a)s"])


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    st.lists(formats, max_size=3).map("".join) | values,
    st.lists(values, max_size=3),
    st.dictionaries(st.text(st.characters()), values, max_size=5),
)
def test_every_record_is_json_within_the_bound_and_says_the_same_again(msg, args, extras):
    extras = {name: value for name, value in extras.items() if name not in OF_LOGGING}
    record = record_of(msg, *args, **extras)
    taken = captured(record)
    text = as_json(taken)

    assert len(text.encode()) <= MAX_RECORD
    stored = json.loads(text, parse_constant=refuse)
    made = logging.makeLogRecord(restored(text))
    assert made.getMessage() == stored["message"]
    assert taken["message"].startswith(stored["message"].removesuffix("...[cut]"))
    assert made.created == record.created
    assert set(vars(record)) & OF_LOGGING <= set(stored)


def test_what_logging_sets_is_kept_as_it_is():
    record = record_of("hello %s", "ada", user="ada", n=5)
    taken = captured(record)

    kept = vars(record) | {"message": "hello ada", "args": ["ada"], "exc_text": None}
    assert taken == kept
    assert vars(again(record)) == kept | {"args": ("ada",)}


def test_what_is_restored_prints_the_traceback():
    record = record_of("bad", exc_info=raised(ValueError("inner")))
    shown = logging.Formatter("%(levelname)s %(message)s").format(again(record))
    assert shown == logging.Formatter("%(levelname)s %(message)s").format(record)
    assert shown.endswith("ValueError: inner")


def test_a_traceback_that_a_formatter_has_made_is_taken():
    record = record_of("bad", exc_info=raised(ValueError("x")), exc_text="as another has it")
    assert captured(record)["exc_text"] == "as another has it"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("x"),
        AttributeError("x", name="x", obj=Said()),
        ExceptionGroup("two", [ValueError(1), TypeError(2)]),
        OSError(2, "no such file", "name"),
        SyntaxError("x", ("file", 1, 2, "text")),
    ],
)
def test_a_traceback_is_as_logging_formats_it(error):
    error.add_note("a note")
    error.__cause__ = KeyError("the cause")
    record = record_of("bad", exc_info=raised(error))
    assert captured(record)["exc_text"] == logging.Formatter().formatException(record.exc_info)


@pytest.mark.parametrize("exc_info", [None, False])
def test_without_an_exception_there_is_no_traceback(exc_info):
    assert captured(record_of("x", exc_info=exc_info))["exc_text"] is None


def test_outside_of_an_exception_it_is_none_as_logging_has_it():
    taken = captured(record_of("x", exc_info=(None, None, None)))
    assert taken["exc_text"] == "NoneType: None"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (2**64, str(2**64)),
        (2**63, 2**63),
        (b"\xff", "b'\\xff'"),
        ({5}, [5]),
        ((1, (2,)), [1, [2]]),
        ({1: "a", None: 2, "1": "b"}, {"1": "a", "None": 2, "1'2": "b"}),
        ("\udc80", "\\udc80"),
        (decimal.Decimal("1.50"), "1.50"),
        (1 << 20_000, "<int of 20001 bits>"),
        ([Said(), {"a": Said()}], ["said", {"a": "said"}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_becomes_text(value, kept):
    assert captured(record_of("x", value=value))["value"] == kept


def test_a_cycle_ends():
    cycle: list[object] = [1]
    cycle.append(cycle)
    assert captured(record_of("x", cycle=cycle))["cycle"] == [1, "[...]"]


def test_a_long_list_is_kept_in_part():
    kept = captured(record_of("x", many=list(range(5000))))["many"]
    assert kept == [*range(1000), "..."]


def test_only_the_attributes_that_are_asked_for_are_kept_beside_those_of_logging():
    record = record_of("x", user="ada", password="secret", request=object())
    taken = captured(record, {"user"})
    assert taken["user"] == "ada"
    assert set(taken) - OF_LOGGING == {"user"}
    assert "lineno" in taken


def test_arguments_that_would_make_another_message_are_left_out():
    taken = captured(record_of("%d of %s", decimal.Decimal("3.7"), 5))
    assert (taken["msg"], taken["args"]) == ("3 of 5", [])


def test_arguments_kept_as_text_fill_the_message_again():
    taken = captured(record_of("%s of %s", decimal.Decimal("3.7"), Said()))
    assert (taken["msg"], taken["args"]) == ("%s of %s", ["3.7", "said"])


def test_arguments_by_name_stay_so():
    made = again(record_of("%(a)s", {"a": 1}))
    assert made.args == {"a": 1}
    assert made.getMessage() == "1"


def test_a_time_keeps_all_its_digits():
    record = record_of("x", created=1_800_000_000.123456789)
    assert again(record).created == record.created


def test_a_program_cannot_put_a_method_into_what_is_restored():
    record = record_of("x", getMessage=5)
    assert "getMessage" not in captured(record)


# --- records that are too large


def test_of_a_large_record_texts_are_cut_first():
    record = record_of("hello", note="ada", **{f"text{n}": "x" * 16_000 for n in range(6)})
    stored = restored(as_json(captured(record)))
    assert stored["note"] == "ada"
    assert stored["text0"].endswith("x...[cut]")
    assert "not_kept" not in stored


def test_what_is_left_out_is_named():
    record = record_of("hello", **{f"text{n}": "x" * 16_000 for n in range(100)})
    stored = restored(as_json(captured(record)))
    assert stored["message"] == "hello"
    assert "text99" in stored["not_kept"]


def test_a_large_traceback_keeps_its_start_and_its_end():
    record = record_of("bad", exc_text="start\n" + "x\n" * 60_000 + "the end", more="é" * 16_000)
    text = as_json(captured(record))
    traceback = restored(text)["exc_text"]
    assert traceback.startswith("start\n")
    assert traceback.endswith("the end")
    assert "...[cut]..." in traceback
    assert len(text.encode()) <= MAX_RECORD


@pytest.mark.parametrize("filler", ["\x00", "\u20ac", "\U0001f600", '"', "\ud800"])
def test_the_bound_is_in_bytes(filler):
    record = record_of(filler * 16_384, exc_text=filler * 60_000, more=filler * 16_384)
    text = as_json(captured(record))
    assert len(text.encode()) <= MAX_RECORD
    assert logging.makeLogRecord(restored(text)).getMessage() == restored(text)["message"]


@pytest.mark.parametrize("text", ["[]", "5", "{", ""])
def test_what_is_no_record_is_refused(text):
    with pytest.raises(ValueError, match=r"^(a record is|Expect)"):
        restored(text)
