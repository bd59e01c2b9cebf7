"""Names of events that are none count one under `@invalid`; all others are kept as they are.

Anybody who can make a program log a text of theirs chooses such names.
"""

from __future__ import annotations

import enum
import logging
import math
import re
import time
import uuid
from collections.abc import Iterator

import pytest

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.handlers import CountingHandler
from ecl_logging.tools.log import main as ecl_log
from ecl_logging.tools.read import main as ecl_read
from tests.bad_input.conftest import GROUP, assert_balanced, cells, dropped, record
from tests.conftest import wait_until

LONG = "is longer than 200 characters"
UNPRINTABLE = "has characters that cannot be printed"
OWN = "starts with '@'"
OTHER = "is neither text nor a whole number"
NO_TEXT = "is an Enum whose value is no text"


class Colour(enum.Enum):
    RED = "red"
    FIVE = 5
    ESCAPE = "\x1b[31m"


class Code(enum.IntEnum):
    OK = 200


class Lying(str):
    """Says of itself what it is not, and equals everything."""

    __slots__ = ()

    __len__ = lambda self: 4  # noqa: E731
    __hash__ = lambda self: 1  # noqa: E731
    __eq__ = lambda self, other: True  # type: ignore[assignment]  # noqa: E731
    __str__ = __repr__ = __format__ = lambda self, *_: "something else"  # type: ignore[assignment]
    isprintable = lambda self: True  # type: ignore[assignment]  # noqa: E731
    __getitem__ = lambda self, index: "x"  # noqa: E731


class LyingNumber(int):
    __str__ = __repr__ = lambda self: "much"
    __abs__ = lambda self: 0  # noqa: E731


class Raising:
    def __str__(self) -> str:
        raise RuntimeError("secret of the object")

    __repr__ = __hash__ = __eq__ = __len__ = __bool__ = __format__ = __str__  # type: ignore[assignment]


class SaysText:
    __class__ = property(lambda self: str)  # type: ignore[assignment]

    def __len__(self) -> int:
        return 4


def generated() -> Iterator[str]:
    yield "x"


BAD = [
    pytest.param(None, "is None", id="25-none"),
    pytest.param("", "is empty", id="25-empty"),
    pytest.param(b"req1", OTHER, id="26-bytes"),
    pytest.param(bytearray(b"req1"), OTHER, id="26-bytearray"),
    pytest.param(Colour.FIVE, NO_TEXT, id="26-enum-of-a-number"),
    pytest.param(uuid.UUID(int=1), OTHER, id="26-uuid"),
    pytest.param(("req1",), OTHER, id="26-tuple"),
    pytest.param(object(), OTHER, id="26-object"),
    pytest.param(object, OTHER, id="26-class"),
    pytest.param(1.0, OTHER, id="26-float"),
    pytest.param(math.nan, OTHER, id="26-nan"),
    pytest.param(True, "is a bool", id="26-bool"),
    pytest.param(SaysText(), OTHER, id="26-says-text"),
    pytest.param(Raising(), OTHER, id="27-raising"),
    pytest.param(Lying(""), "is empty", id="28-lying-empty"),
    pytest.param(Lying("x" * 1000), LONG, id="28-lying-long"),
    pytest.param(Lying("a\x1b"), UNPRINTABLE, id="28-lying-unprintable"),
    pytest.param(Lying("@late"), OWN, id="28-lying-own"),
    pytest.param("x" * 201, LONG, id="29-one-too-many"),
    pytest.param("x" * 10_000_000, LONG, id="29-ten-megabytes"),
    pytest.param(10**200, LONG, id="29-number"),
    pytest.param(LyingNumber(10**5000), LONG, id="29-lying-number"),
    pytest.param("\ud800", UNPRINTABLE, id="30-lone-surrogate"),
    pytest.param("a\udcffb", UNPRINTABLE, id="30-byte-of-a-file-name"),
    pytest.param("a\0b", UNPRINTABLE, id="31-nul"),
    pytest.param("a\rb", UNPRINTABLE, id="31-carriage-return"),
    pytest.param("a\nb", UNPRINTABLE, id="31-newline"),
    pytest.param("a\tb", UNPRINTABLE, id="31-tab"),
    pytest.param("\x1b[2J", UNPRINTABLE, id="31-escape"),
    pytest.param("a\x7f", UNPRINTABLE, id="31-delete"),
    pytest.param("a\x85b", UNPRINTABLE, id="31-c1"),
    pytest.param("a\u2028b", UNPRINTABLE, id="31-line-separator"),
    pytest.param("abc\u202etxt", UNPRINTABLE, id="31-bidi-override"),
    pytest.param("a\u2066b\u2069", UNPRINTABLE, id="31-bidi-isolate"),
    pytest.param(Colour.ESCAPE, UNPRINTABLE, id="31-enum"),
    pytest.param("a\u200bb", UNPRINTABLE, id="32-zero-width-space"),
    pytest.param("a\u200db", UNPRINTABLE, id="32-zero-width-joiner"),
    pytest.param("\ufeffa", UNPRINTABLE, id="32-byte-order-mark"),
    pytest.param("so\u00adft", UNPRINTABLE, id="32-soft-hyphen"),
    pytest.param("@late", OWN, id="33-late"),
    pytest.param("@other", OWN, id="33-other"),
    pytest.param("@invalid", OWN, id="33-invalid"),
    pytest.param("@ts", OWN, id="33-time-stamp"),
    pytest.param("@seq", OWN, id="33-sequence"),
    pytest.param("@SUM(A1)", OWN, id="37-at-formula"),
    pytest.param(["a", "b"], OTHER, id="47-list"),
    pytest.param(["x"] * 10_000, OTHER, id="47-ten-thousand"),
    pytest.param(generated(), OTHER, id="47-generator"),
]
KEPT = [
    pytest.param(" ", " ", id="25-blank"),
    pytest.param(200, "200", id="26-int"),
    pytest.param(-1, "-1", id="26-negative-int"),
    pytest.param(Colour.RED, "red", id="26-enum"),
    pytest.param(Code.OK, "200", id="26-int-enum"),
    pytest.param(Lying("real"), "real", id="28-lying-text"),
    pytest.param(LyingNumber(7), "7", id="28-lying-number"),
    pytest.param("x" * 200, "x" * 200, id="29-longest"),
    pytest.param("\U0001d518" * 200, "\U0001d518" * 200, id="29-longest-in-bytes"),
    pytest.param("__overflow__", "__overflow__", id="33-not-ours"),
    pytest.param("(none)", "(none)", id="33-not-ours-either"),
    pytest.param("a:b", "a:b", id="34-colon"),
    pytest.param("{x}", "{x}", id="34-braces"),
    pytest.param("*", "*", id="34-star"),
    pytest.param("?", "?", id="34-question-mark"),
    pytest.param("[a-z]", "[a-z]", id="34-bracket"),
    pytest.param("%s%n%(x)s", "%s%n%(x)s", id="34-percent"),
    pytest.param("\\x1b\\", "\\x1b\\", id="34-backslash"),
    pytest.param("=cmd()", "=cmd()", id="37-formula"),
    pytest.param("+1", "+1", id="37-plus"),
    pytest.param("-1", "-1", id="37-minus"),
    pytest.param("'; DROP TABLE counts; --", "'; DROP TABLE counts; --", id="38-sql"),
    pytest.param('" OR 1=1', '" OR 1=1', id="38-sql-quote"),
    pytest.param(
        "]] redis.call('flushall') --", "]] redis.call('flushall') --", id="38-lua-bracket"
    ),
    pytest.param("' .. redis.call('flushall')", "' .. redis.call('flushall')", id="38-lua-quote"),
]
# IDs that look alike, or that a careless store would take for one another.
TWINS = [
    pytest.param(["é", "e\u0301"], id="32-normal-forms"),
    pytest.param(["Error", "error", "ERROR"], id="32-case"),
    pytest.param(["ﬁ", "fi"], id="32-ligature"),
    pytest.param(["a", "\u0430"], id="32-other-script"),
    pytest.param(["a:b", "a", "b", "a:", ":b", "c", "b:c"], id="35-colons"),
    pytest.param(["1", "01", "1e3", "1000", "1.0", "+1", "\u0661"], id="39-numbers"),
    pytest.param(["x", "x ", " x"], id="25-blanks"),
    pytest.param(["cur", "last", "cur:x", "last:x", "def", "events"], id="33-words-of-keys"),
]


@pytest.mark.parametrize("rules", [None, [{"event": "{event}"}]], ids=["route", "rule"])
@pytest.mark.parametrize(("event_id", "reason"), BAD)
def test_what_is_no_id_counts_one_as_invalid(make, warnings_told, event_id, reason, rules):
    handler = make(rules=rules)
    for _ in range(2):
        handler.handle(record(event=event_id, event_count=5))

    expected = {"@invalid": 2}
    assert cells(handler.ecl) == expected
    assert dropped(handler.ecl) == {"invalid": 2}
    assert_balanced(handler.ecl, 2)
    assert warnings_told == [f"group g: an event {reason}; it is counted as @invalid"]


@pytest.mark.parametrize(("event_id", "reason"), BAD)
def test_counting_it_by_hand_does_the_same(warnings_told, event_id, reason):
    with EventCountLogger({"g": GROUP}, store="memory://") as ecl:
        ecl["g"].log(event_id)
        ecl["g"].log("good")

        assert cells(ecl) == {"good": 1, "@invalid": 1}
        assert_balanced(ecl, 2)
    assert warnings_told == [f"group g: an event {reason}; it is counted as @invalid"]


@pytest.mark.parametrize(
    ("event_id", "reason"), [case for case in BAD if not str(case.id).startswith(("27", "47"))]
)
def test_it_can_be_neither_declared_nor_asked_for(event_id, reason):
    with EventCountLogger({"g": GROUP}, store="memory://") as ecl:
        with pytest.raises(ConfigError) as caught:
            ecl["g"].declare_event_id(event_id)
        assert str(caught.value).startswith("group g: event_ids[0]: ")
        assert str(caught.value).endswith(f" {reason}")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 200
        for ask in (ecl["g"].get_last_count, ecl["g"].get_current_count):
            with pytest.raises(ConfigError, match=reason):
                ask(event_id, "366d")
        with pytest.raises(ConfigError, match=reason):
            ecl["g"].get_current_counts(event_id)


def test_each_reason_is_told_once_with_nothing_of_the_value(make, warnings_told):
    handler = make()
    for _ in range(3):
        for case in BAD:
            handler.handle(record(event=case.values[0]))
    handler.flush()
    handler.flush()

    assert len(warnings_told) == len({case.values[1] for case in BAD})
    assert sorted(warnings_told) == sorted(
        f"group g: an event {reason}; it is counted as @invalid"
        for reason in {str(case.values[1]) for case in BAD}
    )
    assert_balanced(handler.ecl, 3 * len(BAD))


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("empty_server").url)
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/counts.db"


@pytest.mark.parametrize("keeps_view", [True, False], ids=["view", "no view"])
def test_every_other_id_is_stored_and_read_as_it_is(url, keeps_view):
    groups = {"g": GROUP | {"cur_last_keys": keeps_view}, "h": GROUP}
    with EventCountLogger(groups, store=url) as ecl:
        for n, case in enumerate(KEPT, 1):
            ecl["g"].log(case.values[0], n)
        expected: dict[object, int] = {}
        for n, case in enumerate(KEPT, 1):
            expected[case.values[1]] = expected.get(case.values[1], 0) + n

        assert ecl["g"].get_counts("366d", current=True) == expected
        assert ecl["h"].get_counts("366d", current=True) == {}
        assert_balanced(ecl, sum(range(len(KEPT) + 1)))


@pytest.mark.parametrize(("event_id", "text"), KEPT)
def test_it_is_counted_from_a_record_and_by_a_template(make, warnings_told, event_id, text):
    handler = make(rules=[{"event": "{event}"}, {"event": "{event}"}])
    handler.handle(record(event=event_id))

    assert cells(handler.ecl) == {text: 2}
    assert handler.ecl["g"].get_current_count(event_id, "366d") == 2
    assert warnings_told == []


@pytest.mark.parametrize("event_ids", TWINS)
def test_ids_that_look_alike_are_counted_apart(url, event_ids):
    with EventCountLogger({"g": GROUP, "c": GROUP}, store=url) as ecl:
        for n, event_id in enumerate(event_ids, 1):
            ecl["g"].log(event_id, n)
            ecl["c"].log(event_id, 100)

        counts = ecl["g"].get_counts("366d", current=True)
        assert counts == {event_id: n for n, event_id in enumerate(event_ids, 1)}
        assert_balanced(ecl, sum(counts.values()) + 100 * len(event_ids))


@pytest.mark.parametrize("event_ids", TWINS)
def test_they_are_declared_apart(url, event_ids):
    with EventCountLogger({"g": {"intervals": ["366d"]}}, store=url) as ecl:
        ecl["g"].declare_event_ids(event_ids)
        ecl["g"].log(event_ids[0])

        counts = ecl["g"].get_counts("366d", current=True)
        assert counts == dict.fromkeys(event_ids, 0) | {event_ids[0]: 1}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["*"], id="34-star-by-command"),
        pytest.param(["; DROP TABLE counts"], id="38-sql-by-command"),
        pytest.param(["=cmd()"], id="37-formula-by-command"),
    ],
)
def test_commands_count_and_print_it_as_it_is(ran, tmp_path, words):
    store = f"sqlite:///{tmp_path}/counts.db"
    assert ran(ecl_log, "--store", store, "events", *words) == (0, "", "")

    assert ran(ecl_read, "--store", store, "-g", "events", "-i", "1h", "--current")[1] == (
        f"{words[0]}:1\n"
    )


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        pytest.param("", "is empty", id="25-empty-by-command"),
        pytest.param("x" * 201, LONG, id="29-long-by-command"),
        pytest.param("\udcff", UNPRINTABLE, id="30-byte-by-command"),
        pytest.param("\x1b[31m", UNPRINTABLE, id="31-escape-by-command"),
        pytest.param("@late", OWN, id="33-own-by-command"),
    ],
)
def test_the_command_refuses_what_is_no_id(ran, word, reason):
    status, out, err = ran(ecl_log, "--store", "memory://", "events", word)

    assert (status, out) == (2, "")
    assert err.endswith(f" {reason}\n")
    assert err.removesuffix("\n").isprintable()


# --- objects with a life of their own, in a template, which takes the text of anything


class Logging:
    """Logs when it is looked at: through the same handler."""

    def __str__(self) -> str:
        logging.getLogger("tests.bad_input").warning("looked at", extra={"event": "inner"})
        return "logged"


class Slow:
    def __str__(self) -> str:
        time.sleep(0.2)
        return "slow"


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [
        pytest.param(Raising(), {"@invalid": 1}, id="27-raising-in-a-template"),
        pytest.param(Logging(), {"e:logged": 1, "e:inner": 1}, id="27-logging-in-a-template"),
        pytest.param(Slow(), {"e:slow": 1}, id="48-slow-in-a-template"),
        pytest.param("x" * 10_000_000, {"@invalid": 1}, id="29-ten-megabytes-in-a-template"),
        pytest.param(["a", "b"], {"e:['a', 'b']": 1}, id="47-list-in-a-template"),
        pytest.param("a\nb", {"@invalid": 1}, id="31-newline-in-a-template"),
    ],
)
def test_a_template_takes_the_text_of_an_object_or_counts_it_as_invalid(
    make, warnings_told, event_id, expected
):
    handler = make(rules=[{"event": "e:{event}"}])
    logger = logging.getLogger("tests.bad_input")
    logger.addHandler(handler)
    try:
        logger.warning("hello", extra={"event": event_id})
    finally:
        logger.removeHandler(handler)

    assert cells(handler.ecl) == expected
    assert_balanced(handler.ecl, sum(expected.values()))
    assert not any("secret" in told for told in warnings_told)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("event", id="27-raising-id"),
        pytest.param("event_count", id="27-raising-count"),
        pytest.param("event_group", id="27-raising-group"),
    ],
)
def test_an_object_that_raises_reaches_nobody_who_logs(make, capsys, warnings_told, key):
    handler: CountingHandler = make()
    assert handler.handle(record(**({"event": "x"} | {key: Raising()})))

    assert dropped(handler.ecl) == {"invalid": 1}
    assert_balanced(handler.ecl, 1)
    assert "secret" not in "".join([*warnings_told, *capsys.readouterr()])


# --- too many of them


@pytest.mark.parametrize("number", [pytest.param(1000, id="40-a-thousand-users")])
def test_ids_without_end_are_capped_and_none_is_lost(url, warnings_told, number):
    groups = {"g": GROUP | {"max_events": 10, "events": ["known"]}}
    with EventCountLogger(groups, store=url) as ecl:
        for n in range(number):
            ecl["g"].log(f"login of {uuid.UUID(int=n)}")
        ecl["g"].log("known")
        assert ecl.flush()
        assert wait_until(lambda: ecl.telemetry()["pending"] == 0)

        stored = cells(ecl)
        assert stored["@other"] == number - 10
        assert stored["known"] == 1
        assert len(stored) == 12
        assert ecl.telemetry()["other"] == number - 10
        assert_balanced(ecl, number + 1)
    [told] = warnings_told
    sample = r"'login of 00000000-0000-0000-0000-000000000[0-9a-f]{3}'"
    assert re.fullmatch(
        r"group g: it has more undeclared event IDs than max_events \(10\), such as"
        rf" {sample}(, {sample}){{0,2}}; what is beyond counts as @other",
        told,
    )
