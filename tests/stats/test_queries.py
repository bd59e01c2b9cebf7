"""The filter of the pages: names, paths, operators and values."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import pytest

from ecl_logging import stats
from ecl_logging.stats.formats import run_query

pytestmark = pytest.mark.once

TREE: dict[Any, Any] = {
    "web": {"errors": 7, "latency": 0.5, "is_up": True, "version": "1.10"},
    "db": {"errors": 0, "is_up": False, "pool": {"errors": 12}},
    "codes": {404: 3, "500": 1},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("errors", {"web": {"errors": 7}, "db": {"errors": 0, "pool": {"errors": 12}}}),
        ("errors > 5", {"web": {"errors": 7}, "db": {"pool": {"errors": 12}}}),
        ("errors>=7", {"web": {"errors": 7}, "db": {"pool": {"errors": 12}}}),
        ("errors < 7", {"db": {"errors": 0}}),
        ("errors <= 7", {"web": {"errors": 7}, "db": {"errors": 0}}),
        ("errors = 7", {"web": {"errors": 7}}),
        ("errors == 7.0", {"web": {"errors": 7}}),
        ("errors != 7", {"db": {"errors": 0, "pool": {"errors": 12}}}),
        ("errors = 0", {"db": {"errors": 0}}),
        ("latency > 0", {"web": {"latency": 0.5}}),
        ("is_up = true", {"web": {"is_up": True}}),
        ("is_up != TRUE", {"db": {"is_up": False}}),
        ("is_up = 0", {"db": {"is_up": False}}),
        ("version = 1.10", {"web": {"version": "1.10"}}),
        ("version = '1.10'", {"web": {"version": "1.10"}}),
        ("version < 1.2", {"web": {"version": "1.10"}}),  # texts, letter by letter
        ("web", {"web": TREE["web"]}),
        ("web/errors", {"web": {"errors": 7}}),
        ("/db/pool/errors", {"db": {"pool": {"errors": 12}}}),
        ("pool/errors > 12", {}),
        ("404", {"codes": {404: 3}}),
        ("codes/500", {"codes": {"500": 1}}),
        ("nothing = None", {"nothing": None}),
        ("nothing > A", {}),
        ("absent", {}),
    ],
)
def test_a_query_finds(query: str, found: dict[Any, Any]):
    assert run_query(TREE, query) == found


@pytest.mark.parametrize("query", ["errors > many", "errors != many", "is_up = 7", "web = 7"])
def test_what_cannot_be_compared_is_not_found(query: str):
    assert run_query(TREE, query) == {}


@pytest.mark.parametrize(
    "query",
    ["", "  ", "> 5", "errors >", "errors >=", "errors => 5", "errors === 5", "!= 5", "'a' b > 5"],
)
def test_a_query_that_means_nothing_is_told_in_one_line(query: str):
    with pytest.raises(ValueError, match=r"is no query: write a name .* errors > 5") as caught:
        run_query(TREE, query)
    assert "\n" not in str(caught.value)


def test_a_long_query_that_means_nothing_is_told_in_part():
    with pytest.raises(ValueError, match="is no query") as caught:
        run_query(TREE, ">\n" * 100_000)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_operators_in_the_value_belong_to_it():
    tree = {"url": "/search?q=a>b", "sign": ">="}
    assert run_query(tree, "url = /search?q=a>b") == {"url": "/search?q=a>b"}
    assert run_query(tree, 'sign = ">="') == {"sign": ">="}


def test_a_name_with_operators_goes_in_quotes():
    tree = {"a<b": 1, "a": 1, "x/y": 3, "it's": 4, "": 5}
    assert run_query(tree, '"a<b" = 1') == {"a<b": 1}
    assert run_query(tree, "'a<b'") == {"a<b": 1}
    assert run_query(tree, "x/y = 3") == {"x/y": 3}
    assert run_query(tree, "it's > 3") == {"it's": 4}
    assert run_query(tree, '"" = 5') == {"": 5}


def test_a_quoted_name_is_no_path():
    assert run_query(TREE, "'web/errors'") == {}


def test_an_empty_text_is_asked_for_in_quotes():
    assert run_query({"a": {"state": ""}, "b": {"state": "up"}}, "state = ''") == {
        "a": {"state": ""}
    }


def test_numbers_of_other_types_are_compared_as_numbers():
    class Level(enum.IntEnum):
        HIGH = 9

    tree = {"a": {"n": Decimal("2.5")}, "b": {"n": Level.HIGH}, "c": {"n": Decimal("sNaN")}}
    assert run_query(tree, "n > 2") == {"a": tree["a"], "b": tree["b"]}


def test_numbers_too_large_for_a_float_are_compared():
    assert run_query({"n": 10**5000}, "n > 1e300") == {"n": 10**5000}
    assert run_query({"n": 1}, f"n < {'9' * 10_000}") == {"n": 1}


def test_a_gauge_is_called_once_and_its_value_is_returned():
    calls = []

    def gauge() -> int:
        calls.append(1)
        return 7

    assert run_query({"errors": gauge}, "errors > 5") == {"errors": 7}
    assert len(calls) == 1


def test_a_gauge_that_returns_a_branch_is_looked_into():
    assert run_query({"pool": lambda: {"free": 3, "used": 1}}, "free") == {"pool": {"free": 3}}


def test_a_gauge_that_fails_is_found_by_its_error():
    def fail() -> None:
        raise ZeroDivisionError("no time")

    found = run_query({"rate": fail}, "rate = '<ZeroDivisionError: no time>'")
    assert found == {"rate": "<ZeroDivisionError: no time>"}


def test_collapsed_containers_are_looked_into():
    counters = stats.collection("/deep/below", stats.IntStat("errors"))
    counters.errors = 3
    stats.set_collapsed("/deep")
    assert run_query(stats.get_stats(), "errors > 2") == {"deep": {"below": {"errors": 3}}}


def test_a_tree_that_is_in_itself_ends():
    tree: dict[str, Any] = {"errors": 1}
    tree["again"] = tree["and again"] = tree
    assert run_query(tree, "errors") == {"errors": 1}


def test_what_is_no_branch_has_nothing_to_be_found():
    assert run_query(5, "errors") == {}  # type: ignore[arg-type]
