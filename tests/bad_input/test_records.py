"""Records that no logger makes, and messages that cannot be formatted: no word to who logs."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ecl_logging.handlers import CountingHandler
from tests.bad_input.conftest import GROUP, assert_balanced, cells, dropped, record

SECRET = "hunter2-of-a-customer"


class Raising:
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __hash__ = __eq__ = __len__ = __bool__ = __format__ = __str__  # type: ignore[assignment]


class RaisingMapping(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        raise RuntimeError(SECRET)

    def __contains__(self, key: object) -> bool:
        raise RuntimeError(SECRET)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError(SECRET)

    def __len__(self) -> int:
        raise RuntimeError(SECRET)


ODD = [
    pytest.param({"name": 5}, id="44-name-is-a-number"),
    pytest.param({"name": None}, id="44-name-is-none"),
    pytest.param({"name": ["web"]}, id="44-name-is-a-list"),
    pytest.param({"name": Raising()}, id="44-name-raises"),
    pytest.param({"levelno": "20"}, id="44-level-is-a-text"),
    pytest.param({"levelno": None}, id="44-level-is-none"),
    pytest.param({"levelno": 1e300}, id="44-level-is-huge"),
    pytest.param({"levelno": [20]}, id="44-level-is-a-list"),
    pytest.param({"msg": None}, id="44-message-is-none"),
    pytest.param({"msg": Raising()}, id="44-message-raises"),
    pytest.param({"msg": RaisingMapping()}, id="44-message-is-a-raising-mapping"),
    pytest.param({"msg": b"\xff"}, id="44-message-is-bytes"),
    pytest.param({"args": 5}, id="44-arguments-are-a-number"),
    pytest.param({"args": Raising()}, id="44-arguments-raise"),
    pytest.param({"exc_info": "none"}, id="44-exception-is-a-text"),
    pytest.param({"msg": "%d", "args": ("x",)}, id="45-number-expected"),
    pytest.param({"msg": "%s %s", "args": ("x",)}, id="45-argument-missing"),
    pytest.param({"msg": "no place", "args": ("x",)}, id="45-argument-too-many"),
    pytest.param({"msg": "%(key)s", "args": {"other": 1}}, id="45-key-missing"),
    pytest.param({"msg": "%c", "args": (10**10,)}, id="45-character-beyond-all"),
    pytest.param({"msg": "100%", "args": ("x",)}, id="45-percent-sign"),
    pytest.param({"msg": "%s", "args": (Raising(),)}, id="45-argument-raises"),
]
RULES: list[list[dict[str, Any]] | None] = [
    None,
    [{"event": "{event}"}],
    [{"event": "{event}", "logger": "web", "level": "INFO"}, {"event": "rest"}],
    [{"event": "{event}:{message}"}],
    [{"event": "{event}", "pattern": "(?P<word>x)"}],
]


@pytest.mark.parametrize("rules", RULES, ids=["route", "rule", "logger", "message", "pattern"])
@pytest.mark.parametrize("attributes", ODD)
def test_a_record_that_no_logger_makes_reaches_nobody_who_logs(
    make, capsys, warnings_told, attributes, rules
):
    handler: CountingHandler = make(rules=rules)
    assert handler.handle(record(**{"event": "x"} | attributes))
    assert handler.ecl.flush()

    counted = handler.ecl.telemetry()["counted"]
    assert counted <= len(rules or [None])
    assert_balanced(handler.ecl, counted)
    assert SECRET not in "".join([*warnings_told, *capsys.readouterr()])


@pytest.mark.parametrize("attributes", ODD)
def test_it_is_counted_once_or_dropped_with_a_reason(make, warnings_told, attributes):
    """Whatever is odd, the `event` extra is what is counted where there are no rules."""
    handler: CountingHandler = make()
    handler.handle(record(**{"event": "x"} | attributes))

    assert cells(handler.ecl) in ({"x": 1}, {"@invalid": 1})
    assert_balanced(handler.ecl, 1)


@pytest.mark.parametrize("attributes", [case for case in ODD if str(case.id).startswith("45")])
def test_a_message_that_cannot_be_formatted_keeps_no_record_from_being_counted(
    make, warnings_told, attributes
):
    handler: CountingHandler = make(rules=[{"event": "{event}"}, {"event": "{levelname}"}])
    handler.handle(record(**{"event": "x"} | attributes))

    assert cells(handler.ecl) == {"x": 1, "INFO": 1}
    assert warnings_told == []


@pytest.mark.parametrize(
    ("rule", "attributes", "expected"),
    [
        pytest.param(
            {"event": "{message}"},
            {"msg": "%d apples", "args": ("x",)},
            {"%d apples": 1},
            id="45-the-template-stands-in",
        ),
        pytest.param(
            {"pattern": "apples", "event": "sold"},
            {"msg": "%d apples", "args": ("x",)},
            {"sold": 1},
            id="45-the-template-is-searched",
        ),
        pytest.param(
            {"event": "{msg}"},
            {"msg": "%s has paid", "args": (SECRET,)},
            {"%s has paid": 1},
            id="46-template-as-an-id",
        ),
        pytest.param(
            {"event": "{msg}"},
            {"msg": f"{SECRET}\n", "args": ()},
            {"@invalid": 1},
            id="46-message-that-is-no-id",
        ),
        pytest.param(
            {"event": "{message}"},
            {"msg": "%s\n", "args": (SECRET,)},
            {"@invalid": 1},
            id="46-formatted-message-that-is-no-id",
        ),
    ],
)
def test_a_template_is_counted_and_nothing_of_the_arguments_is_told(  # noqa: PLR0917 - a table
    make, capsys, warnings_told, rule, attributes, expected
):
    handler: CountingHandler = make(rules=[rule])
    handler.handle(record(**attributes))

    assert cells(handler.ecl) == expected
    assert_balanced(handler.ecl, 1)
    assert SECRET not in "".join([*warnings_told, *capsys.readouterr()])


@pytest.mark.parametrize("what", [pytest.param("args", id="46-nothing-by-default")])
def test_without_rules_no_message_is_counted(make, what):
    handler: CountingHandler = make()
    handler.handle(record(msg="%s has paid", **{what: (SECRET,)}))
    by_default: CountingHandler = make(groups=None)
    by_default.handle(record(msg="%s has paid", **{what: (SECRET,)}))
    by_default.flush()

    assert cells(handler.ecl) == {}
    for name in by_default.ecl.groups:
        assert SECRET not in str(by_default.ecl[name].get_counts("1h", current=True))


# --- records from elsewhere


@pytest.mark.parametrize("groups", [pytest.param(None, id="44-no-attributes")])
def test_a_record_of_nothing_counts_by_its_level_alone(make, warnings_told, groups):
    handler: CountingHandler = make(groups=groups)
    handler.handle(logging.makeLogRecord({}))
    handler.flush()

    assert dropped(handler.ecl) == {"invalid": 1}  # its logger has no name
    told = handler.ecl.telemetry()
    assert_balanced(handler.ecl, told["counted"])
    assert len(warnings_told) == 1


@pytest.mark.parametrize(
    "carry",
    [
        pytest.param(lambda sent: pickle.loads(pickle.dumps(sent)), id="44-pickled"),
        pytest.param(lambda sent: json.loads(json.dumps(sent)), id="44-json"),
    ],
)
def test_a_record_from_a_socket_is_counted(make, carry):
    handler: CountingHandler = make()
    sent = record(event="x", event_count=3, msg="%s", args=["a"]).__dict__
    handler.handle(logging.makeLogRecord(carry(sent)))

    assert cells(handler.ecl) == {"x": 3}
    assert_balanced(handler.ecl, 3)


@pytest.mark.parametrize("times", [pytest.param(2, id="44-handled-twice")])
def test_a_record_that_is_handled_twice_counts_once_for_each_time(make, times):
    one, other = make(), make()
    seen = record(event="x")
    before = dict(seen.__dict__)
    for _ in range(times):
        one.handle(seen)
    other.handle(seen)

    assert cells(one.ecl) == {"x": times}
    assert cells(other.ecl) == {"x": 1}
    assert seen.__dict__ == before


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("nowhere", id="44-unknown-group"),
        pytest.param(5, id="44-group-is-a-number"),
        pytest.param(Raising(), id="44-group-raises"),
    ],
)
def test_a_group_that_there_is_not_counts_as_invalid(make, warnings_told, named):
    handler: CountingHandler = make(groups={"g": GROUP, "h": GROUP})
    handler.handle(record(event="x", event_group=named))

    assert cells(handler.ecl) == {"@invalid": 1}
    assert dropped(handler.ecl) == {"invalid": 1}
    assert_balanced(handler.ecl, 1)
    assert len(warnings_told) == 1
