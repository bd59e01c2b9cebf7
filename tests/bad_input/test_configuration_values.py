"""Values that mean nothing: one error with all of them, each with its place and what is right."""

from __future__ import annotations

import contextlib
import datetime
import logging.config
import math
import sqlite3
from typing import Any

import pytest

from ecl_logging import ConfigError, EventCountLogger, StoreError, open_store
from ecl_logging.handlers import CountingHandler
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.tools.read import main as ecl_read
from tests.bad_input.conftest import GROUP, assert_balanced
from tests.canary import CANARY, assert_no_canary

NO_INTERVAL = "is not an interval; write <number><s|m|h|d>, such as 5m"
LETTERS = "write 1 to 64 letters, digits, and _ . : -"


def group(**keys: object) -> dict[str, object]:
    return {"groups": {"g": {"intervals": ["1m"], **keys}}}


def interval(value: object) -> dict[str, object]:
    return group(intervals=["5m", value])


def rule(**keys: object) -> dict[str, object]:
    return group() | {"rules": [keys]}


SECTIONS = [
    # --- keys
    pytest.param(
        {"groups": {"g": {"intervall": ["1m"], "intervals": ["1m"]}}},
        "groups.g: unknown key 'intervall'; did you mean 'intervals'?",
        id="11-misspelt",
    ),
    pytest.param({"gruops": {}}, "unknown key 'gruops'; did you mean 'groups'?", id="11-section"),
    pytest.param(
        {5: {}}, "unknown key 5; known are groups, prefix, redis, rules, spool, store", id="11-int"
    ),
    pytest.param(
        {"\x1b[31m" * 20: {}},
        "unknown key '"
        + "\\x1b[31m" * 7
        + "...; known are groups, prefix, redis, rules, spool, store",
        id="11-escape-sequences",
    ),
    pytest.param(
        rule(evnt="x"), "rules[0]: unknown key 'evnt'; did you mean 'event'?", id="11-rule"
    ),
    pytest.param(
        {"groups": {f"redis://:{CANARY}@cache": 1}},
        "groups.redis://***@cache: 'redis://***@cache': letters, digits, and _ . - make a group's"
        " name",
        id="11-url-as-a-group",
    ),
    pytest.param(
        {"groups": {"a\nb: x\x1b[31m": {}}},
        "groups.'a\\nb: x\\x1b[31m': 'a\\nb: x\\x1b[31m': letters, digits, and _ . - make a"
        " group's name",
        id="11-group-of-two-lines",
    ),
    pytest.param(
        {"groups": {"x" * 1_000_000 + "!": {}}},
        f"groups.'{'x' * 56}...: '{'x' * 56}...: letters, digits, and _ . - make a group's name",
        id="11-group-of-a-megabyte",
    ),
    # --- intervals
    pytest.param(interval(0), f"groups.g.intervals[1]: 0 {NO_INTERVAL}", id="12-zero"),
    pytest.param(interval(-5), f"groups.g.intervals[1]: -5 {NO_INTERVAL}", id="12-negative"),
    pytest.param(interval("0s"), f"groups.g.intervals[1]: '0s' {NO_INTERVAL}", id="12-zero-text"),
    pytest.param(interval("-5s"), f"groups.g.intervals[1]: '-5s' {NO_INTERVAL}", id="12-sign"),
    pytest.param(interval(math.nan), f"groups.g.intervals[1]: nan {NO_INTERVAL}", id="12-nan"),
    pytest.param(interval(math.inf), f"groups.g.intervals[1]: inf {NO_INTERVAL}", id="12-infinity"),
    pytest.param(
        interval("1 fortnight"), f"groups.g.intervals[1]: '1 fortnight' {NO_INTERVAL}", id="12-unit"
    ),
    pytest.param(interval(True), f"groups.g.intervals[1]: True {NO_INTERVAL}", id="12-bool"),
    pytest.param(
        interval(10**9), f"groups.g.intervals[1]: 1000000000 {NO_INTERVAL}", id="12-number"
    ),
    pytest.param(
        interval(10**5000),
        f"groups.g.intervals[1]: a very long int {NO_INTERVAL}",
        id="12-thousands-of-digits",
    ),
    pytest.param(
        interval("367d"),
        "groups.g.intervals[1]: '367d' is too long; an interval is 1s to 366d",
        id="12-too-long",
    ),
    pytest.param(
        interval("300s"),
        "groups.g.intervals[1]: '300s' is as long as '5m'; keep one",
        id="12-twice",
    ),
    pytest.param(
        interval(f"redis://me:{CANARY}@cache"),
        f"groups.g.intervals[1]: 'redis://***@cache' {NO_INTERVAL}",
        id="12-url",
    ),
    pytest.param(interval("60"), f"groups.g.intervals[1]: '60' {NO_INTERVAL}", id="13-no-unit"),
    pytest.param(interval("1.5m"), f"groups.g.intervals[1]: '1.5m' {NO_INTERVAL}", id="13-half"),
    pytest.param(interval(" 1m"), f"groups.g.intervals[1]: ' 1m' {NO_INTERVAL}", id="13-blank"),
    pytest.param(
        interval("1m\n"), f"groups.g.intervals[1]: '1m\\n' {NO_INTERVAL}", id="13-newline"
    ),
    pytest.param(interval("1M"), f"groups.g.intervals[1]: '1M' {NO_INTERVAL}", id="13-capital"),
    pytest.param(
        interval("\uff15m"), f"groups.g.intervals[1]: '\uff15m' {NO_INTERVAL}", id="13-wide-digit"
    ),
    pytest.param(
        interval(datetime.timedelta(minutes=1)),
        f"groups.g.intervals[1]: datetime.timedelta(seconds=60) {NO_INTERVAL}",
        id="13-timedelta",
    ),
    # --- flushing
    pytest.param(
        group(sync_interval=0),
        "groups.g.sync_interval: 0 seconds: more than 0 and at most 86400 are possible",
        id="15-zero",
    ),
    pytest.param(
        group(sync_interval=-1),
        "groups.g.sync_interval: -1 seconds: more than 0 and at most 86400 are possible",
        id="15-negative",
    ),
    pytest.param(
        group(sync_interval=math.nan),
        "groups.g.sync_interval: nan seconds: more than 0 and at most 86400 are possible",
        id="15-nan",
    ),
    pytest.param(
        group(sync_interval="1s"),
        "groups.g.sync_interval: '1s' is not a number of seconds, such as 1 or 0.5",
        id="15-text",
    ),
    # --- history
    pytest.param(
        group(history=-1),
        "groups.g.history: -1 is not a whole number from 1 to 1000000",
        id="16-negative",
    ),
    pytest.param(
        group(history=10**12),
        "groups.g.history: 1000000000000 buckets take 25 TB for each event ID; write a whole"
        " number from 1 to 1000000",
        id="16-ten-to-the-12",
    ),
    pytest.param(
        group(history=1_000_001),
        "groups.g.history: 1000001 buckets take 25 MB for each event ID; write a whole number"
        " from 1 to 1000000",
        id="16-one-too-many",
    ),
    pytest.param(
        group(history=10**5000),
        "groups.g.history: a very long int buckets take thousands of TB for each event ID; write"
        " a whole number from 1 to 1000000",
        id="16-thousands-of-digits",
    ),
    pytest.param(
        group(history=True),
        "groups.g.history: True is not a whole number from 1 to 1000000",
        id="16-bool",
    ),
    # --- prefix
    pytest.param({"prefix": ""}, f"prefix: '': {LETTERS}", id="17-empty"),
    pytest.param({"prefix": "{x}"}, f"prefix: '{{x}}': {LETTERS}", id="17-braces"),
    pytest.param({"prefix": "two words"}, f"prefix: 'two words': {LETTERS}", id="17-blank"),
    pytest.param({"prefix": "\x1b\0"}, f"prefix: '\\x1b\\x00': {LETTERS}", id="17-control-bytes"),
    pytest.param({"prefix": "x" * 1024}, f"prefix: '{'x' * 56}...: {LETTERS}", id="17-kilobyte"),
    pytest.param({"prefix": "shop:\n"}, f"prefix: 'shop:\\n': {LETTERS}", id="17-newline"),
    pytest.param({"prefix": 5}, f"prefix: 5: {LETTERS}", id="17-number"),
    # --- caps
    pytest.param(
        group(max_events=0),
        "groups.g.max_events: 0 is not a whole number from 1 to 10000000",
        id="23-zero",
    ),
    pytest.param(
        group(max_events=-1),
        "groups.g.max_events: -1 is not a whole number from 1 to 10000000",
        id="23-negative",
    ),
    pytest.param(
        group(max_events="many"),
        "groups.g.max_events: 'many' is not a whole number from 1 to 10000000",
        id="23-word",
    ),
    pytest.param(
        group(max_events=10**8),
        "groups.g.max_events: 100000000 is not a whole number from 1 to 10000000",
        id="23-too-many",
    ),
    # --- rules; what a program could give as a function is a text here
    pytest.param(
        rule(event="{event.__class__}"),
        "rules[0].event: {event.__class__} is no template part; write {name}, and {{ or }} for"
        " braces",
        id="20-attribute-of-an-attribute",
    ),
    pytest.param(
        rule(event="{event!r}"),
        "rules[0].event: {event!r} is no template part; write {name}, and {{ or }} for braces",
        id="20-conversion",
    ),
    pytest.param(
        rule(event="{event:>1000000000}"),
        "rules[0].event: {event:>1000000000} is no template part; write {name}, and {{ or }} for"
        " braces",
        id="20-width",
    ),
    pytest.param(
        rule(event="{__import__('os')}"),
        "rules[0].event: {__import__('os')} is no template part; write {name}, and {{ or }} for"
        " braces",
        id="20-expression",
    ),
    pytest.param(
        rule(event=len),
        "rules[0].event: <built-in function len> is not a text; quote it",
        id="20-function",
    ),
]


@pytest.mark.parametrize(("section", "problem"), SECTIONS)
def test_a_value_that_means_nothing_is_told_with_its_place(section, problem, capsys):
    with pytest.raises(ConfigError) as caught:
        CountingHandler(config=section, store="memory://")

    assert caught.value.problems == (f"ecl: {problem}",)
    assert capsys.readouterr().err == f"ecl_logging: ecl: {problem}\n"
    assert_no_canary("an error", str(caught.value))


def test_all_of_them_are_told_in_one_error():
    wrong = [case for case in SECTIONS if str(case.values[1]).startswith("groups.g.intervals[1]")]
    values = [case.values[0]["groups"]["g"]["intervals"][1] for case in wrong]  # type: ignore[index,call-overload]
    problems = []
    for first in range(0, len(values), 7):
        with pytest.raises(ConfigError) as caught:
            CountingHandler(config=group(intervals=["5m", *values[first : first + 7]]))
        problems += [problem.partition("]: ")[2] for problem in caught.value.problems]

    assert problems == [str(case.values[1]).partition("]: ")[2] for case in wrong]


def test_dictconfig_tells_it_as_well(capsys):
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "ecl": group(history=10**12, intervals=["1 fortnight"]) | {"prefix": "{x}"},
        "handlers": {
            "counts": {"class": "ecl_logging.handlers.CountingHandler", "config": "cfg://ecl"}
        },
        "root": {"handlers": ["counts"]},
    }
    with pytest.raises(ValueError, match="Unable to configure handler 'counts'"):
        logging.config.dictConfig(configuration)

    assert capsys.readouterr().err == (
        "ecl_logging: ecl: groups.g.intervals[0]: '1 fortnight' "
        + NO_INTERVAL
        + "\necl: groups.g.history: 1000000000000 buckets take 25 TB for each event ID; write a"
        + " whole number from 1 to 1000000\necl: prefix: '{x}': "
        + LETTERS
        + "\n"
    )


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"intervals": ["1m", "366d", "1s"]}, id="13-accepted"),
        pytest.param({"history": 1_000_000}, id="16-largest"),
        pytest.param({"max_events": 1}, id="23-smallest"),
        pytest.param({"sync_interval": 0.05}, id="15-smallest"),
        pytest.param({"sync_interval": 3600}, id="15-longer-than-an-interval"),
    ],
)
def test_what_is_within_the_bounds_is_taken(keys):
    handler = CountingHandler(config=group(**keys), store="memory://")

    assert list(handler.ecl.groups) == ["g"]
    handler.close()


@pytest.mark.parametrize(
    "prefix", [pytest.param(None, id="17-none"), pytest.param("x" * 64, id="17-longest")]
)
def test_a_prefix_may_be_left_out(prefix):
    handler = CountingHandler(config={"prefix": prefix, "store": "redis://cache"})

    assert handler.ecl.store._prefix == (prefix or "")  # type: ignore[attr-defined]
    handler.close()


# --- what the store says


@pytest.mark.parametrize("other", [pytest.param("1h", id="14-other-interval")])
def test_an_interval_that_the_store_does_not_have_is_added_with_a_warning(
    clock, warnings_told, other
):
    store = MemoryStore(clock=clock)
    keys: dict[str, Any] = {"auto_declare_events": True, "sync_interval": 3600}
    with EventCountLogger({"g": keys | {"intervals": ["1d"]}}, store=store) as first:
        first["g"].log("x")
    with EventCountLogger({"g": keys | {"intervals": [other]}}, store=store) as second:
        second["g"].log("x")
        assert second.flush()
        assert second["g"].get_history("1d", 1) != []
        assert_balanced(second, 1)
    assert [i.text for i in store.definition("g").intervals] == ["1d", other]

    assert warnings_told == [
        (
            f"group g: another program has defined it differently; intervals are now 1d, {other}"
            " ('ecl-rotate CONFIG --define' makes one file the definition)"
        )
    ]


SLOW = "group g: sync_interval is 3600 seconds, so a bucket of 5s is"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        pytest.param(
            3600,
            [f"{SLOW} complete only that long after its end"],
            id="15-longer-than-an-interval",
        ),
        pytest.param(5, [], id="15-as-long-as-an-interval"),
    ],
)
def test_flushes_that_are_rarer_than_buckets_are_warned_of(warnings_told, seconds, told):
    groups = {"g": GROUP | {"intervals": ["1d", "5s"], "sync_interval": seconds}}
    with EventCountLogger(groups, store="memory://") as ecl:
        for _ in range(2):
            ecl["g"].log("x")
            assert ecl.flush()

    assert warnings_told == told


@pytest.mark.parametrize("number", [pytest.param(99, id="18-newer-format")])
def test_a_file_of_a_newer_version_is_told_and_left_alone(tmp_path, warnings_told, ran, number):
    path = tmp_path / "counts.db"
    with EventCountLogger({"g": GROUP}, store=f"sqlite:///{path}") as ecl:
        ecl["g"].log("x")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {number}")
    problem = f"sqlite:///{path}: was written by a newer version (format {number})"

    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{path}").groups()
    assert str(caught.value) == problem
    assert ran(ecl_read, "--store", f"sqlite:///{path}") == (
        1,
        "",
        f"ecl-read: error: {problem}\n",
    )
    with EventCountLogger({"g": GROUP}, store=f"sqlite:///{path}") as ecl:
        ecl["g"].log("x")
        assert not ecl.flush()
        assert_balanced(ecl, 1)
    assert warnings_told[0].startswith(f"{problem}; counting in memory")
