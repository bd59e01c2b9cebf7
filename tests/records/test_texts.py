"""The message of a record is what logging makes of it, within bounds."""

from __future__ import annotations

import datetime
import decimal
import enum
import logging
import pathlib
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.records.rendering.questioner import questioner
from ecl_logging.records.rendering.texts import message_of
from tests.records.making import raised, record_of


class Said:
    def __str__(self) -> str:
        return "said"

    def __repr__(self) -> str:
        return "Said()"


class Text(str):
    __slots__ = ()


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Size(float):
    pass


class OwnError(Exception):
    pass


ORDINARY = [
    pytest.param("nothing to fill in", (), id="no arguments"),
    pytest.param("100%", (), id="a percent sign"),
    pytest.param("%s took %d ms (%.2f%%)", ("ada", 5, 1.5), id="plain"),
    pytest.param("%-10s|%+05d|%x|%c|%r|%a", ("a", 5, 255, "c", "q'", "é"), id="formats"),
    pytest.param("%(a)s %(b)d", ({"a": 1, "b": 2},), id="a dict"),
    pytest.param("%s", ({"a": 1},), id="a dict as text"),
    pytest.param("%s %s", ([1, "a", {"b": (1,)}], {1, 2}), id="containers"),
    pytest.param("%s %s %s", ((), set(), frozenset({1})), id="empty containers"),
    pytest.param("%r", ([[], {}, None, True, 1e100],), id="containers in a list"),
    pytest.param("%s %r %d", (Text("x"), Text("y"), Level.HIGH), id="derived"),
    pytest.param("%s %r", (Color.RED, Level.HIGH), id="enumerated"),
    pytest.param("%.1f %s", (Size(2.5), Size(2.5)), id="a derived float"),
    pytest.param("%s %r", (Said(), Said()), id="objects"),
    pytest.param("%s", ([Said(), {Said: Said()}],), id="objects in containers"),
    pytest.param("%s %r", (b"bytes", b"\xff"), id="bytes"),
    pytest.param("%d %s %f", (decimal.Decimal("3.7"),) * 3, id="decimal"),
    pytest.param("%s %r", (datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),) * 2, id="time"),
    pytest.param("%s %s", (uuid.UUID(int=5), pathlib.PurePosixPath("/a")), id="uuid, path"),
    pytest.param("%s %r", (ValueError("bad", 5), KeyError("k")), id="exceptions"),
    pytest.param("%s %r", (OSError(2, "no such", "f"), OwnError("own")), id="own exceptions"),
    pytest.param("%s %s", (len, logging.getLogger("web")), id="functions, loggers"),
    pytest.param("%d", (2**64,), id="a large int"),
    pytest.param("%*d", (5, 5), id="a width among the arguments"),
]


@pytest.mark.parametrize(("msg", "args"), ORDINARY)
def test_a_message_is_as_logging_formats_it(msg, args):
    record = record_of(msg, *args)
    assert message_of(record) == record.getMessage()


@pytest.mark.parametrize(
    "arg", [1, "a", [1], {"a": (1, b"x")}, decimal.Decimal(1), ValueError("x"), object(), Text("x")]
)
def test_what_is_known_is_told_without_a_thread(arg, monkeypatch):
    monkeypatch.setattr(questioner, "do", lambda work: pytest.fail("a thread is asked"))
    record = record_of("%s %r", arg, arg)
    assert message_of(record) == record.getMessage()


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.decimals()
    | st.text(st.characters(exclude_categories=["Cs"])) | st.builds(Said) | st.uuids() | st.datetimes()
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(values, min_size=1, max_size=3))
def test_any_values_are_as_logging_formats_them(args):
    record = record_of("|".join(["%s"] * len(args)), *args)
    if record.args is args[0]:  # the one dict that logging takes for all arguments
        return
    assert message_of(record) == record.getMessage()


@pytest.mark.parametrize(
    ("msg", "message"),
    [
        ({"event": "login", "user": "ada"}, "login"),
        ({"message": "login"}, "login"),
        ({"event": Text("login")}, "login"),
        ({"user": "ada"}, "{'user': 'ada'}"),
        ({"event": 5}, "{'event': 5}"),
        (5, "5"),
        (None, "None"),
        (Said(), "said"),
        (["a"], "['a']"),
    ],
)
def test_a_message_that_is_no_text(msg, message):
    assert message_of(record_of(msg)) == message


@pytest.mark.parametrize(
    ("msg", "args", "message"),
    [
        ("%d", ("x",), "%d ('x',)"),
        ("%s %s", ("x",), "%s %s ('x',)"),
        ("no place", ("x",), "no place ('x',)"),
        ("%(key)s", ({"other": 1},), "%(key)s {'other': 1}"),
        ("%9999999999d", (5,), "%9999999999d (5,)"),
        ("%.*f", (10**9, 5.0), "%.*f (1000000000, 5.0)"),
        ("%d", (decimal.Decimal("1e999999"),), "%d (Decimal('1E+999999'),)"),
    ],
)
def test_arguments_that_do_not_fit_stand_beside_the_message(msg, args, message):
    assert message_of(record_of(msg, *args)) == message


def test_a_long_message_is_cut_and_says_so():
    message = message_of(record_of("%s", "x" * 20_000))
    assert len(message) == 16_384
    assert message.endswith("xxx...[cut]")


def test_half_characters_are_written_out():
    message_of(record_of("\udc80 %s", "\ud800")).encode()
    assert message_of(record_of("\udc80")) == "\\udc80"


def test_a_record_that_formats_itself_is_asked():
    class Braces(logging.LogRecord):
        def getMessage(self):  # noqa: N802 - logging's name
            return self.msg.format(*self.args)

    record = Braces("web", 20, "web.py", 7, "{} and {}", (1, Said()), None)
    assert message_of(record) == "1 and said"


def test_objects_are_asked_in_the_context_of_who_logs():
    import contextvars

    user = contextvars.ContextVar("user", default="nobody")

    class OfContext:
        def __str__(self):
            return user.get()

    user.set("ada")
    assert message_of(record_of("%s", OfContext())) == "ada"


def test_the_record_is_as_it_was():
    record = record_of("%s %s", Said(), [Said()], exc_info=raised(OwnError(Said())))
    before = dict(vars(record))
    message_of(record)
    assert vars(record) == before
