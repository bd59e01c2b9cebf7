"""Fingerprints: which records are repeats of each other."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from typing import Any

import pytest

from ecl_logging import ConfigError
from ecl_logging.records.fingerprints import Fingerprint, fingerprint_from

ALL = ["template", "message", "masked", "tests.records.test_fingerprints:shout"]


def shout(record: logging.LogRecord) -> str:
    return str(record.msg).upper()


class Fruit:
    @staticmethod
    def of(record: logging.LogRecord) -> str:
        return "apple"


def record(msg: object = "took %d apples", *args: object, **attributes: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "/srv/shop/sales.py", 12, msg, args, None)  # type: ignore[arg-type]
    vars(made).update(attributes)
    return made


def same(fingerprint: Fingerprint, *records: logging.LogRecord) -> bool:
    return len({fingerprint.kind(one) for one in records}) == 1


# --- kinds


def test_by_template_place_and_message_decide_before_anything_is_put_in():
    template = fingerprint_from("template")

    assert template.by_place
    assert same(template, record(), record("took %d apples", 5), record(name="other", levelno=40))
    for other in ({"lineno": 13}, {"filename": "x.py"}, {"module": "x"}, {"msg": "x"}):
        assert not same(template, record(), record(**other))


@pytest.mark.parametrize("word", ["message", "masked"])
def test_by_message_logger_and_level_decide_too_but_no_place(word):
    fingerprint = fingerprint_from(word)

    assert not fingerprint.by_place
    assert same(fingerprint, record("took %d", 5), record("took 5", lineno=99, filename="x.py"))
    assert not same(fingerprint, record("took %d", 5), record("took %d pears", 5))
    for other in ({"name": "x"}, {"levelno": 40}):
        assert not same(fingerprint, record("took %d", 5), record("took %d", 5, **other))


def test_only_masked_takes_messages_for_the_same_that_differ_in_numbers():
    assert same(fingerprint_from("masked"), record("took %d", 5), record("took 6"))
    assert not same(fingerprint_from("message"), record("took %d", 5), record("took 6"))


def test_by_function_nothing_but_its_text_decides():
    for value in (shout, "tests.records.test_fingerprints:shout"):
        assert same(
            fingerprint_from(value), record("a"), record("A", name="x", levelno=50, lineno=1)
        )
        assert not same(fingerprint_from(value), record("a"), record("b"))
        assert fingerprint_from(value).name == "tests.records.test_fingerprints:shout"


def test_a_function_may_be_one_of_a_class():
    assert fingerprint_from("tests.records.test_fingerprints:Fruit.of").text(record()) == "apple"


def test_parts_are_not_taken_for_each_other():
    message = fingerprint_from("message")

    assert not same(message, record("b", name="a"), record("", name="ab"), record("ab", name=""))


@pytest.mark.parametrize("value", ALL)
def test_a_kind_is_the_same_in_every_process(value):
    program = f"""
import logging
from ecl_logging.records.fingerprints import fingerprint_from
made = logging.LogRecord("shop", 20, "/srv/shop/sales.py", 12, "took %d apples", (3,), None)
print(fingerprint_from({value!r}).kind(made))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"},
    )

    kind = fingerprint_from(value).kind(record("took %d apples", 3))
    assert done.stdout.strip() == kind, done.stderr
    assert re.fullmatch("[0-9a-f]{32}", kind)


# --- texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("template", "took %d apples"),
        ("message", "took 3 apples"),
        ("masked", "took <num> apples"),
        ("tests.records.test_fingerprints:shout", "TOOK %D APPLES"),
    ],
)
def test_the_text_is_what_records_of_a_kind_have_in_common(value, text):
    assert fingerprint_from(value).text(record("took %d apples", 3)) == text


@pytest.mark.parametrize("value", ALL)
def test_texts_are_bounded(value):
    assert len(fingerprint_from(value).text(record("x 1 " * 100_000))) <= 4096


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize("value", ALL)
@pytest.mark.parametrize(
    "made",
    [
        record(Hostile()),
        record("%s", Hostile()),
        record("%d", "x"),
        record("\ud800"),
        record({"event": "sold", "n": 5}),
        record(None, name=Hostile(), levelno=Hostile(), lineno=Hostile(), module=None),
        logging.makeLogRecord({"msg": 5, "args": object()}),
    ],
)
def test_nothing_of_a_record_makes_them_raise(value, made):
    fingerprint = fingerprint_from(value)

    assert isinstance(fingerprint.text(made), str)
    assert re.fullmatch("[0-9a-f]{32}", fingerprint.kind(made))


# --- functions that fail


def test_where_a_function_raises_the_template_is_taken_with_one_warning(warnings_told, monkeypatch):
    monkeypatch.setattr("ecl_logging.records.fingerprints.warn", warnings_told.append)

    def fails(one: logging.LogRecord) -> str:
        raise KeyError("user")

    fingerprint = fingerprint_from(fails)
    template = fingerprint_from("template")

    for _ in range(3):
        assert fingerprint.kind(record()) == template.kind(record())
        assert fingerprint.text(record()) == template.text(record())
    assert warnings_told == []  # a log call tells nothing; who sends does
    for _ in range(2):
        fingerprint.tell()
    assert len(warnings_told) == 1
    assert "fails raises KeyError: 'user'; the template is taken instead" in warnings_told[0]


def test_so_it_is_where_it_returns_no_text(warnings_told, monkeypatch):
    monkeypatch.setattr("ecl_logging.records.fingerprints.warn", warnings_told.append)
    fingerprint = fingerprint_from(lambda one: 5)

    assert fingerprint.kind(record()) == fingerprint_from("template").kind(record())
    fingerprint.tell()
    assert "returns int, not a text" in warnings_told[0]


def test_what_a_function_logs_itself_does_not_recurse():
    logger = logging.getLogger("tests.recursing")
    texts = []

    def logs(one: logging.LogRecord) -> str:
        logger.warning("from the function")
        return "text"

    fingerprint = fingerprint_from(logs)

    class Handler(logging.Handler):
        def emit(self, one: logging.LogRecord) -> None:
            texts.append(fingerprint.text(one))

    handler = Handler()
    logger.addHandler(handler)
    try:
        logger.warning("first")
    finally:
        logger.removeHandler(handler)

    assert texts == ["from the function", "text"]


def test_other_threads_are_in_the_function_at_the_same_time():
    both = threading.Barrier(2, timeout=30)

    def waits(one: logging.LogRecord) -> str:
        both.wait()
        return "text"

    fingerprint = fingerprint_from(waits)
    texts: list[str] = []
    thread = threading.Thread(target=lambda: texts.append(fingerprint.text(record())))
    thread.start()
    texts.append(fingerprint.text(record()))
    thread.join()

    assert texts == ["text", "text"]


# --- what is none


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "templat",
            "ecl: fingerprint: unknown fingerprint 'templat'; did you mean 'template'?; or a function from record to text, as module:function",
        ),
        (
            5,
            "ecl: fingerprint: 5 is no fingerprint; write one of masked, message, template; or a function from record to text, as module:function",
        ),
        (
            None,
            "ecl: fingerprint: None is no fingerprint; write one of masked, message, template; or a function from record to text, as module:function",
        ),
        (
            "no_such_module_of:f",
            "ecl: fingerprint: 'no_such_module_of:f': 'no_such_module_of' cannot be imported (ModuleNotFoundError: No module named 'no_such_module_of')",
        ),
        (":f", "ecl: fingerprint: ':f': '' cannot be imported (ValueError: Empty module name)"),
        (
            "tests.records.test_fingerprints:shoot",
            "ecl: fingerprint: unknown name in 'tests.records.test_fingerprints:shoot': 'shoot'; did you mean 'shout'?",
        ),
        (
            "tests.records.test_fingerprints:Fruit.off",
            "ecl: fingerprint: unknown name in 'tests.records.test_fingerprints:Fruit.off': 'off'; did you mean 'of'?",
        ),
        (
            "tests.records.test_fingerprints:ALL",
            "ecl: fingerprint: 'tests.records.test_fingerprints:ALL' is no function from record to text",
        ),
    ],
)
def test_what_is_no_fingerprint_is_refused(value, problem):
    with pytest.raises(ConfigError) as refused:
        fingerprint_from(value)

    assert list(refused.value.problems) == [problem]


def test_a_fingerprint_is_one():
    masked = fingerprint_from("masked")

    assert fingerprint_from(masked) is masked
