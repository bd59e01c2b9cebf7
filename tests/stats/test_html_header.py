"""The beginning of each page: title, style and filter."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings

from ecl_logging.stats import formats
from tests.stats.showing import ANY_TEXT, SEEN_TEXT, Page, header_of, html_of

pytestmark = pytest.mark.once


@settings(deadline=None)
@given(SEEN_TEXT, SEEN_TEXT, SEEN_TEXT)
def test_the_header_has_texts_as_they_were_put_in(path: str, name: str, query: str):
    page = Page(header_of(path, name, query))
    where = "/" if path in ("", "/") else path
    title = f"{name} - Status" if where == "/" else f"{name} - Status: {path}"
    assert page.of_tag("title") == [title]
    assert page.of_tag("h1") == [name]
    assert page.of_class("path") == [where]
    assert page.attributes[page.tags.index("input")]["value"] == query


@given(ANY_TEXT)
def test_any_text_may_stand_in_the_header(text: str):
    page = Page(header_of(text, text, text))
    assert page.tags == Page(header_of("/", "name")).tags


def test_the_style_stands_in_the_page_to_the_letter():
    page = Page(header_of("/", "name"))
    assert page.of_tag("style") == [formats.STYLE]
    assert f"<style>{formats.STYLE}</style>" in header_of("/", "name")


def test_the_filter_is_a_labelled_field_of_a_form_that_asks_the_same_page():
    page = Page(header_of("/", "name", "errors > 5"))
    assert page.attributes[page.tags.index("form")] == {"method": "get"}
    field = page.attributes[page.tags.index("input")]
    assert (field["name"], field["value"]) == ("query", "errors > 5")
    assert page.attributes[page.tags.index("label")]["for"] == field["id"]


def test_elements_that_have_a_class_have_one_of_the_style():
    page = Page(header_of("/", "name") + html_of(stat_dict={"a": 1, "b": "x", "c": {}}))
    classes = {attributes["class"] for attributes in page.attributes if "class" in attributes}
    assert classes == {"path", "key", "number", "text", "none"}
    for name in classes:
        assert f".{name}" in formats.STYLE


def test_the_style_is_plain_text():
    assert set(formats.STYLE) <= set(string.printable) - set("<&\r\x0b\x0c")
    assert json.loads(json.dumps(formats.STYLE)) == formats.STYLE
