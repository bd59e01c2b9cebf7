"""What each key takes, and what is said of a wrong value: its place and what would be right."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecl_logging.config import GroupConfig, RuleConfig, config_from, read_config_file
from ecl_logging.errors import ConfigError

OWN_LEVEL = " (a level of your own is written as its number)"
OPTIONAL_KEYS = [
    "auto_declare_events",
    "cur_last_keys",
    "events",
    "history",
    "max_events",
    "measures",
    "sync_interval",
    "sync_limit",
]


def problems_of(section: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config_from(section)
    return list(caught.value.problems)


def problems_of_group(**keys: object) -> list[str]:
    found = problems_of({"groups": {"g": {"intervals": ["1m"], **keys}}})
    return [problem.removeprefix("ecl: groups.g.") for problem in found]


def group(**keys: object) -> GroupConfig:
    return config_from({"groups": {"g": {"intervals": ["1m"], **keys}}}).groups["g"]


def problems_of_rule(**keys: object) -> list[str]:
    found = problems_of({"groups": {"g": {"intervals": ["1m"]}}, "rules": [keys]})
    return [problem.removeprefix("ecl: rules[0].") for problem in found]


def rule(**keys: object) -> RuleConfig:
    config = config_from({"groups": {"g": {"intervals": ["1m"]}}, "rules": [keys]})
    assert config.rules is not None
    return config.rules[0]


# --- messages


def test_a_message_names_the_file_the_place_and_what_to_write():
    Path("logging.yaml").write_text("ecl: {groups: {requests: {intervals: [5s, 5 minutes]}}}")

    with pytest.raises(ConfigError) as caught:
        config_from("logging.yaml")

    assert str(caught.value) == (
        "logging.yaml: groups.requests.intervals[1]: '5 minutes' is not an interval; "
        "write <number><s|m|h|d>, such as 5m"
    )


def test_all_problems_are_told_together():
    found = problems_of(
        {
            "groups": {
                "a": {"intervals": []},
                "b": {"intervals": ["1m"], "history": 0, "event": ["x"]},
                "c d": {"intervals": ["1m"]},
            },
            "rules": [{"group": "bb"}, {"group": "b", "level": "LOUD"}],
            "store": "nowhere",
            "spool": {"path": "/var/spool"},
            "prefix": "two words",
        }
    )

    assert [problem.split(": ")[1] for problem in found] == [
        "groups.a.intervals",
        "groups.b",
        "groups.b.history",
        "groups.c d",
        "rules[0].group",
        "rules[1].level",
        "store",
        "prefix",
        "spool",
    ]


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"grops": {}}, "unknown key 'grops'; did you mean 'groups'?"),
        (
            {"groups": {"g": {"intervals": ["1m"], "auto_declare": True}}},
            "groups.g: unknown key 'auto_declare'; did you mean 'auto_declare_events'?",
        ),
        (
            {"groups": {"g": {"intervals": ["1m"]}}, "rules": [{"evnt": "x"}]},
            "rules[0]: unknown key 'evnt'; did you mean 'event'?",
        ),
        (
            {"groups": {"g": {"intervals": ["1m"]}}, "rules": [{"group": "gg"}]},
            "rules[0].group: unknown group 'gg'; did you mean 'g'?",
        ),
        (
            {"groups": {"g": {"intervals": ["1m"]}}, "rules": [{"level": "EROR"}]},
            "rules[0].level: unknown level 'EROR'; did you mean 'ERROR'?" + OWN_LEVEL,
        ),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known(section, problem):
    assert problems_of(section) == [f"ecl: {problem}"]


def test_an_unknown_name_without_a_near_one_is_told_with_all():
    [problem] = problems_of({"xyz": 1})

    assert problem.endswith("known are groups, prefix, redis, rules, spool, store")


# --- YAML's surprises


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a, b, on]", "events[2]: True: quote it: 'on'"),
        ("[no]", "events[0]: False: quote it: 'off'"),
        ("[null]", "events[0]: None: quote it: 'null'"),
        ("[1.0]", "events[0]: 1.0: quote it: '1.0'"),
        ("[2026-01-31]", "events[0]: 2026-01-31: quote it: '2026-01-31'"),
    ],
)
def test_a_word_that_yaml_reads_as_something_else_is_to_be_quoted(text, problem):
    assert problems_of_group(events=yaml.safe_load(text)) == [problem]


@pytest.mark.parametrize("text", ["12:30", "010", "1_000", "0x1F", "+0b1", "1:30:00"])
def test_a_number_that_yaml_reads_as_another_is_to_be_quoted(text):
    """YAML 1.1 reads 12:30 as 750 and 010 as 8; the records say what was meant."""
    Path("c.yaml").write_text(f"groups: {{g: {{intervals: [1m], events: [ok, {text}]}}}}")

    with pytest.raises(ConfigError) as caught:
        read_config_file("c.yaml")
    [problem] = caught.value.problems
    assert problem.startswith("c.yaml: groups.g.events[1]: ")
    assert problem.endswith(f": quote it: '{text}'")


def test_a_rules_event_that_yaml_reads_as_another_is_to_be_quoted():
    Path("c.yaml").write_text("{groups: {g: {intervals: [1m]}}, rules: [{event: 12:30}]}")

    with pytest.raises(ConfigError, match=r"rules\[0\]\.event: .*quote it: '12:30'"):
        read_config_file("c.yaml")


def test_nothing_given_means_the_default():
    assert group(**dict.fromkeys(OPTIONAL_KEYS)) == group()


@pytest.mark.parametrize(
    ("name", "quoted"), [("404", "'404'"), ("1.0", "'1.0'"), ("on", "'on'"), ("null", "'null'")]
)
def test_a_group_name_that_yaml_reads_as_something_else_is_to_be_quoted(name, quoted):
    [problem] = problems_of({"groups": yaml.safe_load(f"{name}: {{intervals: [1m]}}")})

    assert problem.endswith(f"quote it: {quoted}")


def test_an_unquoted_number_is_an_event_id():
    assert group(events=[404, "x"]).events == ("404", "x")


# --- the section


@pytest.mark.parametrize("prefix", ["two words", "x" * 65, "é", 0, False, ["x"]])
def test_a_prefix_is_a_short_text(prefix):
    [problem] = problems_of({"prefix": prefix})

    assert problem.startswith("ecl: prefix: ")


def test_there_is_no_spool_yet():
    assert problems_of({"spool": {"path": "/var/spool"}}) == [
        "ecl: spool: this version has no spool; leave the key out"
    ]


# --- groups


@pytest.mark.parametrize("name", ["requests", "a.b", "A-1_x", "404"])
def test_a_group_may_be_called(name):
    assert name in config_from({"groups": {name: {"intervals": ["1m"]}}}).groups


@pytest.mark.parametrize("name", ["", "two words", "a:b", "é", "recent", "common", "@g", "a\n"])
def test_a_group_may_not_be_called(name):
    assert len(problems_of({"groups": {name: {"intervals": ["1m"]}}})) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_declare_events", True),
        ("cur_last_keys", False),
        ("max_events", 1),
        ("max_events", 10_000_000),
        ("history", 1),
        ("history", 1_000_000),
        ("sync_limit", 1),
        ("sync_interval", 0.05),
        ("sync_interval", 86400.0),
        ("measures", ("latency",)),
        ("events", ("a:b", "größe", "x" * 200)),
    ],
)
def test_a_group_key_takes(key, value):
    assert getattr(group(**{key: value}), key) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_declare_events", "yes"),
        ("auto_declare_events", 1),
        ("cur_last_keys", 0),
        ("max_events", 0),
        ("max_events", "10"),
        ("max_events", True),
        ("history", -1),
        ("history", 1.5),
        ("history", 1_000_001),
        ("sync_limit", 0),
        ("sync_limit", False),
        ("sync_interval", 0),
        ("sync_interval", "1s"),
        ("sync_interval", math.nan),
        ("sync_interval", math.inf),
        ("sync_interval", True),
        ("measures", "latency"),
        ("events", "req1"),
        ("events", {"req1": None}),
        ("events", ["@late"]),
        ("events", [""]),
        ("events", ["x" * 201]),
        ("events", ["two\nlines"]),
        ("events", [["nested"]]),
        ("intervals", None),
        ("intervals", "1m"),
        ("intervals", []),
        ("intervals", ["0s"]),
        ("intervals", ["367d"]),
        ("intervals", [300]),
        ("intervals", ["5M"]),
        ("intervals", [f"{n}s" for n in range(1, 10)]),
    ],
)
def test_a_group_key_refuses(key, value):
    [problem] = problems_of_group(**{key: value})

    assert problem.startswith(key)


def test_two_intervals_of_one_length_are_an_error():
    assert problems_of_group(intervals=["1m", "60s"]) == [
        "intervals[1]: '60s' is as long as '1m'; keep one"
    ]


def test_an_event_that_is_listed_twice_is_there_once():
    assert group(events=["a", "b", "a"]).events == ("a", "b")


# --- rules


def test_rules_without_groups_are_an_error():
    assert problems_of({"rules": [{"event": "x"}]}) == [
        "ecl: rules: have no groups to count in; add groups"
    ]


def test_a_rule_needs_no_group_where_there_is_one():
    assert rule(event="x").group == "g"


def test_a_rule_needs_a_group_where_there_are_several():
    groups = {"a": {"intervals": ["1m"]}, "b": {"intervals": ["1m"]}}

    assert problems_of({"groups": groups, "rules": [{"event": "x"}]}) == [
        "ecl: rules[0].group: is missing; name one of a, b"
    ]


def test_what_a_rule_names_literally_declares_itself():
    config = config_from(
        {
            "groups": {"g": {"intervals": ["1m"], "events": ["a"]}},
            "rules": [{"event": "{{b}}"}, {"event": "{c}"}, {"measure": {"latency": "duration"}}],
        }
    )

    assert config.groups["g"].events == ("a", "{b}")
    assert config.groups["g"].measures == ("latency",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("group", 5),
        ("group", ["g"]),
        ("group", {"g": None}),
        ("logger", ""),
        ("logger", ["a"]),
        ("level", True),
        ("level", 1.5),
        ("level", ["ERROR", "LOUD"]),
        ("has", [1]),
        ("has", {"a": 1}),
        ("pattern", "("),
        ("pattern", 5),
        ("event", "{"),
        ("event", "{a.b}"),
        ("event", "{0}"),
        ("event", "@own"),
        ("event", ""),
        ("event", True),
        ("event", ["x"]),
        ("count", -1),
        ("count", 1.5),
        ("count", "two words"),
        ("count", True),
        ("measure", "latency"),
        ("measure", {"latency": 5}),
        ("stop", "yes"),
    ],
)
def test_a_rule_key_refuses(key: str, value: Any):
    [problem] = problems_of_rule(**{key: value})

    assert problem.startswith(key)


@pytest.mark.parametrize(
    ("key", "value", "attribute", "expected"),
    [
        ("level", "error", "at_least", 40),
        ("level", 25, "at_least", 25),
        ("level", ["ERROR", 10], "levels", {10, 40}),
        ("has", "a", "has", ("a",)),
        ("has", ["a", "b"], "has", ("a", "b")),
        ("event", 404, "event", "404"),
        ("count", "bytes", "count", "bytes"),
        ("count", "5", "count", 5),
        ("count", 2.0, "count", 2),
        ("stop", True, "stop", True),
    ],
)
def test_a_rule_key_takes(key: str, value: Any, attribute: str, expected: Any):
    assert getattr(rule(**{key: value}), attribute) == expected


@pytest.mark.parametrize("rules", ["event", {"event": "x"}, [["event"]], ["event"]])
def test_rules_are_a_list_of_mappings(rules):
    assert len(problems_of({"groups": {"g": {"intervals": ["1m"]}}, "rules": rules})) == 1
