"""The tree as HTML and as JSON, whatever is in it."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecl_logging import stats
from ecl_logging.stats import formats
from ecl_logging.stats.reading import value_of
from ecl_logging.stats.values import StatValues
from tests.stats.showing import (
    ANY_TEXT,
    SEEN_TEXT,
    Page,
    header_of,
    html_of,
    json_of,
    json_text_of,
    page_of,
)

pytestmark = pytest.mark.once


class Root:
    def __init__(self) -> None:
        stats.init(self)


class Child:
    count = stats.IntStat("count")

    def __init__(self, parent: Root, name: str, is_collapsed: bool) -> None:
        stats.init_child(self, name, parent=parent).set_collapsed(is_collapsed)


class Family:
    def __init__(self) -> None:
        self.root = Root()
        self.here = Child(self.root, "here", False)
        self.collapsed = Child(self.root, "not", True)
        self.here.count += 1
        self.collapsed.count += 100


class Samples(StatValues):
    __slots__ = ()

    def snapshot(self) -> dict[str, Any]:
        return {"count": 2, "mean": 1.5}


class Speechless:
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Lying(str):
    """A text that is none when it is asked for its parts."""

    __slots__ = ()

    def __str__(self) -> str:
        return Lying("<b>")

    def replace(self, *args: Any) -> str:
        return "<script>"

    def translate(self, *args: Any) -> str:
        return "<script>"


class StandIn:
    """For an object that is not there just now, as those of a request are outside of one."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("outside of a request")


class Broken(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise OSError("the store is away")

    def __iter__(self) -> Iterator[str]:
        raise OSError("the store is away")

    def __len__(self) -> int:
        raise OSError("the store is away")


def deep(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"end": 1}
    for _ in range(levels):
        tree = {"below": tree}
    return tree


def circle() -> dict[str, Any]:
    tree: dict[str, Any] = {"a": 1}
    tree["again"] = tree["and again"] = tree
    tree["list"] = [tree]
    return tree


def failing() -> None:
    raise ZeroDivisionError("no time")


def failing_speechless() -> None:
    raise ValueError(Speechless())


HOSTILE: dict[str, Any] = {
    "nan": float("nan"),
    "inf": -float("inf"),
    "huge": 10**6000,
    "bytes": b"\xff\x00ok",
    "object": object(),
    "speechless": Speechless(),
    "lying": Lying("x"),
    "stand-in": StandIn(),
    "broken": Broken(),
    "failing": failing,
    "a gauge of a gauge": lambda: failing,
    "type": int,
    "set": {1},
    "list": [1, None, (2.5, {"a": b"x"})],
    "surrogate": "\udc80",
    "deep": deep(2000),
    "circle": circle(),
    "keys": {1: "int", "1": "text", (1, 2): "pair", None: "none", Speechless(): "?", 2.5: "float"},
    "samples": Samples(),
}


# --- JSON


def test_json_leaves_collapsed_containers_out():
    family = Family()
    assert json_text_of() == '{"here": {"count": 1}}\n'
    assert family.collapsed.count == 100


def test_json_of_a_collapsed_container_itself_is_what_is_in_it():
    family = Family()
    assert json_of(stats.get_stats()["not"]) == {"count": 100}
    assert family.here.count == 1


def test_no_tree_given_is_the_whole_one_and_an_empty_one_is_empty():
    family = Family()
    assert json_of(None) == {"here": {"count": family.here.count}}
    assert json_of({}) == {}
    assert "here" in html_of()
    assert "here" not in html_of(stat_dict={})


def test_pretty_json_has_a_line_for_each_value():
    assert json_text_of({"b": {"x": 1}, "a": 2}, pretty=True) == (
        '{\n  "b": {\n    "x": 1\n  },\n  "a": 2\n}\n'
    )


def test_json_of_a_query():
    assert json_of({"a": {"n": 1}, "b": {"n": 2}}, "n > 1") == {"b": {"n": 2}}
    assert json_of({"a": 1}, "  ") == {"a": 1}


@pytest.mark.parametrize("write", [formats.json_format, formats.html_format])
def test_nothing_is_written_for_a_query_that_means_nothing(write: Any):
    output = io.StringIO()
    with pytest.raises(ValueError, match="is no query"):
        write(output, query="errors >")
    assert output.getvalue() == ""


def test_json_of_a_hostile_tree():
    shown = json_of(HOSTILE)
    assert {name: shown[name] for name in ("nan", "inf", "bytes", "lying", "list", "type")} == {
        "nan": None,
        "inf": None,
        "bytes": "\\xff\x00ok",
        "lying": "<b>",
        "list": [1, None, [2.5, {"a": "x"}]],
        "type": 0,
    }
    assert shown["surrogate"] == "\\udc80"
    assert shown["speechless"] == "<RuntimeError: no words>"
    assert shown["stand-in"] == "<RuntimeError: outside of a request>"
    assert shown["broken"] == "<OSError: the store is away>"
    assert shown["failing"] == "<ZeroDivisionError: no time>"
    assert shown["a gauge of a gauge"].startswith("<function failing")
    assert shown["samples"] == {"count": 2, "mean": 1.5}
    assert shown["circle"] == {"a": 1, "again": "...", "and again": "...", "list": ["..."]}


def test_what_raises_is_read_as_its_error():
    assert value_of(failing) == "<ZeroDivisionError: no time>"
    assert value_of(StandIn()) == "<RuntimeError: outside of a request>"
    assert value_of(failing_speechless) == "<ValueError>"


def test_keys_of_one_text_are_all_in_the_json():
    assert json_of({1: "a", "1": "b", "1 (2)": "c", None: "d"}) == {
        "1": "a",
        "1 (2)": "b",
        "1 (2) (3)": "c",
        "None": "d",
    }


def test_what_is_too_deep_is_told():
    text = json_text_of(deep(2000))
    assert '"below": "..."' in text
    assert text.count("below") == 50


def test_one_value_alone_is_json_too():
    assert json_text_of(5) == "5\n"
    assert json_text_of(lambda: "x") == '"x"\n'


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(ANY_TEXT | st.integers() | st.none() | st.binary(), below, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(ANY_TEXT, ANYTHING, max_size=4))
def test_any_tree_is_shown(tree: dict[str, Any]):
    assert len(json_of(tree)) == len(tree)
    assert len(json_of(tree, pretty=True)) == len(tree)
    assert not page_of(stat_dict=tree).open


@given(SEEN_TEXT, SEEN_TEXT)
def test_json_has_texts_as_they_were_put_in(key: str, value: str):
    assert json_of({key: value}) == {key: value}


# --- HTML


def test_html_shows_names_values_and_links():
    family = Family()
    page = page_of(("x y", "z"))
    assert page.of_class("key") == ["here", "count", "not"]
    assert page.of_class("number") == ["1"]
    assert page.attributes[page.tags.index("a")]["href"] == "/status/x%20y/z/not"
    assert family.collapsed.count == 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (0.021473265000167885, "0.0214733"),
        (123.45678901234, "123.457"),
        (1795824000.123456, "1795824000.123"),
        (1e300 / 3, "3.33333e+299"),
        (-float("inf"), "-inf"),
        (123456789012345678901, "123456789012345678901"),
    ],
)
def test_floats_have_no_more_digits_than_one_reads(value: float, text: str):
    assert page_of(stat_dict={"n": value}).of_class("number") == [text]
    if value != -float("inf"):
        assert json_of({"n": value}) == {"n": value}


@pytest.mark.parametrize("prefix", ["/stats", "/stats/"])
def test_links_begin_with_the_prefix(prefix: str):
    family = Family()
    page = page_of(prefix=prefix)
    assert page.attributes[page.tags.index("a")]["href"] == "/stats/not"
    assert family.here.count == 1


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a b", "/status/a%20b"),
        ("?q=1#x", "/status/%3Fq%3D1%23x"),
        ('"><script>', "/status/%22%3E%3Cscript%3E"),
        ("\ud800", "/status/%ED%A0%80"),
        ("万", "/status/%E4%B8%87"),
    ],
)
def test_a_link_is_quoted(name: str, path: str):
    root = Root()
    child = Child(root, name, True)
    child.count += 1
    page = page_of()
    assert page.attributes[page.tags.index("a")]["href"] == path


def test_a_collapsed_container_no_link_can_lead_to_is_shown():
    root = Root()
    child = Child(root, "..", True)
    child.count += 1
    assert page_of().of_class("key") == ["..", "count"]


def test_links_come_after_the_values():
    root = Root()
    children = [Child(root, "a", True), Child(root, "b", False)]
    for child in children:
        child.count += 1
    assert page_of().of_class("key") == ["b", "count", "a"]


def test_names_are_in_order_whatever_they_are():
    tree = {"t10": 1, "t9": 1, 10: 1, 9.5: 1, None: 1, (1, 2): 1, float("nan"): 1, True: 1}
    assert page_of(stat_dict=tree).of_class("key") == [
        "9.5",
        "10",
        "(1, 2)",
        "None",
        "True",
        "nan",
        "t9",
        "t10",
    ]


def test_a_hostile_tree_is_shown():
    page = page_of(stat_dict=HOSTILE)
    assert "script" not in page.tags
    assert not page.open
    texts = page.of_class("text")
    assert "<RuntimeError: no words>" in texts
    assert "<OSError: the store is away>" in texts
    assert "\\udc80" in texts
    assert texts.count("...") == 3


def test_a_value_alone_and_an_empty_tree_are_shown():
    assert page_of(stat_dict=5).of_class("number") == ["5"]
    assert page_of(stat_dict={"a": {}}, query="b").of_class("none") == ["nothing"]


def test_html_of_a_query():
    page = page_of(stat_dict={"a": {"n": 1}, "b": {"n": 2}}, query="n > 1")
    assert page.of_class("key") == ["b", "n"]


@settings(deadline=None)
@given(SEEN_TEXT, SEEN_TEXT)
def test_html_has_texts_as_they_were_put_in(key: str, value: str):
    page = page_of(stat_dict={key: value})
    assert page.of_class("key") == [key]
    assert page.of_class("text") == [value]


UNSEEN = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


def told_back(text: str) -> str:
    return UNSEEN.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), text)


def test_each_character_there_is_can_be_told_from_what_is_shown():
    everything = "".join(map(chr, range(sys.maxunicode + 1))).replace("\\", "")
    (shown,) = page_of(stat_dict={"all": everything}).of_class("text")
    assert told_back(shown) == everything


def test_no_character_is_written_that_cannot_be_seen_or_turns_its_neighbours():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    written = set(html_of(stat_dict={everything: 1})) - {"\n", "\t"}
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {
        character
        for character in written
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in turning
    }
    assert not written & set("\u200b\u200e\u200f\u061c\ufeff\ufffe\U0010ffff")
    assert len(written) > 1_000_000


def test_a_page_has_no_script_and_no_style_of_elements():
    family = Family()
    page = Page(header_of("/x", "name", "q") + html_of() + html_of(stat_dict=HOSTILE))
    names = {name for attributes in page.attributes for name in attributes}
    assert names == {
        *("lang", "charset", "name", "content", "class", "method", "for", "type", "id"),
        *("placeholder", "value", "href"),
    }
    assert "script" not in page.tags
    assert family.here.count == 1
