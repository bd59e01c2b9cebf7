"""What records count: the rules, and what happens without any."""

from __future__ import annotations

import logging
from enum import Enum
from typing import Any

import pytest

from ecl_logging.config import config_from
from ecl_logging.rules import Counted, Measured, Rules

ANY = {"intervals": ["1m"], "auto_declare_events": True}


def record(name: str = "web", level: int = logging.INFO, msg: Any = "hello", **extra: Any):
    return logging.makeLogRecord(
        {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": msg}
        | extra
    )


def counted(rules: object, *records: logging.LogRecord) -> list[Counted]:
    config = config_from({"groups": {"g": ANY, "h": ANY}, "rules": rules})
    compiled = Rules(config.rules, config.groups)
    return [one for a_record in records for one in compiled.counted_by(a_record)]


def told(counted: list[Counted]) -> list[tuple[object, ...]]:
    """What was counted, with the name of a measure in the place of what stands for it."""
    return [(g, ("measure", i.measure) if isinstance(i, Measured) else i, n) for g, i, n in counted]


def ids(rule: dict[str, Any], *records: logging.LogRecord) -> list[object]:
    return [event_id for _, event_id, _ in counted([{"group": "g"} | rule], *records)]


def names_that_match(logger: str, *names: str) -> list[object]:
    return ids({"logger": logger, "event": "{name}"}, *(record(name) for name in names))


def levels_that_match(level: object) -> list[object]:
    levels = (5, 10, 20, 30, 40, 50)
    return ids({"level": level, "event": "{levelno}"}, *(record(level=n) for n in levels))


# --- which records


def test_every_rule_that_matches_counts_in_order():
    rules = [{"group": "g", "event": "a"}, {"group": "h", "event": "b"}, {"group": "g"}]

    assert counted(rules, record(event="c")) == [("g", "a", 1), ("h", "b", 1), ("g", "c", 1)]


def test_stop_ends_the_search():
    rules = [{"group": "g", "event": "a", "stop": True}, {"group": "g", "event": "b"}]

    assert counted(rules, record()) == [("g", "a", 1)]


def test_a_rule_that_does_not_match_does_not_stop():
    rules = [{"group": "g", "has": "x", "event": "a", "stop": True}, {"group": "g", "event": "b"}]

    assert counted(rules, record()) == [("g", "b", 1)]


def test_a_logger_is_meant_with_its_descendants():
    assert names_that_match("web", "web", "web.access", "website", "a.web") == ["web", "web.access"]


def test_a_logger_with_a_star_is_a_glob_on_the_full_name():
    assert names_that_match("*.access", "web.access", "web", "web.access.log") == ["web.access"]
    assert names_that_match("web?", "web1", "web", "web10") == ["web1"]


def test_root_is_the_root_logger_alone():
    assert names_that_match("root", "root", "web", "rooted") == ["root"]


@pytest.mark.parametrize("level", ["WARNING", "warning", 30])
def test_a_level_means_it_and_above(level):
    assert levels_that_match(level) == [30, 40, 50]


def test_a_list_of_levels_means_exactly_these():
    assert levels_that_match(["DEBUG", 40]) == [10, 40]


def test_has_asks_for_attributes():
    rule = {"has": ["user", "size"], "event": "{user}"}

    assert ids(rule, record(user="ann"), record(user="bob", size=0)) == ["bob"]


def test_a_pattern_is_searched_in_the_formatted_message():
    rule = {"pattern": r"took (?P<ms>\d+)", "event": "ms{ms}"}

    assert ids(rule, record(msg="it took %d ms", args=(7,)), record(msg="it took long")) == ["ms7"]


def test_a_pattern_sees_the_first_4096_characters():
    rule = {"pattern": "x", "event": "found"}

    assert ids(rule, record(msg=" " * 4095 + "x")) == ["found"]
    assert ids(rule, record(msg=" " * 4096 + "x")) == []


def test_a_group_of_the_pattern_goes_before_an_attribute():
    assert ids({"pattern": "(?P<name>l+)", "event": "{name}"}, record(name="web")) == ["ll"]


def test_a_group_that_took_no_part_is_missing():
    assert ids({"pattern": "(?P<x>z)?", "event": "{x}"}, record()) == []


def test_a_rule_with_a_measure_and_no_event_counts_nothing_but_can_stop():
    rules = [
        {"group": "g", "measure": {"latency": "duration"}, "stop": True},
        {"group": "g", "event": "rest"},
    ]

    assert told(counted(rules, record(duration=0.1))) == [("g", ("measure", "latency"), 0.1)]
    assert counted(rules, record()) == [("g", "rest", 1)]


def test_a_rule_counts_its_event_beside_its_measures():
    rules = [{"group": "g", "event": "sale", "measure": {"latency": "s", "size": "bytes"}}]

    assert told(counted(rules, record(s="0.5", bytes=7))) == [
        ("g", "sale", 1),
        ("g", ("measure", "latency"), "0.5"),
        ("g", ("measure", "size"), 7),
    ]


def test_a_rule_without_a_value_for_each_measure_does_not_match():
    rules = [{"group": "g", "event": "sale", "measure": {"latency": "s", "size": "bytes"}}]

    assert counted(rules, record(s=0.5)) == []


def test_a_measure_may_be_of_a_patterns_group():
    rules = [{"group": "g", "pattern": r"(?P<ms>\d+) ms", "measure": {"latency": "ms"}}]
    found = told(counted(rules, record(msg="it took %d ms", args=(7,)), record(msg="it took long")))

    assert found == [("g", ("measure", "latency"), "7")]


def test_a_measure_may_be_in_a_message_that_is_a_mapping():
    rules = [{"group": "g", "measure": {"latency": "s"}}]

    assert told(counted(rules, record(msg={"s": 0.5}))) == [("g", ("measure", "latency"), 0.5)]


# --- what they count


def test_the_event_is_the_extra_by_default():
    assert ids({}, record(event="req1"), record()) == ["req1"]


def test_an_extra_is_handed_on_as_it_came():
    values = [404, None, ["x"]]

    assert ids({}, *(record(event=value) for value in values)) == values


def test_a_template_is_filled_with_texts():
    class Color(Enum):
        RED = "red"

    rule = {"event": "{{{name}}}:{status}:{color}"}

    assert ids(rule, record(status=200, color=Color.RED)) == ["{web}:200:red"]


def test_a_missing_attribute_means_no_match():
    assert ids({"event": "a:{status}"}, record()) == []


def test_a_count_is_a_number_or_an_attribute():
    rules = [
        {"group": "g", "event": "a", "count": 5},
        {"group": "g", "event": "b", "count": "size"},
    ]

    assert counted(rules, record(size=512)) == [("g", "a", 5), ("g", "b", 512)]
    assert counted(rules, record()) == [("g", "a", 5)]


def test_the_keys_of_a_mapping_message_are_read_like_extras():
    message = {"event": "login", "n": 2}

    assert counted([{"group": "g", "count": "n"}], record(msg=message)) == [("g", "login", 2)]


def test_an_attribute_goes_before_a_key_of_the_message():
    assert ids({}, record(msg={"event": "from msg"}, event="from extra")) == ["from extra"]


def test_a_pattern_searches_the_event_of_a_mapping_message():
    rule = {"pattern": r"^took (?P<ms>\d+)$", "event": "ms{ms}"}

    assert ids(rule, record(msg={"user": "ann", "event": "took 7"})) == ["ms7"]
    assert ids(rule, record(msg={"user": "ann", "message": "took 7"})) == ["ms7"]
    assert ids({"pattern": "ann", "event": "a"}, record(msg={"user": "ann"})) == ["a"]


def test_message_is_the_message_whatever_a_formatter_has_left():
    rule = {"event": "{message}"}
    one, formatted = record(msg="%d sold", args=(3,)), record(msg={"event": "sold"})
    logging.Formatter().format(formatted)

    assert ids(rule, one, formatted) == ["3 sold", "sold"]


def test_a_sentence_is_an_id_only_in_a_group_that_knows_it():
    groups = {"g": {"intervals": ["1m"], "events": ["paid"]}, "h": ANY}
    config = config_from({"groups": groups, "rules": [{"group": "g"}, {"group": "h"}]})
    rules = Rules(config.rules, config.groups)

    def ids_of(**attributes: Any) -> list[tuple[str, object]]:
        counted_by = rules.counted_by(record(**attributes))
        return [(group, event_id) for group, event_id, _ in counted_by]

    assert ids_of(msg={"event": "paid"}) == [("g", "paid"), ("h", "paid")]
    assert ids_of(msg={"event": "thank you"}) == [("h", "thank you")]
    assert ids_of(event="thank you") == [("g", "thank you"), ("h", "thank you")]


# --- without rules


def routed(groups: dict[str, Any], **extra: Any) -> list[Counted]:
    config = config_from({"groups": groups})
    return list(Rules(config.rules, config.groups).counted_by(record(**extra)))


DECLARING = {
    "a": {"intervals": ["1m"], "events": ["x"]},
    "b": {"intervals": ["1m"], "events": ["x", "404"]},
    "any": ANY,
}


def test_without_rules_a_sentence_that_no_group_knows_counts_nothing():
    declaring = {name: DECLARING[name] for name in ("a", "b")}

    assert routed(declaring, msg={"event": "thank you"}) == []
    assert routed(declaring, msg={"event": "404"}) == [("b", "404", 1)]
    assert routed(DECLARING, msg={"event": "thank you"}) == [("any", "thank you", 1)]


def test_without_rules_a_record_without_an_event_counts_nothing():
    assert routed(DECLARING) == []


def test_an_event_counts_in_every_group_that_declares_it():
    assert routed(DECLARING, event="x") == [("a", "x", 1), ("b", "x", 1)]


def test_an_event_counts_in_the_group_that_the_record_names():
    assert routed(DECLARING, event="x", event_group="any") == [("any", "x", 1)]


def test_an_event_that_no_group_declares_counts_where_any_may():
    assert routed(DECLARING, event="y") == [("any", "y", 1)]


def test_an_event_counts_as_often_as_the_record_says():
    assert routed(DECLARING, event="y", event_count=7) == [("any", "y", 7)]


@pytest.mark.parametrize("event", [404, Enum("Status", {"MISSING": "404"}).MISSING])
def test_an_event_that_becomes_text_finds_the_group_that_declares_it(event):
    assert [group for group, _, _ in routed(DECLARING, event=event)] == ["b"]


# --- what is never done


@pytest.mark.parametrize("name", ["ecl_logging", "ecl_logging.sender"])
def test_our_own_records_are_never_counted(name):
    assert counted([{"group": "g", "event": "x"}], record(name)) == []


@pytest.mark.parametrize("rules", [None, [{"group": "g", "event": "x"}]])
def test_what_a_program_gives_an_event_on_our_logger_is_its_own(rules):
    assert counted(rules, record("ecl_logging", event="x")) == [("g", "x", 1)]


def test_a_record_is_never_changed():
    rule = {"group": "g", "pattern": "(?P<a>h)", "event": "{a}{message}", "count": "n", "has": "n"}
    seen = record(msg="%s", args=("hello",), n=2)
    before = dict(seen.__dict__)

    assert counted([rule], seen) == [("g", "hhello", 2)]
    assert seen.__dict__ == before
