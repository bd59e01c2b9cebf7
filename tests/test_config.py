"""Where the configuration comes from: files and mappings of every form."""

from __future__ import annotations

import datetime
import logging.config
from pathlib import Path

import pytest
import yaml

from ecl_logging.config import config_from, plain, read_config_file
from ecl_logging.errors import ConfigError
from ecl_logging.groups import EventCountLogger
from ecl_logging.settings import STANDARD_LEVELS
from ecl_logging.stores import open_chosen_store
from ecl_logging.stores.redis.store import RedisStore
from tests.pending_counts import stopped_after

CANARY = "CANARY-hunter2"

OURS = """
version: 1
ecl:
  store: sqlite:////var/lib/counts.db
  groups:
    requests: {events: [req1], intervals: [5s, 5m], history: 288}
  rules:
    - {group: requests, level: ERROR, event: error}
"""

FIRST_SEED = """
redis: {host: cache, port: 6380}
groups:
  requests: {events: [req1], intervals: [5s, 5m]}
"""


def written(text: str | bytes, name: str = "logging.yaml") -> Path:
    path = Path(name)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def error_in(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config_file(written(text))
    return str(caught.value)


# --- files


def test_the_section_of_a_logging_file_is_read():
    config = read_config_file(written(OURS))

    assert config is not None
    assert [i.text for i in config.groups["requests"].intervals] == ["5s", "5m"]
    assert config.groups["requests"].history == 288
    assert config.store is not None
    assert config.store.shown == "sqlite:////var/lib/counts.db"


def test_a_file_of_event_count_logger_is_read():
    config = read_config_file(written(FIRST_SEED))

    assert config is not None
    assert config.groups["requests"].events == ("req1",)
    assert config.store is not None
    assert config.store.shown == "redis://cache:6380/0"


@pytest.mark.parametrize("text", ["version: 1\n", "[1, 2]", "just words", "", "# nothing\n"])
def test_a_file_without_our_keys_is_passed_over(text):
    assert read_config_file(written(text)) is None


def test_asking_for_a_file_without_our_keys_is_an_error():
    with pytest.raises(ConfigError, match="has neither 'ecl' nor 'groups' at its top level"):
        config_from(written("version: 1\n"))


def test_an_empty_section_means_the_defaults():
    config = read_config_file(written("ecl:\n"))

    assert config == config_from(None)


def test_a_byte_order_mark_does_no_harm():
    config = read_config_file(written(b"\xef\xbb\xbf" + OURS.encode()))

    assert config is not None
    assert "requests" in config.groups


def test_a_file_that_is_missing_is_named_with_its_path():
    with pytest.raises(ConfigError) as caught:
        read_config_file("folder/missing.yaml")

    assert str(caught.value) == "folder/missing.yaml: No such file or directory"


def test_a_folder_is_no_file():
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config_file(".")


def test_a_file_in_latin_1_is_told():
    assert error_in("ecl: {groups: {größe: }}".encode("latin-1")) == (
        "logging.yaml: line 1: is not UTF-8 text"
    )


def test_broken_yaml_is_told_with_its_line():
    assert error_in("ecl:\n  groups: {requests\n").startswith("logging.yaml: line 3: expected")


def test_a_section_that_is_no_mapping_is_told():
    assert error_in("ecl: [requests]") == "logging.yaml: ecl: is list, not a mapping"


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("ecl:\n  groups:\n    a: {intervals: [1m]}\n    a: {intervals: [5m]}\n", 4, "a"),
        ("ecl: {}\nversion: 1\n'ecl': {groups: {}}\n", 3, "ecl"),
        ("groups: {a: {events: [x],\n events: [y]}}", 2, "events"),
    ],
)
def test_a_key_that_is_there_twice_is_told_with_its_line(text, line, key):
    """YAML's own loader keeps the last one and says nothing."""
    assert error_in(text) == f"logging.yaml: line {line}: the key {key} is there twice"


def test_keys_that_a_merge_brings_in_may_be_there_twice():
    config = read_config_file(
        written(
            "groups:\n  a: &a {intervals: [1m], history: 5}\n"
            "  b: &b {<<: *a, history: 6}\n  c: {<<: [*a, *b], history: 7}\n"
        )
    )

    assert config is not None
    assert [group.history for group in config.groups.values()] == [5, 6, 7]


def test_a_date_that_no_calendar_has_is_told_with_its_line():
    assert error_in("groups: {g: {events: [\n2026-13-45]}}") == (
        "logging.yaml: line 2: month must be in 1..12; quote what is meant as text"
    )


def test_a_file_of_many_megabytes_is_refused():
    assert error_in("#" * 10_000_001) == "logging.yaml: is longer than 10000000 bytes"


ALIASES = "&a [x, x, x, x, x, x, x, x, x, x]"
BOMB = f"a: {ALIASES}\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.once
def test_aliases_of_aliases_of_aliases_are_told_at_once():
    """A billion items, if each were looked at."""
    with stopped_after(60):
        assert error_in(f"{BOMB}ecl: {{groups: {{g: {{intervals: *i}}}}}}").startswith(
            "logging.yaml: groups.g.intervals"
        )
        with pytest.raises(ConfigError):
            config_from({"groups": yaml.safe_load(BOMB)["i"]})


def test_a_mapping_that_holds_itself_is_told():
    groups: dict[str, object] = {"intervals": ["1m"]}
    groups["events"] = groups

    with pytest.raises(ConfigError, match=r"groups\.g\.events: .* is not a list of event IDs"):
        config_from({"groups": {"g": groups}})


@pytest.mark.once
@pytest.mark.parametrize(
    "text", ["groups: {g: {events: [2026-13-45]}}", "groups: !!int many", "groups: " + "[" * 5000]
)
def test_what_yaml_itself_cannot_read_is_an_error_of_the_file(text):
    assert error_in(text).startswith("logging.yaml: ")


@pytest.mark.parametrize(
    "text",
    [
        f"ecl: {{store: 'redis:/:{CANARY}@cache'}}",
        f"ecl: {{store: 'postgres://me:{CANARY}@cache'}}",
        f"ecl: {{store: 'redis://me:{CANARY}@cache:port'}}",
        f"ecl: {{store: 'redis://me:{CANARY}/x@cache'}}",
        f"ecl: {{store: 'redis://me:123/{CANARY}@cache'}}",
        f"ecl: {{store: ['redis://me:{CANARY}@cache']}}",
        f"ecl: {{'store:redis://:{CANARY}@cache:6379/0': 1}}",
        f"ecl: {{store: {{host: 'redis://:{CANARY}@cache:6379'}}}}",
        f"ecl: {{store: 'redis+sentinel://:{CANARY}'}}",
        f"ecl: {{groups: {{g: {{intervals: [1m], events: 'redis://:{CANARY}@h'}}}}}}",
        f"ecl: {{groups: {{g: {{intervals: [1m]}}}}, rules: 'redis://:hun/{CANARY}@h'}}",
        f"ecl: {{redis: {{host: cache, password: {CANARY}}}, groups: 1}}",
        f"ecl:\n  redis:\n    password: '{CANARY}\n",
        f"ecl:\n  redis: {{password: {CANARY}\n  groups:",
        f"ecl:\n  redis: {{password: *{CANARY}}}",
        f"ecl:\n  redis: {{password: !{CANARY} x}}",
        f"ecl:\n  redis:\n    password: %{CANARY}",
    ],
)
def test_no_message_shows_a_password(text):
    assert CANARY not in error_in(text)


@pytest.mark.parametrize(
    "store",
    [
        f"redis://me:{CANARY}@cache",
        f"redis://cache/0?password={CANARY}",
        {"host": "cache", "password": CANARY},
    ],
)
def test_no_representation_shows_a_password(store):
    config = config_from({"store": store})

    assert CANARY not in repr(config)
    assert CANARY not in repr(open_chosen_store(None, config.store))
    assert open_chosen_store(None, config.store).shown == "redis://cache:6379/0"


# --- stores


@pytest.mark.parametrize(
    "store",
    [
        "redis+sentinel://h1:26379,h2:26379/service/0",
        "redis+cluster://h1:7000,h2:7001",
    ],
)
def test_sentinel_and_cluster_parse_and_opening_them_says_that_there_are_none_yet(store):
    config = config_from({"store": store})

    with pytest.raises(ConfigError, match="this version knows neither Sentinel nor Cluster"):
        open_chosen_store(None, config.store)


@pytest.mark.parametrize("prefix", [None, "shop:"])
def test_the_prefix_of_a_file_is_put_before_the_keys(prefix):
    config = config_from({"store": "redis://localhost", "prefix": prefix})
    store = EventCountLogger.from_config(config).store

    assert isinstance(store, RedisStore)
    assert store._prefix == (prefix or "")


def test_wrong_settings_of_a_redis_are_told_with_their_place():
    with pytest.raises(ConfigError) as caught:
        config_from({"redis": {"hots": "cache"}, "groups": {"g": {"intervals": ["1m"]}}})

    assert str(caught.value) == "ecl: redis: unknown setting 'hots'; did you mean 'host'?"


def test_an_empty_redis_mapping_means_localhost():
    config = config_from({"redis": {}, "groups": {"g": {"intervals": ["1m"]}}})

    assert config.store is not None
    assert config.store.shown == "redis://localhost:6379/0"


def test_store_and_redis_exclude_each_other():
    with pytest.raises(ConfigError, match="redis: is the older word for store; give one of them"):
        config_from({"redis": {}, "store": "memory://"})


# --- defaults


def test_no_groups_means_three_with_their_rules():
    config = config_from({})

    assert list(config.groups) == ["levels", "loggers", "events"]
    assert all(group.auto_declare_events for group in config.groups.values())
    assert {i.text for g in config.groups.values() for i in g.intervals} == {"1m", "1h"}
    assert sorted(config.groups["levels"].events) == sorted(STANDARD_LEVELS)
    assert config.rules is not None
    assert [(rule.group, rule.event) for rule in config.rules] == [
        ("levels", "{levelname}"),
        ("loggers", "{name}"),
        ("events", "{event}"),
    ]


def test_groups_without_rules_have_none():
    assert config_from({"groups": {"g": {"intervals": ["1m"]}}}).rules is None


def test_a_group_has_the_documented_defaults():
    group = config_from({"groups": {"g": {"intervals": ["1m"]}}}).groups["g"]

    assert (group.events, group.measures, group.auto_declare_events) == ((), (), False)
    assert (group.max_events, group.history) == (10_000, 60)
    assert (group.sync_interval, group.sync_limit, group.cur_last_keys) == (None, None, True)


# --- mappings


def test_arguments_go_before_what_the_mapping_has():
    config = config_from(
        {"groups": {"a": {"intervals": ["1m"]}}}, groups={"b": {"intervals": ["1h"]}}
    )

    assert list(config.groups) == ["b"]


def test_the_containers_of_dictconfig_become_plain():
    configurator = logging.config.DictConfigurator(
        {"ecl": {"groups": {"g": {"intervals": ["1m"]}}}, "same": "cfg://ecl.groups"}
    )
    section = plain(configurator.config["ecl"])

    assert type(section) is dict
    assert type(section["groups"]["g"]["intervals"]) is list
    assert plain({"a": configurator.config["same"]}) == {"a": {"g": {"intervals": ["1m"]}}}
    assert list(config_from(configurator.config["ecl"]).groups) == ["g"]


@pytest.mark.parametrize("section", [["groups"], 5, datetime.date(2026, 1, 1)])
def test_what_is_no_mapping_is_told(section):
    with pytest.raises(ConfigError, match="not a mapping of our keys"):
        config_from(section)
